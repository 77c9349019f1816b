"""A NIR graph in the order in which it is computed, with every shape known.

NIR keeps nodes in a dictionary and edges in a list, lets shapes out where a framework does not know them, and allows
graphs within graphs. Whatever runs or lowers a graph needs it flat, in order, and whole:

    read_nir(path)  →  place(graph)  →  PlacedGraph

Several edges into one node add up. Within a time step an edge has no delay; only the edges from a group of spiking
neurons into its own cycle have one, of one step (`ordering`).
"""

import io
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import nir
import numpy as np
from nir.serialization import hdf2dict

from .errors import InputError
from .files import read_file
from .geometry import Shape, input_rank, output_shape, whole_numbers
from .ordering import NEURONS, ordered, reached
from .unfolding import Edge, unfolded

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

SPIKING = (*NEURONS, nir.Threshold)
"""The nodes whose output is 0 or 1."""

NODES = (nir.Input, nir.Output, *LINEAR, *SPIKING, nir.LI, nir.I)
"""The nodes whose meaning spiq knows."""

# HDF5 File Format Specification, II.A: a superblock begins so.
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class PlacedNode(NamedTuple):
    """A node, where its input comes from, and its shapes without time and sample.

    Its input is the sum of what its `sources` give at the same step and what its `delayed` sources gave at the step
    before (0 at the first step of a sample).
    """

    name: str
    node: nir.NIRNode
    sources: tuple[str, ...]
    input_shape: Shape
    output_shape: Shape
    delayed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"node {self.name!r} ({type(self.node).__name__})"


class PlacedGraph(NamedTuple):
    """Nodes in the order of computation: the input first, the output last, each after all its `sources`.

    A delayed source is the group of neurons of the node's own cycle: it comes later, or is the node itself.
    """

    name: str
    nodes: tuple[PlacedNode, ...]

    @property
    def input_shape(self) -> Shape:
        return self.nodes[0].output_shape

    @property
    def output_shape(self) -> Shape:
        return self.nodes[-1].output_shape

    @property
    def recurrent_groups(self) -> tuple[tuple[PlacedNode, ...], ...]:
        """The nodes of each cycle, in the order of computation: they follow one another, and the neurons come last."""
        index = {placed.name: number for number, placed in enumerate(self.nodes)}
        first: dict[int, int] = {}
        for number, placed in enumerate(self.nodes):
            for source in placed.delayed:
                first.setdefault(index[source], number)
        return tuple(self.nodes[start : neurons + 1] for neurons, start in sorted(first.items()))

    @property
    def last(self) -> PlacedNode:
        """The node whose values reach the output: nodes that only pass on are looked through."""
        by_name = {placed.name: placed for placed in self.nodes}
        placed = self.nodes[-1]
        while isinstance(placed.node, nir.Output | nir.Flatten) and len(placed.sources) == 1 and not placed.delayed:
            placed = by_name[placed.sources[0]]
        return placed

    @property
    def ends_in_spikes(self) -> bool:
        """Whether what reaches the output is the spikes of one neuron group."""
        return isinstance(self.last.node, (*SPIKING, nir.Input))


def read_nir(source: Path | str | bytes, name: str = "graph") -> nir.NIRGraph:
    """The graph in a NIR file, as its writer left it: shapes may be missing, `place` finds them.

    `source` is the file, or a file's content, which errors call `name`. Raises InputError where the file is missing,
    is not HDF5, or is not a NIR graph of known nodes.
    """
    if not isinstance(source, bytes):
        name = str(source)
        source = read_file(source, "a NIR graph (.nir, HDF5)")
    # A block of the writer's own may stand before it.
    if _HDF5_SIGNATURE not in source:
        raise InputError(f"{name}: not an HDF5 file, so not a NIR graph")
    try:
        # nir computes with what stands in the file before anyone has looked at it, and NumPy would warn.
        with h5py.File(io.BytesIO(source), "r") as file, np.errstate(all="ignore"):
            stored = hdf2dict(file["node"])
            graph = nir.dict2NIRNode(_completed(stored))
    except AssertionError as error:
        unknown = _unknown_types(source)
        if unknown:
            node_name, kind = unknown[0]
            known = ", ".join(node.__name__ for node in NODES)
            raise InputError(
                f"{name}: node {node_name!r} is of the unknown type {kind!r}; known are {known}"
            ) from error
        raise InputError(f"{name}: not a well-formed NIR graph: {error}") from error
    except MemoryError as error:
        raise InputError(f"{name}: this machine's memory cannot hold its arrays ({error})") from error
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError) as error:
        raise InputError(f"{name}: not a well-formed NIR graph: {type(error).__name__}: {error}") from error
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"{name}: holds a single {type(graph).__name__} node; a NIRGraph is needed")
    return graph


def write_nir(path: Path | str, graph: nir.NIRGraph) -> None:
    """Write the graph so that the same graph gives the same bytes."""
    # HDF5 that meets a full disk can end the process; what is made in memory fails as any other file does.
    content = io.BytesIO()
    nir.write(content, graph)  # type: ignore[arg-type]
    Path(path).write_bytes(content.getvalue())


