"""Delays that can be told from each other only by delays: trained, as NIR, on Loihi's fixed point and on real Lava.

Two inputs fire once in a sample, the second 1 to 4 steps after the first, and the network is to say how many. Its
neurons forget everything within a step. So without delays no step tells the classes apart, whatever the weights; with
the inputs heard after 0 to 7 steps, each neuron can wait for the two spikes that meet.

Run it as it stands: python examples/delays.py        with --lava also on Lava (spiq lava setup)
"""

import sys

import nir
import numpy as np
import snntorch
import torch
from snntorch import surrogate
from torch import nn

from spiq.export.nir.graph import resolve
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.runtime.nir_runtime import NirRuntime

STEPS, CLASSES, DELAYS, DT = 20, 4, 8, 1e-4


def samples(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Spikes [time, sample, 2], and how long the second waits, less one."""
    labels = random.integers(CLASSES, size=count)
    first = random.integers(STEPS - DELAYS - CLASSES, size=count)
    spikes = np.zeros((STEPS, count, 2), np.uint8)
    spikes[first, np.arange(count), 0] = 1
    spikes[first + labels + 1, np.arange(count), 1] = 1
    return spikes, labels


def heard(spikes: np.ndarray, delays: int) -> torch.Tensor:
    """The spikes after 0 to `delays` - 1 steps, side by side: [time, sample, 2·delays]."""
    padded = np.concatenate([np.zeros((delays, *spikes.shape[1:])), spikes])
    late = [padded[delays - steps : delays - steps + len(spikes)] for steps in range(delays)]
    return torch.tensor(np.concatenate(late, axis=2), dtype=torch.float32)


def trained(delays: int, spikes: np.ndarray, labels: np.ndarray) -> nn.Linear:
    """A plain snnTorch loop: the class is the neuron that fires most."""
    torch.manual_seed(0)
    linear = nn.Linear(2 * delays, CLASSES)
    neuron = snntorch.Leaky(beta=0.0, reset_mechanism="zero", spike_grad=surrogate.atan())
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.05)
    x, y = heard(spikes, delays), torch.tensor(labels)
    for _ in range(150):
        potential, counts = neuron.init_leaky(), torch.zeros(len(y), CLASSES)
        for step in range(STEPS):
            fired, potential = neuron(linear(x[step]), potential)
            counts = counts + fired
        optimizer.zero_grad()
        nn.functional.cross_entropy(counts, y).backward()
        optimizer.step()
    return linear


def graph(linear: nn.Linear, delays: int) -> nir.NIRGraph:
    """Each delay is a node on the inputs, and all that is heard meets in the neurons."""
    weight, bias = (tensor.detach().double().numpy() for tensor in (linear.weight, linear.bias))
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([2])})}
    edges = []
    for steps in range(delays):
        part = weight[:, 2 * steps : 2 * steps + 2]
        # The bias is there once, and not delayed.
        nodes[f"linear{steps}"] = nir.Linear(part) if steps else nir.Affine(part, bias)
        edges.append((f"linear{steps}", "neuron"))
        if steps:
            nodes[f"delay{steps}"] = nir.Delay(np.full(2, steps * DT))
            edges.append(("input", f"delay{steps}"))
        edges.append((f"delay{steps}" if steps else "input", f"linear{steps}"))
    ones = np.ones(CLASSES)
    # beta = 0: all that a step leaves of the potential is gone in the next one.
    nodes["neuron"] = nir.LIF(DT * ones, ones, 0 * ones, ones, 0 * ones)
    nodes["output"] = nir.Output({"output": np.array([CLASSES])})
    return nir.NIRGraph(nodes, [*edges, ("neuron", "output")], type_check=False)


def main() -> None:
    random = np.random.default_rng(0)
    training, test = samples(400, random), samples(200, random)
    for delays in (1, DELAYS):
        network = resolve(graph(trained(delays, *training), delays), dt=DT)
        spikes, labels = test
        answers = {"nir": NirRuntime(network).run(spikes)}
        program = lower_to_loihi(network, training[0])
        answers["loihi"] = LoihiDevice(program).run(spikes)
        if "--lava" in sys.argv:
            answers["lava"] = LavaDevice(program).run(spikes)
        print("with delays of 0 to 7 steps:" if delays > 1 else "without delays:")
        for name, fired in answers.items():
            right = (fired.sum(0).argmax(1) == labels).mean()
            changed = int((fired != answers["nir"]).sum())
            print(f"    {name:6} {right:7.2%} of 200 right, {changed} of {fired.size} spikes differ from nir")


if __name__ == "__main__":
    main()
