"""Any snnTorch Sequential of stock modules: to NIR, to Loihi's fixed point, and compared spike for spike.

Run it as it stands: python examples/export_sequential.py
"""

import numpy as np
import snntorch
import torch
from torch import nn

from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.runtime.nir_runtime import NirRuntime

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 6, 3, padding=1),
    snntorch.Leaky(beta=0.9, reset_mechanism="zero"),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(6 * 4 * 4, 10),
    snntorch.Leaky(beta=1.0, reset_mechanism="zero"),
).eval()

graph = resolve(to_nir(network, (1, 8, 8)))
spikes = (np.random.default_rng(0).random((16, 50, 1, 8, 8)) < 0.3).astype(np.uint8)
in_float = NirRuntime(graph).run(spikes)
on_loihi = LoihiDevice(lower_to_loihi(graph, spikes)).run(spikes)

print(*graph.nodes, sep="\n")
print(f"{in_float.sum()} spikes in floating point; {(in_float != on_loihi).sum()} of {in_float.size} differ on Loihi")
