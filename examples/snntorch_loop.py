"""A network of snnTorch's own neurons, trained by a plain snnTorch loop, through bundle, Lava and the ladder.

The spiking half is a Sequential of stock modules with snnTorch's defaults, reset by subtraction among them; the circuit
and the readout are spiq's. A loop over time steps, as in snnTorch's tutorials, trains all of it on the digits. Then the
network is exported as any other, and the validation ladder says whether the accuracy survived.

Run it as it stands: python examples/snntorch_loop.py            with default `Leaky` neurons
                     python examples/snntorch_loop.py rleaky     with a recurrent `RLeaky` behind the images
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import snntorch
import torch
from snntorch import surrogate
from torch import nn

from spiq.export.circuit.reupload import ANGLES
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data.sources import load_images
from spiq.pipeline.models.sqdr_cnn import SQDRCNN
from spiq.pipeline.report.table import print_report
from spiq.pipeline.run.exporting import export_bundle
from spiq.pipeline.training.checkpoint import Epoch, epochs_of
from spiq.pipeline.validation.ascent import Ascent
from spiq.pipeline.validation.ladder import climb

EPOCHS, BATCH, QUBITS = 12, 32, 9

CONFIG = Config.model_validate(
    {
        "name": "snntorch",
        "data": {"source": "digits"},
        "coding": {"kind": "phase", "steps": 8},
        "circuit": {"qubits": QUBITS},
        "training": {"epochs": EPOCHS},
        "ladder": {"lava_samples": 32},
    }
)


def spiking_half(neuron: str) -> nn.Sequential:
    """snnTorch's defaults: the threshold is taken off in the step after a spike."""

    def leaky(beta: float) -> snntorch.Leaky:
        return snntorch.Leaky(beta=beta, init_hidden=True, spike_grad=surrogate.atan())

    features, hidden = 3 * QUBITS, 64
    between = leaky(0.9)
    if neuron == "rleaky":
        between = snntorch.RLeaky(beta=0.9, linear_features=hidden, init_hidden=True, spike_grad=surrogate.atan())
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        leaky(0.9),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, hidden),
        between,
        nn.Linear(hidden, features),
        leaky(0.8),
    )


def fired(encoder: nn.Sequential, spikes: torch.Tensor) -> torch.Tensor:
    """The last layer's spikes [time, sample, feature]: one call a time step, from rest."""
    for module in encoder:
        if isinstance(module, snntorch.SpikingNeuron):
            module.reset_mem()
    return torch.stack([encoder(step) for step in spikes])


def main() -> None:
    neuron = sys.argv[1] if len(sys.argv) > 1 else "leaky"
    torch.manual_seed(0)
    data = load_images(CONFIG.data.source)
    model = SQDRCNN(CONFIG, data.train_images.shape[1:], data.classes)
    model.encoder = spiking_half(neuron)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    labels, history = torch.from_numpy(data.train_labels), []
    for epoch in range(EPOCHS):
        order, losses, right = torch.randperm(len(labels)), [], 0
        for batch in order.split(BATCH):
            spikes = torch.from_numpy(CONFIG.coding_scheme.encode(data.train_images[batch.numpy()])).float()
            angles = model.decode(fired(model.encoder, spikes))
            logits = model.readout(model.head(angles.reshape(len(angles), QUBITS, ANGLES)))
            loss = nn.functional.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            right += int((logits.argmax(1) == labels[batch]).sum())
        history.append(Epoch(float(np.mean(losses)), right / len(labels), validation=None))
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {history[-1].loss:.3f}  accuracy {history[-1].accuracy:.2%}")
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(CONFIG, model, data, Path(folder) / "bundle")
        ascent = Ascent(
            bundle,
            data.test_images,
            data.test_labels,
            CONFIG.ladder,
            CONFIG.gate,
            model,
            tuple(epoch._asdict() for epoch in history),
            epochs_of(history, CONFIG),
        )
        report = climb(ascent)
        for file, reason in bundle.manifest.left_out.items():
            print(f"{file} is left out: {reason}")
    print_report(report)


if __name__ == "__main__":
    main()
