"""A NIR graph as layers with real numbers: neuron groups, and the synapses between them.

Every neuron node becomes a layer. Every path of linear nodes to it, from the input's spikes or a group's, its own of
the step before included, becomes a synapse (`paths`, `fold`), with the delays on the way; what the neurons multiply
their input with goes into the weights and the bias (`neurons`); and where paths from the input differ in length, relays
make them equal (`relay`).

The chip adds a bias to the voltage. A bias on a current that has a memory comes from a neuron instead that fires at
every step, through a synapse with the bias for weights.
"""

import math
from collections.abc import Container, Mapping
from dataclasses import replace

import nir
import numpy as np
from jaxtyping import Int

from ....export.errors import InputError
from ....export.nir.geometry import Shape
from ....export.nir.graph import ResolvedGraph, ResolvedNode
from ....export.nir.nodes.kind import NeuronKind
from ....export.nir.nodes.table import NODES, is_linear, is_neuron
from ....export.nir.operations import Factor, Linear
from ....export.nir.time_step import TimeStep
from .. import chip
from ..program import INPUT
from ..synapse import DenseSynapse
from .float_layer import FloatConnection, FloatLayer
from .fold import Stage, fold
from .neurons import neurons
from .paths import LinearInput, Path, is_delay, linear_inputs
from .relay import with_relays

NEEDED = ", ".join(
    [
        *(node.__name__ for node, kind in NODES.items() if isinstance(kind, NeuronKind) and kind.spikes),
        "an integrator that feeds nothing but a Threshold",
    ]
)


def float_layers(graph: ResolvedGraph, largest_input: int = 1) -> tuple[FloatLayer, ...]:
    """The graph's layers. The last one's spikes are the graph's output; those from outside carry `largest_input`.

    Raises InputError, naming the node: where what reaches the output is not the spikes of one neuron group; for LI, I
    and Threshold that are no neuron together; for neurons that cannot be read (`neurons`); for delays that are too long
    or have no place (`paths`), a cycle through two groups included; for graded spikes that would have to be repeated
    (`relay`); and for a matrix that is too large (`fold`).
    """
    for resolved in graph.nodes[1:-1]:
        if not (is_neuron(resolved.node) or is_linear(resolved.node) or is_delay(resolved)):
            raise InputError(
                f"{graph.name}: {resolved} cannot run on Loihi; of the nodes with a state or a threshold, {NEEDED} can"
            )
    _check_output(graph)
    entry = graph.nodes[0]
    shapes = {resolved.name: resolved.output_shape for resolved in graph.nodes}
    inputs = linear_inputs(graph)
    layers: list[FloatLayer] = []
    index = {entry.name: INPUT}
    for resolved in graph.nodes:
        if is_neuron(resolved.node):
            index[resolved.name] = len(layers)
            where = f"{graph.name}: {resolved}"
            layer = _layer(resolved, inputs[resolved.name], index, shapes, graph.step, largest_input, where)
            if np.any(layer.current_decay < 1) and np.any(layer.bias != 0):
                layers.append(_always_firing(resolved.name, shapes, graph.input_shape))
                layer = _with_bias_from_before(layer, index[resolved.name])
                index[resolved.name] = len(layers)
            layers.append(layer)
    return with_relays(layers, entry.name, entry.output_shape, largest_input)


def _check_output(graph: ResolvedGraph) -> None:
    last = graph.last
    if isinstance(last.node, nir.Output | nir.Flatten) and len(last.sources) > 1:
        summed = ", ".join(map(repr, last.sources))
        raise InputError(
            f"{graph.name}: on Loihi the output must be one group's spikes, got {last}, which adds up {summed}"
        )
    if isinstance(last.node, nir.Input):
        raise InputError(f"{graph.name}: on Loihi a graph must end in {NEEDED}, got no neurons")
    if not is_neuron(last.node):
        raise InputError(f"{graph.name}: on Loihi a graph must end in {NEEDED}, got {last}, which leads to no neurons")


