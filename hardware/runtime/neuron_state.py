"""A neuron group while it runs, in floating point: what its lines of `spiq.export.nir.neuron_step` leave behind."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...export.nir.neuron_step import Integrator, NeuronStep, ToValue


class NeuronState:
    """A group of neurons at rest: called with the input of each step in turn, it gives that step's output.

    Args:
        parts: The numbers of the group's step.
        like: A tensor [sample, *shape] of the shape and type of the input.
        check: Called with the potential of each step before anything is made of it; it may raise.
    """

    def __init__(
        self, parts: NeuronStep, like: Float[Tensor, "sample *shape"], check: Callable[[Tensor], None]
    ) -> None:
        self._check = check
        self._integrate = _integrating(parts.potential, like)
        self._take_in = None if parts.current is None else _integrating(parts.current, like)
        self._current = torch.zeros_like(like)
        self._give = _giving(parts, like)
        self.kept = as_tensor(parts.potential.start, like.dtype).expand(like.shape)
        """The potential that the last step left, after any reset."""
        self.computed = self.kept
        """The potential that the last step computed, before any reset."""

    def __call__(self, x: Float[Tensor, "sample *shape"]) -> Tensor:
        if self._take_in is not None:
            self._current = x = self._take_in(self._current, x)
        before, self.computed = self.kept, self._integrate(self.kept, x)
        self._check(self.computed)
        self.kept, given = self._give(before, self.computed)
        return given


def as_tensor(values: Float[np.ndarray, "..."], dtype: torch.dtype) -> Tensor:
    """The numbers in PyTorch, apart from the array."""
    # A copy, for torch takes no array that must not be written to, as those are that NumPy has broadcast.
    return torch.from_numpy(np.array(values)).to(dtype)


def _giving(parts: NeuronStep, like: Tensor) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Of the potential before the step and the one that it computed: the potential that is kept, and the output."""
    if parts.threshold is None or parts.reset is None:
        return lambda _, moved: (moved, moved)
    threshold, reset = as_tensor(parts.threshold, like.dtype), parts.reset
    if isinstance(reset, ToValue):
        value = as_tensor(reset.value, like.dtype)

        def fire(_: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
            spike = moved > threshold
            return torch.where(spike, value, moved), spike

        return fire
    amount = as_tensor(reset.amount, like.dtype)

    def subtract(before: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        was_above = (before > threshold).to(like.dtype)
        taken = moved - was_above * amount
        spike = taken > threshold
        return moved - spike.to(like.dtype) * amount if reset.at_once else taken, spike

    return subtract


def _integrating(line: Integrator, like: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The line's step (v, x) → v."""
    gain = as_tensor(line.gain, like.dtype)
    if line.leak is None or line.rest is None:
        return lambda v, x: v + gain * x
    leak, rest = (as_tensor(value, like.dtype) for value in (line.leak, line.rest))
    if line.held is None:
        return lambda v, x: v + leak * (rest - v + gain * x)
    pulled = as_tensor(~line.held, like.dtype)
    return lambda v, x: v + leak * (pulled * (rest - v) + gain * x)
