"""The exact fast head against PennyLane's state vector: values, gradients, sizes, and what it refuses."""

import math

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.circuit.reupload import ENTANGLERS, reupload_circuit, reupload_layers
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError
from spiq.hardware.qpu.exact import lightcone
from spiq.hardware.qpu.exact.lightcone import Method, cheapest_method, expectations
from spiq.hardware.qpu.noise import Noise

METHODS = ("closed form", "light cone", "state vector", "density matrix")
NOISE = Noise(bit_flip=0.1, depolarizing=0.05, amplitude_damping=0.2, readout=0.03)


def force(monkeypatch, name):
    monkeypatch.setattr(lightcone, "cheapest_method", lambda *_: Method(name, 1, 1))


def random_head(seed, n_blocks, n_qubits, n_samples=3, quarter_turns=False):
    random = np.random.default_rng(seed)
    shapes = (n_samples, n_qubits, 3), (n_blocks, n_qubits, 3)
    if quarter_turns:
        return tuple(torch.tensor(random.integers(-4, 5, shape) * (math.pi / 2)) for shape in shapes)
    return tuple(torch.tensor(random.uniform(-7, 7, shape)) for shape in shapes)


def pennylane_values(angles, weights, entangler):
    head = to_qnode(reupload_circuit(weights.numpy(), entangler))
    return np.stack(head(angles.numpy().reshape(len(angles), -1)), axis=-1)


def pennylane_gradients(angles, weights, entangler, mixing):
    n_qubits = weights.shape[1]

    @qml.qnode(qml.device("default.qubit", wires=n_qubits), interface="torch", diff_method="backprop")
    def head(angles, weights):
        reupload_layers(angles, weights, entangler)
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return gradients(lambda a, w: torch.stack(tuple(head(a, w)), dim=-1), angles, weights, mixing)


def gradients(forward, angles, weights, mixing):
    angles, weights = angles.clone().requires_grad_(), weights.clone().requires_grad_()
    (forward(angles, weights) * mixing).sum().backward()
    return [tensor.grad.double().numpy() for tensor in (angles, weights)]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 7),
    n_blocks=st.integers(1, 5),
    entangler=st.sampled_from(ENTANGLERS),
    quarter_turns=st.booleans(),
)
def test_values_are_pennylanes(seed, n_qubits, n_blocks, entangler, quarter_turns):
    angles, weights = random_head(seed, n_blocks, n_qubits, quarter_turns=quarter_turns)
    expected = pennylane_values(angles, weights, entangler)
    found = expectations(angles, weights, entangler)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    single = expectations(angles.float(), weights, entangler)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_alone(name, n_qubits, entangler, monkeypatch):
    force(monkeypatch, name)
    for n_blocks in range(1, 3) if name == "closed form" else range(3, 6):
        if name == "light cone" and entangler == "ring" and 2 < n_qubits < 2 * n_blocks - 1:
            continue
        if 4**n_qubits > 4**5 and name == "density matrix":
            continue
        angles, weights = random_head(n_blocks, n_blocks, n_qubits, 2)
        expected = pennylane_values(angles, weights, entangler)
        np.testing.assert_allclose(expectations(angles, weights, entangler).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("name", "n_blocks"), [("closed form", 2), ("light cone", 4), ("state vector", 4)])
def test_large_angles_in_single_precision(name, n_blocks, monkeypatch):
    force(monkeypatch, name)
    random = np.random.default_rng(11)
    angles, weights = (torch.tensor(random.uniform(-1000, 1000, (count, 4, 3))).float() for count in (200, n_blocks))
    expected = pennylane_values(angles.double(), weights.double(), "line")
    np.testing.assert_allclose(expectations(angles, weights, "line").numpy(), expected, atol=4e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-11)])
