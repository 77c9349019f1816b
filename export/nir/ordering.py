"""The order in which a graph's nodes are computed, and which edges of its cycles have a delay.

Within a time step an edge has no delay, so a cycle needs an edge that has one. Where a Delay of at least one step
stands in the cycle, it is there. Otherwise NIR does not say where; the rule here is that of snnTorch's RLeaky and
RSynaptic, which hear their own spikes one step later. A cycle passes through one node that gives spikes (a neuron, or a
Threshold), and each edge from that node into its own cycle has a delay of one step:

    what the edge brings at step t = the spikes of step t - 1, and 0 at the first step of a sample.

So the bias of a recurrent Affine acts from the first step on. (nirtorch delays what the recurrent node gives instead:
there the bias is missing at the first step.) The node's edges out of its cycle have no delay. A cycle without such a
node may pass through one integrator (LI, I, CubaLI), as NIRTorch writes it: then the delay is on the integrator's
edges into the cycle, which bring its values. A cycle without either has no place for the delay, and one through two of
them has a choice of places: both are refused.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import nir
import numpy as np

from ..errors import InputError
from .geometry import real
from .nodes.kind import NeuronKind
from .nodes.table import NODES, gives_spikes, has_state, type_name
from .unfolding import Edge

_SPIKING = ", ".join(node.__name__ for node, kind in NODES.items() if kind.spikes)
_INTEGRATING = ", ".join(
    node.__name__ for node, kind in NODES.items() if isinstance(kind, NeuronKind) and not kind.spikes
)
_ALLOWED = (
    f"a cycle must pass through exactly one node that gives spikes ({_SPIKING}) or, where there is none, one "
    f"integrator ({_INTEGRATING}), and otherwise through linear nodes, or through a Delay of at least one time step"
)


class Order(NamedTuple):
    """Every node after all it reads without a delay, the edges with a delay of one step, and the cycles.

    The nodes of a cycle follow one another without a gap. What leads into a Delay that a cycle needs has one step of
    its delay, so that such a Delay stands before what it reads.
    """

    nodes: tuple[str, ...]
    delayed: frozenset[Edge]
    cycles: tuple[tuple[str, ...], ...]


def ordered(nodes: Mapping[str, nir.NIRNode], edges: Collection[Edge], name: str) -> Order:
    """The order; as in the file where the edges leave a choice.

    `name` stands in the errors. Raises InputError, naming the nodes, for a cycle that is not allowed.
    """
    leader = {node: node for node in nodes}
    inner: dict[str, list[str]] = {}
    delayed: set[Edge] = set()
    for cycle, own in _with_edges(_cycles(nodes, edges), edges):
        # A Delay's steps are the place for the delay, if it has any.
        delays = {node for node in cycle if _is_whole_delay(nodes[node])}
        delayed |= {edge for edge in edges if edge[1] in delays}
        left = [edge for edge in own if edge[1] not in delays]
        for smaller, within in _with_edges(_cycles(cycle, left), left):
            place = _place_of_delay(smaller, nodes, name)
            delayed |= {edge for edge in within if edge[0] == place}
            rest = [edge for edge in within if edge[0] != place]
            for remaining in _cycles(smaller, rest):
                raise InputError(f"{name}: {_named(remaining, nodes)} form a cycle without a delay; {_ALLOWED}")
        inner[cycle[0]] = _sorted(cycle, [edge for edge in own if edge not in delayed])
        leader |= dict.fromkeys(cycle, cycle[0])
    between = [(leader[source], leader[target]) for source, target in edges if leader[source] != leader[target]]
    leaders = _sorted(dict.fromkeys(leader.values()), dict.fromkeys(between))
    order = tuple(node for one in leaders for node in inner.get(one, [one]))
    return Order(order, frozenset(delayed), tuple(tuple(inner[one]) for one in leaders if one in inner))


def _with_edges(cycles: Sequence[list[str]], edges: Collection[Edge]) -> list[tuple[list[str], list[Edge]]]:
    """Each cycle with the edges between its nodes."""
    number = {node: index for index, cycle in enumerate(cycles) for node in cycle}
    within: list[list[Edge]] = [[] for _ in cycles]
    for source, target in edges:
        if source in number and number[source] == number.get(target):
            within[number[source]].append((source, target))
    return list(zip(cycles, within, strict=True))


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


def _is_whole_delay(node: nir.NIRNode) -> bool:
    """Whether it delays everything by some time."""
    return isinstance(node, nir.Delay) and bool((real(node.delay, "delay", "a Delay") > 0).all())


def _place_of_delay(cycle: list[str], nodes: Mapping[str, nir.NIRNode], name: str) -> str:
    """The one node among these, each of which leads to each, whose edges to the others have a delay."""
    refused = [node for node in cycle if isinstance(nodes[node], nir.Input | nir.Output)]
    if refused:
        raise InputError(
            f"{name}: {_named(cycle, nodes)} form a cycle through {_named(refused[:1], nodes)}; {_ALLOWED}"
        )
    spiking = [node for node in cycle if gives_spikes(nodes[node])]
    found = spiking or [node for node in cycle if has_state(nodes[node])]
    if len(found) != 1:
        which = "nodes that give spikes" if spiking else "integrators"
        through = f"through {len(found)} {which}" if found else "without either of those"
        raise InputError(f"{name}: {_named(cycle, nodes)} form a cycle {through}; {_ALLOWED}")
    return found[0]


def _named(names: Iterable[str], nodes: Mapping[str, nir.NIRNode]) -> str:
    return ", ".join(f"{node!r} ({type_name(nodes[node])})" for node in names)


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
