"""A NIR graph in the order in which it is computed, with every shape known.

NIR keeps nodes in a dictionary and edges in a list, lets shapes out where a framework does not know them, and allows
graphs within graphs. Whatever runs or lowers a graph needs it flat, in order, and whole:

    read_nir(path)  →  place(graph)  →  PlacedGraph

Several edges into one node add up; within a time step an edge has no delay.
"""

import io
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import nir
import numpy as np
from nir.serialization import hdf2dict

from .errors import InputError
from .geometry import Shape, input_rank, output_shape, whole_numbers

LINEAR = (
    nir.Conv1d,
    nir.Conv2d,
    nir.Linear,
    nir.Affine,
    nir.Scale,
    nir.Flatten,
    nir.SumPool2d,
    nir.AvgPool2d,
)
"""The nodes that are linear but for a bias, and have no state."""

SPIKING = (nir.IF, nir.LIF, nir.CubaLIF, nir.Threshold)
"""The nodes whose output is 0 or 1."""

NODES = (nir.Input, nir.Output, *LINEAR, *SPIKING, nir.LI, nir.I)
"""The nodes whose meaning spiq knows."""


class PlacedNode(NamedTuple):
    """A node, where its input comes from, and its shapes without time and sample."""

    name: str
    node: nir.NIRNode
    sources: tuple[str, ...]
    input_shape: Shape
    output_shape: Shape

    def __str__(self) -> str:
        return f"node {self.name!r} ({type(self.node).__name__})"


class PlacedGraph(NamedTuple):
    """Nodes in the order of computation: the input first, the output last, each after all its sources."""

    name: str
    nodes: tuple[PlacedNode, ...]

    @property
    def input_shape(self) -> Shape:
        return self.nodes[0].output_shape

    @property
    def output_shape(self) -> Shape:
        return self.nodes[-1].output_shape

    @property
    def is_chain(self) -> bool:
        """Whether every node feeds just the next one."""
        return all(node.sources == (before.name,) for before, node in zip(self.nodes, self.nodes[1:], strict=False))

    @property
    def last(self) -> PlacedNode:
        """The node whose values reach the output: nodes that only pass on are looked through."""
        by_name = {placed.name: placed for placed in self.nodes}
        placed = self.nodes[-1]
        while isinstance(placed.node, nir.Output | nir.Flatten) and len(placed.sources) == 1:
            placed = by_name[placed.sources[0]]
        return placed

    @property
    def ends_in_spikes(self) -> bool:
        """Whether what reaches the output is the spikes of one neuron group."""
        return isinstance(self.last.node, (*SPIKING, nir.Input))