@pytest.mark.parametrize(
    ("n_qubits", "n_blocks", "entangler"),
    [(1, 2, "ring"), (2, 2, "ring"), (3, 2, "ring"), (9, 2, "ring"), (4, 2, "line"), (5, 3, "ring"), (3, 4, "ring"),
     (7, 4, "ring"), (4, 4, "line")],
)  # fmt: skip
def test_gradients_are_pennylanes(n_qubits, n_blocks, entangler, dtype, tolerance):
    angles, weights = random_head(1, n_blocks, n_qubits)
    mixing = torch.tensor(np.random.default_rng(2).normal(size=(3, n_qubits)))
    expected = pennylane_gradients(angles, weights, entangler, mixing)
    found = gradients(lambda a, w: expectations(a, w, entangler), angles.to(dtype), weights.to(dtype), mixing.to(dtype))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "n_qubits", "n_blocks", "noise"),
    [
        *((*case, noise) for case in (("closed form", 3, 1), ("closed form", 3, 2), ("light cone", 2, 3),
                                      ("light cone", 5, 3), ("light cone", 2, 4)) for noise in (None, NOISE)),
        ("state vector", 2, 3, None),
        ("state vector", 4, 4, None),
        ("density matrix", 3, 3, NOISE),
        ("density matrix", 2, 4, NOISE),
    ],
    ids=lambda value: "noisy" if isinstance(value, Noise) else None,
)  # fmt: skip
def test_gradcheck(name, n_qubits, n_blocks, noise, monkeypatch):
    force(monkeypatch, name)
    angles, weights = (tensor.requires_grad_() for tensor in random_head(5, n_blocks, n_qubits, 2))
    assert torch.autograd.gradcheck(lambda a, w: expectations(a, w, "ring", noise), (angles, weights))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 5),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
    damping=st.sampled_from([None, 0.0, 0.4, 1.0]),
)
def test_gradients_are_finite_at_quarter_turns(seed, n_qubits, n_blocks, entangler, damping):
    angles, weights = random_head(seed, n_blocks, n_qubits, quarter_turns=True)
    noise = None if damping is None else Noise(damping, damping, damping, damping, damping, damping)
    found = gradients(lambda a, w: expectations(a, w, entangler, noise), angles.float(), weights.float(), 1.0)
    assert all(np.isfinite(gradient).all() for gradient in found)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_blocks", [2, 3])
def test_wide_circuits_see_only_the_light_cone(n_blocks, entangler):
    angles, weights = random_head(3, n_blocks, 64, 256)
    found = expectations(angles, weights, entangler)
    assert found.shape == (256, 64)
    reach = n_blocks - 1
    for qubit in (0, 1, 30, 63):
        if entangler == "ring":
            cone = [(qubit + offset) % 64 for offset in range(-reach, reach + 1)]
        else:
            cone = [q for q in range(qubit - reach, qubit + reach + 1) if 0 <= q < 64]
        alone = pennylane_values(angles[:5, cone], weights[:, cone], "line")[:, cone.index(qubit)]
        np.testing.assert_allclose(found[:5, qubit].numpy(), alone, atol=1e-12)


@pytest.mark.parametrize(
    ("n_qubits", "n_blocks", "entangler", "noisy", "name"),
    [
        (9, 1, "ring", True, "closed form"),
        (1000, 2, "ring", False, "closed form"),
        (9, 3, "ring", True, "light cone"),
        (9, 4, "ring", False, "light cone"),
        (64, 5, "line", False, "light cone"),
        (4, 3, "ring", False, "state vector"),
        (4, 3, "ring", True, "density matrix"),
        (9, 5, "ring", False, "state vector"),
        (9, 5, "ring", True, "light cone"),
        (2, 6, "line", True, "density matrix"),
    ],
)
def test_the_cheapest_method(n_qubits, n_blocks, entangler, noisy, name):
    assert cheapest_method(n_qubits, n_blocks, entangler, noisy).name == name


