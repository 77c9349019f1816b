"""A NIR graph in the order in which it is computed, with every shape known.

NIR keeps nodes in a dictionary and edges in a list, lets shapes out where a framework does not know them, and allows
graphs within graphs. Whatever runs or lowers a graph needs it flat, in order, and whole:

    file.read_nir(path)  →  resolve(graph)  →  ResolvedGraph

Several edges into one node add up. Within a time step an edge has no delay; only the edges from a neuron into its own
cycle have one, of one step (`ordering`). Several nodes that together are a neuron become one (`composite`).
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

import nir
import numpy as np

from ..errors import InputError
from .composite import subtracting
from .geometry import Shape, check_extent, listed, whole_numbers
from .joining import with_composites
from .nodes.kind import PlainKind
from .nodes.table import NODES, gives_spikes, kind_of, known_kind, type_name
from .operations import Operation
from .ordering import ordered, reached
from .time_step import DEFAULT_DT, Integration, TimeStep
from .unfolding import Edge, unfolded


class ResolvedNode(NamedTuple):
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
        return f"node {self.name!r} ({self.type_name})"

    @property
    def type_name(self) -> str:
        """The node's type in words: the parts of a neuron of several nodes, joined by arrows."""
        return type_name(self.node)

    def operation(self, step: TimeStep, where: str | None = None) -> Operation:
        """What a node without a state does. Raises InputError, beginning with `where`, where it does not fit."""
        kind = known_kind(self.node)
        if not isinstance(kind, PlainKind):
            raise TypeError(f"{self}: has a state")
        return kind.read(self.node, self.input_shape, step, where or str(self))


class ResolvedGraph(NamedTuple):
    """Nodes in the order of computation: the input first, the output last, each after all its `sources`.

    A delayed source stands in the node's own cycle, and comes later or is the node itself; or it leads into a Delay of
    a cycle, which has one step less to wait then (`ordering`). `cycles` are the names of the nodes in each cycle, which
    follow one another. `step` is the time step that the graph is read with.
    """

    name: str
    nodes: tuple[ResolvedNode, ...]
    step: TimeStep
    cycles: tuple[tuple[str, ...], ...] = ()

    @property
    def input_shape(self) -> Shape:
        return self.nodes[0].output_shape

    @property
    def output_shape(self) -> Shape:
        return self.nodes[-1].output_shape

    @property
    def recurrent_groups(self) -> tuple[tuple[ResolvedNode, ...], ...]:
        """The nodes of each cycle, in the order of computation."""
        by_name = {resolved.name: resolved for resolved in self.nodes}
        return tuple(tuple(by_name[name] for name in cycle) for cycle in self.cycles)

    @property
    def last(self) -> ResolvedNode:
        """The node whose values reach the output: nodes that only pass on are looked through."""
        by_name = {resolved.name: resolved for resolved in self.nodes}
        resolved = self.nodes[-1]
        while (
            isinstance(resolved.node, nir.Output | nir.Flatten) and len(resolved.sources) == 1 and not resolved.delayed
        ):
            resolved = by_name[resolved.sources[0]]
        return resolved

    @property
    def ends_in_spikes(self) -> bool:
        """Whether what reaches the output is the spikes of one neuron group."""
        return gives_spikes(self.last.node) or isinstance(self.last.node, nir.Input)


def resolve(
    graph: nir.NIRGraph,
    name: str = "graph",
    dt: float = DEFAULT_DT,
    integration: Integration | None = None,
    subtract: bool = False,
) -> ResolvedGraph:
    """Order the graph's nodes and find every shape, for time steps of `dt` seconds.

    Some exporters leave a batch or a time in front of the shapes of Input and Output. Dimensions beyond those that the
    Input's reader takes, and beyond those that reach the Output, are dropped where all are 1 or both have the same.

    `integration` says what r of an IF or I means, where r itself does not (`nodes.kind.Parameters`). With `subtract`
    every neuron whose v_reset is missing or 0 resets by subtraction (`composite.subtracting`). `name` stands in the
    errors (a file's path, say). Raises InputError for a time step that is none and, naming the node, for an edge to
    nowhere, a cycle that is not allowed (`ordering`), a node of no known meaning, more or fewer than one input and one
    output, a node that the input does not reach or that does not lead to the output, a shape or a parameter that does
    not fit, and other sizes in front.
    """
    step = TimeStep(dt, integration)
    nodes, edges = unfolded(graph, name)
    for node_name, node in nodes.items():
        if kind_of(node) is None:
            known = ", ".join(kind.__name__ for kind in NODES)
            raise InputError(f"{name}: node {node_name!r} must be one of {known}, got a {type(node).__name__}")
    nodes, edges = with_composites(subtracting(nodes, name) if subtract else nodes, edges, step)
    for kind in (nir.Input, nir.Output):
        found = [node_name for node_name, node in nodes.items() if isinstance(node, kind)]
        if len(found) != 1:
            listed = f" ({', '.join(map(repr, found))})" if found else ""
            raise InputError(f"{name}: must have exactly one {kind.__name__} node, got {len(found)}{listed}")
    order, delayed, cycles = ordered(nodes, edges, name)
    reads: dict[str, list[str]] = {node: [] for node in order}
    for source, target in edges:
        reads[target].append(source)
    entry, in_front = _input_shape(nodes, edges, name)
    shapes = _shapes(nodes, order, reads, entry, step, name)
    resolved = [
        ResolvedNode(
            node,
            nodes[node],
            tuple(source for source in reads[node] if (source, node) not in delayed),
            shapes[node].input,
            shapes[node].output,
            tuple(source for source in reads[node] if (source, node) in delayed),
        )
        for node in order
    ]
    output = next(node for node in resolved if isinstance(node.node, nir.Output))
    _check_in_front(in_front, output, name)
    needed = reached(output.name, reads)
    for node in reversed(resolved):
        if node is not output and node.name not in needed:
            raise InputError(f"{name}: {node} leads nowhere; every node must lead to the graph's output")
    return ResolvedGraph(name, (*(node for node in resolved if node is not output), output), step, cycles)


