"""What a spiking neuron does in one time step, in the one form that everything computes with.

All lines are computed in this order, each value once for each neuron. x is what comes to the neuron in the step:

    i ← the current's line for x            where the neuron has a current; else i is x
    p = the potential's line for i
    spike and v by `reset`

A line (`Integrator`) is one Euler step of a leaky integrator, or of one without a leak:

    v ← v + leak·(rest - v + gain·x)        v ← v + gain·x

With the threshold θ, strictly passed, and r = [v > θ] of the potential before the step, the resets are

    ToValue(value)               spike = p > θ                   v ← value where it spiked, else p
    Subtraction(amount)          spike = p - amount·r > θ        v ← p - amount·r
    Subtraction(…, at_once)      spike = p - amount·r > θ        v ← p - amount·spike

`Subtraction(θ)` is snnTorch's reset "subtract": what is taken off comes a step after the spike, with the flag at_once
(snnTorch's reset_delay=False) in the spike's own step. Then a potential that is above θ even after that gives no
second spike until p passes 2·θ. `Subtraction(0)` is no reset. Without a threshold v itself is what the neuron gives.

A sample starts at rest: v at rest, or 0 where there is no leak, and i likewise.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

Parameter = Float[np.ndarray, "*shape"]
"""A number for each neuron of a group."""


@dataclass(frozen=True, eq=False)
class Integrator:
    """v ← v + leak·(rest - v + gain·x), or v ← v + gain·x where leak and rest are None.

    `held` marks neurons without a leak beside others that have one: theirs is v ← v + leak·gain·x, with a leak of 1.
    """

    gain: Parameter
    leak: Parameter | None = None
    rest: Parameter | None = None
    held: Bool[np.ndarray, "*shape"] | None = None

    @property
    def start(self) -> Parameter:
        """v at rest."""
        return np.zeros_like(self.gain) if self.rest is None else self.rest

    @property
    def forgets(self) -> Parameter:
        """The fraction of v that a step takes away."""
        if self.leak is None:
            return np.zeros_like(self.gain)
        return self.leak if self.held is None else np.where(self.held, 0.0, self.leak)

    @property
    def takes(self) -> Parameter:
        """What a step adds to v for an input of 1."""
        return self.gain if self.leak is None else self.leak * self.gain


@dataclass(frozen=True, eq=False)
class ToValue:
    """v ← value after a spike."""

    value: Parameter


@dataclass(frozen=True, eq=False)
class Subtraction:
    """amount, in units of v, is taken off after a spike: a step later, or at once."""

    amount: Parameter
    at_once: bool = False


Reset = ToValue | Subtraction


@dataclass(frozen=True, eq=False)
class NeuronStep:
    """The numbers in the lines above. Threshold and reset are both there, or neither."""

    potential: Integrator
    current: Integrator | None = None
    threshold: Parameter | None = None
    reset: Reset | None = None
