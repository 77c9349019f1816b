"""The linear nodes before a neuron group, as paths: what a group receives is a sum over paths, and a bias.

Linear nodes distribute over sums, conv(a + b) = conv(a) + conv(b). So each way through them, from spikes that the group
reads to the group, can become a synapse of its own. Their biases cannot be told apart like that: a node behind a join
has its bias once, however many paths lead through it. Together they are the image of zero, which each node passes on
once.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from ...export.errors import InputError
from ...export.graph import PlacedGraph, PlacedNode
from ...export.node_table import is_linear
from ...export.time_step import TimeStep
from ..nir_runtime import stateless

PATH_LIMIT = 256
"""How many paths may lead to one node. Joins in a row multiply them: eight sums of two make as many."""


class Path(NamedTuple):
    """From the spikes of the node `source`, `delayed` by a step or not, through these linear nodes, in order."""

    source: str
    delayed: bool
    nodes: tuple[PlacedNode, ...]


class LinearInput(NamedTuple):
    """What comes to a node: the sum of its paths, and what it receives where there are no spikes."""

    paths: tuple[Path, ...]
    bias: Float[np.ndarray, "*shape"]


def linear_inputs(graph: PlacedGraph) -> dict[str, LinearInput]:
    """For each node by name what comes to it through linear nodes.

    Raises InputError, naming the node, where more than PATH_LIMIT paths lead to it.
    """
    found: dict[str, LinearInput] = {}
    linear = {placed.name: placed for placed in graph.nodes if is_linear(placed.node)}
    for placed in graph.nodes:
        paths: list[Path] = []
        bias = np.zeros(placed.input_shape)
        for source in placed.sources:
            if source not in linear:
                paths.append(Path(source, False, ()))
                continue
            passing = linear[source]
            paths += [path._replace(nodes=(*path.nodes, passing)) for path in found[source].paths]
            bias = bias + _through(passing, found[source].bias, graph.step)
        paths += [Path(source, True, ()) for source in placed.delayed]
        if len(paths) > PATH_LIMIT:
            raise InputError(
                f"{graph.name}: {placed} is reached over {len(paths)} paths of linear nodes; on Loihi each is a "
                f"synapse, and {PATH_LIMIT} are allowed"
            )
        found[placed.name] = LinearInput(tuple(paths), bias)
    return found


def _through(placed: PlacedNode, values: Float[np.ndarray, "*shape"], step: TimeStep) -> Float[np.ndarray, "*out"]:
    with torch.no_grad():
        return stateless(placed, torch.from_numpy(values[None]), step)[0].numpy()
