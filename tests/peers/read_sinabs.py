"""Run a NIR file in sinabs: `python read_sinabs.py FILE.nir SPIKES.npy ANSWER.npy DT`.

sinabs' own neurons are given subtraction, several spikes a step and a lowest potential when a file is read. What NIR's
IF means, reset to zero, one spike and no lower bound, is set here. A step of sinabs has no length, so DT is not read.
"""

import sys

import nir
import numpy as np
import sinabs
import torch
from sinabs.activation import MembraneReset, SingleSpike
from sinabs.layers import StatefulLayer


def run(file: str, spikes: np.ndarray) -> np.ndarray:
    time, samples = spikes.shape[:2]
    network = sinabs.nir.from_nir(nir.read(file), batch_size=samples).eval()
    for layer in network.modules():
        if isinstance(layer, StatefulLayer):
            layer.reset_fn, layer.spike_fn, layer.min_v_mem = MembraneReset(), SingleSpike, None
    # sinabs folds the time into the batch: all steps of the first sample, then those of the next.
    folded = torch.from_numpy(spikes).float().swapaxes(0, 1).flatten(0, 1)
    answer = network(folded)
    answer = answer[0] if isinstance(answer, tuple) else answer
    return answer.unflatten(0, (samples, time)).swapaxes(0, 1).numpy()


if __name__ == "__main__":
    _, file, spikes, answer, _ = sys.argv
    with torch.no_grad():
        np.save(answer, run(file, np.load(spikes, allow_pickle=False)), allow_pickle=False)
