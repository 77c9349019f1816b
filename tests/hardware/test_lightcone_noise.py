"""Noise against PennyLane's density matrix, and CZ gates on Pauli strings against matrices."""

from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.circuit.reupload import ENTANGLERS, entangled_pairs
from spiq.export.errors import InputError
from spiq.hardware.qpu.exact import lightcone
from spiq.hardware.qpu.exact.controlled_z import exchange_by_cz
from spiq.hardware.qpu.exact.lightcone import Method, expectations
from spiq.hardware.qpu.noise import Noise

FIELDS = ("bit_flip", "phase_flip", "depolarizing", "amplitude_damping", "phase_damping", "readout")


def density_matrix_values(angles, weights, entangler, noise):
    """<Z> of a circuit with the CZ gates after its last block too."""
    n_blocks, n_qubits = weights.shape[:2]

    @qml.qnode(qml.device("default.mixed", wires=n_qubits))
    def head(angles):
        for block in range(n_blocks):
            for qubit in range(n_qubits):
                qml.Rot(*angles[:, qubit].T, wires=qubit)
                qml.Rot(*weights[block, qubit], wires=qubit)
            for pair in entangled_pairs(n_qubits, entangler):
                qml.CZ(wires=pair)
            for qubit in range(n_qubits):
                qml.BitFlip(noise.bit_flip, wires=qubit)
                qml.PhaseFlip(noise.phase_flip, wires=qubit)
                qml.DepolarizingChannel(noise.depolarizing, wires=qubit)
                qml.AmplitudeDamping(noise.amplitude_damping, wires=qubit)
                qml.PhaseDamping(noise.phase_damping, wires=qubit)
        for qubit in range(n_qubits):
            qml.BitFlip(noise.readout, wires=qubit)
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return np.stack(head(angles), axis=-1)


def compare(seed, n_qubits, n_blocks, entangler, noise, tolerance=1e-11):
    random = np.random.default_rng(seed)
    angles, weights = random.uniform(-7, 7, (2, n_qubits, 3)), random.uniform(-7, 7, (n_blocks, n_qubits, 3))
    found = expectations(torch.tensor(angles), torch.tensor(weights), entangler, noise).numpy()
    np.testing.assert_allclose(found, density_matrix_values(angles, weights, entangler, noise), atol=tolerance)


ANY = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
# PennyLane adds 1e-14 under the root of sqrt(1 - gamma), which shows where gamma is 1.
DAMPING = st.just(0.0) | st.floats(0, 0.99)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 4),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
    probabilities=st.tuples(ANY, ANY, ANY, DAMPING, DAMPING, ANY),
)
def test_noise_is_pennylanes(seed, n_qubits, n_blocks, entangler, probabilities):
    compare(seed, n_qubits, n_blocks, entangler, Noise(*probabilities))


@pytest.mark.parametrize("n_blocks", [1, 2, 3])
@pytest.mark.parametrize("field", FIELDS)
def test_each_channel_alone(field, n_blocks):
    compare(7, 3, n_blocks, "ring", Noise(**{field: 0.3}))


@pytest.mark.parametrize("field", FIELDS)
def test_each_channel_in_full(field):
    compare(7, 3, 3, "line", Noise(**{field: 1.0}), tolerance=1e-6)


@pytest.mark.parametrize("n_blocks", [3, 4])
@pytest.mark.parametrize(("name", "n_qubits"), [("light cone", 2), ("light cone", 4), ("density matrix", 4)])
def test_every_method_alone(name, n_qubits, n_blocks, monkeypatch):
    monkeypatch.setattr(lightcone, "cheapest_method", lambda *_: Method(name, 1, 1))
    compare(8, n_qubits, n_blocks, "line", Noise(0.05, 0.1, 0.03, 0.2, 0.1, 0.02))


def test_a_ring_wider_than_the_cone(monkeypatch):
    monkeypatch.setattr(lightcone, "cheapest_method", lambda *_: Method("light cone", 1, 1))
    compare(9, 5, 3, "ring", Noise(0.05, 0.1, 0.03, 0.2, 0.1, 0.02))


def test_no_noise_is_no_noise():
    random = np.random.default_rng(3)
    angles, weights = torch.tensor(random.normal(size=(2, 4, 3))), torch.tensor(random.normal(size=(4, 4, 3)))
    torch.testing.assert_close(expectations(angles, weights, "ring", Noise()), expectations(angles, weights, "ring"))


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf"), True, "0.1", None])
@pytest.mark.parametrize("field", FIELDS)
def test_no_probability(field, value):
    with pytest.raises(InputError, match=f"^{field} must be a probability from 0 to 1, got {value!r}"):
        Noise(**{field: value})


@settings(deadline=None, max_examples=40)
@given(n_qubits=st.integers(1, 4), data=st.data())
def test_cz_exchanges_pauli_strings(n_qubits, data):
    every = [(a, b) for a in range(n_qubits) for b in range(a + 1, n_qubits)]
    pairs = data.draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    gate = reduce(np.matmul, [qml.matrix(qml.CZ(pair), range(n_qubits)) for pair in pairs], np.eye(2**n_qubits))
    paulis = [np.eye(2), np.diag([1, -1]), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])]
    source, sign = exchange_by_cz(n_qubits, pairs, torch.ones((), dtype=torch.float64))
    for string in data.draw(st.lists(st.integers(0, 4**n_qubits - 1), min_size=1, max_size=8)):
        operator, image = (
            reduce(np.kron, [paulis[index >> 2 * (n_qubits - 1 - qubit) & 3] for qubit in range(n_qubits)])
            for index in (string, int(source[string]))
        )
        np.testing.assert_allclose(gate @ operator @ gate, float(sign[string]) * image, atol=1e-15)
