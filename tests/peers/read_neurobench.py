"""What the package neurobench gives for the networks of `neurobench_networks`, as JSON: run in its own environment.

python read_neurobench.py ANSWER.json
"""

import json
import sys
from pathlib import Path

import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
from neurobench.models import SNNTorchModel
from neurobench_networks import NETWORKS, SAMPLES, network, spikes
from torch.utils.data import DataLoader, TensorDataset

STATIC = [Footprint, ConnectionSparsity]
WORKLOAD = [ActivationSparsity, SynapticOperations, MembraneUpdates]


def measured(name: str) -> dict[str, object]:
    """The package's figures for one network, under spiq's names."""
    given = torch.from_numpy(spikes(name)).float().transpose(0, 1)
    # One batch: NeuroBench averages the activation sparsity over batches.
    loader = DataLoader(TensorDataset(given, torch.zeros(SAMPLES)), batch_size=SAMPLES)
    with torch.no_grad():
        found = Benchmark(SNNTorchModel(network(name)), loader, [], [], [STATIC, WORKLOAD]).run(quiet=True)
    operations = found["SynapticOperations"]
    return {
        "footprint_bytes": found["Footprint"],
        "connection_sparsity": found["ConnectionSparsity"],
        "activation_sparsity": found["ActivationSparsity"],
        "synaptic_operations": {
            "dense": operations["Dense"],
            "effective_macs": operations["Effective_MACs"],
            "effective_acs": operations["Effective_ACs"],
        },
        "membrane_updates": found["MembraneUpdates"],
        "samples": SAMPLES,
    }


if __name__ == "__main__":
    answer = {name: measured(name) for name in NETWORKS}
    Path(sys.argv[1]).write_text(json.dumps(answer, indent=2) + "\n")
