"""A spiking network as the chip holds it: integers only, ready to be simulated or run.

A layer is a neuron group and the synapses that feed it. A layer's weights and threshold stand for real numbers times
`scale`, its bias for a real number times 64·scale.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from ...export.nir.geometry import Shape
from ...export.nir.time_step import TimeStep
from . import chip
from .neuron_group import NeuronGroup, frozen
from .synapse import Synapse, largest_activations

INPUT = -1
"""The source of a connection that reads the spikes from outside."""


@dataclass(frozen=True, eq=False)
class Connection:
    """A synapse with whole weights and whose spikes it reads: a layer's index, or INPUT.

    It reads each neuron's spikes of `delays` steps before: one number of steps for all neurons of the source, or one
    for each, in channel-height-width order. In as many steps at the beginning of a sample it reads none: nothing
    crosses from one sample to the next.

    Raises InputError, naming the field, where the weights are off the chip's grid, and for delays that do not fit.
    """

    source: int
    synapse: Synapse
    delays: int | UInt8[np.ndarray, " source"] = 0

    def __post_init__(self) -> None:
        weight = self.synapse.weight
        if weight.dtype.kind not in "iu":
            raise InputError(f"weight must be integers, got {weight.dtype}")
        grid = chip.weight_grid(weight)
        chip.check_range("weight", weight, grid.least, grid.most)
        off = weight % grid.step != 0
        if off.any():
            raise InputError(f"weight must be even where it has both signs, got {weight[off][0]}")
        object.__setattr__(self, "synapse", replace(self.synapse, weight=frozen(weight, np.int16)))
        delays, read = np.asarray(self.delays), math.prod(self.synapse.input_shape)
        if delays.shape not in ((), (read,)):
            raise InputError(f"delays must be one number, or have the shape [{read}], got {list(delays.shape)}")
        chip.check_range("delays", delays, *chip.DELAYS)
        alike = delays.min() == delays.max()
        object.__setattr__(self, "delays", int(delays.min()) if alike else frozen(delays, np.uint8))

    @property
    def longest_delay(self) -> int:
        """In steps; 0 where there is no delay."""
        return int(np.max(self.delays))


@dataclass(frozen=True, eq=False)
class Layer:
    """A neuron group and the connections that feed it, under the name of the graph's neuron node.

    The connections' activations add up. Raises InputError, naming the field, where they and the group do not fit.
    """

    name: str
    connections: tuple[Connection, ...]
    neuron: NeuronGroup
    scale: float

    def __post_init__(self) -> None:
        if not self.connections:
            raise InputError("connections must be at least one, got none")
        for connection in self.connections:
            fed = connection.synapse.output_shape
            if math.prod(fed) != self.neuron.size:
                raise InputError(f"shape must fit {list(fed)}, which the synapse feeds, got {list(self.neuron.shape)}")
        largest = int(largest_activations([connection.synapse for connection in self.connections]).max())
        if largest >= chip.ACTIVATION_LIMIT:
            raise InputError(f"weight must sum up to less than {chip.ACTIVATION_LIMIT} for a neuron, got {largest}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"scale must be a positive number, got {self.scale}")


@dataclass(frozen=True, eq=False)
class LoihiProgram:
    """Layers, each after those that it reads; the last one's spikes are the output.

    A connection reads spikes of `input_shape` from outside, an earlier layer's, or, where the layer itself is the
    source, that layer's own spikes of the step before; and a connection's delays come on top. On the chip a synapse
    takes a step; so that all that meets in a layer is of the same step, every way to it from the input must be equally
    long, its delays not counted. `step` is the time step that the graph was read with, where that is known: what
    computes needs no such thing. `largest_input` is the largest value that a spike from outside may carry: above 1
    they are graded spikes, and a connection adds its weights that many times.

    Raises InputError, naming the layer, where there is none, one does not fit what it reads or two share a name.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    step: TimeStep | None = None
    largest_input: int = 1

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("layers must be at least one, got none")
        if not self.input_shape or any(size < 1 for size in self.input_shape):
            raise InputError(f"input_shape must be positive integers, got {list(self.input_shape)}")
        for index, layer in enumerate(self.layers):
            for source, synapse in ((connection.source, connection.synapse) for connection in layer.connections):
                if not INPUT <= source <= index:
                    raise InputError(f"layer {layer.name!r}: source must lie from {INPUT} to {index}, got {source}")
                read = self.shape_of(source)
                if math.prod(synapse.input_shape) != math.prod(read):
                    raise InputError(
                        f"layer {layer.name!r}: its synapse must read {list(read)}, which comes to it, got "
                        f"{list(synapse.input_shape)}"
                    )
        names: set[str] = set()
        for layer in self.layers:
            if layer.name in names:
                raise InputError(f"each layer must have a name of its own, got two called {layer.name!r}")
            names.add(layer.name)
        chip.check_range("largest_input", np.asarray(self.largest_input), 1, chip.INPUT_VALUES[1])
        if self.is_graded:
            self._check_activations()
        # Found once, so that a program whose ways differ in length cannot be made.
        _ = self.depths

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """How many synapses lie between the input and each layer, the layer's own included."""
        depths: list[int] = []
        for index, layer in enumerate(self.layers):
            sources = {connection.source for connection in layer.connections} - {index}
            before = {0 if source == INPUT else depths[source] for source in sources}
            if not before:
                raise InputError(f"layer {layer.name!r}: it must read more than itself, got nothing else")
            if len(before) > 1:
                raise InputError(
                    f"layer {layer.name!r}: all ways to it must be equally long, got {min(before)} synapses on one and "
                    f"{max(before)} on another"
                )
            depths.append(before.pop() + 1)
        return tuple(depths)

    @property
    def is_recurrent(self) -> bool:
        """Whether a layer reads itself."""
        return any(
            connection.source == index for index, layer in enumerate(self.layers) for connection in layer.connections
        )

    @property
    def is_delayed(self) -> bool:
        """Whether a connection has delays."""
        return any(connection.longest_delay for layer in self.layers for connection in layer.connections)

    @property
    def is_programmable(self) -> bool:
        """Whether a layer needs programmable neurons."""
        return not all(layer.neuron.is_stock for layer in self.layers)

    @property
    def is_graded(self) -> bool:
        """Whether the spikes from outside may carry more than 1."""
        return self.largest_input > 1

    def shape_of(self, source: int) -> Shape:
        """The shape of a source's spikes."""
        return self.input_shape if source == INPUT else self.layers[source].neuron.shape

    @property
    def output_size(self) -> int:
        return self.layers[-1].neuron.size

    def _check_activations(self) -> None:
        for layer in self.layers:
            values = [self.largest_input if one.source == INPUT else 1 for one in layer.connections]
            largest = int(largest_activations([one.synapse for one in layer.connections], values).max())
            if largest >= chip.ACTIVATION_LIMIT:
                raise InputError(
                    f"layer {layer.name!r}: its weights times what they read, up to {self.largest_input} from outside, "
                    f"must sum up to less than {chip.ACTIVATION_LIMIT} for a neuron, got {largest}"
                )
