"""The order in which a graph's nodes are computed, and which edges of its cycles have a delay.

Within a time step an edge has no delay, so a cycle needs an edge that has one. NIR does not say which; the rule here is
that of snnTorch's RLeaky and RSynaptic, which hear their own spikes one step later. A cycle passes through one group
of spiking neurons, and each edge from that group into its own cycle has a delay of one step:

    what the edge brings at step t = the group's spikes of step t - 1, and 0 at the first step of a sample.

So the bias of a recurrent Affine acts from the first step on. (nirtorch delays what the recurrent node gives instead:
there the bias is missing at the first step.) The group's edges to nodes outside its cycle have no delay. A cycle
without such neurons has no place for the delay, and one through two groups has a choice of places: both are refused,
and so are cycles through LI and I, whose values are no spikes, and through Threshold.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import nir
import numpy as np

from .errors import InputError
from .unfolding import Edge

NEURONS = (nir.IF, nir.LIF, nir.CubaLIF)
"""The groups of spiking neurons: what a cycle may pass through once."""

_REFUSED = (nir.LI, nir.I, nir.Threshold, nir.Input, nir.Output)
"""The nodes that have no place in a cycle at all."""

_ALLOWED = (
    "a cycle must pass through exactly one group of spiking neurons "
    f"({', '.join(kind.__name__ for kind in NEURONS)}) and otherwise through linear nodes only"
)


class Order(NamedTuple):
    """Every node after all it reads without a delay, and the edges with a delay of one step.

    The nodes of a cycle follow one another without a gap, and its neurons are the last of them.
    """

    nodes: tuple[str, ...]
    delayed: frozenset[Edge]


def ordered(nodes: Mapping[str, nir.NIRNode], edges: Collection[Edge], name: str) -> Order:
    """The order; as in the file where the edges leave a choice.

    `name` stands in the errors. Raises InputError, naming the nodes, for a cycle that is not allowed.
    """
    leader = {node: node for node in nodes}
    inner: dict[str, list[str]] = {}
    delayed: set[Edge] = set()
    cycles = _cycles(nodes, edges)
    number = {node: index for index, cycle in enumerate(cycles) for node in cycle}
    within: list[list[Edge]] = [[] for _ in cycles]
    for source, target in edges:
        if source in number and number[source] == number.get(target):
            within[number[source]].append((source, target))
    for cycle, own in zip(cycles, within, strict=True):
        neuron = _neuron(cycle, nodes, name)
        delayed |= {edge for edge in own if edge[0] == neuron}
        undelayed = [edge for edge in own if edge[0] != neuron]
        for left in _cycles(cycle, undelayed):
            raise InputError(f"{name}: {_named(left, nodes)} form a cycle without neurons; {_ALLOWED}")
        inner[neuron] = _sorted(cycle, undelayed)
        leader |= dict.fromkeys(cycle, neuron)
    between = [(leader[source], leader[target]) for source, target in edges if leader[source] != leader[target]]
    leaders = _sorted(dict.fromkeys(leader.values()), dict.fromkeys(between))
    return Order(tuple(node for one in leaders for node in inner.get(one, [one])), frozenset(delayed))


def reached(start: str, following: Mapping[str, Sequence[str]]) -> set[str]:
    """What at least one edge leads to from the start; the start itself only if it stands in a cycle."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for target in following[waiting.pop()]:
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _neuron(cycle: list[str], nodes: Mapping[str, nir.NIRNode], name: str) -> str:
    """The one group of spiking neurons among these nodes, each of which leads to each."""
    refused = [node for node in cycle if isinstance(nodes[node], _REFUSED)]
    if refused:
        raise InputError(
            f"{name}: {_named(cycle, nodes)} form a cycle through {_named(refused[:1], nodes)}; {_ALLOWED}"
        )
    neurons = [node for node in cycle if isinstance(nodes[node], NEURONS)]
    if len(neurons) != 1:
        found = f"through {len(neurons)} groups of neurons" if neurons else "without neurons"
        raise InputError(f"{name}: {_named(cycle, nodes)} form a cycle {found}; {_ALLOWED}")
    return neurons[0]


def _named(names: Iterable[str], nodes: Mapping[str, nir.NIRNode]) -> str:
    return ", ".join(f"{node!r} ({type(nodes[node]).__name__})" for node in names)


def _sorted(names: Collection[str], edges: Iterable[Edge]) -> list[str]:
    """The names, each after all those with an edge to it; without those that a cycle holds back."""
    waiting = dict.fromkeys(names, 0)
    following: dict[str, list[str]] = {node: [] for node in names}
    for source, target in edges:
        if source in waiting and target in waiting:
            waiting[target] += 1
            following[source].append(target)
    ready = [node for node, count in waiting.items() if count == 0]
    for node in ready:
        for target in following[node]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return ready


def _cycles(names: Collection[str], edges: Collection[Edge]) -> list[list[str]]:
    """The strongly connected sets of names (each leads to each, itself included), in the names' order."""
    held = set(names) - set(_sorted(names, edges))
    if not held:
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = {node: index for index, node in enumerate(node for node in names if node in held)}
    inner = [(number[source], number[target]) for source, target in edges if {source, target} <= held]
    rows, columns = zip(*inner, strict=True)
    matrix = coo_array((np.ones(len(inner)), (rows, columns)), shape=(len(number), len(number)))
    _, labels = connected_components(matrix, connection="strong")
    found: dict[int, list[str]] = {}
    for node, index in number.items():
        found.setdefault(int(labels[index]), []).append(node)
    # Where nothing leads back, a node alone only stands behind a cycle.
    to_themselves = {source for source, target in edges if source == target}
    return [nodes for nodes in found.values() if len(nodes) > 1 or nodes[0] in to_themselves]
