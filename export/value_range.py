"""How large the values of a graph can become: where they might leave the range of floating point.

A sum beyond that range is infinite, the difference of two such sums is no number, and a spike says nothing of it.
"""

import math

import nir
import numpy as np

from .graph import PlacedGraph, PlacedNode
from .neuron_step import ToValue
from .neurons import neuron_step
from .node_table import gives_spikes, has_state
from .operations import Convolution, Factor, Matrix, Pooling

LARGEST = float(np.finfo(np.float64).max)

STEPS_AND_ROUNDING = 1e18
"""How much further than in one step a value can go: what a neuron adds up over time, with much to spare."""


def overflowing(graph: PlacedGraph, largest: float = LARGEST, largest_input: float = 1.0) -> frozenset[str]:
    """The nodes in which a value might come to more than `largest`, by name; for any input of up to `largest_input`.

    Raises InputError where a neuron cannot be read (`neuron_step`).
    """
    bounds: dict[str, float] = {}
    by_name = {placed.name: placed for placed in graph.nodes}
    found: set[str] = set()
    for placed in graph.nodes:
        # What a cycle brings is spikes, or values without a bound.
        given = sum(bounds[source] for source in placed.sources)
        given += sum(1.0 if gives_spikes(by_name[source].node) else math.inf for source in placed.delayed)
        with np.errstate(over="ignore"):
            inside = largest_input if isinstance(placed.node, nir.Input) else _bound(placed, given, graph)
        if not inside * STEPS_AND_ROUNDING < largest:
            found.add(placed.name)
        bounds[placed.name] = 1.0 if gives_spikes(placed.node) else inside
    return frozenset(found)


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
