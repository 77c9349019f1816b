"""The linear nodes before a neuron group, as paths: what a group receives is a sum over paths, and a bias.

Linear nodes distribute over sums, conv(a + b) = conv(a) + conv(b). So each way through them, from spikes that the group
reads to the group, can become a synapse of its own. Their biases cannot be told apart like that: a node behind a join
has its bias once, however many paths lead through it. Together they are the image of zero, which each node passes on
once.

A Delay on the way becomes the path's: its spikes come so many steps late. Delays of one way add up. One that delays
each value alike may stand anywhere, since it is the same before and behind a linear node; one that does not only where
each value still is one neuron's spikes. What it makes of a bias is another one in the first steps of a sample than
later, which no neuron of the chip has.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import nir
import numpy as np
import torch
from jaxtyping import Float, Int

from ....export.errors import InputError
from ....export.nir.graph import ResolvedGraph, ResolvedNode
from ....export.nir.nodes.table import is_linear
from ....export.nir.operations import DelayLine, Factor, Reshape
from ....export.nir.time_step import TimeStep
from ...runtime.nir_runtime import stateless

PATH_LIMIT = 256
"""How many paths may lead to one node. Joins in a row multiply them: eight sums of two make as many."""


class Path(NamedTuple):
    """From the spikes of the node `source`, through these linear nodes, in order.

    What arrives are the spikes of so many `steps` before: one number for all neurons of the source, or one for each,
    in channel-height-width order. A step between a recurrent group's spikes and what hears them counts too. `delays`
    are the Delays on the way.
    """

    source: str
    steps: Int[np.ndarray, " source"] | int
    nodes: tuple[ResolvedNode, ...]
    delays: tuple[ResolvedNode, ...] = ()


class LinearInput(NamedTuple):
    """What comes to a node: the sum of its paths, and what it receives where there are no spikes."""

    paths: tuple[Path, ...]
    bias: Float[np.ndarray, "*shape"]


def is_delay(resolved: ResolvedNode) -> bool:
    """Whether the node is a Delay."""
    return isinstance(resolved.node, nir.Delay)


def linear_inputs(graph: ResolvedGraph) -> dict[str, LinearInput]:
    """For each node by name what comes to it through linear nodes and Delays.

    Raises InputError, naming the node, where more than PATH_LIMIT paths lead to it, for a cycle without neurons, and
    for a Delay with steps of its own for each value behind a linear node, or with a bias before it.
    """
    found: dict[str, LinearInput] = {}
    passing = {resolved.name: resolved for resolved in graph.nodes if is_linear(resolved.node) or is_delay(resolved)}
    for resolved in _in_order(graph, passing):
        paths: list[Path] = []
        bias = np.zeros(resolved.input_shape)
        for source in (*resolved.sources, *resolved.delayed):
            # One step lies between a recurrent group and what hears it; but one of a Delay's own where that is in need
            # of it to be in a cycle.
            between = int(source in resolved.delayed and not _is_whole_delay(resolved, graph.step))
            if source not in passing:
                paths.append(Path(source, between, ()))
                continue
            node = passing[source]
            paths += [_through(node, path, between, graph) for path in found[source].paths]
            bias = bias + _constant_through(node, found[source].bias, graph.step)
        if len(paths) > PATH_LIMIT:
            raise InputError(
                f"{graph.name}: {resolved} must be reached over at most {PATH_LIMIT} paths of linear nodes, each a "
                f"synapse on Loihi, got {len(paths)}"
            )
        if is_delay(resolved) and bias.any() and _steps(resolved, graph.step).any():
            raise InputError(
                f"{graph.name}: {resolved} delays a bias, which is not there in the first steps of a sample then; on "
                "Loihi a bias acts at every step, so it must stand behind the Delay"
            )
        found[resolved.name] = LinearInput(tuple(paths), bias)
    return found


def _in_order(graph: ResolvedGraph, passing: dict[str, ResolvedNode]) -> Iterator[ResolvedNode]:
    """The nodes, each after all passing ones that it reads, and otherwise in the graph's order.

    In the graph's order a Delay of a cycle stands before what it reads.
    """
    reads = [
        {source for source in (*resolved.sources, *resolved.delayed) if source in passing} for resolved in graph.nodes
    ]
    readers: dict[str, list[int]] = {name: [] for name in passing}
    for number, sources in enumerate(reads):
        for source in sources:
            readers[source].append(number)
    left = list(map(len, reads))
    ready = [number for number, count in enumerate(left) if not count]
    heapify(ready)
    while ready:
        resolved = graph.nodes[heappop(ready)]
        yield resolved
        for number in readers.get(resolved.name, ()):
            left[number] -= 1
            if not left[number]:
                heappush(ready, number)
    if any(left):
        waiting = ", ".join(repr(resolved.name) for resolved, count in zip(graph.nodes, left, strict=True) if count)
        raise InputError(
            f"{graph.name}: a cycle without neurons stands before {waiting} or goes through them; on Loihi each cycle "
            "must pass through one group of neurons"
        )


def _through(resolved: ResolvedNode, path: Path, between: int, graph: ResolvedGraph) -> Path:
    """The path through one more node."""
    if not is_delay(resolved):
        return path._replace(nodes=(*path.nodes, resolved), steps=path.steps + between)
    path = path._replace(delays=(*path.delays, resolved))
    steps = _steps(resolved, graph.step)
    if steps.min() == steps.max():
        return path._replace(steps=path.steps + int(steps.min()) + between)
    for node in path.nodes:
        # These leave each value at its place.
        if not isinstance(node.operation(graph.step), Reshape | Factor):
            raise InputError(
                f"{graph.name}: {resolved} delays its values by {steps.min()} to {steps.max()} steps behind {node}; on "
                "Loihi only neurons' spikes can have a delay each: before a linear node, or the same delay for all "
                "values behind it"
            )
    return path._replace(steps=path.steps + steps.reshape(-1) + between)


def _steps(resolved: ResolvedNode, step: TimeStep) -> Int[np.ndarray, "*shape"]:
    operation = resolved.operation(step)
    assert isinstance(operation, DelayLine)
    return operation.steps


def _is_whole_delay(resolved: ResolvedNode, step: TimeStep) -> bool:
    operation = resolved.operation(step) if is_delay(resolved) else None
    return isinstance(operation, DelayLine) and operation.is_whole


def _constant_through(
    resolved: ResolvedNode, values: Float[np.ndarray, "*shape"], step: TimeStep
) -> Float[np.ndarray, "*out"]:
    if is_delay(resolved):
        return values
    with torch.no_grad():
        return stateless(resolved, torch.from_numpy(values[None]), step)[0].numpy()
