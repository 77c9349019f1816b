"""The layers of a spiking stage on data: in floating point, and on the chip.

Both run the whole way from the samples, so the spikes of a layer differ also by what differs before it. A neuron is
dead if it never spikes for any of the samples, and saturated if it spikes at every step of every sample.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Shaped, UInt8

from ....export.bundle.entries import LOIHI
from ....export.errors import InputError
from ....export.nir.graph import ResolvedGraph
from ....export.nir.nodes.table import gives_spikes
from ....hardware.loihi.cost.resources import LayerResources, resources
from ....hardware.loihi.lowering.losses import LayerLoss, losses
from ....hardware.loihi.lowering.network import float_layers
from ....hardware.loihi.program import INPUT, LoihiProgram
from ....hardware.loihi.simulator.simulate import simulate_layers
from ....hardware.loihi.synapse import ConvSynapse
from ....hardware.network.cosimulation import sliced
from ....hardware.network.stage_inputs import stage_inputs
from ....hardware.parts import BundlePart
from ....hardware.runtime.nir_runtime import NirRuntime
from .climbed import Climbed
from .spiking import Activity, Edge, LayerReport

SAMPLES = 512
"""The first samples of a ladder, on which layers are measured."""

CHUNK = 64
"""Samples that run at once: every node's values are held for them."""


class Measured(NamedTuple):
    """A stage's layers, how many samples and steps they were measured on, and why there is nothing of the chip."""

    layers: list[LayerReport]
    samples: int
    steps: int
    left_out: str | None


Spikes = UInt8[np.ndarray, "time sample neuron"]


class _Counts:
    """Spikes of each neuron, and how often each could have spiked."""

    def __init__(self, neurons: int) -> None:
        self.fired: Int64[np.ndarray, " neuron"] = np.zeros(neurons, np.int64)
        self.chances = 0

    def add(self, spikes: Shaped[np.ndarray, "time sample neuron"]) -> None:
        self.fired += spikes.sum((0, 1), dtype=np.int64)
        self.chances += spikes.shape[0] * spikes.shape[1]

    def activity(self) -> Activity | None:
        if not self.chances:
            return None
        return Activity(
            rate=float(self.fired.sum() / (self.chances * len(self.fired))),
            dead=int((self.fired == 0).sum()),
            saturated=int((self.fired == self.chances).sum()),
        )


def measured_layers(climbed: Climbed, stage: str) -> Measured:
    """Run the first SAMPLES samples through the stage in both forms, and count.

    Where the chip cannot run the stage, the reason is told and the layers are those of the graph.
    """
    bundle = climbed.bundle
    graph = bundle.network.spiking[stage].graph
    part = BundlePart(bundle, stage)
    program, taken, left_out = _on_chip(climbed, part)
    samples = sliced(bundle.network, climbed.samples, slice(0, min(SAMPLES, len(climbed.labels))))
    names = [node.name for node in graph.nodes if gives_spikes(node.node)]
    sizes = {node.name: int(np.prod(node.output_shape)) for node in graph.nodes}
    in_float = {name: _Counts(sizes[name]) for name in names}
    on_chip = {layer.name: _Counts(layer.neuron.size) for layer in program.layers} if program else {}
    changed = dict.fromkeys(in_float.keys() & on_chip.keys(), 0)
    runtime, steps, count = NirRuntime(graph), 0, 0
    before = stage_inputs(bundle, stage, samples, "nir")
    chip_before = stage_inputs(bundle, stage, samples, "loihi") if program else None
    for batch in before:
        chip_batch = next(chip_before) if chip_before else batch
        steps, count = len(batch), count + batch.shape[1]
        for start in range(0, batch.shape[1], CHUNK):
            some = slice(start, start + CHUNK)
            found = runtime.trace(batch[:, some])
            real = {name: found[name].reshape(*found[name].shape[:2], -1) != 0 for name in names}
            whole = _whole(program, chip_batch[:, some])
            for counts, spikes in ((in_float, real), (on_chip, whole)):
                for name, fired in spikes.items():
                    counts[name].add(fired)
            for name in changed:
                changed[name] += int((real[name] != whole[name]).sum())
    layers = _chip_layers(graph, program, taken, part) if program else _graph_layers(graph)
    told = [
        layer.model_copy(
            update={
                "in_float": in_float[layer.name].activity() if layer.name in in_float else None,
                "on_chip": on_chip[layer.name].activity() if layer.name in on_chip else None,
                "changed": changed.get(layer.name),
            }
        )
        for layer in layers
    ]
    return Measured(told, count, steps, left_out)


