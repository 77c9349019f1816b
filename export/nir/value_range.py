"""How large the values of a graph can become: where they might leave the range of floating point.

A sum beyond that range is infinite, the difference of two such sums is no number, and a spike says nothing of it.
"""

import math

import nir
import numpy as np

from .graph import ResolvedGraph, ResolvedNode
from .neuron_step import ToValue
from .neurons import neuron_step
from .nodes.table import gives_spikes, has_state
from .operations import Convolution, Factor, Matrix, Pooling

LARGEST = float(np.finfo(np.float64).max)

STEPS_AND_ROUNDING = 1e18
"""How much further than in one step a value can go: what a neuron adds up over time, with much to spare."""


def overflowing(graph: ResolvedGraph, largest: float = LARGEST, largest_input: float = 1.0) -> frozenset[str]:
    """The nodes in which a value might come to more than `largest`, by name; for any input of up to `largest_input`.

    Raises InputError where a neuron cannot be read (`neuron_step`).
    """
    given = {resolved.name: float(gives_spikes(resolved.node)) for resolved in graph.nodes}
    inside = _insides(graph, given, largest_input)
    # What a cycle brings is known once it has gone round: as many times as it has nodes, or it grows without end.
    for _ in range(sum(map(len, graph.cycles))):
        known, inside = inside, _insides(graph, given, largest_input)
        if inside == known:
            break
    else:
        if graph.cycles:
            before = dict(given)
            inside = _insides(graph, given, largest_input)
            given |= {name: math.inf for name, value in given.items() if value != before[name]}
            inside = _insides(graph, given, largest_input)
    return frozenset(name for name, value in inside.items() if not value * STEPS_AND_ROUNDING < largest)


def _insides(graph: ResolvedGraph, given: dict[str, float], largest_input: float) -> dict[str, float]:
    """The largest magnitude within each node, for what its sources give; `given` is what each node gives, and kept."""
    inside: dict[str, float] = {}
    for resolved in graph.nodes:
        reads = sum(given[source] for source in (*resolved.sources, *resolved.delayed))
        with np.errstate(over="ignore", invalid="ignore"):
            bound = largest_input if isinstance(resolved.node, nir.Input) else _bound(resolved, reads, graph)
        # No value at all times one without end is none.
        inside[resolved.name] = math.inf if math.isnan(bound) else bound
        if not gives_spikes(resolved.node):
            given[resolved.name] = inside[resolved.name]
    return inside


def _bound(resolved: ResolvedNode, given: float, graph: ResolvedGraph) -> float:
    """The largest magnitude within the node in a step, for inputs of up to `given`."""
    where = f"{graph.name}: {resolved}"
    if has_state(resolved.node):
        step = neuron_step(resolved, graph.step, where)
        current = given if step.current is None else _largest(step.current.gain) * given
        reset = step.reset.value if isinstance(step.reset, ToValue) else step.reset.amount if step.reset else None
        moved = [value for value in (step.potential.rest, reset) if value is not None]
        return _largest(step.potential.gain) * current + sum(map(_largest, moved))
    match resolved.operation(graph.step, where):
        case Convolution(weight, bias):
            return _largest(np.abs(weight).sum((1, 2, 3)) * given + np.abs(bias))
        case Pooling(kernel, averages=False):
            return math.prod(kernel) * given
        case Matrix(weight, bias):
            return _largest(np.abs(weight).sum(1) * given + np.abs(bias))
        case Factor(factor):
            return _largest(factor) * given
        case _:
            return given


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())
