"""Run a NIR file in SpikingJelly: `python read_spikingjelly.py FILE.nir SPIKES.npy ANSWER.npy DT`."""

import sys

import numpy as np
import torch
from spikingjelly.activation_based import nir_exchange


def run(file: str, spikes: np.ndarray, dt: float) -> np.ndarray:
    network = nir_exchange.import_from_nir(file, dt=dt).eval()
    answers, state = [], None
    for step in torch.from_numpy(spikes).float():
        answer, state = network(step, state)
        answers.append(answer)
    return torch.stack(answers).numpy()


if __name__ == "__main__":
    _, file, spikes, answer, dt = sys.argv
    with torch.no_grad():
        np.save(answer, run(file, np.load(spikes, allow_pickle=False), float(dt)), allow_pickle=False)