class _Shapes(NamedTuple):
    input: Shape
    output: Shape


def _shapes(
    nodes: Mapping[str, nir.NIRNode],
    order: Sequence[str],
    reads: Mapping[str, Sequence[str]],
    entry: Shape,
    step: TimeStep,
    name: str,
) -> dict[str, _Shapes]:
    """Every node's shapes, from the shape of the graph's input."""
    shapes: dict[str, _Shapes] = {}
    for node_name in _as_sources_become_known(order, reads):
        if node_name is None:
            left = ", ".join(repr(node) for node in order if node not in shapes)
            raise InputError(f"{name}: the graph's input does not reach {left}; every node must be reached from it")
        node = nodes[node_name]
        if isinstance(node, nir.Input):
            shapes[node_name] = _Shapes(entry, entry)
            continue
        if not reads[node_name]:
            raise InputError(
                f"{name}: node {node_name!r} has no input; every node must be reached from the graph's input"
            )
        shape = _sum_shape(node_name, reads[node_name], shapes, name)
        where = f"{name}: node {node_name!r} ({type_name(node)})"
        shapes[node_name] = _Shapes(shape, known_kind(node).shape(node, shape, step, where))
    for node_name, sources in reads.items():
        if sources:
            _sum_shape(node_name, sources, shapes, name)
    return shapes


def _as_sources_become_known(order: Sequence[str], reads: Mapping[str, Sequence[str]]) -> Iterator[str | None]:
    """The nodes, each behind one of its sources, and behind all where that can be; None where neither can be.

    Within a cycle some source is always unknown still: what is known decides, and the rest is compared afterwards.
    """
    index = {node: number for number, node in enumerate(order)}
    readers: dict[str, list[str]] = {node: [] for node in order}
    for node, sources in reads.items():
        for source in sources:
            readers[source].append(node)
    unknown = {node: len(sources) for node, sources in reads.items()}
    whole = [index[node] for node in order if not unknown[node]]
    partly: list[int] = []
    given: set[int] = set()
    while len(given) < len(order):
        if not whole and not partly:
            yield None
            return
        number = heappop(whole or partly)
        if number in given:
            continue
        given.add(number)
        yield order[number]
        for reader in readers[order[number]]:
            unknown[reader] -= 1
            heappush(partly if unknown[reader] else whole, index[reader])


def _sum_shape(node_name: str, sources: Sequence[str], shapes: Mapping[str, _Shapes], name: str) -> Shape:
    """The one shape of all sources whose shape is known."""
    known = {source: shapes[source].output for source in sources if source in shapes}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{source!r} {list(shape)}" for source, shape in known.items())
        raise InputError(f"{name}: node {node_name!r} must add inputs of one shape, got {listed}")
    return next(iter(known.values()))


def _input_shape(nodes: Mapping[str, nir.NIRNode], edges: Sequence[Edge], name: str) -> tuple[Shape, Shape]:
    """The input's shape, and apart from it the batch or the time that some exporters leave in front.

    What reads the input says how many dimensions there are; without its word the shape is taken as it stands.
    """
    node_name, node = next((key, node) for key, node in nodes.items() if isinstance(node, nir.Input))
    given = node.input_type.get("input") if node.input_type else None
    if given is None:
        raise InputError(f"{name}: the input {node_name!r} must have a shape, got none")
    values = np.atleast_1d(np.asarray(given))
    if values.ndim != 1 or not values.size or not whole_numbers(values, 1):
        raise InputError(f"{name}: the input {node_name!r} must have a shape of positive integers, got {listed(given)}")
    ranks = [known_kind(nodes[target]).rank for source, target in edges if source == node_name]
    rank = next((rank for rank in ranks if rank is not None), len(values))
    sizes = tuple(int(value) for value in values)
    check_extent(sizes, f"{name}: the input {node_name!r}")
    return sizes[-rank:], sizes[:-rank]


def _check_in_front(of_input: Shape, output: ResolvedNode, name: str) -> None:
    """Raises InputError unless what stands in front of the shapes of Input and Output is 1, or the same at both."""
    stated = output.node.output_type.get("output") if output.node.output_type else None
    of_output = () if stated is None else tuple(np.atleast_1d(stated)[: -len(output.output_shape)].tolist())
    if of_input != of_output and any(size != 1 for size in (*of_input, *of_output)):
        raise InputError(
            f"{name}: the sizes in front of what is read and of what reaches the output must be 1, or the same at "
            f"both, got {list(of_input)} in the input's shape and {list(of_output)} in the output's"
        )
