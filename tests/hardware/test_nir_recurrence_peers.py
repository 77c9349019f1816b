"""Recurrent groups in the float runtime, against snnTorch's own recurrent layers and nirtorch's wiring.

Every number is a multiple of a power of two, and the threshold lies between two values that a potential can take. So
the sums are exact, and a framework that computes in 32 bits must give the same spikes.
"""

import contextlib
import io
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import nir
import nirtorch
import numpy as np
import pytest
import snntorch
import torch
from snntorch.export_nir import export_to_nir

from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.file import read_nir, write_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

DT = 2.0**-10
THRESHOLD = 1 + 2.0**-15


def quarters(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.integers(-3, 5, shape) / 4


def set_quarters(layer: torch.nn.Linear, random: np.random.Generator) -> torch.nn.Linear:
    with torch.no_grad():
        for values in layer.parameters():
            values.copy_(torch.from_numpy(quarters(random, *values.shape)))
    return layer


def layer(kind: type, size: int, **options: object) -> torch.nn.Module:
    """A layer of snnTorch's that resets to zero in the step of the spike, as NIR's neurons do."""
    decays = {"beta": torch.full((size,), 0.5)}
    if kind in (snntorch.Synaptic, snntorch.RSynaptic):
        decays["alpha"] = torch.full((size,), 0.5)
    options = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True} | options
    return kind(threshold=torch.full((size,), THRESHOLD), **decays, **options)


def exported(model: torch.nn.Module) -> nir.NIRGraph:
    with contextlib.redirect_stdout(io.StringIO()):
        return export_to_nir(model, torch.zeros(1, 12), ignore_dims=[0])


def test_snntorchs_rleaky_gives_the_same_spikes() -> None:
    for seed in range(8):
        random = np.random.default_rng(seed)
        recurrent, last = layer(snntorch.RLeaky, 9, linear_features=9), layer(snntorch.Leaky, 5)
        set_quarters(recurrent.recurrent, random)
        first, second = torch.nn.Linear(12, 9), torch.nn.Linear(9, 5)
        model = torch.nn.Sequential(set_quarters(first, random), recurrent, set_quarters(second, random), last)
        resolved = resolve(exported(model))
        x = (random.random((8, 5, 12)) < 0.2).astype(np.uint8)
        recurrent.reset_mem()
        last.reset_mem()
        with torch.no_grad():
            expected = np.stack([model(step).numpy() for step in torch.from_numpy(x).float()])
        assert len(resolved.recurrent_groups) == 1
        assert 0.02 < expected.mean() < 0.98
        assert np.array_equal(NirRuntime(resolved).run(x), expected)


def test_the_braille_network_as_snntorch_exports_it_gives_the_same_spikes() -> None:
    """The network of the NIR paper's Braille task (12 - 38 recurrent - 7): Linear, RSynaptic, Linear, Synaptic.

    In snnTorch 1.0.0 RSynaptic itself cannot reset in the step of the spike. So its own recurrent weights feed its
    neurons without recurrence, Synaptic, which can.
    """
    for seed in range(4):
        random = np.random.default_rng(seed)
        recurrent = layer(snntorch.RSynaptic, 38, linear_features=38, reset_delay=True)
        set_quarters(recurrent.recurrent, random)
        first, second = set_quarters(torch.nn.Linear(12, 38), random), set_quarters(torch.nn.Linear(38, 7), random)
        hidden, last = layer(snntorch.Synaptic, 38), layer(snntorch.Synaptic, 7)
        resolved = resolve(exported(torch.nn.Sequential(first, recurrent, second, last)))
        x = (random.random((8, 5, 12)) < 0.2).astype(np.uint8)
        last.reset_mem()
        expected, spikes = [], torch.zeros(5, 38)
        with torch.no_grad():
            for step in torch.from_numpy(x).float():
                spikes = hidden(first(step) + recurrent.recurrent(spikes))
                expected.append(last(second(spikes)).numpy())
        assert [len(group) for group in resolved.recurrent_groups] == [2]
        assert 0.02 < np.mean(expected) < 0.98
        assert np.array_equal(NirRuntime(resolved).run(x), expected)


def neurons(kind: str, size: int) -> nir.NIRNode:
    spike = {"v_threshold": np.full(size, THRESHOLD), "v_reset": np.full(size, -0.25)}
    if kind == "IF":
        return nir.IF(np.ones(size), **spike)
    return nir.LIF(tau=np.full(size, 2 * DT), r=np.full(size, 2.0), v_leak=np.full(size, 0.25), **spike)


