"""Random hybrid networks: snnTorch encoders, PennyLane QNodes and PyTorch layers, in one branch or two."""

from typing import Any, NamedTuple

import numpy as np
import pennylane as qml
import torch
from torch import nn

import spiq
from shared.snntorch_networks import Looping, random_case

WITH_ANGLE = (qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1)
FIXED = (qml.Hadamard, qml.S, qml.T, qml.PauliX, qml.SX)
TWO = (qml.CNOT, qml.CZ, qml.SWAP, qml.ISWAP, qml.CH)
TWO_WITH_ANGLE = (qml.CRZ, qml.CRX, qml.IsingXX, qml.IsingZZ)
THREE_ANGLES = (qml.U3, qml.Rot)


class Hybrid(NamedTuple):
    """A network of parts, and samples for it: spikes [time, sample, *shape], 12 of them."""

    network: spiq.OwnNetwork
    samples: np.ndarray


def random_hybrid(seed: int) -> Hybrid:
    """The network of this seed: one or two branches, circuits on any of them, a readout or none."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    first = random_case(int(random.integers(2**31)))
    steps = 3 if isinstance(first.network, Looping) else first.spikes.shape[0]
    network = spiq.OwnNetwork(first.shape, steps)
    branches = [_branch(random, network, first.network, "left")]
    if random.random() < 0.5:
        second = _case_like(random, first.shape, steps)
        if second is not None:
            branches.append(_branch(random, network, second, "right"))
    if len(branches) > 1 or random.random() < 0.7:
        sizes = [int(np.prod(network.signals[name].shape)) for name in branches]
        network.classical(_readout(random, sizes), *branches, name="readout")
    samples = (random.random((steps, 12, *first.shape)) < random.uniform(0.2, 0.6)).astype(np.uint8)
    return Hybrid(network, samples)


def _case_like(random: np.random.Generator, shape: tuple[int, ...], steps: int) -> nn.Module | None:
    """Another encoder that reads the same, of some that are tried."""
    for _ in range(8):
        case = random_case(int(random.integers(2**31)))
        if case.shape == shape and isinstance(case.network, Looping) == (steps == 3):
            return case.network
    return None


def _branch(random: np.random.Generator, network: spiq.OwnNetwork, encoder: nn.Module, side: str) -> str:
    spikes = network.spiking(encoder, name=f"{side}_encoder")
    steps = network.signals[spikes].steps or 1
    windows = int(random.choice([count for count in (1, 2, 3) if steps % count == 0]))
    kind = str(random.choice(["rate", "count", "first_spike"]))
    scale, offset = float(random.choice([1.0, np.pi, 0.3])), float(random.choice([0.0, 0.1]))
    decoded = network.decode(spiq.Decode(kind, scale, offset, windows), spikes, name=f"{side}_values")  # type: ignore[arg-type]
    if random.random() < 0.2:
        return decoded
    inputs = int(np.prod(network.signals[decoded].shape))
    if inputs > 12:
        decoded = network.classical(nn.Linear(inputs, 4).double(), decoded, name=f"{side}_front")
        inputs = 4
    return network.circuit(random_qnode(random, inputs), decoded, name=f"{side}_circuit")


def random_qnode(random: np.random.Generator, n_inputs: int) -> Any:
    """A QNode of 1 to 5 qubits whose angles are affine in its inputs, with 1 to 4 random observables."""
    n_qubits = int(random.integers(1, 6))
    operations = [_operation(random, n_qubits, n_inputs) for _ in range(int(random.integers(3, 25)))]
    observables = [_observable(random, n_qubits) for _ in range(int(random.integers(1, 5)))]

    @qml.qnode(qml.device("default.qubit", wires=n_qubits))
    def qnode(inputs: Any) -> list:
        for kind, angles, wires in operations:
            kind(*(offset + sum(c * inputs[..., k] for k, c in slopes) for offset, slopes in angles), wires=wires)
        return [qml.expval(observable) for observable in observables]

    return qnode


def _operation(random: np.random.Generator, n_qubits: int, n_inputs: int) -> tuple[Any, list, list[int]]:
    kinds = [(WITH_ANGLE, 1, 1), (THREE_ANGLES, 1, 3), (FIXED, 1, 0)]
    if n_qubits > 1:
        kinds += [(TWO, 2, 0), (TWO_WITH_ANGLE, 2, 1)]
    chosen, size, count = kinds[int(random.integers(len(kinds)))]
    angles = []
    for _ in range(count):
        names = random.permutation(n_inputs)[: int(random.integers(0, 3))]
        slopes = [(int(name), float(random.choice([1.0, random.normal()]))) for name in names]
        angles.append((float(random.choice([0.0, random.normal()])), slopes))
    wires = [int(qubit) for qubit in random.permutation(n_qubits)[:size]]
    return chosen[int(random.integers(len(chosen)))], angles, wires


def _observable(random: np.random.Generator, n_qubits: int) -> Any:
    def string() -> Any:
        wires = random.permutation(n_qubits)[: int(random.integers(1, min(3, n_qubits) + 1))]
        factors = [(qml.X, qml.Y, qml.Z)[int(random.integers(3))](int(wire)) for wire in wires]
        return qml.prod(*factors) if len(factors) > 1 else factors[0]

    terms = [string() for _ in range(int(random.integers(1, 3)))]
    return qml.dot([float(c) for c in random.normal(size=len(terms))], terms) if len(terms) > 1 else terms[0]


class _Joined(nn.Module):
    """Layers on what the branches give, side by side."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat(values, dim=1))


def _readout(random: np.random.Generator, sizes: list[int]) -> nn.Module:
    hidden = int(random.integers(2, 6))
    middle = (nn.ReLU(), nn.Tanh(), nn.Sigmoid())[int(random.integers(3))]
    layers = _Joined(nn.Sequential(nn.Linear(sum(sizes), hidden), middle, nn.Linear(hidden, 3)))
    return layers.double() if random.random() < 0.5 else layers
