"""What a program takes of Loihi 2: synapses, synaptic memory, neuro-cores.

The limits of a core are those in `published`; how the chip's compiler fills a core is not public, so this is our model:

- A weight takes as many bits as its grid has levels for (8). A connection is stored in the smaller of two encodings.
  `dense` holds every weight, the zeros too. `sparse` holds the weights that are not zero, each with an index that
  tells apart the neurons that one spike can reach: `index_bits` bits. No further overhead is counted.
- A convolution's kernel is stored once on a core that holds any neuron of its output channel ([Brief] in `published`
  names shared synapses for convolution).
- A layer is cut into runs of neurons in channel-height-width order, as equal as can be, one for each core, and no core
  holds neurons of two layers. The layer takes the fewest cores with which every run fits:

      neurons ≤ 8192,   synapses ≤ 128 KB,   synapses + 24 bytes · neurons + 20 KB for routing ≤ 192 KB

- A programmable neuron's program is not counted, but 4 bytes more for each of its numbers (threshold, decays, reset)
  that differs from neuron to neuron.

A synapse is what connects two neurons: a convolution's weight makes one at every position where its tap hits the image.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int64

from ....export.errors import InputError
from .. import chip
from ..neuron_group import NeuronGroup
from ..program import INPUT, Layer, LoihiProgram
from ..synapse import ConvSynapse, DenseSynapse, Synapse
from . import published
from .connectivity import fan_in, fan_out

NUMBER_BYTES = 4
"""Of a number that a programmable neuron has for itself: a word of 32 bits, which holds each of them."""


class Encoding(NamedTuple):
    """How a connection's weights are stored; `bits` for each weight that is, its index included."""

    kind: Literal["dense", "sparse"]
    bits: int


class ConnectionResources(NamedTuple):
    """One connection. `synapses` counts all, `nonzero` those whose weight is not zero."""

    encoding: Encoding
    weight_bits: int
    synapses: int
    nonzero: int


class LayerResources(NamedTuple):
    """One layer with what feeds it.

    `fan_in` is the most synapses that reach one of its neurons, `fan_out` the most that one of its neurons has in all
    layers that read it, weights of zero included. `synaptic_bytes` is over all its cores.
    """

    neurons: int
    connections: tuple[ConnectionResources, ...]
    fan_in: int
    fan_out: int
    synaptic_bytes: int
    cores: int

    @property
    def synapses(self) -> int:
        return sum(connection.synapses for connection in self.connections)

    @property
    def nonzero(self) -> int:
        return sum(connection.nonzero for connection in self.connections)

    @property
    def weight_bits(self) -> int:
        """Of its widest weights."""
        return max(connection.weight_bits for connection in self.connections)


class Resources(NamedTuple):
    """A whole program. `input_fan_out` is the most synapses that a spike from outside reaches."""

    input_fan_out: int
    layers: tuple[LayerResources, ...]

    @property
    def cores(self) -> int:
        return sum(layer.cores for layer in self.layers)

    @property
    def chips(self) -> int:
        """Loihi 2 chips that have as many cores."""
        return math.ceil(self.cores / published.CORES_PER_CHIP)

    def plain(self) -> dict[str, int]:
        """The sums over all layers, for JSON."""
        return {
            "input_fan_out": self.input_fan_out,
            "neurons": sum(layer.neurons for layer in self.layers),
            "synapses": sum(layer.synapses for layer in self.layers),
            "nonzero": sum(layer.nonzero for layer in self.layers),
            "synaptic_bytes": sum(layer.synaptic_bytes for layer in self.layers),
            "cores": self.cores,
            "chips": self.chips,
            "cores_a_chip": published.CORES_PER_CHIP,
        }


def resources(program: LoihiProgram) -> Resources:
    """What the program takes. Raises InputError, naming the layer, where one neuron's synapses do not fit on a core."""
    outgoing = {
        source: np.zeros(math.prod(program.shape_of(source)), np.int64) for source in range(INPUT, len(program.layers))
    }
    for layer in program.layers:
        for connection in layer.connections:
            outgoing[connection.source] += fan_out(connection.synapse, nonzero=False)
    return Resources(
        int(outgoing[INPUT].max()),
        tuple(_layer(layer, int(outgoing[index].max())) for index, layer in enumerate(program.layers)),
    )


def encoding(synapse: Synapse) -> Encoding:
    """The encoding that takes fewer bits; dense where both take the same."""
    width = weight_bits(synapse)
    dense = Encoding("dense", width)
    sparse = Encoding("sparse", width + index_bits(synapse))
    return min(dense, sparse, key=lambda choice: choice.bits * int(_stored_weights(synapse, choice).sum()))