class Stepwise(torch.nn.Module):
    """IF or LIF for nirtorch: one step, (input, state) → (spikes, state)."""

    def __init__(self, node: nir.IF | nir.LIF) -> None:
        super().__init__()
        self.leak = 0.0 if isinstance(node, nir.IF) else 0.5

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        rest = 0.25 if self.leak else 0.0
        v = torch.full_like(x, rest) if state is None else state
        v = v + x if not self.leak else v + self.leak * (rest - v + 2 * x)
        spike = v > THRESHOLD
        return spike.to(x.dtype), torch.where(spike, torch.full_like(v, -0.25), v)


@pytest.mark.parametrize("kind", ["IF", "LIF"])
def test_nirtorch_wires_the_same_delay(kind: str) -> None:
    """nirtorch keeps what the recurrent node gave, not what it read: without a bias that is the same."""
    mapping: dict[type, Callable] = {nir.IF: Stepwise, nir.LIF: Stepwise}
    rates = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([8]))}  # type: ignore[arg-type]
        edges, last = [], "input"
        for number in range(3):
            forward, neuron, recurrent = f"fc{number}", f"lif{number}", f"w{number}"
            nodes[forward] = nir.Linear(random.integers(-3, 5, (8, 8)) / 8)
            nodes[neuron] = neurons(kind, 8)
            nodes[recurrent] = nir.Linear(random.integers(-2, 3, (8, 8)) / 4)
            edges += [(last, forward), (forward, neuron), (neuron, recurrent), (recurrent, neuron)]
            last = neuron
        nodes["output"] = nir.Output(np.array([8]))  # type: ignore[arg-type]
        graph = nir.NIRGraph(nodes, [*edges, (last, "output")])
        x = (random.random((16, 8)) < 0.7).astype(np.uint8)
        found = NirRuntime(resolve(graph, dt=DT, integration="per-step")).run(x[:, None])[:, 0]
        module, state = nirtorch.nir_to_torch(graph, mapping, dtype=torch.float64), None
        for step, spikes in zip(torch.from_numpy(x).double(), found, strict=True):
            expected, state = module(step, state)
            assert np.array_equal(spikes, expected)
        rates.append(found.mean())
    assert 0.02 < np.mean(rates) < 0.9


class Integrator(torch.nn.Module):
    """LI with beta 1/2 and I for nirtorch: one step, (input, state) → (v, state)."""

    def __init__(self, node: nir.LI | nir.I) -> None:
        super().__init__()
        self.kept = 0.5 if isinstance(node, nir.LI) else 1.0

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        v = x if state is None else self.kept * state + x
        return v, v


class Above(torch.nn.Module):
    """Threshold for nirtorch."""

    def __init__(self, node: nir.Threshold) -> None:
        super().__init__()
        self.threshold = torch.from_numpy(node.threshold)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > self.threshold).to(x.dtype)


class Times(torch.nn.Module):
    """Scale for nirtorch."""

    def __init__(self, node: nir.Scale) -> None:
        super().__init__()
        self.scale = torch.from_numpy(node.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_nirtorch_reads_a_reset_by_subtraction(beta: float, tmp_path: Path) -> None:
    mapping: dict[type, Callable] = {nir.LI: Integrator, nir.I: Integrator, nir.Threshold: Above, nir.Scale: Times}
    random = np.random.default_rng(1)
    layers = {
        # nirtorch 2.6 drops the bias of an Affine.
        "first": set_quarters(torch.nn.Linear(8, 6, bias=False), random),
        "hidden": snntorch.Leaky(beta, init_hidden=True),
        "second": set_quarters(torch.nn.Linear(6, 5, bias=False), random),
        "last": snntorch.Leaky(beta, init_hidden=True),
    }
    # nirtorch mixes up names that are numbers.
    network = torch.nn.Sequential(OrderedDict(layers))
    write_nir(tmp_path / "network.nir", to_nir(network, (8,)))
    x = (random.random((30, 8)) < 0.5).astype(np.uint8)
    found = NirRuntime(resolve(read_nir(tmp_path / "network.nir"))).run(x[:, None])[:, 0]
    # nirtorch delays what it has not computed yet, so the nodes must stand in their order, which HDF5 does not keep.
    stored, graph = nir.read(tmp_path / "network.nir"), to_nir(network, (8,))
    ordered = nir.NIRGraph({name: stored.nodes[name] for name in graph.nodes}, graph.edges, type_check=False)
    module, state = nirtorch.nir_to_torch(ordered, mapping, dtype=torch.float64), None
    for step, spikes in zip(torch.from_numpy(x).double(), found, strict=True):
        expected, state = module(step, state)
        assert np.array_equal(spikes, expected)
    assert 0.05 < found.mean() < 0.9
