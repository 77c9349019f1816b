"""What is in a bundle, in numbers: the layers on the chip, what they do on data, the circuit, the files."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ...export.angles import ANGLES
from ...export.bundle.folder import MANIFEST, Bundle
from ...export.errors import InputError
from ...export.nir.neurons import decided_step
from ..cosimulation import BATCH
from ..devices import Watch
from ..loihi.cost import published
from ..loihi.cost.activity import Activity, measured
from ..loihi.cost.energy import LEFT_OUT, Estimate, estimate
from ..loihi.cost.resources import ConnectionResources, LayerResources, Resources, resources
from ..loihi.lowering.losses import LayerLoss, losses
from ..loihi.lowering.network import float_layers
from ..loihi.neuron_group import PerNeuron
from ..loihi.program import INPUT, Connection, Layer, LoihiProgram
from ..loihi.synapse import ConvSynapse


def inspection(
    bundle: Bundle,
    program: LoihiProgram,
    images: Float[np.ndarray, "sample channel height width"],
    measured_on: str,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Plain data: what the bundle is, its `layers`, `circuit`, `files` and `versions`, and what a sample costs.

    A layer's `programmable` says why it needs a programmable neuron, which Lava's LIF is not, and is empty where it
    does not; its `threshold` is one number or, where neurons differ, the least and the most. `pixel_range` is the value
    that means white in integer images, and `epochs` how far the network was trained, both None where the bundle does
    not say it. `quantization` has what each layer lost in the chip's 8 bits, `warnings` a
    sentence for each loss that is large, `chip` what the layers take of Loihi 2, `activity` the mean spikes and
    synaptic operations of the images' samples, `measured_on` naming them, and `estimate` the energy (pJ) and time (µs)
    of a sample on another chip, the first Loihi, which `chip` and `source` in it name. Sizes are in bytes. Raises
    InputError where there are no images, where they do not fit the bundle, or where a layer does not fit the chip.
    """
    manifest, circuit = bundle.manifest, bundle.circuit
    files = {name: len(content) for name, content in bundle.content.items()}
    taken = resources(program)
    activity = measured(program, _coded(bundle, images, watch))
    lost, warnings = quantization_losses(bundle, program)
    return {
        "name": manifest.name,
        "data": manifest.data,
        "pixel_range": manifest.pixel_range,
        "epochs": None if manifest.epochs is None else manifest.epochs.model_dump(),
        "image_shape": manifest.image_shape,
        "classes": manifest.classes,
        "coding": manifest.coding,
        "angle_scale": manifest.angle_scale,
        "dt": manifest.dt,
        "integration": decided_step(bundle.graph).integration,
        "seed": manifest.seed,
        "golden_samples": len(bundle.golden.labels),
        "layers": [
            _layer(program, layer, depth, found)
            for layer, depth, found in zip(program.layers, program.depths, taken.layers, strict=True)
        ],
        "quantization": [loss._asdict() for loss in lost],
        "warnings": warnings,
        "chip": _chip(taken),
        "activity": {"measured_on": measured_on, **_activity(program, activity)},
        "estimate": _estimate(estimate(program, taken, activity)),
        "circuit": {
            "qubits": circuit.n_qubits,
            "blocks": circuit.n_blocks,
            "entangler": circuit.entangler,
            "inputs": ANGLES * circuit.n_qubits,
            "weights": circuit.weights.size,
            "rotations": 2 * ANGLES * circuit.n_qubits * circuit.n_blocks,
            "controlled-Z": len(circuit.entangled_pairs) * (circuit.n_blocks - 1),
        },
        "files": files | {MANIFEST: len(manifest.text().encode())},
        "versions": manifest.versions,
    }


def quantization_losses(bundle: Bundle, program: LoihiProgram) -> tuple[tuple[LayerLoss, ...], list[str]]:
    """What each layer of the bundle's program lost in the chip's 8 bits, and a sentence for each loss that is large.

    There is no more than a sentence where the program is not one of the bundle's graph.
    """
    try:
        lost = losses(float_layers(bundle.graph), program)
    except InputError as error:
        return (), [str(error)]
    return lost, [warning for loss in lost for warning in loss.warnings()]


def _coded(
    bundle: Bundle, images: Float[np.ndarray, "sample channel height width"], watch: Watch | None
) -> Iterator[UInt8[np.ndarray, "time sample channel height width"]]:
    for start in range(0, len(images), BATCH):
        yield bundle.coding.encode(images[start : start + BATCH], start)
        if watch:
            watch(min(start + BATCH, len(images)))


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


def _chip(taken: Resources) -> dict[str, Any]:
    return {
        "input_fan_out": taken.input_fan_out,
        "neurons": sum(layer.neurons for layer in taken.layers),
        "synapses": sum(layer.synapses for layer in taken.layers),
        "nonzero": sum(layer.nonzero for layer in taken.layers),
        "synaptic_bytes": sum(layer.synaptic_bytes for layer in taken.layers),
        "cores": taken.cores,
        "chips": taken.chips,
        "cores_a_chip": published.CORES_PER_CHIP,
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


def _estimate(found: Estimate) -> dict[str, Any]:
    return {
        **found._asdict(),
        "energy_pj": found.energy_pj,
        "time_us": found.time_us,
        "chip": published.ENERGY_CHIP,
        "source": published.ENERGY_SOURCE,
        "left_out": LEFT_OUT,
    }