def _layer(
    resolved: ResolvedNode,
    linear: LinearInput,
    index: Mapping[str, int],
    shapes: Mapping[str, Shape],
    step: TimeStep,
    largest_input: int,
    where: str,
) -> FloatLayer:
    group = neurons(resolved, step, where)
    shape = resolved.input_shape
    gain = (Stage(Factor(group.gain), shape, shape),) if np.any(group.gain != 1) else ()
    connections = []
    for path in linear.paths:
        if path.source not in index:
            raise InputError(
                f"{where}: it reads {path.source!r}, which reads it in turn; on Loihi a cycle may pass through one "
                "group of neurons only"
            )
        stages = [_stage(node, step) for node in path.nodes]
        synapse = fold((*stages, *gain), shapes[path.source], shape, where)
        source = index[path.source]
        largest_value = largest_input if source == INPUT else 1
        connections.append(FloatConnection(source, synapse, _delays(path, resolved.name, where), largest_value))
    bias = linear.bias * group.gain
    if not all(np.isfinite(values).all() for values in (bias, *(part.synapse.weight for part in connections))):
        raise InputError(
            f"{where}: the weights or the bias before it, multiplied out, leave the range of floating point"
        )
    return FloatLayer(
        resolved.name,
        _merged(connections),
        bias,
        group.threshold,
        group.current_decay,
        group.voltage_decay,
        reset=group.reset,
    )


def _delays(path: Path, reader: str, where: str) -> Int[np.ndarray, " source"] | int:
    """The delays of the path's synapse. Of a group's own spikes one step is there without a delay."""
    steps = np.asarray(path.steps) - (path.source == reader)
    most = chip.DELAYS[1]
    if steps.max() > most:
        raise InputError(
            f"{where}: what it reads of {path.source!r} must come at most {most} steps late, the longest delay of a "
            f"synapse on Loihi, got {steps.max()} over {', '.join(map(str, path.delays))}"
        )
    return int(steps.min()) if steps.min() == steps.max() else steps


def _stage(resolved: ResolvedNode, step: TimeStep) -> Stage:
    operation = resolved.operation(step)
    assert isinstance(operation, Linear)
    return Stage(operation, resolved.input_shape, resolved.output_shape)


def _always_firing(reader: str, taken: Container[str], input_shape: Shape) -> FloatLayer:
    """A neuron that fires at every step: its bias is above its threshold. It hears the input with weights of 0."""
    name = f"{reader} bias"
    while name in taken:
        name += "'"
    heard = FloatConnection(INPUT, DenseSynapse(np.zeros((1, math.prod(input_shape)))))
    return FloatLayer(name, (heard,), np.ones(1), 0.5, 1.0, 0.0)


def _with_bias_from_before(layer: FloatLayer, index: int) -> FloatLayer:
    """The layer at `index` with its bias from the neuron that now stands there; itself it moves on by one."""
    moved = [
        replace(connection, source=index + 1) if connection.source == index else connection
        for connection in layer.connections
    ]
    bias = FloatConnection(index, DenseSynapse(layer.bias.reshape(-1, 1)))
    return replace(layer, connections=(*moved, bias), bias=np.zeros_like(layer.bias))


def _merged(connections: list[FloatConnection]) -> tuple[FloatConnection, ...]:
    """Synapses of one form that read the same spikes, as one with the sum of their weights."""
    merged: dict[tuple[object, ...], FloatConnection] = {}
    for connection in connections:
        synapse = connection.synapse
        geometry = [value for key, value in vars(synapse).items() if key != "weight"]
        delays = np.asarray(connection.delays).tobytes()
        form = (connection.source, delays, type(synapse), synapse.weight.shape, *geometry)
        if form in merged:
            synapse = replace(synapse, weight=merged[form].synapse.weight + synapse.weight)
        merged[form] = replace(connection, synapse=synapse)
    return tuple(merged.values())
