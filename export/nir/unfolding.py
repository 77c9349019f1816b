"""Graphs within graphs, unfolded into one flat graph.

A nested graph's own Input and Output only mark its border. They fall away, and their neighbours inside meet the
neighbours outside: a → [input → b → output] → c becomes a → b → c. A node within takes the name `outer.inner`.
"""

from collections import Counter

import nir

from ..errors import InputError

Edge = tuple[str, str]
"""(source, target)"""

MOST_NODES, MOST_EDGES = 2**12, 2**14
"""How many nodes and edges a graph may have once it is unfolded; graphs within it count as nodes too."""

DEEPEST = 64
"""How many graphs may lie within each other."""


def unfolded(graph: nir.NIRGraph, name: str, prefix: str = "") -> tuple[dict[str, nir.NIRNode], list[Edge]]:
    """The nodes by name and the edges, with every graph within the graph replaced by its nodes.

    `name` stands in the errors. Raises InputError for an edge that is there twice or names no node, for two nodes of
    one name, for a graph within that has not one input and one output, leads straight from one to the other, or leads
    into its input or on from its output, and for more nodes, edges and graphs within each other than are allowed.
    """
    if not prefix:
        _check_size(graph, name)
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[Edge] = []
    entries: dict[str, list[str]] = {}
    exits: dict[str, list[str]] = {}
    for node_name, node in graph.nodes.items():
        full = f"{prefix}{node_name}"
        if not isinstance(node, nir.NIRGraph):
            if full in nodes:
                raise InputError(f"{name}: two nodes are called {full!r} once the graphs within it are unfolded")
            nodes[full] = node
            entries[full] = exits[full] = [full]
            continue
        inner_nodes, inner_edges = unfolded(node, name, f"{full}.")
        border = _border(full, inner_nodes, inner_edges, name)
        entries[full] = [target for source, target in inner_edges if source == border[0]]
        exits[full] = [source for source, target in inner_edges if target == border[1]]
        inner_nodes = {key: inner for key, inner in inner_nodes.items() if key not in border}
        taken = nodes.keys() & inner_nodes.keys()
        if taken:
            raise InputError(
                f"{name}: two nodes are called {min(taken)!r} once the graph {full!r} within it is unfolded"
            )
        nodes |= inner_nodes
        edges += [edge for edge in inner_edges if not set(edge) & set(border)]
    for source, target in graph.edges:
        for end in (source, target):
            if end not in graph.nodes:
                raise InputError(f"{name}: the edge {source!r} → {target!r} names {prefix}{end!r}, which is not a node")
        starts, ends = exits[f"{prefix}{source}"], entries[f"{prefix}{target}"]
        # Where graphs meet, one edge becomes as many as their borders have neighbours, times each other.
        if len(edges) + len(starts) * len(ends) > MOST_EDGES:
            raise InputError(f"{name}: must have at most {MOST_EDGES} edges once it is unfolded, got more")
        edges += [(start, end) for start in starts for end in ends]
    doubled = [edge for edge, count in Counter(edges).items() if count > 1]
    if doubled:
        source, target = doubled[0]
        raise InputError(f"{name}: the edge {source!r} → {target!r} is there more than once")
    return nodes, edges


def _check_size(graph: nir.NIRGraph, name: str) -> None:
    """Raises InputError for too many nodes, where a graph that stands in several places counts in each."""
    found = 0
    waiting = [(graph, 1)]
    while waiting:
        within, depth = waiting.pop()
        if depth > DEEPEST:
            raise InputError(f"{name}: graphs must lie at most {DEEPEST} deep within each other, got deeper ones")
        found += len(within.nodes)
        if found > MOST_NODES:
            raise InputError(f"{name}: must have at most {MOST_NODES} nodes once it is unfolded, got more")
        waiting += [(node, depth + 1) for node in within.nodes.values() if isinstance(node, nir.NIRGraph)]


def _border(full: str, nodes: dict[str, nir.NIRNode], edges: list[Edge], name: str) -> tuple[str, str]:
    """The input and the output of the graph `full` within the graph, by name."""
    where = f"{name}: the graph within it {full!r}"
    inputs = [key for key, node in nodes.items() if isinstance(node, nir.Input)]
    outputs = [key for key, node in nodes.items() if isinstance(node, nir.Output)]
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"{where} must have one input and one output, got {len(inputs)} and {len(outputs)}")
    border = inputs[0], outputs[0]
    for source, target in edges:
        if (source, target) == border:
            raise InputError(f"{name}: in the graph within it {full!r} the input leads straight to the output")
        if target == border[0] or source == border[1]:
            raise InputError(
                f"{where} has the edge {source!r} → {target!r}; nothing may lead into its input or on from its output"
            )
    return border
