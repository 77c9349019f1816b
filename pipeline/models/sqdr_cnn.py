"""SQDR-CNN: spiking encoder, re-upload circuit, linear readout, trained as one.

    spikes [time, sample, channel, height, width]
      → encoder → counts of each feature's spikes over the T steps
      → three angles a qubit
      → circuit → <Z> of each qubit
      → readout → logits

The network of "Parameter efficient hybrid spiking-quantum convolutional neural network with surrogate gradient and
quantum data-reupload" (arXiv 2512.03895). Gradients pass the spikes by the arctan surrogate.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...export.angles import ANGLES, angles_from_counts
from ...export.circuit.reupload import Entangler, ReuploadCircuit
from ...export.nir.geometry import Shape
from ...hardware.qpu.exact.lightcone import allowed_method, expectations
from ...hardware.qpu.noise import Noise
from ..config.schema import Circuit, Config
from .encoder import build_encoder, run_encoder


class Forward(NamedTuple):
    """Every value on the way from input spikes to logits."""

    spikes: Float[Tensor, "time sample feature"]
    angles: Float[Tensor, "sample qubit 3"]
    expectations: Float[Tensor, "sample qubit"]
    logits: Float[Tensor, "sample class"]


class ReuploadHead(nn.Module):
    """The circuit with trainable weights [block, qubit, 3], on the simulator that the configuration names.

    Raises `InputError` for a circuit that is too large for that simulator.
    """

    def __init__(self, config: Circuit, noise: Noise) -> None:
        super().__init__()
        if config.simulator == "lightcone":
            allowed_method(config.qubits, config.blocks, config.entangler, bool(noise))
            self._expectations = expectations
        else:
            # PennyLane takes seconds to import, and only this simulator needs it.
            from ...hardware.qpu.qnode import check_qubits, pennylane_expectations_in_parts

            check_qubits(config.qubits, bool(noise))
            self._expectations = pennylane_expectations_in_parts
        self.entangler: Entangler = config.entangler
        self.noise = noise
        self.weights = nn.Parameter(torch.empty(config.blocks, config.qubits, ANGLES))
        if config.initialisation == "normal":
            nn.init.trunc_normal_(self.weights)
        else:
            nn.init.uniform_(self.weights, 0.0, 2 * math.pi)

    def forward(self, angles: Float[Tensor, "sample qubit 3"], noisy: bool = True) -> Float[Tensor, "sample qubit"]:
        """<Z> of each qubit for angles in radians, with the configured noise unless it is not asked for."""
        return self._expectations(angles, self.weights, self.entangler, self.noise if noisy else None)

    def circuit(self) -> ReuploadCircuit:
        """The trained circuit as plain data."""
        weights = self.weights.detach().double().cpu().numpy()
        return ReuploadCircuit(weights.shape[1], weights, self.entangler)


class SQDRCNN(nn.Module):
    """The whole network; `forward` takes input spikes and gives logits."""

    def __init__(self, config: Config, image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.angle_scale = config.circuit.angle_scale
        self.surrogate_alpha = config.encoder.surrogate_alpha
        self.encoder = build_encoder(config.encoder, image_shape, ANGLES * config.circuit.qubits)
        self.head = ReuploadHead(config.circuit, Noise(**config.noise.model_dump()))
        self.readout = nn.Linear(config.circuit.qubits, classes)
        self.relu = config.readout.relu

    def forward(self, spikes: Float[Tensor, "time sample channel height width"]) -> Float[Tensor, "sample class"]:
        return self.trace(spikes).logits

    def trace(self, spikes: Float[Tensor, "time sample channel height width"], noisy: bool = True) -> Forward:
        """The logits with all that leads to them; without the configured noise if `noisy` is False."""
        encoded = run_encoder(self.encoder, spikes, self.surrogate_alpha)
        angles = angles_from_counts(encoded.sum(0), len(encoded), self.angle_scale)
        values = self.head(angles, noisy)
        logits = self.readout(values)
        return Forward(encoded, angles, values, torch.relu(logits) if self.relu else logits)

    @property
    def parameter_count(self) -> int:
        """How many numbers training changes."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)
