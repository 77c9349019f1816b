"""What is in a bundle, in numbers: the layers on the chip, what they do on data, the circuit, the files."""

from collections import Counter
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.entries import LOIHI
from ...export.bundle.manifest import MANIFEST
from ...export.circuit.circuit import TWO_QUBIT_GATES, Circuit
from ...export.circuit.reupload import as_reupload
from ...export.errors import InputError
from ...export.nir.neurons import decided_step
from ..cost.energy_model import ChipWork, Work
from ..cost.models import estimates
from ..cost.neurobench.metrics import metrics
from ..devices import SampleWatch
from ..loihi.cost.activity import Activity, measured
from ..loihi.cost.resources import ConnectionResources, LayerResources, resources
from ..loihi.lowering.losses import LayerLoss, losses
from ..loihi.lowering.network import float_layers
from ..loihi.neuron_group import PerNeuron
from ..loihi.program import INPUT, Connection, Layer, LoihiProgram
from ..loihi.synapse import ConvSynapse
from ..network.cosimulation import sliced
from ..network.stage_inputs import stage_inputs
from ..parts import BundlePart

COUNTED = 1000
"""Samples that NeuroBench's metrics are counted on at most: every value of the network in floating point is looked at,
which takes several times as long as the chip's simulation."""


def inspection(
    bundle: Bundle,
    samples: Shaped[np.ndarray, "..."],
    measured_on: str,
    watch: SampleWatch | None = None,
) -> dict[str, Any]:
    """Plain data: what the bundle is, its `stages`, `spiking` halves, `circuits`, `files` and `versions`.

    `pixel_range` is the value that means white in integer images, and `epochs` how far the network was trained, both
    None where the bundle does not say it. Of each spiking stage that has a form on the chip: `layers`; `quantization`
    has what each layer lost in the chip's 8 bits, `warnings` a sentence for each loss that is large, `chip` what the
    layers take of Loihi 2, `activity` the mean spikes and synaptic operations of the samples, `measured_on` naming
    them, `neurobench` NeuroBench's metrics of the graph on the first `COUNTED` of them, and `estimates` the energy (pJ)
    and time (µs) of a sample by every model of `cost.models`, each with its chip and its source. A layer's
    `programmable` says why it needs a programmable neuron, which Lava's LIF is not, and is empty where it does not; its
    `threshold` is one number or, where neurons differ, the least and the most. Sizes are in bytes. Raises InputError
    where there are no samples, where they do not fit the bundle, or where a layer does not fit the chip.
    """
    manifest, network = bundle.manifest, bundle.network
    files = {name: len(content) for name, content in bundle.content.items()}
    return {
        "name": manifest.name,
        "data": manifest.data,
        "pixel_range": manifest.pixel_range,
        "epochs": None if manifest.epochs is None else manifest.epochs.model_dump(),
        "input": manifest.input.model_dump(exclude_none=True),
        "classes": bundle.classes,
        "seed": manifest.seed,
        "golden_samples": bundle.golden.samples,
        "calibration_samples": max((len(inputs) for inputs in bundle.calibration.values()), default=0),
        "stages": {name: _stage(bundle, name) for name in network.order},
        "spiking": [
            found
            for name in network.spiking
            if (found := _spiking(bundle, name, samples, measured_on, watch)) is not None
        ],
        "circuits": [{"stage": name, **_circuit(stage.circuit)} for name, stage in network.quantum.items()],
        "left_out": manifest.left_out,
        "files": files | {MANIFEST: len(manifest.text().encode())},
        "versions": manifest.versions,
    }


def quantization_losses(part: BundlePart) -> tuple[tuple[LayerLoss, ...], list[str]]:
    """What each layer of the stage's program lost in the chip's 8 bits, and a sentence for each loss that is large.

    There is no more than a sentence where the program is not one of the stage's graph.
    """
    try:
        lost = losses(float_layers(part.graph), part.program)
    except InputError as error:
        return (), [str(error)]
    return lost, [warning for loss in lost for warning in loss.warnings()]


def _stage(bundle: Bundle, name: str) -> dict[str, Any]:
    """What the manifest says of a stage, and what it gives."""
    signal = bundle.network.signals[name]
    return {**bundle.manifest.stages[name].model_dump(exclude_none=True), "gives": str(signal)}


