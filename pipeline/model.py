"""SQDR-CNN: spiking encoder, re-upload circuit, linear readout, trained as one.

    spikes [time, sample, channel, height, width]
      → encoder → counts of each feature's spikes over the T steps
      → three angles a qubit
      → circuit → <Z> of each qubit
      → readout → logits

The network of "Parameter efficient hybrid spiking-quantum convolutional neural network with surrogate gradient and
quantum data-reupload" (arXiv 2512.03895). Gradients pass the spikes by the arctan surrogate, and the circuit by
PennyLane's backpropagation.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..export.angles import ANGLES, angles_from_counts
from ..export.circuit import Entangler, ReuploadCircuit, reupload_layers
from ..export.geometry import Shape
from .config import Circuit, Config
from .encoder import build_encoder, run_encoder


class Forward(NamedTuple):
    """Every value on the way from input spikes to logits."""

    spikes: Float[Tensor, "time sample feature"]
    angles: Float[Tensor, "sample qubit 3"]
    expectations: Float[Tensor, "sample qubit"]
    logits: Float[Tensor, "sample class"]


class ReuploadHead(nn.Module):
    """The circuit with trainable weights [block, qubit, 3], as a PennyLane QNode broadcast over the batch."""

    def __init__(self, config: Circuit) -> None:
        super().__init__()
        import pennylane as qml

        self.entangler: Entangler = config.entangler
        self.weights = nn.Parameter(torch.empty(config.blocks, config.qubits, ANGLES))
        if config.initialisation == "normal":
            nn.init.trunc_normal_(self.weights)
        else:
            nn.init.uniform_(self.weights, 0.0, 2 * math.pi)

        @qml.qnode(qml.device("default.qubit", wires=config.qubits), interface="torch", diff_method="backprop")
        def expectations(angles: Tensor, weights: Tensor) -> list:
            reupload_layers(angles, weights, config.entangler)
            return [qml.expval(qml.Z(qubit)) for qubit in range(config.qubits)]

        self._qnode = expectations

    def forward(self, angles: Float[Tensor, "sample qubit 3"]) -> Float[Tensor, "sample qubit"]:
        """<Z> of each qubit for angles in radians."""
        return torch.stack(list(self._qnode(angles, self.weights)), dim=-1).to(angles.dtype)

    def circuit(self) -> ReuploadCircuit:
        """The trained circuit as plain data."""
        weights = self.weights.detach().double().cpu().numpy()
        return ReuploadCircuit(weights.shape[1], weights, self.entangler)


class SQDRCNN(nn.Module):
    """The whole network; `forward` takes input spikes and gives logits."""

    def __init__(self, config: Config, image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.angle_scale = config.circuit.angle_scale
        self.encoder = build_encoder(config.encoder, image_shape, ANGLES * config.circuit.qubits)
        self.head = ReuploadHead(config.circuit)
        self.readout = nn.Linear(config.circuit.qubits, classes)
        self.relu = config.readout.relu

    def forward(self, spikes: Float[Tensor, "time sample channel height width"]) -> Float[Tensor, "sample class"]:
        return self.trace(spikes).logits

    def trace(self, spikes: Float[Tensor, "time sample channel height width"]) -> Forward:
        """The logits with all that leads to them."""
        encoded = run_encoder(self.encoder, spikes)
        angles = angles_from_counts(encoded.sum(0), len(encoded), self.angle_scale)
        expectations = self.head(angles)
        logits = self.readout(expectations)
        return Forward(encoded, angles, expectations, torch.relu(logits) if self.relu else logits)

    @property
    def parameter_count(self) -> int:
        """How many numbers training changes."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)
