"""What is on an edge between two stages."""

from typing import Literal, NamedTuple

from ..errors import InputError
from ..nir.geometry import Shape

SignalKind = Literal["values", "spikes"]


class Signal(NamedTuple):
    """What is on an edge: values [sample, *shape], or spikes [time, sample, *shape] of so many time steps.

    Spikes are uint8. Values are float64 but for those of a classical stage, which has the type of its ONNX model.
    """

    kind: SignalKind
    shape: Shape
    steps: int | None = None

    def __str__(self) -> str:
        axes = ["sample", *map(str, self.shape)]
        return f"{self.kind} [{', '.join([str(self.steps), *axes] if self.kind == 'spikes' else axes)}]"


def wanted(kind: SignalKind, given: tuple[Signal, ...], count: int) -> tuple[Signal, ...]:
    """What a stage reads, if it is so many and of that kind. Raises InputError otherwise."""
    if len(given) != count:
        raise InputError(f"must read {count} of what others give, got {len(given)}")
    for read in given:
        if read.kind != kind:
            raise InputError(f"must read {kind}, got {read}")
    return given
