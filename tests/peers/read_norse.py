"""Run a NIR file in norse: `python read_norse.py FILE.nir SPIKES.npy ANSWER.npy DT`.

Sample by sample, since norse takes NIR's Flatten over the batch too.
"""

import sys

import nir
import norse.torch
import numpy as np
import torch


def run(file: str, spikes: np.ndarray, dt: float) -> np.ndarray:
    network = norse.torch.from_nir(nir.read(file), dt=dt).eval()
    samples = []
    for sample in torch.from_numpy(spikes).float().unbind(dim=1):
        answers, state = [], None
        for step in sample:
            answer, state = network(step, state)
            answers.append(answer)
        samples.append(torch.stack(answers))
    return torch.stack(samples, dim=1).numpy()


if __name__ == "__main__":
    _, file, spikes, answer, dt = sys.argv
    with torch.no_grad():
        np.save(answer, run(file, np.load(spikes, allow_pickle=False), float(dt)), allow_pickle=False)
