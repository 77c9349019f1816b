"""What a neuron node of NIR does in one time step: the one place that reads its parameters and its equation.

NIR's neurons are differential equations, read with one Euler step of dt:

    IF       v ← v + gain·x                                      spike = v > threshold, then v ← reset
    LIF      v ← v + leak·(rest - v + gain·x)                    likewise
    CubaLIF  i ← i + fade·(w_in·x - i), then the LIF's line with i for x
    I        v ← v + gain·x                                      gives v
    LI       v ← v + leak·(rest - v + gain·x)                    gives v

with leak = dt/tau (dt/tau_mem), fade = dt/tau_syn, rest = v_leak, threshold = v_threshold, reset = v_reset; gain is r,
and for IF and I dt·r or r (`integration_of`). The comparison is strict. A sample starts at rest: v at v_leak, or at 0
where there is none, and i at 0. This is the convention of norse and of snnTorch's exporter, and that of sinabs but for
its "at or above the threshold".

A step longer than its time constant overshoots, and one of twice that or more diverges, so dt/tau is 1 at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import nir
import numpy as np
from jaxtyping import Float

from .errors import InputError
from .geometry import parameter
from .graph import PlacedGraph, PlacedNode
from .time_step import Integration, TimeStep

NEURONS = (nir.IF, nir.LIF, nir.CubaLIF, nir.LI, nir.I)
"""The nodes with a state."""

INTEGRATORS = (nir.IF, nir.I)
"""The neurons without a leak, whose r is written in two ways."""

WHOLE_STEP_TOLERANCE = 1e-6
"""How far dt/tau, r or dt·r may lie from 1 that it is taken for 1: the files hold them in float32."""

Parameter = Float[np.ndarray, "*shape"]


@dataclass(frozen=True, eq=False)
class NeuronStep:
    """The numbers in the lines above, one for each neuron of the node; None where its kind has none."""

    gain: Parameter
    leak: Parameter | None = None
    rest: Parameter | None = None
    fade: Parameter | None = None
    w_in: Parameter | None = None
    threshold: Parameter | None = None
    reset: Parameter | None = None


def neuron_step(placed: PlacedNode, step: TimeStep, where: str) -> NeuronStep:
    """The node's step, in float64.

    Raises InputError, beginning with `where`, for a node that is no neuron, a step that is longer than a time constant,
    an r that `integration_of` cannot read, and numbers that leave the range of floating point.
    """
    node = placed.node

    def value(key: str) -> Parameter:
        return parameter(getattr(node, key), key, placed.input_shape, where)

    def share(key: str) -> Parameter:
        return _share(value(key), key, step.dt, where)

    def spiking() -> dict[str, Parameter]:
        return {"threshold": value("v_threshold"), "reset": value("v_reset")}

    match node:
        case nir.IF():
            return NeuronStep(_gain(placed, step, where), **spiking())
        case nir.I():
            return NeuronStep(_gain(placed, step, where))
        case nir.LIF():
            return NeuronStep(value("r"), share("tau"), value("v_leak"), **spiking())
        case nir.LI():
            return NeuronStep(value("r"), share("tau"), value("v_leak"))
        case nir.CubaLIF():
            leak, fade = share("tau_mem"), share("tau_syn")
            return NeuronStep(value("r"), leak, value("v_leak"), fade, value("w_in"), **spiking())
        case _:
            raise InputError(f"{where}: has no state")


def integration_of(placed: PlacedNode, step: TimeStep, where: str) -> Integration:
    """How the r of an IF or I is meant: as `step` says, or, where it says nothing, as the node's own r shows.

    r is 1 for all neurons: `per-step`. r is 1/dt for all: `euler`. Both within `WHOLE_STEP_TOLERANCE`. Raises
    InputError, beginning with `where`, where r is anything else, since then frameworks disagree.
    """
    if step.integration is not None:
        return step.integration
    r = parameter(placed.node.r, "r", placed.input_shape, where)  # type: ignore[attr-defined]
    if _is_one(r).all():
        return "per-step"
    if _is_one(r * step.dt).all():
        return "euler"
    found = f"{r.min():g}" if r.min() == r.max() else f"{r.min():g} to {r.max():g}"
    raise InputError(
        f"{where}: r is {found}, where 1 (v + r·x a step, as snnTorch, sinabs and norse mean it) or 1/dt = "
        f"{1 / step.dt:g} (v + dt·r·x, as NIR's equation and SpikingJelly do) would tell how it is meant; say it with "
        "integration, on the command line --if per-step or --if euler, or give the dt that it was written with"
    )


def integrations(graph: PlacedGraph) -> Mapping[str, Integration]:
    """How each IF and I of the graph is read, by the node's name. Raises as `integration_of` does."""
    return {
        placed.name: integration_of(placed, graph.step, f"{graph.name}: {placed}")
        for placed in graph.nodes
        if isinstance(placed.node, INTEGRATORS)
    }


def decided_step(graph: PlacedGraph) -> TimeStep:
    """The graph's time step with what was decided for its IF and I, where that is the same for all of them."""
    decided = set(integrations(graph).values())
    return TimeStep(graph.step.dt, decided.pop() if len(decided) == 1 else None)


def _gain(placed: PlacedNode, step: TimeStep, where: str) -> Parameter:
    r = parameter(placed.node.r, "r", placed.input_shape, where)  # type: ignore[attr-defined]
    if integration_of(placed, step, where) == "per-step":
        return r
    gain = r * step.dt
    return np.where(_is_one(gain), 1.0, gain)


def _share(tau: Parameter, key: str, dt: float, where: str) -> Parameter:
    """dt/tau, at most 1."""
    with np.errstate(over="ignore"):
        share = dt / tau
    share = np.where(_is_one(share), 1.0, share)
    if (share > 1).any():
        # Nine digits: with fewer, the dt that is named could be too long again.
        shortest = f"{tau.min():.9g}"
        raise InputError(
            f"{where}: {key} is {shortest} s somewhere and dt {dt:g} s, but an Euler step longer than a time "
            f"constant overshoots; pass a dt of at most {shortest} s (--dt {shortest}). A file of norse's holds "
            "tau·dt, so it is read with the square of its dt: --dt 1e-6 for 1e-3"
        )
    return share


def _is_one(values: Parameter) -> np.ndarray:
    return np.abs(values - 1) <= WHOLE_STEP_TOLERANCE
