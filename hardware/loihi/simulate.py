"""Loihi's arithmetic, bit by bit: every spike is the one that Lava's `fixed_pt` models give.

One step of a neuron, all in whole numbers, with the group's effective decay du' and dv, threshold vth and bias:

    u ← trunc(u·(4096 - du') / 4096) + activation·64        then 2^24 is taken off where u > 2^23,
                                                            and added where u ≤ -2^23
    v ← trunc(v·(4096 - dv) / 4096) + u + bias              clipped to ±(2^23 - 1)
    spike = v > vth·64;  v ← 0 where it spiked

trunc rounds towards zero. The source is AbstractPyLifModelFixed.subthr_dynamics in lava-nc 0.10.0,
`lava/proc/lif/models.py`. Two of its rules are not what "24 bits, wrapped" says: u = +2^23 is left as it is while
-2^23 becomes +2^23, and 2^24 is taken off once, so an activation beyond that leaves u outside 24 bits. Lava computes in
int32, which wraps by itself; so does this.

On the chip each synapse takes a step. Here that delay is taken out: step t of a layer's spikes comes from step t of its
input. Every sample starts from rest, as Lava's LIFReset does.
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int32, UInt8

from ..devices import checked_spikes
from . import chip
from .program import Layer, LoihiProgram, NeuronGroup
from .synapse import activation

CHUNK_VALUES = 2**22
"""How many values of the widest layer are held at once: what bounds the memory."""


def simulate(
    program: LoihiProgram, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> UInt8[np.ndarray, "time sample feature"]:
    """The last layer's spikes, flattened in channel-height-width order.

    Raises InputError where the spikes are not uint8, 0 or 1, or do not have the program's input shape.
    """
    checked_spikes(spikes, program.input_shape)
    out = np.empty((*spikes.shape[:2], program.output_size), np.uint8)
    widest = max(math.prod(program.input_shape), *(layer.neuron.size for layer in program.layers))
    for chunk in sample_chunks(spikes, widest):
        passed = spikes[:, chunk]
        for layer in program.layers:
            passed = layer_spikes(layer, passed)
        out[:, chunk] = passed.reshape(*passed.shape[:2], program.output_size)
    return out


def simulate_layers(
    program: LoihiProgram, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> tuple[UInt8[np.ndarray, "time sample *layer"], ...]:
    """Every layer's spikes, each in its group's shape. Raises as `simulate` does."""
    checked_spikes(spikes, program.input_shape)
    found = []
    for layer in program.layers:
        spikes = layer_spikes(layer, spikes)
        found.append(spikes)
    return tuple(found)


def layer_spikes(
    layer: Layer, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> UInt8[np.ndarray, "time sample *layer"]:
    """One layer's spikes, in its group's shape."""
    out = np.empty((*spikes.shape[:2], layer.neuron.size), np.uint8)
    widest = max(math.prod(layer.synapse.input_shape), layer.neuron.size)
    for chunk in sample_chunks(spikes, widest):
        out[:, chunk] = fire(layer.neuron, activation(layer.synapse, spikes[:, chunk]))
    return out.reshape(*spikes.shape[:2], *layer.neuron.shape)


def sample_chunks(spikes: UInt8[np.ndarray, "time sample *shape"], widest: int) -> Iterator[slice]:
    """Slices of samples, small enough for layers of up to `widest` neurons."""
    time, samples = spikes.shape[:2]
    size = max(1, CHUNK_VALUES // (time * widest))
    for start in range(0, samples, size):
        yield slice(start, start + size)


def fire(
    group: NeuronGroup, received: Int32[np.ndarray, "time sample neuron"]
) -> UInt8[np.ndarray, "time sample neuron"]:
    """The group's spikes for these activations, every sample from rest."""
    bias = group.bias_mantissa.astype(np.int32) << group.bias_exponent
    bias = np.broadcast_to(bias, group.shape).reshape(-1)
    threshold = group.threshold << chip.INPUT_SHIFT
    limit, clip = chip.STATE_LIMIT, chip.STATE_LIMIT - 1
    spikes = np.empty(received.shape, np.uint8)
    u = np.zeros(received.shape[1:], np.int32)
    v = np.zeros_like(u)
    for step, arriving in enumerate(received):
        u = _decayed(u, group.current_decay) + (arriving << chip.INPUT_SHIFT)
        u[u > limit] -= 2 * limit
        u[u <= -limit] += 2 * limit
        v = np.clip(_decayed(v, group.voltage_decay) + u + bias, -clip, clip)
        spike = v > threshold
        v[spike] = 0
        spikes[step] = spike
    return spikes


def _decayed(state: Int32[np.ndarray, "sample neuron"], decay: int) -> Int32[np.ndarray, "sample neuron"]:
    """trunc(state·(4096 - decay) / 4096)."""
    # These two come out the same by the full way, which is slow and which most networks do not need.
    if decay == 0:
        return state
    if decay == chip.DECAY_UNITY:
        return np.zeros_like(state)
    product = state.astype(np.int64) * (chip.DECAY_UNITY - decay)
    # A shift to the right rounds down: 4095 more lets it round negative numbers up.
    product += (product >> 63) & (chip.DECAY_UNITY - 1)
    return (product >> chip.DECAY_SHIFT).astype(np.int32)
