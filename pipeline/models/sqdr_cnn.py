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

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...export.circuit.circuit import Circuit
from ...export.circuit.reupload import ANGLES, Entangler, reupload_circuit
from ...export.network.decoding import Decode
from ...export.network.network import INPUT, HybridNetwork
from ...export.network.signals import Signal
from ...export.network.spiking import spiking_stage
from ...export.network.stages import Encode, Quantum, Stage
from ...export.network.trace import Trace
from ...export.nir.geometry import Shape
from ...hardware.qpu.exact.lightcone import allowed_method, expectations
from ...hardware.qpu.noise import Noise
from ..config.schema import Circuit as CircuitConfig
from ..config.schema import Config
from .encoder import build_encoder, run_encoder
from .tracing import trace_of

SPIKES, ENCODER, ANGLE_INPUTS, HEAD, READOUT = "spikes", "encoder", "angles", "head", "readout"
"""The stages of the network, in their order."""


class ReuploadHead(nn.Module):
    """The circuit with trainable weights [block, qubit, 3], on the simulator that the configuration names.

    Raises `InputError` for a circuit that is too large for that simulator.
    """

    def __init__(self, config: CircuitConfig, noise: Noise) -> None:
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

    def circuit(self) -> Circuit:
        """The trained circuit as plain data."""
        return reupload_circuit(self.weights.detach().double().cpu().numpy(), self.entangler)


class SQDRCNN(nn.Module):
    """The whole network; `forward` takes input spikes and gives logits."""

    def __init__(self, config: Config, image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.image_shape, self.coding = image_shape, config.coding_scheme
        self.export = config.export
        self.decode = Decode("rate", config.circuit.angle_scale)
        self.surrogate_alpha = config.encoder.surrogate_alpha
        self.encoder = build_encoder(config.encoder, image_shape, ANGLES * config.circuit.qubits)
        self.head = ReuploadHead(config.circuit, Noise(**config.noise.model_dump()))
        self.readout = nn.Linear(config.circuit.qubits, classes)
        self.relu = config.readout.relu

    def forward(self, spikes: Float[Tensor, "time sample channel height width"]) -> Float[Tensor, "sample class"]:
        return self.trace(spikes)[READOUT]

    def trace(
        self, spikes: Float[Tensor, "time sample channel height width"], noisy: bool = True
    ) -> dict[str, Float[Tensor, "..."]]:
        """What each stage gives, by its name; without the configured noise if `noisy` is False."""
        encoded = run_encoder(self.encoder, spikes, self.surrogate_alpha)
        angles = self.decode(encoded)
        values = self.head(angles.reshape(len(angles), -1, ANGLES), noisy)
        logits = self.readout(values)
        answers = (encoded, angles, values, torch.relu(logits) if self.relu else logits)
        return dict(zip((ENCODER, ANGLE_INPUTS, HEAD, READOUT), answers, strict=True))

    def to_network(self) -> HybridNetwork:
        """The trained network as plain data. Its weights are taken as they are, in float64 best."""
        # onnx takes long to import, and training does not need it.
        from ...export.from_torch.graph import to_nir
        from ...export.onnx.model import onnx_bytes
        from ...export.onnx.stages.classical import read_classical
        from ...export.onnx.stages.readout import readout_onnx

        graph = to_nir(self.encoder, self.image_shape, self.export.dt, self.export.integration)
        weight, bias = (tensor.detach().float().cpu().numpy() for tensor in (self.readout.weight, self.readout.bias))
        stages: dict[str, Stage] = {
            SPIKES: Encode(self.coding),
            ENCODER: spiking_stage(graph, f"{ENCODER}.nir", self.export.dt, self.export.integration),
            ANGLE_INPUTS: self.decode,
            HEAD: Quantum(self.head.circuit()),
            READOUT: read_classical(onnx_bytes(readout_onnx(weight, bias, self.relu)), f"{READOUT}.onnx"),
        }
        reads = dict(zip(stages, ((INPUT,), (SPIKES,), (ENCODER,), (ANGLE_INPUTS,), (HEAD,)), strict=True))
        return HybridNetwork(Signal("values", self.image_shape), stages, reads, READOUT)

    def prepare(self) -> None:
        """Float64, for next to a threshold float32 would round a spike away, and evaluation mode."""
        self.double().eval()

    @torch.no_grad()
    def traced(
        self, network: HybridNetwork, samples: Float[np.ndarray, "sample channel height width"], first_sample: int = 0
    ) -> Trace:
        """Every stage's values for these images, in float64, the circuit without noise."""
        self.prepare()
        spikes = self.coding.encode(samples, first_sample)
        device = next(self.parameters()).device
        stages = self.trace(torch.from_numpy(spikes).to(device).double(), noisy=False)
        return trace_of(network, stages, {SPIKES: spikes})

    @property
    def parameter_count(self) -> int:
        """How many numbers training changes."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)