def _on_chip(climbed: Climbed, part: BundlePart) -> tuple[LoihiProgram | None, list[LayerResources], str | None]:
    """The program and what it takes; or why there is none."""
    bundle = climbed.bundle
    # A stage before this one must run there too.
    for name in (*bundle.network.before({part.stage}) & bundle.network.spiking.keys(), part.stage):
        file = bundle.file(name, LOIHI)
        if file not in bundle.content:
            return None, [], bundle.manifest.left_out.get(file, f"the bundle has no {file}")
    try:
        return part.program, list(resources(part.program).layers), None
    except InputError as error:
        return None, [], str(error)


def _whole(program: LoihiProgram | None, spikes: UInt8[np.ndarray, "time sample *shape"]) -> dict[str, Spikes]:
    if program is None:
        return {}
    found = simulate_layers(program, spikes)
    return {
        layer.name: fired.reshape(*fired.shape[:2], -1) != 0 for layer, fired in zip(program.layers, found, strict=True)
    }


def _chip_layers(
    graph: ResolvedGraph, program: LoihiProgram, taken: list[LayerResources], part: BundlePart
) -> list[LayerReport]:
    kinds = {node.name: node.type_name for node in graph.nodes}
    lost = _losses(part)
    found = []
    for index, (layer, size) in enumerate(zip(program.layers, taken, strict=True)):
        loss = lost.get(layer.name)
        found.append(
            LayerReport(
                name=layer.name,
                kind=kinds.get(layer.name, ""),
                shape=list(layer.neuron.shape),
                neurons=layer.neuron.size,
                reads=[
                    Edge(
                        source="input" if one.source == INPUT else program.layers[one.source].name,
                        kind="conv" if isinstance(one.synapse, ConvSynapse) else "dense",
                        recurrent=one.source == index,
                        delay=one.longest_delay,
                    )
                    for one in layer.connections
                ],
                synapses=size.synapses,
                cores=size.cores,
                range_used=loss.range_used if loss else None,
                weights=loss.weights if loss else None,
                zeroed=loss.zeroed if loss else None,
            )
        )
    return found


def _losses(part: BundlePart) -> dict[str, LayerLoss]:
    try:
        return {loss.layer: loss for loss in losses(float_layers(part.graph), part.program)}
    # The program is not one of this graph's; then nothing is known of what it lost.
    except InputError:
        return {}


def _graph_layers(graph: ResolvedGraph) -> list[LayerReport]:
    """The neuron groups of a graph, each with the groups that its input comes from."""
    nodes = {node.name: node for node in graph.nodes}
    order = {name: number for number, name in enumerate(nodes)}
    groups = [node for node in graph.nodes if gives_spikes(node.node)]
    ends = {node.name for node in groups} | {graph.nodes[0].name}

    def sources(name: str, seen: frozenset[str]) -> dict[str, bool]:
        """The groups behind a node, and whether a step lies between."""
        found: dict[str, bool] = {}
        for late, names in ((False, nodes[name].sources), (True, nodes[name].delayed)):
            for source in names:
                if source in ends:
                    found[source] = found.get(source, False) or late
                elif source not in seen:
                    found |= {end: late or was for end, was in sources(source, seen | {source}).items()}
        return found

    return [
        LayerReport(
            name=node.name,
            kind=node.type_name,
            shape=list(node.output_shape),
            neurons=int(np.prod(node.output_shape)),
            reads=[
                Edge(
                    source="input" if source == graph.nodes[0].name else source,
                    recurrent=late or order[source] >= order[node.name],
                )
                for source, late in sources(node.name, frozenset()).items()
            ],
        )
        for node in groups
    ]
