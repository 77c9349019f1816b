"""How large the values of a graph can become: where they might leave the range of floating point.

A sum beyond that range is infinite, the difference of two such sums is no number, and a spike says nothing of it.
"""

import math

import nir
import numpy as np

from .graph import PlacedGraph, PlacedNode
from .neuron_step import ToValue
from .neurons import neuron_step
from .nodes.table import gives_spikes, has_state
from .operations import Convolution, Factor, Matrix, Pooling

LARGEST = float(np.finfo(np.float64).max)

STEPS_AND_ROUNDING = 1e18
"""How much further than in one step a value can go: what a neuron adds up over time, with much to spare."""


def overflowing(graph: PlacedGraph, largest: float = LARGEST, largest_input: float = 1.0) -> frozenset[str]:
    """The nodes in which a value might come to more than `largest`, by name; for any input of up to `largest_input`.

    Raises InputError where a neuron cannot be read (`neuron_step`).
    """
    given = {placed.name: float(gives_spikes(placed.node)) for placed in graph.nodes}
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


def _insides(graph: PlacedGraph, given: dict[str, float], largest_input: float) -> dict[str, float]:
    """The largest magnitude within each node, for what its sources give; `given` is what each node gives, and kept."""
    inside: dict[str, float] = {}
    for placed in graph.nodes:
        reads = sum(given[source] for source in (*placed.sources, *placed.delayed))
        with np.errstate(over="ignore", invalid="ignore"):
            bound = largest_input if isinstance(placed.node, nir.Input) else _bound(placed, reads, graph)
        # No value at all times one without end is none.
        inside[placed.name] = math.inf if math.isnan(bound) else bound
        if not gives_spikes(placed.node):
            given[placed.name] = inside[placed.name]
    return inside


def _bound(placed: PlacedNode, given: float, graph: PlacedGraph) -> float:
    """The largest magnitude within the node in a step, for inputs of up to `given`."""
    where = f"{graph.name}: {placed}"
    if has_state(placed.node):
        step = neuron_step(placed, graph.step, where)
        current = given if step.current is None else _largest(step.current.gain) * given
        reset = step.reset.value if isinstance(step.reset, ToValue) else step.reset.amount if step.reset else None
        moved = [value for value in (step.potential.rest, reset) if value is not None]
        return _largest(step.potential.gain) * current + sum(map(_largest, moved))
    match placed.operation(graph.step, where):
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
