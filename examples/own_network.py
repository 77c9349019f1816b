"""Your own network: a snnTorch encoder, a PennyLane QNode and a linear readout, trained by your own loop.

Nothing of spiq takes part in the training. Afterwards five lines make a bundle of it, climb the validation ladder, and
run both halves together on Loihi's fixed point and Qiskit Aer.

    python examples/own_network.py
"""

import tempfile
from pathlib import Path

import numpy as np
import pennylane as qml
import snntorch
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from snntorch import surrogate
from torch import nn

import spiq

STEPS, QUBITS, LAYERS, EPOCHS, BATCH = 8, 4, 2, 12, 32


def spiking_half() -> nn.Sequential:
    """snnTorch's own neurons, which keep their states themselves."""

    def leaky(beta: float) -> snntorch.Leaky:
        return snntorch.Leaky(beta=beta, init_hidden=True, spike_grad=surrogate.atan())

    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        leaky(0.9),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 2 * QUBITS),
        leaky(0.8),
    )


@qml.qnode(qml.device("default.qubit", wires=QUBITS), interface="torch", diff_method="backprop")
def qnode(inputs: torch.Tensor, weights: torch.Tensor, scale: torch.Tensor) -> list:
    """Two rates turn each qubit, again and again between entangling layers: data re-uploading."""
    for layer in range(LAYERS):
        for qubit in range(QUBITS):
            qml.RY(scale[layer, qubit] * inputs[..., 2 * qubit], wires=qubit)
            qml.RZ(inputs[..., 2 * qubit + 1], wires=qubit)
        qml.StronglyEntanglingLayers(weights[layer], wires=range(QUBITS))
    return [qml.expval(qml.Z(qubit)) for qubit in range(QUBITS)] + [qml.expval(qml.X(0) @ qml.X(1))]


def fired(encoder: nn.Sequential, spikes: torch.Tensor) -> torch.Tensor:
    """The last layer's spikes [time, sample, feature]: one call a time step, from rest."""
    for module in encoder:
        if isinstance(module, snntorch.SpikingNeuron):
            module.reset_mem()
    return torch.stack([encoder(step) for step in spikes])


def main() -> None:
    torch.manual_seed(0)
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=0)

    coding = spiq.Coding("phase", STEPS)
    encoder = spiking_half()
    weights = nn.Parameter(0.5 * torch.randn(LAYERS, 1, QUBITS, 3))
    scale = nn.Parameter(torch.full((LAYERS, QUBITS), 3.0))
    readout = nn.Linear(QUBITS + 1, 10)
    optimizer = torch.optim.Adam([*encoder.parameters(), weights, scale, *readout.parameters()], lr=0.01)
    labels = torch.from_numpy(y_train)
    for epoch in range(EPOCHS):
        losses = []
        for batch in torch.randperm(len(labels)).split(BATCH):
            spikes = torch.from_numpy(coding.encode(x_train[batch.numpy()])).float()
            rates = fired(encoder, spikes).mean(0)
            values = torch.stack(list(qnode(rates, weights, scale)), dim=-1).float()
            loss = nn.functional.cross_entropy(readout(values), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {np.mean(losses):.3f}")

    network = spiq.network(
        encoder,
        qnode,
        readout,
        coding=coding,
        input_shape=(1, 8, 8),
        weights={"weights": weights, "scale": scale},
    )
    with tempfile.TemporaryDirectory() as folder:
        bundle = network.export(Path(folder) / "bundle", calibration=x_train[:256], golden=(x_test[:8], y_test[:8]))
        print(spiq.validate(bundle, x_test, y_test, trained=network, lava_samples=16))
        trace = spiq.cosim(bundle, x_test, snn="loihi", qpu="aer", shots=1024)
        print(f"loihi and aer with 1024 shots: {(trace.predictions == y_test).mean():.2%} right")


if __name__ == "__main__":
    main()
