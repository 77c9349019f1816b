"""What is in a bundle, in numbers: the layers on the chip, the circuit, the files."""

import math
from typing import Any

import numpy as np

from ..export.angles import ANGLES
from ..export.bundle import MANIFEST, Bundle
from .loihi.program import Layer, LoihiProgram
from .loihi.synapse import ConvSynapse


def inspection(bundle: Bundle, program: LoihiProgram) -> dict[str, Any]:
    """Plain data: what the bundle is, its `layers`, its `circuit`, the sizes of its `files`, the `versions`."""
    manifest, circuit = bundle.manifest, bundle.circuit
    files = {name: len(content) for name, content in bundle.content.items()}
    return {
        "name": manifest.name,
        "data": manifest.data,
        "image_shape": manifest.image_shape,
        "classes": manifest.classes,
        "coding": manifest.coding,
        "angle_scale": manifest.angle_scale,
        "dt": manifest.dt,
        "seed": manifest.seed,
        "golden_samples": len(bundle.golden.labels),
        "layers": [_layer(layer) for layer in program.layers],
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


def _layer(layer: Layer) -> dict[str, Any]:
    synapse, neuron = layer.synapse, layer.neuron
    weight = synapse.weight
    return {
        "layer": layer.name,
        "synapse": "conv" if isinstance(synapse, ConvSynapse) else "dense",
        "weights": list(weight.shape),
        "neurons": list(neuron.shape),
        "fan-in": math.prod(weight.shape[1:]),
        "largest weight": int(np.abs(weight).max()),
        "threshold": neuron.threshold,
        "scale": layer.scale,
    }