def weight_bits(synapse: Synapse) -> int:
    """How many bits tell the levels of the weights' grid apart."""
    grid = chip.weight_grid(synapse.weight)
    return ((grid.most - grid.least) // grid.step).bit_length()


def index_bits(synapse: Synapse) -> int:
    """How many bits tell apart the neurons that one spike can reach."""
    match synapse:
        case DenseSynapse():
            reachable = len(synapse.weight)
        case ConvSynapse():
            reachable = len(synapse.weight) // synapse.groups * math.prod(synapse.weight.shape[2:])
    return (reachable - 1).bit_length()


def stored_fan_out(synapse: Synapse) -> Int64[np.ndarray, " source"]:
    """How many synapses a spike of each source neuron sets to work: those that the encoding stores."""
    return fan_out(synapse, nonzero=encoding(synapse).kind == "sparse")


def neuron_bytes(neuron: NeuronGroup) -> int:
    """What one neuron of the group takes, its synapses left out."""
    return published.NEURON_BYTES + NUMBER_BYTES * neuron.differing


def _layer(layer: Layer, most_out: int) -> LayerResources:
    synapses = [connection.synapse for connection in layer.connections]
    incoming = np.sum([fan_in(synapse, nonzero=False) for synapse in synapses], 0)
    held = _synaptic_bytes_by_core(layer)
    return LayerResources(
        layer.neuron.size, tuple(map(_connection, synapses)), int(incoming.max()), most_out, int(held.sum()), len(held)
    )


def _connection(synapse: Synapse) -> ConnectionResources:
    return ConnectionResources(
        encoding(synapse),
        weight_bits(synapse),
        int(fan_in(synapse, nonzero=False).sum()),
        int(fan_in(synapse, nonzero=True).sum()),
    )


class _Stored(NamedTuple):
    """Where a connection's bits belong: `before[row]` are stored before that row of the weights.

    A row feeds `positions` neurons in turn: a convolution's output channel a whole map, a dense row one neuron.
    """

    before: Int64[np.ndarray, " row"]
    positions: int

    def bits(self, cuts: Int64[np.ndarray, " cut"]) -> Int64[np.ndarray, " run"]:
        """Bits for the rows that feed the neurons between each two cuts."""
        first, last = cuts[:-1] // self.positions, (cuts[1:] - 1) // self.positions
        return self.before[last + 1] - self.before[first]


def _stored(synapse: Synapse) -> _Stored:
    chosen = encoding(synapse)
    bits = chosen.bits * _stored_weights(synapse, chosen)
    return _Stored(np.concatenate([[0], np.cumsum(bits)]), math.prod(synapse.output_shape[1:]))


def _stored_weights(synapse: Synapse, chosen: Encoding) -> Int64[np.ndarray, " row"]:
    """How many weights of each row the encoding holds."""
    rows = synapse.weight.reshape(len(synapse.weight), -1)
    return np.count_nonzero(rows, axis=1) if chosen.kind == "sparse" else np.full(len(rows), rows.shape[1])


def _synaptic_bytes_by_core(layer: Layer) -> Int64[np.ndarray, " core"]:
    """Bytes of synapses on each of the fewest cores that hold the layer."""
    neurons = layer.neuron.size
    stored = [_stored(connection.synapse) for connection in layer.connections]

    def held(cuts: Int64[np.ndarray, " cut"]) -> Int64[np.ndarray, " run"]:
        return -(-np.sum([connection.bits(cuts) for connection in stored], 0) // 8)

    most = int(held(np.arange(neurons + 1)).max())
    if most > published.SYNAPTIC_BYTES:
        raise InputError(
            f"layer {layer.name!r}: the synapses of one neuron must take at most {published.SYNAPTIC_BYTES} bytes, "
            f"which a Loihi 2 core holds, got {most}"
        )
    # No fewer could hold what must be held at least once, and cuts for one neuron a core are the last that are tried.
    least = max(
        math.ceil(neurons / published.NEURONS_PER_CORE),
        math.ceil(int(held(np.array([0, neurons])).sum()) / published.SYNAPTIC_BYTES),
    )
    return next(
        held(cuts)
        for cuts in (np.arange(cores + 1) * neurons // cores for cores in range(least, neurons + 1))
        if _fits(np.diff(cuts), held(cuts), neuron_bytes(layer.neuron))
    )


def _fits(neurons: Int64[np.ndarray, " core"], held: Int64[np.ndarray, " core"], neuron_bytes: int) -> bool:
    """Whether every core holds its neurons, each of so many bytes, and its bytes of synapses."""
    all_bytes = held + neuron_bytes * neurons + published.ROUTING_BYTES
    return bool(
        (neurons <= published.NEURONS_PER_CORE).all()
        and (held <= published.SYNAPTIC_BYTES).all()
        and (all_bytes <= published.CORE_BYTES).all()
    )
