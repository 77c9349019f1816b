"""From spikes to numbers: what a circuit or a classical stage reads of a spiking one.

With n the spikes of a feature in the L steps of a window, and t the first step in it that has one (L where none has):

    rate          scale / L · n + offset
    count         scale · n + offset
    first_spike   scale · t + offset
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from ..errors import InputError
from .signals import Signal, wanted

Decoding = Literal["rate", "count", "first_spike"]
DECODINGS: tuple[Decoding, ...] = get_args(Decoding)

Values = TypeVar("Values")
"""A NumPy array or a torch tensor."""


@dataclass(frozen=True)
class Decode:
    """Spikes `[time, sample, feature]` become values `[sample, window · feature]`, the windows one after the other.

    Attributes:
        kind: "rate" (spikes per step), "count" or "first_spike" (the step of the first spike).
        scale: What the numbers are multiplied by.
        offset: What is added then.
        windows: Into how many equal parts the time is cut, each decoded by itself.

    Raises:
        InputError: The kind is unknown, a number is not finite, or `windows` is no integer from 1 on.

    Example:
        spiq.Decode("rate", scale=np.pi)    # spikes per step, times pi
    """

    kind: Decoding = "rate"
    scale: float = 1.0
    offset: float = 0.0
    windows: int = 1

    def __post_init__(self) -> None:
        if self.kind not in DECODINGS:
            raise InputError(f"decode: kind must be one of {', '.join(DECODINGS)}, got {self.kind!r}")
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"decode: {name} must be a finite number, got {value!r}")
        if isinstance(self.windows, bool) or not isinstance(self.windows, int) or self.windows < 1:
            raise InputError(f"decode: windows must be an integer from 1 on, got {self.windows!r}")

    def output(self, given: tuple[Signal, ...]) -> Signal:
        """What it gives for such spikes. Raises InputError where it cannot read them."""
        (read,) = wanted("spikes", given, 1)
        self.check_steps(read.steps or 0)
        return Signal("values", (self.windows * math.prod(read.shape),))

    def check_steps(self, steps: int) -> None:
        """Raises InputError where so many time steps cannot be cut into the windows."""
        if steps % self.windows:
            raise InputError(f"decode: the time steps must go into {self.windows} windows of equal length, got {steps}")

    def __call__(self, spikes: Values) -> Values:
        """The values: float64 of an array; of a tensor its own floating type, and gradients pass through counts."""
        steps, samples = spikes.shape[:2]  # type: ignore[attr-defined]
        self.check_steps(steps)
        length = steps // self.windows
        shape = (self.windows, length, samples, math.prod(spikes.shape[2:]))  # type: ignore[attr-defined]
        cut = spikes.reshape(shape)  # type: ignore[attr-defined]
        found = self._steps_before(cut) if self.kind == "first_spike" else _counted(cut)
        factor = self.scale / length if self.kind == "rate" else self.scale
        values = factor * found
        if self.offset:
            values = values + self.offset
        return values.swapaxes(0, 1).reshape(samples, -1)

    def _steps_before(self, cut: Any) -> Any:
        """How many steps of each window come before its first spike."""
        if isinstance(cut, np.ndarray):
            return np.where(cut.any(1), cut.argmax(1), cut.shape[1]).astype(np.float64)
        # The product over the steps so far is 1 until the first spike.
        return (1 - cut).cumprod(1).sum(1)


def _counted(cut: Any) -> Any:
    return cut.sum(1, dtype=np.float64) if isinstance(cut, np.ndarray) else cut.sum(1)