def _spiking(
    bundle: Bundle, name: str, samples: Shaped[np.ndarray, "..."], measured_on: str, watch: SampleWatch | None
) -> dict[str, Any] | None:
    """A spiking stage in numbers; None where it has no form on the chip."""
    if bundle.file(name, LOIHI) not in bundle.content:
        return None
    part = BundlePart(bundle, name)
    program = part.program
    taken = resources(program)
    activity = measured(program, stage_inputs(bundle, name, samples, watch=watch))
    first = sliced(bundle.network, samples, slice(0, COUNTED))
    counted = metrics(part.graph, stage_inputs(bundle, name, first, "nir"))
    lost, warnings = quantization_losses(part)
    return {
        "stage": name,
        "integration": decided_step(part.graph).integration,
        "layers": [
            _layer(program, layer, depth, found)
            for layer, depth, found in zip(program.layers, program.depths, taken.layers, strict=True)
        ],
        "quantization": [loss._asdict() for loss in lost],
        "warnings": warnings,
        "chip": taken.plain(),
        "activity": {"measured_on": measured_on, **_activity(program, activity)},
        "neurobench": counted.plain(),
        **estimates(Work(counted, ChipWork(program, taken, activity))),
    }


def _circuit(circuit: Circuit) -> dict[str, Any]:
    gates = Counter(gate.name for gate in circuit.gates)
    reupload = as_reupload(circuit)
    kind = {} if reupload is None else {"blocks": len(reupload.weights), "entangler": reupload.entangler}
    return {
        "qubits": circuit.n_qubits,
        **kind,
        "inputs": circuit.input_size,
        "observables": circuit.output_size,
        "gates": len(circuit.gates),
        "two-qubit gates": sum(gates[name] for name in TWO_QUBIT_GATES),
        "rotations by data": sum(bool(gate.slopes) for gate in circuit.gates),
    }


def _source(program: LoihiProgram, source: int) -> str:
    return "input" if source == INPUT else program.layers[source].name


def _layer(program: LoihiProgram, layer: Layer, depth: int, found: LayerResources) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "reads": [_source(program, connection.source) for connection in layer.connections],
        "depth": depth,
        "shape": list(layer.neuron.shape),
        "neurons": found.neurons,
        "synapses": found.synapses,
        "nonzero": found.nonzero,
        "weight_bits": found.weight_bits,
        "fan_in": found.fan_in,
        "fan_out": found.fan_out,
        "synaptic_bytes": found.synaptic_bytes,
        "cores": found.cores,
        "threshold": _least_and_most(layer.neuron.threshold),
        "programmable": list(layer.neuron.beyond_stock),
        "scale": layer.scale,
        "connections": [
            _connection(program, connection, part)
            for connection, part in zip(layer.connections, found.connections, strict=True)
        ],
    }


def _least_and_most(values: PerNeuron) -> int | list[int]:
    return values if isinstance(values, int) else [int(values.min()), int(values.max())]


def _connection(program: LoihiProgram, connection: Connection, found: ConnectionResources) -> dict[str, Any]:
    weight = connection.synapse.weight
    return {
        "reads": _source(program, connection.source),
        "synapse": "conv" if isinstance(connection.synapse, ConvSynapse) else "dense",
        "delays": [int(np.min(connection.delays)), connection.longest_delay],
        "weights": list(weight.shape),
        "largest_weight": int(np.abs(weight).max()),
        "weight_bits": found.weight_bits,
        "encoding": found.encoding.kind,
        "bits_a_stored_weight": found.encoding.bits,
        "synapses": found.synapses,
        "nonzero": found.nonzero,
    }


def _activity(program: LoihiProgram, activity: Activity) -> dict[str, Any]:
    samples = activity.samples
    return {
        "samples": samples,
        "steps": activity.steps,
        "spikes": activity.spikes / samples,
        "synaptic_operations": activity.operations / samples,
        "input_spikes": activity.input_spikes / samples,
        "layers": [
            {
                "layer": layer.name,
                "spikes": found.spikes / samples,
                "spikes_a_neuron_and_step": found.spikes / (samples * activity.steps * layer.neuron.size),
                "synaptic_operations": found.operations / samples,
            }
            for layer, found in zip(program.layers, activity.layers, strict=True)
        ],
    }
