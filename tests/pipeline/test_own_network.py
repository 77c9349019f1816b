"""A network of anybody's parts: as plain data it gives what the parts give on their own."""

from pathlib import Path

import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import spiq
from spiq.export.circuit.reupload import reupload_circuit
from spiq.hardware.network.verification import verify

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((70, 1, 8, 8))
LABELS = RANDOM.integers(0, 4, 70)


def encoder(features: int = 9) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 12),
        snntorch.Leaky(beta=0.9, threshold=0.4, init_hidden=True, reset_mechanism="zero"),
        nn.Linear(12, features),
        snntorch.Leaky(beta=0.8, threshold=0.2, init_hidden=True, reset_mechanism="zero"),
    )


def circuit(qubits: int = 3) -> spiq.Circuit:
    return reupload_circuit(np.random.default_rng(3).normal(size=(2, qubits, 3)))


@pytest.fixture(scope="module")
def network() -> spiq.OwnNetwork:
    readout = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4))
    return spiq.network(encoder(), circuit(), readout, coding="phase", steps=8, input_shape=(1, 8, 8))


@pytest.fixture(scope="module")
def bundle(network: spiq.OwnNetwork, tmp_path_factory: pytest.TempPathFactory) -> spiq.Bundle:
    path = tmp_path_factory.mktemp("own") / "mine"
    return network.export(str(path), calibration=IMAGES, golden=(torch.from_numpy(IMAGES[:5]), LABELS[:5]))


def test_five_lines_give_a_bundle_that_verifies(bundle: spiq.Bundle) -> None:
    assert [check.what for check in verify(bundle) if not check.passed] == []
    assert bundle.manifest.left_out == {}
    assert len(bundle.calibration["circuit"]) == 70
    assert (bundle.manifest.name, bundle.golden.samples) == ("mine", 5)
    assert repr(bundle).startswith(f"Bundle {bundle.path}: mine, 5 golden samples")


def test_the_bundle_gives_what_the_parts_give(network: spiq.OwnNetwork, bundle: spiq.Bundle) -> None:
    trace = network.traced(bundle.network, IMAGES)
    found = spiq.cosim(bundle, IMAGES, snn="nir", qpu="exact")
    assert np.array_equal(found["encoder"], trace["encoder"])
    assert 0.02 < found["encoder"].mean() < 0.9
    for name in ("decoded", "circuit"):
        np.testing.assert_allclose(found[name], trace[name], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["readout"], trace["readout"], rtol=1e-5, atol=1e-5)
    assert np.array_equal(found.predictions, trace.predictions)