def place(graph: nir.NIRGraph, name: str = "graph") -> PlacedGraph:
    """Order the graph's nodes and find every shape.

    Some exporters leave a batch or a time in front of the shapes of Input and Output. Dimensions beyond those that the
    Input's reader takes, and beyond those that reach the Output, are dropped where all are 1 or both have the same.

    `name` stands in the errors (a file's path, say). Raises InputError, naming the node, for an edge to nowhere, a
    cycle that is not allowed (`ordering`), a node of no known meaning, more or fewer than one input and one output, a
    node that the input does not reach or that does not lead to the output, and a shape or a parameter that does not
    fit, and other sizes in front.
    """
    nodes, edges = unfolded(graph, name)
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
    order, delayed = ordered(nodes, edges, name)
    reads = {node: tuple(source for source, target in edges if target == node) for node in order}
    entry, in_front = _input_shape(nodes, edges, name)
    shapes = _shapes(nodes, order, reads, entry, name)
    placed = [
        PlacedNode(
            node,
            nodes[node],
            tuple(source for source in reads[node] if (source, node) not in delayed),
            shapes[node].input,
            shapes[node].output,
            tuple(source for source in reads[node] if (source, node) in delayed),
        )
        for node in order
    ]
    output = next(node for node in placed if isinstance(node.node, nir.Output))
    _check_in_front(in_front, output, name)
    needed = reached(output.name, reads)
    for node in reversed(placed):
        if node is not output and node.name not in needed:
            raise InputError(f"{name}: {node} leads nowhere; every node must lead to the graph's output")
    return PlacedGraph(name, (*(node for node in placed if node is not output), output))


class _Shapes(NamedTuple):
    input: Shape
    output: Shape


def _shapes(
    nodes: Mapping[str, nir.NIRNode], order: Sequence[str], reads: Mapping[str, Sequence[str]], entry: Shape, name: str
) -> dict[str, _Shapes]:
    """Every node's shapes, from the shape of the graph's input."""
    shapes: dict[str, _Shapes] = {}
    waiting = list(order)
    while waiting:
        # Within a cycle some source is always unknown still: what is known decides, and the rest is compared below.
        whole = (node for node in waiting if all(source in shapes for source in reads[node]))
        partly = (node for node in waiting if any(source in shapes for source in reads[node]))
        node_name = next(chain(whole, partly), None)
        if node_name is None:
            listed = ", ".join(map(repr, waiting))
            raise InputError(f"{name}: the graph's input does not reach {listed}; every node must be reached from it")
        waiting.remove(node_name)
        node = nodes[node_name]
        if isinstance(node, nir.Input):
            shapes[node_name] = _Shapes(entry, entry)
            continue
        if not reads[node_name]:
            raise InputError(
                f"{name}: node {node_name!r} has no input; every node must be reached from the graph's input"
            )
        shape = _sum_shape(node_name, reads[node_name], shapes, name)
        where = f"{name}: node {node_name!r} ({type(node).__name__})"
        shapes[node_name] = _Shapes(shape, output_shape(node, shape, where))
    for node_name, sources in reads.items():
        if sources:
            _sum_shape(node_name, sources, shapes, name)
    return shapes


def _sum_shape(node_name: str, sources: Sequence[str], shapes: Mapping[str, _Shapes], name: str) -> Shape:
    """The one shape of all sources whose shape is known."""
    known = {source: shapes[source].output for source in sources if source in shapes}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{source!r} {list(shape)}" for source, shape in known.items())
        raise InputError(f"{name}: node {node_name!r} adds inputs of different shapes: {listed}")
    return next(iter(known.values()))


def _completed(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored node with the keys that versions of nir before 1.0 did not write."""
    if stored.get("type") == "NIRGraph":
        # nir checks the types of a graph within a graph unless that graph says otherwise, too.
        return stored | {"type_check": False, "nodes": {key: _completed(node) for key, node in stored["nodes"].items()}}
    if stored.get("type") in ("Conv1d", "Conv2d"):
        return {"input_shape": None} | stored
    return stored


def _unknown_types(content: bytes) -> list[tuple[str, str]]:
    """(node, type) for every node in the file whose type NIR does not define."""
    found: list[tuple[str, str]] = []

    def visit(location: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and location.rsplit("/", 1)[-1] == "type" and item.shape == ():
            value = item[()]
            kind = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            if not hasattr(nir, kind):
                found.append((location.removesuffix("/type").rsplit("/", 1)[-1], kind))

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(visit)
    return found


def _input_shape(nodes: Mapping[str, nir.NIRNode], edges: Sequence[Edge], name: str) -> tuple[Shape, Shape]:
    """The input's shape, and apart from it the batch or the time that some exporters leave in front.

    What reads the input says how many dimensions there are; without its word the shape is taken as it stands.
    """
    node_name, node = next((key, node) for key, node in nodes.items() if isinstance(node, nir.Input))
    given = node.input_type.get("input") if node.input_type else None
    if given is None:
        raise InputError(f"{name}: the input {node_name!r} has no shape")
    values = np.atleast_1d(np.asarray(given))
    if values.ndim != 1 or not values.size or not whole_numbers(values, 1):
        raise InputError(f"{name}: the input {node_name!r} has the shape {given!r}; positive whole numbers are needed")
    ranks = [input_rank(nodes[target]) for source, target in edges if source == node_name]
    rank = next((rank for rank in ranks if rank is not None), len(values))
    sizes = tuple(int(value) for value in values)
    return sizes[-rank:], sizes[:-rank]


def _check_in_front(of_input: Shape, output: PlacedNode, name: str) -> None:
    """Raises InputError unless what stands in front of the shapes of Input and Output is 1, or the same at both."""
    stated = output.node.output_type.get("output") if output.node.output_type else None
    of_output = () if stated is None else tuple(np.atleast_1d(stated)[: -len(output.output_shape)].tolist())
    if of_input != of_output and any(size != 1 for size in (*of_input, *of_output)):
        raise InputError(
            f"{name}: the input's shape has {list(of_input)} in front of what is read, and the output's "
            f"{list(of_output)} in front of what reaches it; only sizes of 1, or the same sizes at both, are allowed "
            "there"
        )
