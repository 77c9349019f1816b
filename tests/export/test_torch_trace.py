"""Modules with a forward of their own: what is followed gives snnTorch's spikes, the rest is refused by its line."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
import torch.nn.functional as F
from torch import nn

from shared.snntorch_networks import spiked
from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

SHAPE = (2, 6, 6)


def leaky(**options: Any) -> snntorch.Leaky:
    return snntorch.Leaky(beta=0.9, threshold=0.4, spike_grad=spiked, **options)


class Images(nn.Module):
    """One time step: a skip connection, functions in place of layers, the states kept in the neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.fired = leaky(init_hidden=True)
        self.block = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), leaky(init_hidden=True))
        self.dense = nn.Linear(2 * 3 * 3, 4)
        self.last = leaky(init_hidden=True, output=True)

    def forward(self, x: torch.Tensor) -> Any:
        first = self.fired(self.conv(x))
        pooled = F.max_pool2d(self.block(first), 2)
        summed = pooled + F.avg_pool2d(first, 2)
        kept = F.dropout(summed.flatten(1), 0.5, self.training)
        spikes, potential = self.last(self.dense(kept))
        return spikes, potential


class Viewing(nn.Module):
    """The samples' axis is kept by its size; the states come from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(72, 4)
        self.neuron = leaky()

    def forward(self, x: torch.Tensor, mem: torch.Tensor) -> Any:
        return self.neuron(self.dense(x.view(x.size(0), -1)), mem)


class Tutorial(nn.Module):
    """snnTorch's tutorials: a loop over time, on the same input at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(72, 5), nn.Linear(5, 4)
        self.lif1, self.lif2 = leaky(), snntorch.Synaptic(alpha=0.5, beta=0.8, threshold=0.3, spike_grad=spiked)

    def forward(self, x: torch.Tensor) -> Any:
        mem1 = self.lif1.init_leaky()
        syn2, mem2 = self.lif2.init_synaptic()
        flat = x.flatten(1)
        spikes, potentials = [], []
        for _ in range(10):
            spk1, mem1 = self.lif1(self.fc1(flat), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spikes.append(spk2)
            potentials.append(mem2)
        return torch.stack(spikes, dim=0), torch.stack(potentials, dim=0)


def made(network: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.reset_parameters()
    return network.double().eval()


def spikes_of(steps: int = 12) -> np.ndarray:
    return (np.random.default_rng(1).random((steps, 3, *SHAPE)) < 0.4).astype(np.uint8)


def test_one_step_with_branches_and_functions() -> None:
    network, spikes = made(Images()), spikes_of()
    with torch.no_grad():
        expected = torch.stack([network(x)[0] for x in torch.from_numpy(spikes).double()]).numpy()
    graph = to_nir(network, SHAPE)
    assert set(graph.nodes) >= {"conv", "fired", "block.0", "block.1", "max_pool2d_or", "dense", "last"}
    assert expected.any()
    assert np.array_equal(NirRuntime(resolve(graph)).run(spikes), expected)


def test_one_step_with_states_from_outside() -> None:
    network, spikes = made(Viewing()), spikes_of()
    potential, expected = torch.zeros(3, 4).double(), []
    with torch.no_grad():
        for x in torch.from_numpy(spikes).double():
            fired, potential = network(x, potential)
            expected.append(fired)
    assert np.array_equal(NirRuntime(resolve(to_nir(network, SHAPE))).run(spikes), torch.stack(expected).numpy())


def test_a_loop_over_time_is_its_step() -> None:
    network = made(Tutorial())
    image = spikes_of(1)
    with torch.no_grad():
        expected = network(torch.from_numpy(image[0]).double())[0].numpy()
    found = NirRuntime(resolve(to_nir(network, SHAPE))).run(np.repeat(image, 10, axis=0))
    assert expected.any()
    assert np.array_equal(found, expected)


class Written(nn.Module):
    """A forward that is given."""

    def __init__(self, step: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.dense, self.other, self.neuron, self.second = nn.Linear(2, 2), nn.Linear(2, 2), leaky(), leaky()
        self.hidden = leaky(init_hidden=True)
        self.step = step

    def forward(self, x: torch.Tensor) -> Any:
        return self.step(self, x)


def unlike(self: Any, x: torch.Tensor) -> Any:
    mem, spikes = self.neuron.init_leaky(), []
    for step in range(3):
        spk, mem = self.neuron((self.dense if step else self.other)(x), mem)
        spikes.append(spk)
    return torch.stack(spikes)


def crossed(self: Any, x: torch.Tensor) -> Any:
    one, two, spikes = self.neuron.init_leaky(), self.second.init_leaky(), []
    for _ in range(3):
        spk, two = self.neuron(self.dense(x), one)
        spk, one = self.second(self.other(spk), two)
        spikes.append(spk)
    return torch.stack(spikes)


def only_the_last(self: Any, x: torch.Tensor) -> Any:
    mem = self.neuron.init_leaky()
    for _ in range(3):
        spk, mem = self.neuron(self.dense(x), mem)
    return spk


def backwards(self: Any, x: torch.Tensor) -> Any:
    mem, spikes = self.neuron.init_leaky(), []
    for _ in range(3):
        spk, mem = self.neuron(self.dense(x), mem)
        spikes.insert(0, spk)
    return torch.stack(spikes)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda self, x: self.hidden(torch.sigmoid(self.dense(x))),
         r"line \d+, .*, got sigmoid\(\), which cannot be followed"),
        (lambda self, x: self.hidden(self.dense(x) * 2),
         r"line \d+, .* must be made of layers that are known, .*, got mul\(\), which cannot be followed; write"),
        (lambda self, x: self.hidden(self.dense(x if x.sum() > 0 else -x)),
         r"line \d+, .*, got what cannot be followed: sym"),
        (lambda self, x: self.hidden(self.dense(x) + self.dense.bias), r"got the tensor .dense.bias., which is no"),
        (lambda self, x: self.neuron(self.dense(x), self.neuron.init_leaky()), "starts anew whenever forward is"),
        (lambda self, x: self.hidden(self.hidden(self.dense(x))), "layer 'hidden"),
        (lambda self, x: self.hidden(self.neuron(x)), "takes a neuron's spikes together with its states"),
        (lambda self, x: self.hidden(self.dense(x[0])), "got one time step that it picks"),
        (lambda self, x: self.hidden(self.dense(x) + x + x), "adds up the same values twice"),
        (lambda self, x: None, "got no spikes as its answer"),
        (lambda self, x: [self.hidden(self.dense(y)) for y in x],
         r"line \d+, .*, got what cannot be followed: Proxy obj"),
        (unlike, "the time steps in forward are not alike"),
        (crossed, "layer 'second': takes a state that is not its own of the step before"),
        (only_the_last, "the time steps in forward are not alike, or give something else than the spikes of all"),
        (backwards, "the time steps in forward are not alike, or give"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(step: Callable, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(Written(step), (2,))
