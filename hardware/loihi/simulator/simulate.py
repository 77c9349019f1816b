"""Loihi's arithmetic, bit by bit: every spike is the one that Lava's `fixed_pt` models give.

One step of a neuron, all in integers, with the group's effective decay du' and dv, threshold vth and bias:

    u ← trunc(u·(4096 - du') / 4096) + activation·64        then 2^24 is taken off where u > 2^23,
                                                            and added where u ≤ -2^23
    v ← trunc(v·(4096 - dv) / 4096) + u + bias              clipped to ±(2^23 - 1)
    spike = v > vth·64;  v ← 0 where it spiked

trunc rounds towards zero. The source is AbstractPyLifModelFixed.subthr_dynamics in lava-nc 0.10.0,
`lava/proc/lif/models.py`. Two of its rules are not what "24 bits, wrapped" says: u = +2^23 is left as it is while
-2^23 becomes +2^23, and 2^24 is taken off once, so an activation beyond that leaves u outside 24 bits. Lava computes in
int32, which wraps by itself; so does this.

A group that Lava's LIF cannot be (`NeuronGroup.beyond_stock`) is programmed. Its rule, which a Lava process of ours has
too (`spiq.hardware.lava.worker.neuron_process`), is spiq's `NeuronStep` in these numbers. Decays, threshold and reset
may differ from neuron to neuron, and the threshold may be below 0. u is as above; with T = vth·64, A = 64 times the
amount and r = 1 if v > T before the step, else 0 (before a sample's first step v is 0),

    p = trunc(v·(4096 - dv) / 4096) + u + bias              clipped to ±(2^23 - 1)
    a reset to a voltage     spike = p > T;                                v ← the voltage where it spiked, else p
    a subtraction            q = p - A·r, clipped;  spike = q > T;         v ← q
    the same, at once        q = p - A·r, clipped;  spike = q > T;         v ← p - A·spike, clipped

On the chip each synapse takes a step. Here that delay is taken out: step t of a layer's spikes comes from step t of its
input. Activations of several synapses add up, and a recurrent synapse brings the group's own spikes of the step
before; those of so many steps more before where a connection has delays. A graded spike from outside adds its weights
as often as it carries. Every sample starts from rest, as Lava's LIFReset does.

The loops are in `kernels`. They run in as many threads as the process may use cores, or fewer where OMP_NUM_THREADS or
NUMBA_NUM_THREADS says so; the spikes are the same for any number. Numba compiles the loops once, in seconds, and keeps
them in this package's __pycache__, in the user's cache where that cannot be written, or in NUMBA_CACHE_DIR.
"""

import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import UInt8

from ...runtime.network_input import checked_spikes
from ..program import INPUT, Layer, LoihiProgram

if TYPE_CHECKING:
    from .compiled import CompiledLayers

CHUNK_VALUES = 2**22
"""How many values of the widest layer are held at once: what bounds the memory."""

PARTS = 4
"""How many parts of the samples a thread takes, one after the other: the more, the sooner all end together."""

_compiled_programs: "WeakKeyDictionary[LoihiProgram, CompiledLayers]" = WeakKeyDictionary()


def simulate(
    program: LoihiProgram, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> UInt8[np.ndarray, "time sample feature"]:
    """The last layer's spikes, flattened in channel-height-width order.

    Raises InputError where the spikes are not uint8 of 0 to the program's largest input, or do not have the program's
    input shape.
    """
    # Numba takes long to import, and most of this package's users do not simulate.
    from .compiled import compiled_layers

    checked_spikes(spikes, program.input_shape, program.largest_input)
    compiled = _compiled_programs.get(program)
    if compiled is None:
        layers = dict(enumerate(program.layers))
        compiled = compiled_layers({INPUT: program.input_shape}, layers, program.largest_input)
        _compiled_programs[program] = compiled
    return _run(compiled, spikes.reshape(*spikes.shape[:2], math.prod(program.input_shape)))


def simulate_layers(
    program: LoihiProgram, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> tuple[UInt8[np.ndarray, "time sample *layer"], ...]:
    """Every layer's spikes, each in its group's shape. Raises as `simulate` does."""
    found = {INPUT: checked_spikes(spikes, program.input_shape, program.largest_input)}
    for index, layer in enumerate(program.layers):
        found[index] = layer_spikes(layer, index, found, program.largest_input)
    return tuple(found[index] for index in range(len(program.layers)))


def layer_spikes(
    layer: Layer, index: int, reads: Mapping[int, UInt8[np.ndarray, "time sample *shape"]], largest_input: int = 1
) -> UInt8[np.ndarray, "time sample *layer"]:
    """The spikes of the program's layer of this index, in its group's shape.

    `reads` has its sources' spikes; those of INPUT carry up to `largest_input`.
    """
    from .compiled import compiled_layers

    sources = sorted({connection.source for connection in layer.connections} - {index})
    time, samples = reads[sources[0]].shape[:2]
    flat = [reads[source].reshape(time, samples, math.prod(reads[source].shape[2:])) for source in sources]
    shapes = {source: reads[source].shape[2:] for source in sources}
    compiled = compiled_layers(shapes, {index: layer}, largest_input)
    given = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=2)
    return _run(compiled, given).reshape(time, samples, *layer.neuron.shape)


def sample_chunks(spikes: UInt8[np.ndarray, "time sample *shape"], widest: int) -> Iterator[slice]:
    """Slices of samples, small enough for layers of up to `widest` neurons."""
    time, samples = spikes.shape[:2]
    size = max(1, CHUNK_VALUES // (time * widest))
    for start in range(0, samples, size):
        yield slice(start, start + size)


def _run(
    compiled: "CompiledLayers", given: UInt8[np.ndarray, "time sample feature"]
) -> UInt8[np.ndarray, "time sample output"]:
    time, samples = given.shape[:2]
    out = np.empty((time, samples, compiled.output_size), np.uint8)
    threads = min(thread_count(), samples)
    if threads <= 1:
        compiled.run(given, out, range(samples))
        return out
    size = -(-samples // (threads * PARTS))
    parts = [range(start, min(start + size, samples)) for start in range(0, samples, size)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda part: compiled.run(given, out, part), parts):
            pass
    return out


def thread_count() -> int:
    """How many threads simulate: one for each core that the process may use, or fewer where the environment says so."""
    import numba

    # OpenMP allows a list, of which the first is for the outermost loops.
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    cores = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    return min(cores, int(allowed)) if allowed.isdecimal() and int(allowed) else cores