def read_nir(path: Path | str) -> nir.NIRGraph:
    """The graph in a NIR file, as its writer left it: shapes may be missing, `place` finds them.

    Raises InputError where the file is missing, is not HDF5, or is not a NIR graph of known nodes.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; a NIR graph (.nir, HDF5) is needed")
    if not h5py.is_hdf5(path):
        raise InputError(f"{path}: not an HDF5 file, so not a NIR graph")
    try:
        with h5py.File(path, "r") as file:
            stored = hdf2dict(file["node"])
        graph = nir.dict2NIRNode(_completed(stored))
    except AssertionError as error:
        unknown = _unknown_types(path)
        if unknown:
            name, kind = unknown[0]
            known = ", ".join(node.__name__ for node in NODES)
            raise InputError(f"{path}: node {name!r} is of the unknown type {kind!r}; known are {known}") from error
        raise InputError(f"{path}: not a well-formed NIR graph: {error}") from error
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise InputError(f"{path}: not a well-formed NIR graph: {type(error).__name__}: {error}") from error
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"{path}: holds a single {type(graph).__name__} node; a NIRGraph is needed")
    return graph


def write_nir(path: Path | str, graph: nir.NIRGraph) -> None:
    """Write the graph so that the same graph gives the same bytes."""
    # HDF5 that meets a full disk can end the process; what is made in memory fails as any other file does.
    content = io.BytesIO()
    nir.write(content, graph)  # type: ignore[arg-type]
    Path(path).write_bytes(content.getvalue())


def place(graph: nir.NIRGraph, name: str = "graph") -> PlacedGraph:
    """Order the graph's nodes and find every shape.

    `name` stands in the errors (a file's path, say). Raises InputError, naming the node, for an edge to nowhere, a
    cycle, a node of no known meaning, more or fewer than one input and one output, a node that the input does not
    reach, and a shape or a parameter that does not fit.
    """
    nodes, edges = _flattened(graph, name)
    for node_name, node in nodes.items():
        if not isinstance(node, NODES):
            known = ", ".join(kind.__name__ for kind in NODES)
            raise InputError(
                f"{name}: node {node_name!r} is a {type(node).__name__}, which is not supported; supported are {known}"
            )
    for kind in (nir.Input, nir.Output):
        found = [node_name for node_name, node in nodes.items() if isinstance(node, kind)]
        if len(found) != 1:
            listed = f" ({', '.join(map(repr, found))})" if found else ""
            raise InputError(f"{name}: {len(found)} {kind.__name__} nodes{listed}; there must be exactly one")
    placed: dict[str, PlacedNode] = {}
    for node_name in _ordered(nodes, edges, name):
        sources = tuple(source for source, target in edges if target == node_name)
        node = nodes[node_name]
        if isinstance(node, nir.Input):
            readers = [nodes[target] for source, target in edges if source == node_name]
            shape = _input_shape(node_name, node, readers, name)
            placed[node_name] = PlacedNode(node_name, node, (), shape, shape)
            continue
        if not sources:
            raise InputError(
                f"{name}: node {node_name!r} has no input; every node must be reached from the graph's input"
            )
        shapes = {placed[source].output_shape for source in sources}
        if len(shapes) > 1:
            listed = ", ".join(f"{source!r} {list(placed[source].output_shape)}" for source in sources)
            raise InputError(f"{name}: node {node_name!r} adds inputs of different shapes: {listed}")
        input_shape = shapes.pop()
        where = f"{name}: node {node_name!r} ({type(node).__name__})"
        placed[node_name] = PlacedNode(node_name, node, sources, input_shape, output_shape(node, input_shape, where))
    ordered = list(placed.values())
    output = next(node for node in ordered if isinstance(node.node, nir.Output))
    fed = {source for node in ordered for source in node.sources}
    for node in ordered:
        if node is not output and node.name not in fed:
            raise InputError(f"{name}: {node} leads nowhere; every node must lead to the graph's output")
    return PlacedGraph(name, (*(node for node in ordered if node is not output), output))


def _completed(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored node with the keys that versions of nir before 1.0 did not write."""
    if stored.get("type") == "NIRGraph":
        # nir checks the types of a graph within a graph unless that graph says otherwise, too.
        return stored | {"type_check": False, "nodes": {key: _completed(node) for key, node in stored["nodes"].items()}}
    if stored.get("type") in ("Conv1d", "Conv2d"):
        return {"input_shape": None} | stored
    return stored


def _unknown_types(path: Path) -> list[tuple[str, str]]:
    """(node, type) for every node in the file whose type NIR does not define."""
    found: list[tuple[str, str]] = []

    def visit(location: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and location.rsplit("/", 1)[-1] == "type" and item.shape == ():
            value = item[()]
            kind = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            if not hasattr(nir, kind):
                found.append((location.removesuffix("/type").rsplit("/", 1)[-1], kind))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def _flattened(
    graph: nir.NIRGraph, name: str, prefix: str = ""
) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """The graph with every graph within it replaced by its nodes, named `outer.inner`."""
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[tuple[str, str]] = []
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
        inner_nodes, inner_edges = _flattened(node, name, f"{full}.")
        inputs = [key for key, inner in inner_nodes.items() if isinstance(inner, nir.Input)]
        outputs = [key for key, inner in inner_nodes.items() if isinstance(inner, nir.Output)]
        if len(inputs) != 1 or len(outputs) != 1:
            raise InputError(
                f"{name}: the graph within it {full!r} has {len(inputs)} inputs and {len(outputs)} outputs; "
                "there must be one of each"
            )
        if any(edge == (inputs[0], outputs[0]) for edge in inner_edges):
            raise InputError(f"{name}: in the graph within it {full!r} the input leads straight to the output")
        # The inner border nodes only carry shapes: their neighbours inside meet the neighbours outside.
        entries[full] = [target for source, target in inner_edges if source == inputs[0]]
        exits[full] = [source for source, target in inner_edges if target == outputs[0]]
        inner_nodes = {key: inner for key, inner in inner_nodes.items() if key not in (inputs[0], outputs[0])}
        taken = nodes.keys() & inner_nodes.keys()
        if taken:
            raise InputError(
                f"{name}: two nodes are called {min(taken)!r} once the graph {full!r} within it is unfolded"
            )
        nodes |= inner_nodes
        edges += [edge for edge in inner_edges if edge[0] != inputs[0] and edge[1] != outputs[0]]
    for source, target in graph.edges:
        for end in (source, target):
            if end not in graph.nodes:
                raise InputError(f"{name}: the edge {source!r} → {target!r} names {prefix}{end!r}, which is not a node")
        edges += [(start, end) for start in exits[f"{prefix}{source}"] for end in entries[f"{prefix}{target}"]]
    doubled = [edge for edge, count in Counter(edges).items() if count > 1]
    if doubled:
        source, target = doubled[0]
        raise InputError(f"{name}: the edge {source!r} → {target!r} is there more than once")
    return nodes, edges


def _ordered(nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], name: str) -> list[str]:
    """The nodes' names, each after all its sources; as in the file where the edges leave a choice."""
    waiting = {node: sum(target == node for _, target in edges) for node in nodes}
    ready = [node for node, count in waiting.items() if count == 0]
    ordered: list[str] = []
    while ready:
        node = ready.pop(0)
        ordered.append(node)
        for source, target in edges:
            if source == node:
                waiting[target] -= 1
                if waiting[target] == 0:
                    ready.append(target)
    if len(ordered) < len(nodes):
        cycle = ", ".join(repr(node) for node in nodes if node not in ordered)
        raise InputError(f"{name}: a cycle among or before the nodes {cycle}; recurrent connections are not supported")
    return ordered


def _input_shape(node_name: str, node: nir.Input, readers: list[nir.NIRNode], name: str) -> Shape:
    """The input's shape without the batch or the time that some exporters leave in front.

    What reads the input says how many dimensions there are; without its word the shape is taken as it stands.
    """
    given = node.input_type.get("input") if node.input_type else None
    if given is None:
        raise InputError(f"{name}: the input {node_name!r} has no shape")
    values = np.atleast_1d(np.asarray(given))
    if values.ndim != 1 or not values.size or not whole_numbers(values, 1):
        raise InputError(f"{name}: the input {node_name!r} has the shape {given!r}; positive whole numbers are needed")
    ranks = [rank for rank in map(input_rank, readers) if rank is not None]
    return tuple(int(value) for value in (values[-ranks[0] :] if ranks else values))