@pytest.mark.parametrize("noise", [None, NOISE], ids=["ideal", "noisy"])
@pytest.mark.parametrize("n_blocks", [2, 4])
def test_parts_of_a_batch(n_blocks, noise, monkeypatch):
    angles, weights = random_head(4, n_blocks, 4, 7)
    mixing = torch.tensor(np.random.default_rng(2).normal(size=(7, 4)))

    def run():
        found = gradients(lambda a, w: expectations(a, w, "ring", noise), angles, weights, mixing)
        return [expectations(angles, weights, "ring", noise).numpy(), *found]

    whole = run()
    monkeypatch.setattr(
        lightcone, "NUMBERS_PER_RUN", 3 * cheapest_method(4, n_blocks, "ring", noise is not None).numbers
    )
    for ours, expected in zip(run(), whole, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-13)


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 6])
def test_an_empty_batch(n_blocks):
    angles, weights = torch.zeros(0, 4, 3, requires_grad=True), torch.ones(n_blocks, 4, 3, requires_grad=True)
    found = expectations(angles, weights, "ring")
    assert found.shape == (0, 4)
    found.sum().backward()
    assert angles.grad is not None
    assert weights.grad is not None


@pytest.mark.parametrize("noise", [None, NOISE], ids=["ideal", "noisy"])
@pytest.mark.parametrize(("n_qubits", "n_blocks"), [(9, 1), (9, 2), (9, 3), (9, 4), (4, 4)])
def test_stays_on_the_device_of_its_input(n_qubits, n_blocks, noise):
    angles, weights = torch.zeros(2, n_qubits, 3, device="meta"), torch.zeros(n_blocks, n_qubits, 3, device="meta")
    found = expectations(angles, weights, "ring", noise)
    assert found.device.type == "meta"
    assert found.shape == (2, n_qubits)


class Head(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = torch.nn.Parameter(weights)

    def forward(self, angles):
        return expectations(angles, self.weights, "ring", NOISE)


@pytest.mark.parametrize("n_blocks", [2, 3])
def test_a_graph_for_any_number_of_samples(n_blocks):
    angles, weights = random_head(6, n_blocks, 5, 7)
    head = Head(weights)
    samples = torch.export.Dim("sample", min=1)
    exported = torch.export.export(head, (angles[:4],), dynamic_shapes={"angles": {0: samples}})
    np.testing.assert_array_equal(exported.module()(angles).detach().numpy(), head(angles).detach().numpy())
    values = [node.meta.get("val") for node in exported.graph.nodes]
    assert not any(value.is_complex() for value in values if isinstance(value, torch.Tensor))


@pytest.mark.parametrize(
    ("angles", "weights", "entangler", "message"),
    [
        (
            torch.zeros(4, 3),
            torch.zeros(2, 4, 3),
            "ring",
            r"angles must have the shape \[sample, 4, 3\], got \[4, 3\]",
        ),
        (torch.zeros(5, 3, 3), torch.zeros(2, 4, 3), "ring", r"angles must have the shape .*, got \[5, 3, 3\]"),
        (torch.zeros(5, 4, 3), torch.zeros(4, 3), "ring", r"weights must have the shape \[block.*, got \[4, 3\]"),
        (torch.zeros(5, 4, 3), torch.zeros(0, 4, 3), "ring", "weights must .* at least one block and one qubit"),
        (torch.zeros(5, 0, 3), torch.zeros(2, 0, 3), "ring", "weights must .* at least one block and one qubit"),
        (torch.zeros(5, 4, 2), torch.zeros(2, 4, 2), "ring", r"weights must have the shape .*, got \[2, 4, 2\]"),
        (torch.zeros(5, 4, 3), torch.zeros(2, 4, 3), "star", "entangler must be one of ring, line, got 'star'"),
        (
            torch.zeros(5, 4, 3).int(),
            torch.zeros(2, 4, 3),
            "ring",
            "angles must be floating-point numbers, got torch.int32",
        ),
        (
            torch.zeros(5, 4, 3),
            torch.zeros(2, 4, 3).cfloat(),
            "ring",
            "weights must be floating-point numbers, got torch.complex64",
        ),
        (
            torch.zeros(1, 40, 3),
            torch.zeros(9, 40, 3),
            "ring",
            "circuit: 9 blocks on a ring of 40 qubits must take at most .*, got at least",
        ),
    ],
    ids=range(10),
)
def test_bad_input(angles, weights, entangler, message):
    with pytest.raises(InputError, match=message):
        expectations(angles, weights, entangler)
