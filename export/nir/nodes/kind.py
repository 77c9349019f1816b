"""What spiq knows of a node of NIR: an entry of the table in this folder.

An entry is all that a node's type is to the rest: who runs, lowers or writes a graph asks for a node's step
(`NeuronStep`) or operation (`Operation`) and knows no types.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from ...errors import InputError
from ..geometry import Shape, parameter
from ..neuron_step import Integrator, NeuronStep, Parameter
from ..operations import Operation, output_shape
from ..time_step import Integration, TimeStep

WHOLE_STEP_TOLERANCE = 1e-6
"""How far dt/tau, r or dt·r may lie from 1 that it is taken for 1: the files hold them in float32."""


class Parameters:
    """A neuron node's parameters, brought to one number a neuron, and what follows from them for a time step.

    Each method raises InputError, beginning with `where`, where a number cannot be what it should be.
    """

    def __init__(self, node: nir.NIRNode, shape: Shape, step: TimeStep, where: str) -> None:
        self.node, self.shape, self.step, self.where = node, shape, step, where

    def __getitem__(self, key: str) -> Parameter:
        """The parameter in float64. What may be infinite is `leaky`'s to say."""
        return parameter(getattr(self.node, key), key, self.shape, self.where)

    def leaky(self, tau: str, gain: str, rest: str | None = None) -> Integrator:
        """tau·dv/dt = rest - v + gain·x, with leak = dt/tau, which is at most 1: a longer step overshoots.

        An infinite tau with an infinite gain has no leak: v ← v + x. snnTorch writes beta = 1 like that, as a tau of
        dt/(1 - beta) and r of tau/dt.
        """
        taus, gains = (
            parameter(getattr(self.node, key), key, self.shape, self.where, infinite=True) for key in (tau, gain)
        )
        held = np.isposinf(taus) & np.isposinf(gains)
        if (np.isinf(taus) | np.isinf(gains))[~held].any():
            raise InputError(
                f"{self.where}: {tau} and {gain} must both be finite for a neuron, or both infinite, which means one "
                "without a leak, got one of each"
            )
        rests = np.zeros(self.shape) if rest is None else self[rest]
        if held.all():
            return Integrator(np.ones(self.shape))
        leak = np.where(held, 1.0, self._share(np.where(held, np.inf, taus), tau))
        return Integrator(np.where(held, 1.0, gains), leak, rests, held if held.any() else None)

    def integrating(self, r: str) -> Integrator:
        """dv/dt = r·x, read as `integration` says."""
        gain = self[r]
        if self.integration(r) == "euler":
            gain = gain * self.step.dt
            gain = np.where(is_one(gain), 1.0, gain)
        return Integrator(gain)

    def integration(self, key: str) -> Integration:
        """How the r of an IF or I is meant: as the time step says, or, where it says nothing, as r itself shows.

        r is 1 for all neurons: `per-step`. r is 1/dt for all: `euler`. Both within `WHOLE_STEP_TOLERANCE`. Anything
        else is refused, since then frameworks disagree.
        """
        if self.step.integration is not None:
            return self.step.integration
        r = self[key]
        if is_one(r).all():
            return "per-step"
        if is_one(r * self.step.dt).all():
            return "euler"
        found = f"{r.min():g}" if r.min() == r.max() else f"{r.min():g} to {r.max():g}"
        raise InputError(
            f"{self.where}: {key} must be 1 (v + r·x a step, as snnTorch, sinabs and norse mean it) or 1/dt = "
            f"{1 / self.step.dt:g} (v + dt·r·x, as NIR's equation and SpikingJelly do) to tell how it is meant, got "
            f"{found}; say it with integration, per-step or euler, or give the dt that it was written with"
        )

    def _share(self, taus: Parameter, key: str) -> Parameter:
        """dt/tau, at most 1."""
        dt = self.step.dt
        with np.errstate(over="ignore"):
            share = dt / taus
        share = np.where(is_one(share), 1.0, share)
        if (share > 1).any():
            # Nine digits: with fewer, the dt that is named could be too long again.
            shortest = f"{taus.min():.9g}"
            raise InputError(
                f"{self.where}: {key} must be at least dt, {dt:g} s, got {shortest} s somewhere, since an Euler step "
                f"longer than a time constant overshoots; pass a dt of at most {shortest} s. A file of norse's holds "
                "tau·dt, so it is read with the square of its dt: 1e-6 for 1e-3"
            )
        return share


@dataclass(frozen=True)
class NeuronKind:
    """A node with a state.

    `equation` is NIR's. `parameters` are the keys that hold one value a neuron; those that begin with tau are above 0.
    `step` makes the node's step of them. `integrated` is the key of an r that is read in two ways, if there is one.
    `has_current` says that a current of its own lies before the potential.
    """

    node: type[nir.NIRNode]
    equation: str
    parameters: tuple[str, ...]
    step: Callable[[Parameters], NeuronStep]
    integrated: str | None = None
    has_current: bool = False
    gives_spikes: bool = False

    rank = None
    """It takes any number of dimensions."""

    linear = False

    @property
    def spikes(self) -> bool:
        """Whether it gives spikes, and not its potential."""
        return self.gives_spikes or "v_threshold" in self.parameters

    def shape(self, node: nir.NIRNode, input_shape: Shape, step: TimeStep, where: str) -> Shape:
        """The shape that it gives. Raises InputError, beginning with `where`, where a parameter does not fit."""
        for key in self.parameters:
            given = getattr(node, key)
            parameter(given, key, input_shape, where, infinite=True)
            # Of what is given, not of what it stands for, which may be many times as large.
            if key.startswith("tau") and not np.all(np.asarray(given) > 0):
                raise InputError(f"{where}: {key} must be above 0, got {np.min(given):g} somewhere")
        return input_shape


@dataclass(frozen=True)
class PlainKind:
    """A node whose output is a function of its input, at the same step or, for a delay, at an earlier one.

    `read(node, input_shape, step, where)` gives its operation, and raises InputError, beginning with `where`, where
    the node does not fit such an input. `rank` is how many dimensions the input has; None where it may be any number.
    """

    node: type[nir.NIRNode]
    equation: str
    read: Callable[[Any, Shape, TimeStep, str], Operation]
    rank: int | None = None
    linear: bool = True
    spikes: bool = False

    def shape(self, node: nir.NIRNode, input_shape: Shape, step: TimeStep, where: str) -> Shape:
        """The shape that it gives. Raises InputError, beginning with `where`, where the node does not fit."""
        return output_shape(self.read(node, input_shape, step, where), input_shape, where)


Kind = NeuronKind | PlainKind


def is_one(values: Parameter) -> np.ndarray:
    """Where the values are 1 within `WHOLE_STEP_TOLERANCE`."""
    return np.abs(values - 1) <= WHOLE_STEP_TOLERANCE
