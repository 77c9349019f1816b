"""A spiking network as the chip holds it: whole numbers only, ready to be simulated or run.

A layer is a synapse and the neuron group that it feeds. Layers form a chain. A layer's weights and threshold stand
for real numbers times `scale`, its bias for a real number times 64·scale.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from ...export.errors import InputError
from ...export.geometry import Shape
from . import chip
from .synapse import Synapse


@dataclass(frozen=True, eq=False)
class NeuronGroup:
    """Neurons of one kind. Lava's LIF has one du, one dv and one vth for a whole group (`lava/proc/lif/process.py`).

    `current_decay` is the effective decay of the current, 1 to 4096, where 4096 keeps nothing: Lava's register du is
    one less. `voltage_decay` is Lava's register dv, where 0 keeps everything. The bias is
    bias_mantissa · 2^bias_exponent; the mantissas' shape broadcasts to the group's.

    Raises InputError, naming the field, where the chip cannot hold a value.
    """

    shape: Shape
    threshold: int
    current_decay: int
    voltage_decay: int
    bias_mantissa: Int16[np.ndarray, "*bias"]
    bias_exponent: int

    def __post_init__(self) -> None:
        if not self.shape or any(size < 1 for size in self.shape):
            raise InputError(f"shape is {list(self.shape)}; positive whole numbers are needed")
        for key, allowed in (
            ("threshold", chip.THRESHOLDS),
            ("current_decay", chip.CURRENT_DECAYS),
            ("voltage_decay", chip.VOLTAGE_DECAYS),
            ("bias_exponent", chip.BIAS_EXPONENTS),
        ):
            _check_range(key, np.asarray(getattr(self, key)), *allowed)
        mantissa = self.bias_mantissa
        _check_range("bias_mantissa", mantissa, *chip.BIAS_MANTISSAS)
        fits = len(mantissa.shape) == len(self.shape) and all(
            size in (1, whole) for size, whole in zip(mantissa.shape, self.shape, strict=True)
        )
        if not fits:
            raise InputError(
                f"bias_mantissa has the shape {list(mantissa.shape)}, which does not broadcast to the group's "
                f"{list(self.shape)}"
            )
        object.__setattr__(self, "bias_mantissa", _frozen(mantissa))

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Layer:
    """A synapse with whole weights and the group that it feeds, under the name of the graph's neuron node.

    Raises InputError, naming the field, where the weights are off the chip's grid or the shapes do not fit.
    """

    name: str
    synapse: Synapse
    neuron: NeuronGroup
    scale: float

    def __post_init__(self) -> None:
        weight = self.synapse.weight
        if weight.dtype.kind not in "iu":
            raise InputError(f"weight is {weight.dtype}; whole numbers are needed")
        grid = chip.weight_grid(weight)
        _check_range("weight", weight, grid.least, grid.most)
        off = weight % grid.step != 0
        if off.any():
            raise InputError(f"weight holds {weight[off][0]}; weights of both signs must be even")
        largest = int(np.abs(weight.astype(np.int64)).sum(axis=tuple(range(1, weight.ndim))).max())
        if largest >= chip.ACTIVATION_LIMIT:
            raise InputError(f"weight sums up to {largest} for a neuron; it must stay under {chip.ACTIVATION_LIMIT}")
        if math.prod(self.synapse.output_shape) != self.neuron.size:
            raise InputError(
                f"shape is {list(self.neuron.shape)}, but the synapse feeds {list(self.synapse.output_shape)}"
            )
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"scale is {self.scale}; a positive number is needed")
        object.__setattr__(self, "synapse", replace(self.synapse, weight=_frozen(weight)))


@dataclass(frozen=True, eq=False)
class LoihiProgram:
    """A chain of layers. The first reads spikes of `input_shape`; each other reads the layer before it.

    Raises InputError, naming the layer, where there is none or one does not fit what it reads.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("layers are none; at least one is needed")
        if not self.input_shape or any(size < 1 for size in self.input_shape):
            raise InputError(f"input_shape is {list(self.input_shape)}; positive whole numbers are needed")
        read = self.input_shape
        for layer in self.layers:
            if math.prod(layer.synapse.input_shape) != math.prod(read):
                raise InputError(
                    f"layer {layer.name!r}: its synapse reads {list(layer.synapse.input_shape)}, but what comes to "
                    f"it is {list(read)}"
                )
            read = layer.neuron.shape

    @property
    def output_size(self) -> int:
        return self.layers[-1].neuron.size

    def save(self, path: Path | str) -> None:
        """Write the program as an .npz file. The same program gives the same bytes."""
        from .storage import write_program

        write_program(Path(path), self)

    @classmethod
    def load(cls, path: Path | str) -> "LoihiProgram":
        """The program in the file. Raises InputError, naming the file and the key, where it is damaged."""
        from .storage import read_program

        return read_program(Path(path))


def _check_range(key: str, values: np.ndarray, least: int, most: int) -> None:
    if values.dtype.kind not in "iu":
        raise InputError(f"{key} is {values.dtype}; whole numbers are needed")
    outside = (values < least) | (values > most)
    if outside.any():
        raise InputError(f"{key} holds {values[outside].flat[0]}; {least} to {most} are allowed")


def _frozen(values: np.ndarray) -> Int16[np.ndarray, "..."]:
    """A read-only copy: a program does not change once it is checked."""
    copy = np.array(values, dtype=np.int16, order="C")
    copy.setflags(write=False)
    return copy