def test_the_ladder_starts_with_the_network_itself_where_it_is_given(
    network: spiq.OwnNetwork, bundle: spiq.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIQ_LAVA_HOME", "/nowhere")
    found = spiq.validate(bundle, IMAGES, LABELS, trained=network, shots=64, min_accuracy=0.0, max_accuracy_drop=1.0)
    rungs = {rung.name: rung for rung in found.report.rungs}
    assert (rungs["trained"].samples, rungs["nir"].spike_mismatches, rungs["nir"].agreement) == (70, 0, 1.0)
    assert rungs["qasm"].max_error < 1e-9
    assert found.passed
    assert found.report.parameters == network.parameter_count
    assert "│ trained │" in repr(found)
    assert found._repr_html_().startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    alone = spiq.validate(bundle.path, torch.from_numpy(IMAGES), torch.from_numpy(LABELS), shots=64)
    assert next(rung.name for rung in alone.report.rungs) == "nir"
    assert alone.report.parameters is None


@pytest.mark.parametrize("form", ["sequential", "one step", "loop"])
def test_an_encoder_may_have_a_forward_of_its_own(form: str, tmp_path: Path) -> None:
    torch.manual_seed(2)

    class OneStep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.linear = nn.Flatten(), nn.Linear(64, 6)
            self.neuron = snntorch.Leaky(beta=0.9, init_hidden=form != "loop")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.neuron(self.linear(self.flat(x)))

    class Loop(OneStep):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            memory, fired = self.neuron.reset_mem(), []
            for step in range(4):
                spikes, memory = self.neuron(self.linear(self.flat(x[step])), memory)
                fired.append(spikes)
            return torch.stack(fired)

    made = {"one step": OneStep, "loop": Loop}.get(form)
    module = made() if made else nn.Sequential(nn.Flatten(), nn.Linear(64, 6), snntorch.Leaky(beta=0.9))
    network = spiq.network(module, steps=4, decode="count", input_shape=(1, 8, 8))
    bundle = network.export(tmp_path / "bundle", golden=IMAGES[:6])
    assert bundle.golden.trace["encoder"].any()
    assert bundle.golden.labels is None
    assert all(check.passed for check in verify(bundle))


def test_circuit_and_readout_may_be_left_out(tmp_path: Path) -> None:
    only = spiq.network(encoder(4), steps=8, input_shape=(1, 8, 8))
    bundle = only.export(tmp_path / "only", calibration=IMAGES)
    assert bundle.network.order == ("spikes", "encoder", "decoded")
    assert bundle.manifest.left_out == {"calibration.npz": "the network has no circuit"}
    found = spiq.validate(bundle, IMAGES, LABELS, min_accuracy=0.0)
    skipped = {rung.name: rung.skipped for rung in found.report.rungs}
    assert skipped["qasm"] == skipped["shots"] == "the network has no circuit"
    assert skipped["nir"] is skipped["loihi"] is None


def test_two_branches_that_meet(tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(3, 4), nn.Linear(6, 4)

        def forward(self, quantum: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
            return 0.25 * self.left(quantum) + 0.75 * self.right(rates)

    class Product(nn.Module):
        def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return one * other

    network = spiq.OwnNetwork((1, 8, 8))
    spikes = network.encode("rate", steps=6, seed=4)
    left = network.spiking(encoder(9), spikes, name="left")
    angles = network.decode(spiq.Decode("rate", scale=np.pi), left, name="angles")
    rates = network.decode("count", network.spiking(encoder(6), spikes, name="right"), windows=1, name="counts")
    front = network.classical(nn.Sequential(nn.Flatten(), nn.Linear(64, 9)).double(), "input", name="front")
    both = network.circuit(circuit(), angles)
    other = network.circuit(circuit(), front, name="of_the_image")
    products = network.classical(Product(), both, other, name="products")
    network.classical(Mixed(), products, rates)
    bundle = network.export(tmp_path / "branches", calibration=IMAGES, golden=(IMAGES[:4], LABELS[:4]))
    assert bundle.manifest.left_out == {}
    assert all(check.passed for check in verify(bundle))
    found = spiq.cosim(bundle, IMAGES, snn="nir", qpu="aer")
    trace = network.traced(bundle.network, IMAGES)
    assert all(np.array_equal(found[name], trace[name]) for name in ("left", "right"))
    np.testing.assert_allclose(found["of_the_image"], trace["of_the_image"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.output, trace.output, rtol=1e-5, atol=1e-5)
    again = spiq.open_bundle(bundle.path)
    assert again.network.reads == bundle.network.reads


def test_samples_may_be_spikes_and_windows_are_decoded(tmp_path: Path) -> None:
    spikes = (RANDOM.random((6, 20, 64)) < 0.3).astype(np.uint8)
    torch.manual_seed(5)
    module = nn.Sequential(nn.Linear(64, 4), snntorch.Leaky(beta=0.7))
    decode = spiq.Decode("first_spike", scale=0.5, offset=0.1, windows=3)
    network = spiq.network(module, circuit(4), coding=None, steps=6, decode=decode, input_shape=(64,))
    bundle = network.export(tmp_path / "events", calibration=spikes)
    assert bundle.network.input.kind == "spikes"
    assert bundle.golden.samples == 8
    assert all(check.passed for check in verify(bundle))
    found = spiq.cosim(bundle, spikes, snn="loihi")
    assert found["decoded"].shape == (20, 12)


def refused(message: str):
    return pytest.raises(spiq.InputError, match=message)


def test_wrong_parts_give_one_sentence(network: spiq.OwnNetwork, bundle: spiq.Bundle, tmp_path: Path) -> None:
    shape = (1, 8, 8)
    with refused("encoder must be a torch.nn.Module, got a str"):
        spiq.network("encoder", input_shape=shape)  # type: ignore[arg-type]
    with refused("circuit must be a PennyLane QNode or TorchLayer.* got a int"):
        spiq.network(encoder(), 7, input_shape=shape)
    with refused(r"stage 'circuit': must read the 9 inputs of its circuit, got \[5\]"):
        spiq.network(encoder(5), circuit(), input_shape=shape)
    with refused("readout must be a torch.nn.Module, got a float"):
        spiq.network(encoder(), circuit(), 0.5, input_shape=shape)  # type: ignore[arg-type]
    with refused("input_shape must be a tuple of sizes such as .* got 28"):
        spiq.network(encoder(), input_shape=28)  # type: ignore[arg-type]
    with refused("input_shape must hold integers from 1 on, got 0"):
        spiq.network(encoder(), input_shape=(0, 8))
    with refused("coding: kind must be one of"):
        spiq.network(encoder(), coding="morse", input_shape=shape)
    with refused("decode: kind must be one of .*, got 'mean'"):
        spiq.network(encoder(), decode="mean", input_shape=shape)  # type: ignore[arg-type]
    with refused("layer '1' "):
        spiq.network(nn.Sequential(nn.Flatten(), nn.GELU()), input_shape=shape)
    with refused("calibration or golden samples must be given, got neither"):
        network.export(tmp_path / "none")
    with refused("exists already"):
        network.export(bundle.path, golden=IMAGES[:2])
    with refused(r"samples must have the shape \[sample, 1, 8, 8\], which the network reads, got \[2, 8, 8\]"):
        network.export(tmp_path / "none", golden=IMAGES[:2, 0])
    with refused("the spiking device must be one of .*, got 'brain'"):
        spiq.cosim(bundle, IMAGES, snn="brain")
    with refused("bundle must be a Bundle or the path of one, got a int"):
        spiq.cosim(3, IMAGES)  # type: ignore[arg-type]
    with refused("the samples must be numbers, got <U1"):
        spiq.cosim(bundle, np.array(["a"]))
    with refused(r"labels must be integers, one for each of the 70 samples, got float64 \[70\]"):
        spiq.validate(bundle, IMAGES, LABELS / 2)
    with refused("labels must lie from 0 to 3, got 9"):
        spiq.validate(bundle, IMAGES, np.full(70, 9))
    with refused("there is one of this name"):
        spiq.OwnNetwork((64,)).encode(name="input")
    with refused("what is read must be one of .* got 'nothing'"):
        spiq.OwnNetwork((64,)).decode("rate", "nothing")


def test_no_message_of_the_library_speaks_of_the_command_lines_options() -> None:
    root = Path(__file__).parents[2]
    found = []
    for folder in ("export", "hardware", "pipeline"):
        for file in (root / folder).rglob("*.py"):
            if {"commands", "worker", "benchmark", "reproduction"} & set(file.parts) or file.name == "uv_command.py":
                continue
            lines = file.read_text().splitlines()
            found += [f"{file.name}: {line.strip()}" for line in lines if 'f"' in line and " --" in line]
    assert found == []
