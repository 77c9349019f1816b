"""The network: its size, its forward pass, its gradients, against the paper, snnTorch and PennyLane."""

from pathlib import Path

import numpy as np
import pennylane as qml
import pytest
import snntorch
import torch
from torch import Tensor

from spiq.export.circuit.reupload import as_reupload
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError
from spiq.hardware.qpu import qnode
from spiq.hardware.qpu.noise import Noise
from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.schema import Circuit, Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.models.encoder import run_encoder
from spiq.pipeline.models.sqdr_cnn import SQDRCNN, ReuploadHead
from spiq.pipeline.run.folder import CHECKPOINT
from spiq.pipeline.training.loop import train

EXAMPLES = Path(__file__).parents[2] / "examples"


def config(**sections: dict) -> Config:
    return Config.model_validate({"name": "x", "data": {"source": "digits"}, **sections})


@pytest.mark.parametrize(
    ("example", "parameters"), [("paper-mnist", 803), ("mnist", 7677)]
)  # fmt: skip
def test_the_examples_have_the_published_numbers_of_parameters(example: str, parameters: int) -> None:
    assert SQDRCNN(load_config(EXAMPLES / f"{example}.toml"), (1, 28, 28), 10).parameter_count == parameters


def test_the_papers_model_is_what_the_paper_says() -> None:
    model = SQDRCNN(load_config(EXAMPLES / "paper-mnist.toml"), (1, 28, 28), 10)
    convolutions = [layer for layer in model.encoder if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [2, 4, 8]
    assert all(layer.kernel_size == (3, 3) and layer.bias is None for layer in convolutions)
    assert model.head.weights.shape == (2, 9, 3)
    neurons = [layer for layer in model.encoder if isinstance(layer, snntorch.Leaky)]
    assert len(neurons) == 4
    assert all(float(layer.beta) == 1 and layer.reset_mechanism == "zero" for layer in neurons)


def test_the_neurons_follow_the_equation() -> None:
    encoder = torch.nn.Sequential(snntorch.Leaky(beta=0.75, reset_mechanism="zero"))
    x = torch.tensor([[[0.5]], [[0.75]], [[0.75]], [[2.0]], [[1.0]]], dtype=torch.float64)
    # v: 0.5, 1.125 → spike, 0.75, 2.5625 → spike, and 1.0, which is not above 1.
    assert run_encoder(encoder, x, 2.0).flatten().tolist() == [0, 1, 0, 1, 0]


def test_the_head_is_pennylanes_circuit_on_the_rates() -> None:
    settings = config(circuit={"qubits": 3, "blocks": 2, "angle_scale": 2.0}, encoder={"channels": [2]})
    torch.manual_seed(0)
    model = SQDRCNN(settings, (1, 8, 8), 4).double().eval()
    spikes = (torch.rand(6, 2, 1, 8, 8) < 0.5).double()
    trace = model.trace(spikes)
    weights = model.head.weights.detach().numpy()

    @qml.qnode(qml.device("default.qubit", wires=3))
    def circuit(angles: np.ndarray) -> list:
        for block in range(2):
            for qubit in range(3):
                qml.Rot(*angles[3 * qubit : 3 * qubit + 3], wires=qubit)
                qml.Rot(*weights[block, qubit], wires=qubit)
            for qubit in range(3):
                qml.CZ([qubit, (qubit + 1) % 3])
        return [qml.expval(qml.Z(qubit)) for qubit in range(3)]

    for sample in range(2):
        angles = 2.0 * trace["encoder"][:, sample].sum(0).detach().numpy() / 6
        expected = np.array(circuit(angles))
        assert np.allclose(trace["head"][sample].detach().numpy(), expected, rtol=0, atol=1e-12)
    assert torch.allclose(trace["readout"], model.readout(trace["head"]))


CHANNELS = {
    "bit_flip": 0.05,
    "phase_flip": 0.1,
    "depolarizing": 0.03,
    "amplitude_damping": 0.2,
    "phase_damping": 0.15,
    "readout": 0.04,
}


def noisy_circuit(angles: Tensor, weights: Tensor) -> Tensor:
    """PennyLane's density matrix for one sample: noise after each block, the readout's error once."""
    n_blocks, n_qubits = weights.shape[:2]

    @qml.qnode(qml.device("default.mixed", wires=n_qubits), interface="torch", diff_method="backprop")
    def circuit() -> list:
        for block in range(n_blocks):
            for qubit in range(n_qubits):
                qml.Rot(*angles[qubit], wires=qubit)
                qml.Rot(*weights[block, qubit], wires=qubit)
            for qubit in range(n_qubits):
                qml.CZ([qubit, (qubit + 1) % n_qubits])
            for qubit in range(n_qubits):
                qml.BitFlip(CHANNELS["bit_flip"], wires=qubit)
                qml.PhaseFlip(CHANNELS["phase_flip"], wires=qubit)
                qml.DepolarizingChannel(CHANNELS["depolarizing"], wires=qubit)
                qml.AmplitudeDamping(CHANNELS["amplitude_damping"], wires=qubit)
                qml.PhaseDamping(CHANNELS["phase_damping"], wires=qubit)
        for qubit in range(n_qubits):
            qml.BitFlip(CHANNELS["readout"], wires=qubit)
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return torch.stack(list(circuit()))


@pytest.mark.parametrize(
    ("simulator", "at_once"), [("lightcone", None), ("pennylane", None), ("pennylane", 1)], ids=str
)
def test_the_noisy_head_is_pennylanes_density_matrix(
    simulator: str, at_once: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_once:
        monkeypatch.setattr(qnode, "MOST_AMPLITUDES", at_once * 4**3)
    torch.manual_seed(2)
    head = ReuploadHead(Circuit(qubits=3, blocks=2, simulator=simulator), Noise(**CHANNELS)).double()  # type: ignore[arg-type]
    angles, mixing = torch.randn(2, 3, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    given, expected_given = angles.clone().requires_grad_(), angles.clone().requires_grad_()
    weights = head.weights.detach().clone().requires_grad_()
    values = head(given)
    expected = torch.stack([noisy_circuit(sample, weights) for sample in expected_given])
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-10)
    (values * mixing).sum().backward()
    (expected * mixing).sum().backward()
    torch.testing.assert_close(given.grad, expected_given.grad, rtol=0, atol=1e-10)
    torch.testing.assert_close(head.weights.grad, weights.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("simulator", ["lightcone", "pennylane"])
def test_noise_is_for_training_only(simulator: str) -> None:
    torch.manual_seed(3)
    settings = config(
        circuit={"qubits": 3, "blocks": 2, "simulator": simulator}, encoder={"channels": [2]}, noise=CHANNELS
    )
    model = SQDRCNN(settings, (1, 8, 8), 4)
    spikes = (torch.rand(6, 2, 1, 8, 8) < 0.5).to(torch.uint8)
    model.prepare()
    with torch.no_grad():
        ideal, noisy = ({k: v.numpy() for k, v in model.trace(spikes.double(), on).items()} for on in (False, True))
    assert np.array_equal(noisy["angles"], ideal["angles"])
    expected = np.stack(to_qnode(model.head.circuit())(ideal["angles"]), axis=-1)
    assert np.allclose(ideal["head"], expected, rtol=0, atol=1e-12)
    assert np.abs(noisy["head"] - expected).max() > 0.05
    assert not np.allclose(noisy["readout"], ideal["readout"], rtol=0, atol=1e-3)


@pytest.mark.parametrize("simulator", ["lightcone", "pennylane"])
def test_training_with_noise_gives_the_same_bytes_again(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, simulator: str
) -> None:
    def trained(name: str, **noise: float) -> bytes:
        update = {
            "circuit": tiny_config.circuit.model_copy(update={"simulator": simulator}),
            "training": tiny_config.training.model_copy(update={"epochs": 2}),
            "noise": tiny_config.noise.model_copy(update=noise),
        }
        (tmp_path / name).mkdir()
        train(tiny_config.model_copy(update=update), tiny_images, tmp_path / name)
        return (tmp_path / name / CHECKPOINT).read_bytes()

    first = trained("first", **CHANNELS)
    assert trained("second", **CHANNELS) == first
    assert trained("ideal") != first


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (
            {"qubits": 16, "blocks": 8},
            "circuit: 8 blocks on a ring of 16 qubits must take at most .* numbers per sample, got at least 268435456",
        ),
        (
            {"qubits": 14, "simulator": "pennylane"},
            "circuit.qubits must be at most 9 on PennyLane's simulator with noise, got 14",
        ),
    ],
    ids=["lightcone", "pennylane"],
)
def test_circuits_too_large_for_noise_are_refused_when_the_network_is_built(circuit: dict, message: str) -> None:
    SQDRCNN(config(circuit=circuit), (1, 8, 8), 2)
    with pytest.raises(InputError, match=message):
        SQDRCNN(config(circuit=circuit, noise={"readout": 0.1}), (1, 8, 8), 2)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(1)
    model = SQDRCNN(config(circuit={"qubits": 3}, encoder={"channels": [4]}), (1, 8, 8), 4)
    spikes = (torch.rand(8, 16, 1, 8, 8) < 0.5).float()
    torch.nn.functional.cross_entropy(model(spikes), torch.arange(16) % 4).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_the_configuration_decides_what_is_built() -> None:
    built = SQDRCNN(
        config(
            encoder={"channels": [3], "kernel_size": 5, "pooling": "average", "output": "average"}
            | {"beta": 0.9, "threshold": 0.5},
            circuit={"qubits": 2, "blocks": 3, "entangler": "line", "initialisation": "uniform"},
            readout={"relu": True},
        ),
        (2, 8, 8),
        5,
    )  # fmt: skip
    kinds = [type(layer).__name__ for layer in built.encoder]
    assert kinds == ["Conv2d", "BatchNorm2d", "Leaky", "AvgPool2d", "AdaptiveAvgPool2d", "Flatten", "Linear", "Leaky"]
    assert built.encoder[0].kernel_size == (5, 5)
    assert float(built.encoder[2].beta) == pytest.approx(0.9)
    assert float(built.encoder[2].threshold) == 0.5
    made_of = as_reupload(built.head.circuit())
    assert made_of is not None
    assert built.head.entangler == "line"
    weights = made_of.weights
    assert 0 <= weights.min() < 2 < weights.max() <= 2 * np.pi
    assert float(built(torch.ones(4, 3, 2, 8, 8)).detach().min()) >= 0


def test_the_initialisations_differ_in_spread() -> None:
    torch.manual_seed(0)
    normal = SQDRCNN(config(circuit={"blocks": 8}), (1, 8, 8), 2).head.weights.detach().numpy()
    assert -2 <= normal.min() < 0 < normal.max() <= 2


def test_too_many_stages_for_the_image_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"encoder.channels has 4 stages, .* images of 8x8 pixels allow at most 3 stages"
    ):
        SQDRCNN(config(encoder={"channels": [2, 2, 2, 2]}), (1, 8, 8), 10)
