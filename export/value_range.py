"""How large the values of a graph can become: where they might leave the range of floating point.

A sum beyond that range is infinite, the difference of two such sums is no number, and a spike says nothing of it.
"""

import math

import nir
import numpy as np

from .geometry import convolution, matrix, parameter, pooling
from .graph import SPIKING, PlacedGraph, PlacedNode
from .neurons import neuron_step

LARGEST = float(np.finfo(np.float64).max)

STEPS_AND_ROUNDING = 1e18
"""How much further than in one step a value can go: what a neuron adds up over time, with much to spare."""


def overflowing(graph: PlacedGraph, largest: float = LARGEST) -> frozenset[str]:
    """The nodes in which a value might come to more than `largest`, by name; for any input of 0 and 1.

    Raises InputError where a neuron cannot be read (`neuron_step`).
    """
    bounds: dict[str, float] = {}
    found: set[str] = set()
    for placed in graph.nodes:
        # A delayed source is a group of neurons, which gives 0 or 1.
        given = sum(bounds[source] for source in placed.sources) + len(placed.delayed)
        with np.errstate(over="ignore"):
            inside = _bound(placed, given, graph)
        if not inside * STEPS_AND_ROUNDING < largest:
            found.add(placed.name)
        bounds[placed.name] = 1.0 if isinstance(placed.node, SPIKING) else inside
    return frozenset(found)


def _bound(placed: PlacedNode, given: float, graph: PlacedGraph) -> float:
    """The largest magnitude within the node in a step, for inputs of up to `given`."""
    node, where = placed.node, f"{graph.name}: {placed}"
    match node:
        case nir.Input():
            return 1.0
        case nir.Conv1d() | nir.Conv2d():
            conv = convolution(node, placed.input_shape, where)
            return _largest(np.abs(conv.weight).sum((1, 2, 3)) * given + np.abs(conv.bias))
        case nir.SumPool2d():
            return math.prod(pooling(node, placed.input_shape, where).kernel) * given
        case nir.Linear() | nir.Affine():
            weight, bias = matrix(node, where)
            return _largest(np.abs(weight).sum(1) * given + np.abs(bias))
        case nir.Scale():
            return _largest(parameter(node.scale, "scale", placed.input_shape, where)) * given
        case nir.IF() | nir.LIF() | nir.CubaLIF() | nir.I() | nir.LI():
            step = neuron_step(placed, graph.step, where)
            current = given if step.w_in is None else _largest(step.w_in) * given
            return _largest(step.gain) * current + sum(
                _largest(value) for value in (step.rest, step.reset) if value is not None
            )
        case _:
            return given


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())
