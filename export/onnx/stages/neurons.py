"""One time step of a neuron as ONNX operators: the lines of `neuron_step`, each computed in the order written there."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ...nir.neuron_step import Integrator, NeuronStep, Parameter, Subtraction, ToValue
from ..model import OnnxNodes
from .operations import compact


class NeuronState(NamedTuple):
    """A state: the name that it has before the step, the one that it has after it, and its values at rest."""

    before: str
    after: str
    start: Parameter


class NeuronAnswer(NamedTuple):
    """What the step gives: spikes as truth values, or v; and the states, v as the last of them."""

    gives: str
    states: tuple[NeuronState, ...]


def neuron_nodes(nodes: OnnxNodes, parts: NeuronStep, x: str) -> NeuronAnswer:
    """Append a step of the neurons for x [sample, *shape]. The states before the step have names of this prefix."""
    v, i = (f"{nodes.prefix}{name}" for name in ("v", "i"))
    states: list[NeuronState] = []
    if parts.current is not None:
        x = _integrated(nodes, parts.current, i, x, "i", ("w_in", "i_leak", "dt_over_tau_syn"))
        states.append(NeuronState(i, x, parts.current.start))
    moved = _integrated(nodes, parts.potential, v, x, "v", ("r", "v_leak", "dt_over_tau"))
    start = parts.potential.start
    if parts.threshold is None:
        # A state and an output are two values.
        return NeuronAnswer(nodes.add("Identity", [moved], "v_out"), (*states, NeuronState(v, moved, start)))
    threshold = nodes.constant("v_threshold", compact(parts.threshold))
    match parts.reset:
        case ToValue(value):
            spike = nodes.add("Greater", [moved, threshold], "spike")
            after = nodes.add("Where", [spike, nodes.constant("v_reset", compact(value)), moved], "v_after")
        case Subtraction(amount, at_once):
            zero, subtracted = nodes.constant("nothing", np.array(0.0)), nodes.constant("subtracted", compact(amount))
            was_above = nodes.add("Greater", [v, threshold], "was_above")
            owed = nodes.add("Where", [was_above, subtracted, zero], "owed")
            after = nodes.add("Sub", [moved, owed], "v_left")
            spike = nodes.add("Greater", [after, threshold], "spike")
            if at_once:
                paid = nodes.add("Where", [spike, subtracted, zero], "paid")
                after = nodes.add("Sub", [moved, paid], "v_after")
        case None:
            raise AssertionError("neurons with a threshold have a reset")
    return NeuronAnswer(spike, (*states, NeuronState(v, after, start)))


def _integrated(nodes: OnnxNodes, line: Integrator, v: str, x: str, part: str, names: tuple[str, str, str]) -> str:
    """The line's step; returns the name of the new v."""
    gain, rest, leak = names

    def constant(name: str, value: Float[np.ndarray, "..."]) -> str:
        return nodes.constant(name, compact(value))

    drive = nodes.add("Mul", [constant(gain, line.gain), x], f"{gain}_times_input")
    if line.leak is None or line.rest is None:
        return nodes.add("Add", [v, drive], f"{part}_new")
    distance = nodes.add("Sub", [constant(rest, line.rest), v], f"{part}_distance")
    if line.held is not None:
        pulled = constant(f"{part}_pulled", (~line.held).astype(np.float64))
        distance = nodes.add("Mul", [pulled, distance], f"{part}_kept_distance")
    pull = nodes.add("Add", [distance, drive], f"{part}_pull")
    change = nodes.add("Mul", [constant(leak, line.leak), pull], f"{part}_change")
    return nodes.add("Add", [v, change], f"{part}_new")
