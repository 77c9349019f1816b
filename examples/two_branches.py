"""Two branches: an image goes to a spiking network and to a circuit side by side, and their answers are mixed.

    image → spikes → encoder → counts → SNN's logits   ┐
    image → front (classical) → circuit → its logits   ┴→ (1 - x) · SNN + x · circuit

Nothing is trained here: the example shows how stages are put together, and that what is deployed is what PyTorch gives.

    python examples/two_branches.py
"""

import tempfile
from pathlib import Path

import pennylane as qml
import snntorch
import torch
from sklearn.datasets import load_digits
from torch import nn

import spiq

QUBITS = 4


@qml.qnode(qml.device("default.qubit", wires=QUBITS), interface="torch")
def qnode(inputs: torch.Tensor, weights: torch.Tensor) -> list:
    qml.AngleEmbedding(inputs, wires=range(QUBITS))
    qml.BasicEntanglerLayers(weights, wires=range(QUBITS))
    return [qml.expval(qml.Z(qubit)) for qubit in range(QUBITS)]


class Mixed(nn.Module):
    """(1 - x) · SNN + x · circuit, each with a linear layer of its own."""

    def __init__(self, counts: int, x: float = 0.5) -> None:
        super().__init__()
        self.spiking, self.quantum, self.x = nn.Linear(counts, 10), nn.Linear(QUBITS, 10), x

    def forward(self, counts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return (1 - self.x) * self.spiking(counts) + self.x * self.quantum(values)


def main() -> None:
    torch.manual_seed(0)
    digits = load_digits()
    images = digits.images[:300, None] / 16
    encoder = nn.Sequential(
        nn.Conv2d(1, 4, 3), snntorch.Leaky(beta=0.9, init_hidden=True), nn.Flatten(), nn.Linear(4 * 6 * 6, 12),
        snntorch.Leaky(beta=0.9, init_hidden=True),
    )  # fmt: skip

    network = spiq.OwnNetwork((1, 8, 8))
    counts = network.decode("count", network.spiking(encoder, network.encode("latency", steps=6)), name="counts")
    front = network.classical(nn.Sequential(nn.Flatten(), nn.Linear(64, QUBITS), nn.Tanh()), "input", name="front")
    values = network.circuit(qnode, front, weights={"weights": torch.randn(2, QUBITS)})
    network.classical(Mixed(12), counts, values, name="mixed")
    print(network)

    with tempfile.TemporaryDirectory() as folder:
        bundle = network.export(
            Path(folder) / "bundle", calibration=images[:100], golden=(images[:8], digits.target[:8])
        )
        passed = [check.passed for check in spiq.verify(bundle)]
        print(f"{sum(passed)} of {len(passed)} checks passed")
        deployed, own = spiq.cosim(bundle, images, snn="nir"), network.traced(bundle.network, images)
        print(f"spikes that differ from PyTorch's: {int((deployed['encoder'] != own['encoder']).sum())}")
        print(f"predictions that differ: {int((deployed.predictions != own.predictions).sum())} of {len(images)}")


if __name__ == "__main__":
    main()
