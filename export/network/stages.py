"""The stages of a hybrid network: plain data, each knowing what it makes of what it reads.

Encode      values [sample, *shape]        → spikes [time, sample, *shape]     on the host
Spiking     spikes                         → spikes [time, sample, feature]    on a spiking device
Decode      spikes                         → values [sample, window · feature] on the host
Quantum     values [sample, input]         → values [sample, observable]       on a quantum device
Classical   one or more values             → values                            on the host, by onnxruntime
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from ..circuit.circuit import Circuit
from ..coding import Coding
from ..errors import InputError
from ..nir.geometry import Shape
from ..nir.graph import ResolvedGraph
from .decoding import Decode
from .signals import Signal, wanted


@dataclass(frozen=True)
class Encode:
    """Values in [0, 1] become binary spikes."""

    coding: Coding

    def output(self, given: tuple[Signal, ...]) -> Signal:
        (read,) = wanted("values", given, 1)
        return Signal("spikes", read.shape, self.coding.steps)


@dataclass(frozen=True, eq=False)
class Spiking:
    """A NIR graph with the time step that it is read with: as the content of a .nir file, and what was read of it.

    `spiking.spiking_stage` makes one of a graph in memory, `spiking.read_spiking` of a file's content.
    """

    content: bytes
    graph: ResolvedGraph

    def output(self, given: tuple[Signal, ...]) -> Signal:
        (read,) = wanted("spikes", given, 1)
        needed = self.graph.input_shape
        if read.shape != needed and read.shape != (math.prod(needed),):
            raise InputError(f"must read spikes {list(needed)} a step, got {list(read.shape)}")
        if not self.graph.ends_in_spikes:
            raise InputError(f"must give the spikes of a neuron group, got what comes from {self.graph.last}")
        return Signal("spikes", (math.prod(self.graph.output_shape),), read.steps)


@dataclass(frozen=True)
class Quantum:
    """A parameterised circuit and what is measured of it."""

    circuit: Circuit

    def output(self, given: tuple[Signal, ...]) -> Signal:
        (read,) = wanted("values", given, 1)
        if math.prod(read.shape) != self.circuit.input_size:
            raise InputError(f"must read the {self.circuit.input_size} inputs of its circuit, got {list(read.shape)}")
        return Signal("values", (self.circuit.output_size,))


class Tensor(NamedTuple):
    """An input or the output of an ONNX model: its name, its element type (a NumPy type's name), and its shape but
    for the samples, which are the first axis and open."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Classical:
    """An ONNX model that reads one or more values, in the order of its inputs, and gives one.

    `classical.read_classical` makes one of a model's content.
    """

    content: bytes
    inputs: tuple[Tensor, ...]
    result: Tensor

    def output(self, given: tuple[Signal, ...]) -> Signal:
        for tensor, read in zip(self.inputs, wanted("values", given, len(self.inputs)), strict=True):
            if math.prod(tensor.shape) != math.prod(read.shape):
                raise InputError(
                    f"its input {tensor.name!r} must be [sample, {', '.join(map(str, tensor.shape))}], got "
                    f"{list(read.shape)} a sample"
                )
        return Signal("values", self.result.shape)


Stage = Encode | Spiking | Decode | Quantum | Classical
