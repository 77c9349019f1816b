"""A group of neurons as the chip holds it, in integers, and what becomes of v after a spike.

Lava's stock LIF has one du, one dv and one vth for a whole group (`lava/proc/lif/process.py`), no threshold under 0,
and sets v to 0 after a spike. Loihi 2's neurons are programs: a group that is more than that needs a programmable
neuron. `simulate` has the exact rule of both.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int16, Int32, Shaped

from ...export.errors import InputError
from ...export.nir.geometry import Shape
from . import chip

PerNeuron = int | Int32[np.ndarray, "*broadcasting"]
"""A number for all neurons, or numbers that differ, whose shape broadcasts to the group's."""


@dataclass(frozen=True, eq=False)
class ResetTo:
    """v ← voltage after a spike, in v's unit."""

    voltage: PerNeuron


@dataclass(frozen=True, eq=False)
class TakeOff:
    """64·amount, which is in the threshold's unit, is taken off v: in the step after the spike, or `at_once`."""

    amount: PerNeuron
    at_once: bool = False


TO_REST = ResetTo(0)
"""What Lava's LIF does."""


@dataclass(frozen=True, eq=False)
class NeuronGroup:
    """Neurons of one kind.

    `current_decay` is the effective decay of the current, where 4096 keeps nothing: Lava's register du is one less.
    `voltage_decay` is Lava's register dv, where 0 keeps everything. The bias is bias_mantissa · 2^bias_exponent; the
    mantissas' shape broadcasts to the group's. Numbers that are the same for all neurons become one.

    Raises InputError, naming the field, where the chip cannot hold a value.
    """

    shape: Shape
    threshold: PerNeuron
    current_decay: PerNeuron
    voltage_decay: PerNeuron
    bias_mantissa: Int16[np.ndarray, "*bias"]
    bias_exponent: int
    reset: ResetTo | TakeOff = TO_REST

    def __post_init__(self) -> None:
        if not self.shape or any(size < 1 for size in self.shape):
            raise InputError(f"shape must be positive integers, got {list(self.shape)}")
        for key, allowed in (
            ("threshold", chip.PROGRAMMABLE_THRESHOLDS),
            ("current_decay", chip.PROGRAMMABLE_DECAYS),
            ("voltage_decay", chip.PROGRAMMABLE_DECAYS),
        ):
            object.__setattr__(self, key, self._per_neuron(key, getattr(self, key), *allowed))
        match self.reset:
            case ResetTo():
                voltage = self._per_neuron("reset voltage", self.reset.voltage, *chip.RESET_VOLTAGES)
                reset = TO_REST if isinstance(voltage, int) and voltage == 0 else ResetTo(voltage)
            case TakeOff():
                reset = replace(
                    self.reset, amount=self._per_neuron("reset amount", self.reset.amount, *chip.RESET_AMOUNTS)
                )
        object.__setattr__(self, "reset", reset)
        chip.check_range("bias_exponent", np.asarray(self.bias_exponent), *chip.BIAS_EXPONENTS)
        chip.check_range("bias_mantissa", self.bias_mantissa, *chip.BIAS_MANTISSAS)
        self._check_broadcasts("bias_mantissa", self.bias_mantissa)
        object.__setattr__(self, "bias_mantissa", frozen(self.bias_mantissa, np.int16))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def beyond_stock(self) -> tuple[str, ...]:
        """What Lava's stock LIF does not have of this, each in a few words; none where it can be these neurons."""
        voltage = self.reset.voltage if isinstance(self.reset, ResetTo) else 0
        least_threshold, least_current, most_voltage = (
            int(np.min(self.threshold)),
            int(np.min(self.current_decay)),
            int(np.max(self.voltage_decay)),
        )
        found = {
            "reset by subtraction": isinstance(self.reset, TakeOff),
            "v_reset is not at rest": np.any(voltage),
            "threshold below rest": least_threshold < chip.THRESHOLDS[0],
            "threshold differs": not isinstance(self.threshold, int),
            "tau_syn differs": not isinstance(self.current_decay, int),
            "current does not fade": least_current < chip.CURRENT_DECAYS[0],
            "tau differs": not isinstance(self.voltage_decay, int),
            "potential fades within a step": most_voltage > chip.VOLTAGE_DECAYS[1],
        }
        return tuple(reason for reason, holds in found.items() if holds)

    @property
    def is_stock(self) -> bool:
        """Whether Lava's stock LIF can be these neurons; otherwise they need a programmable neuron."""
        return not self.beyond_stock

    @property
    def differing(self) -> int:
        """How many of its numbers each neuron has for itself, its bias left out."""
        reset = self.reset.voltage if isinstance(self.reset, ResetTo) else self.reset.amount
        numbers = (self.threshold, self.current_decay, self.voltage_decay, reset)
        return sum(not isinstance(number, int) for number in numbers)

    def _per_neuron(self, key: str, given: object, least: int, most: int) -> PerNeuron:
        values = np.asarray(given)
        chip.check_range(key, values, least, most)
        if values.ndim:
            self._check_broadcasts(key, values)
        first = values.flat[0]
        return int(first) if (values == first).all() else frozen(values, np.int32)

    def _check_broadcasts(self, key: str, values: Shaped[np.ndarray, "..."]) -> None:
        fits = len(values.shape) == len(self.shape) and all(
            size in (1, whole) for size, whole in zip(values.shape, self.shape, strict=True)
        )
        if not fits:
            raise InputError(
                f"{key} must have a shape that broadcasts to the group's {list(self.shape)}, got {list(values.shape)}"
            )


def frozen(values: Shaped[np.ndarray, "..."], dtype: type[np.generic]) -> Shaped[np.ndarray, "..."]:
    """A read-only copy: a program does not change once it is checked."""
    copy = np.array(values, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy
