"""Your own network with a circuit from Qiskit: its feature map multiplies inputs, which the host does beforehand.

The circuit is Qiskit's ZZ feature map, whose angles hold products of two inputs, and then its real amplitudes with
weights. It is a fixed, random feature map here; only encoder and readout are trained, by a plain snnTorch loop.

    python examples/own_qiskit.py
"""

import tempfile
from pathlib import Path

import numpy as np
import snntorch
import torch
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp
from sklearn.datasets import load_digits
from snntorch import surrogate
from torch import nn

import spiq

STEPS, QUBITS, EPOCHS = 8, 3, 6
CLASSES = 3


def main() -> None:
    torch.manual_seed(0)
    digits = load_digits(n_class=CLASSES)
    images, labels = (digits.images[:, None] / 16).astype(np.float32), digits.target
    train, test = slice(0, 400), slice(400, None)

    features = zz_feature_map(QUBITS, reps=1)
    circuit = features.compose(real_amplitudes(QUBITS, reps=1))
    inputs = list(features.parameters)
    trained = [parameter for parameter in circuit.parameters if parameter not in inputs]
    circuit = circuit.assign_parameters(
        dict(zip(trained, np.random.default_rng(0).normal(size=len(trained)), strict=True))
    )
    observables = [
        SparsePauliOp("ZII"),
        SparsePauliOp("IZI"),
        SparsePauliOp("IIZ"),
        SparsePauliOp.from_list([("XXI", 0.5), ("IYY", 0.5)]),
    ]

    coding = spiq.Coding("rate", STEPS, seed=1)
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 16),
        snntorch.Leaky(beta=0.9, init_hidden=True, spike_grad=surrogate.atan(), reset_mechanism="zero"),
        nn.Linear(16, QUBITS),
        snntorch.Leaky(beta=0.9, init_hidden=True, spike_grad=surrogate.atan(), reset_mechanism="zero"),
    )
    readout = nn.Linear(4, CLASSES)
    # The same circuit as a differentiable function: what spiq reads of Qiskit's, on PennyLane's simulator.
    plain = spiq.OwnNetwork((QUBITS,))
    plain.circuit(circuit, "input", inputs=inputs, observables=observables)
    qnode = spiq.to_qnode(plain.to_network().quantum["circuit"].circuit, interface="torch", diff_method="backprop")

    optimizer = torch.optim.Adam([*encoder.parameters(), *readout.parameters()], lr=0.02)
    for epoch in range(EPOCHS):
        right = 0
        for batch in torch.randperm(400).split(40):
            spikes = torch.from_numpy(coding.encode(images[train][batch.numpy()])).float()
            for module in encoder:
                if isinstance(module, snntorch.SpikingNeuron):
                    module.reset_mem()
            rates = torch.stack([encoder(step) for step in spikes]).mean(0)
            logits = readout(torch.stack(list(qnode(rates)), dim=-1).float())
            target = torch.from_numpy(labels[train][batch.numpy()])
            loss = nn.functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += int((logits.argmax(-1) == target).sum())
        print(f"epoch {epoch + 1}/{EPOCHS}  accuracy {right / 400:.2%}")

    network = spiq.network(
        encoder, circuit, readout, coding=coding, input_shape=(1, 8, 8), inputs=inputs, observables=observables
    )
    with tempfile.TemporaryDirectory() as folder:
        bundle = network.export(
            Path(folder) / "bundle", calibration=images[train], golden=(images[test][:8], labels[test][:8])
        )
        print(spiq.validate(bundle, images[test], labels[test], trained=network, lava_samples=8))


if __name__ == "__main__":
    main()
