"""A PyTorch and snnTorch network as a NIR graph with the same spikes.

What a layer becomes stands in `layers`, what a neuron becomes in `snntorch_neurons`, and which layer reads which
in `calls`. Nodes have the names of their modules, those of a Sequential within another one `outer.inner`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import nir
import numpy as np
from snntorch import SpikingNeuron
from torch import nn

from ..errors import InputError
from ..nir.geometry import Shape
from ..nir.graph import resolve
from ..nir.nodes.table import is_neuron
from ..nir.time_step import DEFAULT_DT, DEFAULT_INTEGRATION, Integration, TimeStep
from ..nir.unfolding import Edge
from .calls import INPUT, Call, readers
from .chain import calls_of
from .layers import Layer, chain_of
from .snntorch_neurons import neuron_nodes
from .stock_layers import evaluating

OUTPUT = "output"


class _Value(NamedTuple):
    """What a call gives: the sum of these nodes' outputs, their shape, and whether it is 0 and 1 only."""

    nodes: tuple[str, ...]
    shape: Shape
    binary: bool


def to_nir(
    network: nn.Module,
    input_shape: Shape,
    dt: float = DEFAULT_DT,
    integration: Integration = DEFAULT_INTEGRATION,
) -> nir.NIRGraph:
    """The network in evaluation mode, in float64, as a graph of NIR's nodes named after its modules.

    `network` is a Sequential, or a Module whose `forward` is one time step or a loop over time steps, of which
    `trace` says what is followed. `input_shape` is without time and sample, and the input is binary spikes. `dt`
    is in seconds; `integration` says whether an IF or I is written with r = 1 or with r = 1/dt. A module without a
    state that stands in several places becomes a node for each. Raises InputError, naming the layer or the line of
    code, for a module or a setting that NIR cannot say exactly, and for a name that the graph cannot hold.

    Example:
        graph = to_nir(nn.Sequential(nn.Linear(8, 4), snntorch.Leaky(beta=0.9)), (8,))
    """
    step = TimeStep(dt, integration)
    found = calls_of(network)
    builder = _Builder(tuple(input_shape), step)
    with evaluating(network):
        builder.add(found.calls)
    return builder.graph(found.answer)


class _Builder:
    """The graph while calls are added to it."""

    def __init__(self, input_shape: Shape, step: TimeStep) -> None:
        self.step = step
        self.nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input({"input": np.array(input_shape)})}
        self.taken = {INPUT, OUTPUT}
        self.edges: list[Edge] = []
        self.values = {INPUT: _Value((INPUT,), input_shape, True)}

    def add(self, calls: Sequence[Call]) -> None:
        read_by = readers(calls)
        taken_in: set[str] = set()
        for call in calls:
            if call.name in taken_in:
                continue
            given = self._given(call)
            if call.module is None:
                self.values[call.name] = given
            elif isinstance(call.module, SpikingNeuron):
                self.values[call.name] = self._neuron(call.name, call.module, given)
            else:
                following = _following(call, read_by)
                nodes, count = chain_of(following, given.shape, given.binary, self.step)
                value = self._chain(call.name, nodes, given)
                for name, _ in following[:count]:
                    self.values[name] = value
                    taken_in.add(name)

    def graph(self, answer: Sequence[str]) -> nir.NIRGraph:
        """The graph whose output is the sum of these calls."""
        result = self._sum([self.values[name] for name in answer], "the network's answer")
        self.nodes[OUTPUT] = nir.Output({"output": np.array(result.shape)})
        self.edges += [(node, OUTPUT) for node in result.nodes]
        return nir.NIRGraph(self.nodes, self.edges, type_check=False)

    def _given(self, call: Call) -> _Value:
        return self._sum([self.values[name] for name in call.reads], f"layer {call.name!r}")

    def _sum(self, values: Sequence[_Value], where: str) -> _Value:
        if len(values) == 1:
            return values[0]
        shapes = {value.shape for value in values}
        if len(shapes) > 1:
            listed = ", ".join(str(list(shape)) for shape in shapes)
            raise InputError(f"{where}: must add up values of one shape, got {listed}")
        nodes = [node for value in values for node in value.nodes]
        if len(set(nodes)) < len(nodes):
            raise InputError(f"{where}: adds up the same values twice, for which NIR has no edge; multiply them")
        return _Value(tuple(nodes), shapes.pop(), False)

    def _neuron(self, name: str, module: SpikingNeuron, given: _Value) -> _Value:
        nodes, edges, reads, gives = neuron_nodes(name, module, given.shape, self.step)
        for node_name, node in nodes.items():
            self._take_name(node_name, name)
            self.nodes[node_name] = node
        self.edges += [(source, entry) for source in given.nodes for entry in reads]
        self.edges += edges
        return _Value((gives,), given.shape, True)

    def _chain(self, name: str, nodes: list[tuple[str, nir.NIRNode]], given: _Value) -> _Value:
        if not nodes:
            return given
        for node_name, node in nodes:
            self._take_name(node_name, name)
            self.nodes[node_name] = node
        names = [node_name for node_name, _ in nodes]
        self.edges += [(source, names[0]) for source in given.nodes]
        self.edges += pairwise(names)
        # The shapes come from the rules that every reader of the file applies.
        alone = {INPUT: nir.Input({"input": np.array(given.shape)}), **dict(nodes), OUTPUT: nir.Output(None)}  # type: ignore[arg-type]
        shape = resolve(nir.NIRGraph(alone, list(pairwise(alone)), type_check=False), f"layer {name!r}").output_shape
        last = nodes[-1][1]
        # Zeros around spikes are spikes, and so are spikes in another order.
        keeps = isinstance(last, nir.Flatten) or _moves_only(last)
        return _Value((names[-1],), shape, is_neuron(last) or (given.binary and keeps))

    def _take_name(self, name: str, layer: str) -> None:
        if name in self.taken:
            raise InputError(f"layer {layer!r}: the graph has another node of this name; give the layer another one")
        if "/" in name:
            raise InputError(
                f"layer {layer!r}: must have a name without a slash, got {name!r}, since HDF5 parts its groups with it"
            )
        self.taken.add(name)


def _moves_only(node: nir.NIRNode) -> bool:
    """Whether a convolution gives each value at most once and as it is."""
    if not isinstance(node, nir.Conv2d) or np.any(node.bias):
        return False
    weight = np.asarray(node.weight)
    return (
        weight.shape[1] == 1
        and bool((np.sort(weight.reshape(len(weight), -1))[:, -1] == 1).all())
        and bool((np.abs(weight).sum((1, 2, 3)) == 1).all())
    )


def _following(call: Call, read_by: Mapping[str, list[Call]]) -> list[Layer]:
    """The layer and those behind it, of which each alone reads the one before, and reads nothing else."""
    assert call.module is not None
    found: list[Layer] = [(call.name, call.module)]
    while len(after := read_by[found[-1][0]]) == 1 and len(after[0].reads) == 1:
        (following,) = after
        if following.module is None or isinstance(following.module, SpikingNeuron):
            break
        found.append((following.name, following.module))
    return found
