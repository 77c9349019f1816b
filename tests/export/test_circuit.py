"""The circuit against its definition, written once more with plain matrices."""

import json
import subprocess
import sys
from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spiq.export.circuit.reupload import ENTANGLERS, ReuploadCircuit, entangled_pairs, reupload_layers
from spiq.export.errors import InputError


def rotation(phi, theta, omega):
    """exp(-i omega Z / 2) exp(-i theta Y / 2) exp(-i phi Z / 2), from the definitions of the exponentials."""
    z, y = np.diag([1.0, -1.0]), np.array([[0, -1j], [1j, 0]])
    exponential = [
        np.cos(t / 2) * np.eye(2) - 1j * np.sin(t / 2) * pauli for t, pauli in ((omega, z), (theta, y), (phi, z))
    ]
    return exponential[0] @ exponential[1] @ exponential[2]


def expectations_by_matrices(weights, entangler, angles):
    """<Z> from full matrices; unlike the circuit, with the CZ gates after the last block too."""
    n_qubits = weights.shape[1]
    bits = np.array([[int(bit) for bit in f"{index:0{n_qubits}b}"] for index in range(2**n_qubits)])
    joined = {frozenset((qubit, (qubit + 1) % n_qubits)) for qubit in range(n_qubits)}
    if entangler == "line":
        joined -= {frozenset((n_qubits - 1, 0))} if n_qubits > 2 else set()
    diagonal = np.ones(2**n_qubits)
    for pair in joined:
        if len(pair) == 2:
            diagonal *= 1 - 2 * bits[:, list(pair)].all(axis=1)
    state = np.eye(2**n_qubits)[0]
    for block in weights:
        for layer in (angles, block):
            state = reduce(np.kron, [rotation(*three) for three in layer]) @ state
        state = diagonal * state
    return np.abs(state) ** 2 @ (1 - 2 * bits)


def random_circuit(seed, n_qubits, n_blocks, entangler, n_samples):
    random = np.random.default_rng(seed)
    circuit = ReuploadCircuit(n_qubits, random.uniform(-7, 7, (n_blocks, n_qubits, 3)), entangler)
    return circuit, random.uniform(-7, 7, (n_samples, n_qubits, 3))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 6),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_qnode_is_the_definition(seed, n_qubits, n_blocks, entangler):
    circuit, angles = random_circuit(seed, n_qubits, n_blocks, entangler, 3)
    head = circuit.qnode(qml.device("default.qubit", wires=n_qubits))
    expected = np.array([expectations_by_matrices(circuit.weights, entangler, sample) for sample in angles])
    np.testing.assert_allclose(np.stack(head(angles), axis=-1), expected, atol=1e-12)
    np.testing.assert_allclose(np.stack(head(angles[1])), expected[1], atol=1e-12)


@pytest.mark.parametrize(
    ("n_qubits", "entangler", "pairs"),
    [
        (1, "ring", ()),
        (1, "line", ()),
        (2, "ring", ((0, 1),)),
        (2, "line", ((0, 1),)),
        (3, "ring", ((0, 1), (1, 2), (2, 0))),
        (3, "line", ((0, 1), (1, 2))),
    ],
)
def test_entangled_pairs(n_qubits, entangler, pairs):
    assert entangled_pairs(n_qubits, entangler) == pairs
    assert ReuploadCircuit(n_qubits, np.zeros((1, n_qubits, 3)), entangler).entangled_pairs == pairs


def test_gates_between_blocks_only():
    circuit, angles = random_circuit(0, 5, 3, "ring", 1)
    with qml.queuing.AnnotatedQueue() as queue:
        reupload_layers(angles[0], circuit.weights, "ring")
    names = [operation.name for operation in qml.tape.QuantumScript.from_queue(queue).operations]
    assert names == (["Rot"] * 10 + ["CZ"] * 5) * 2 + ["Rot"] * 10
    assert circuit.n_blocks == 3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-13)])
def test_trains_in_torch_and_broadcasts(dtype, tolerance):
    circuit, angles = random_circuit(1, 4, 2, "ring", 5)
    mixing = torch.tensor(np.random.default_rng(2).normal(size=(5, 4)))

    @qml.qnode(qml.device("default.qubit", wires=4), interface="torch", diff_method="backprop")
    def head(angles, weights):
        reupload_layers(angles, weights, "ring")
        return [qml.expval(qml.Z(qubit)) for qubit in range(4)]

    def gradients(forward):
        data = torch.tensor(angles, dtype=dtype, requires_grad=True)
        weights = torch.nn.Parameter(torch.tensor(circuit.weights, dtype=dtype))
        values = forward(data, weights)
        (mixing * values).sum().backward()
        assert data.grad is not None
        assert weights.grad is not None
        assert data.grad.dtype == weights.grad.dtype == dtype
        return [tensor.detach().numpy() for tensor in (values, data.grad, weights.grad)]

    def one_at_a_time(data, weights):
        return torch.stack([torch.stack(tuple(head(sample, weights))) for sample in data])

    batched = gradients(lambda data, weights: torch.stack(tuple(head(data, weights)), dim=-1))
    for ours, alone in zip(batched, gradients(one_at_a_time), strict=True):
        np.testing.assert_allclose(ours, alone, atol=tolerance)

    def loss(weights, data):
        values = [expectations_by_matrices(weights, "ring", sample) for sample in data]
        return float((mixing.numpy() * np.array(values)).sum())

    step = 1e-5
    for place in [(0, 0, 0), (0, 1, 2), (1, 3, 1)]:
        shift = np.zeros_like(circuit.weights)
        shift[place] = step
        slope = (loss(circuit.weights + shift, angles) - loss(circuit.weights - shift, angles)) / (2 * step)
        assert batched[2][place] == pytest.approx(slope, abs=1e-5)
    shift = np.zeros_like(angles)
    shift[4, 2, 1] = step
    slope = (loss(circuit.weights, angles + shift) - loss(circuit.weights, angles - shift)) / (2 * step)
    assert batched[1][4, 2, 1] == pytest.approx(slope, abs=1e-5)


def test_weights_are_a_read_only_copy():
    weights = np.ones((2, 3, 3), dtype=np.float32)
    circuit = ReuploadCircuit(3, weights)
    weights[:] = 5
    assert circuit.weights.dtype == np.float64
    assert (circuit.weights == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        circuit.weights[0, 0, 0] = 2


def test_equal_means_every_bit():
    weights = np.zeros((1, 3, 3))
    circuit = ReuploadCircuit(3, weights)
    assert circuit == ReuploadCircuit(3, weights.tolist(), "ring")  # pyright: ignore[reportArgumentType]
    assert hash(circuit) == hash(ReuploadCircuit(3, weights))
    assert circuit != ReuploadCircuit(3, weights, "line")
    assert circuit != ReuploadCircuit(3, np.nextafter(weights, 1))
    assert circuit != ReuploadCircuit(3, np.zeros((2, 3, 3)))


@settings(deadline=None, max_examples=60)
@given(
    weights=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 4), st.just(3)),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    ),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_json_gives_every_bit_back(weights, entangler):
    circuit = ReuploadCircuit(weights.shape[1], weights, entangler)
    read = ReuploadCircuit.from_json(circuit.to_json())
    assert read == circuit
    assert read.weights.tobytes() == weights.tobytes()
    content = json.loads(circuit.to_json())
    assert (content["n_qubits"], content["entangler"]) == (weights.shape[1], entangler)


def changed(**changes):
    content = json.loads(ReuploadCircuit(2, np.zeros((1, 2, 3))).to_json())
    content.update(changes)
    return json.dumps({key: value for key, value in content.items() if value != "absent"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "head.json: not readable as JSON"),
        ("[" * 100_000, "head.json: not readable as JSON"),
        ("1" * 5000, "head.json: not readable as JSON"),
        ('{"n_qubits": 1, "n_qubits": 2}', "a key is given twice"),
        ("[]", "allowed is a JSON object"),
        (changed(colour=1), "unknown key 'colour', allowed are schema_version, n_qubits, entangler, weights"),
        (changed(weights="absent"), "the key weights is missing"),
        (changed(n_qubits="absent"), "the key n_qubits is missing"),
        (changed(schema_version=2), "schema_version: found 2, allowed is 1"),
        (changed(schema_version=True), "schema_version: found True"),
        (changed(n_qubits=0), "n_qubits: found 0"),
        (changed(n_qubits=True), "n_qubits: found True"),
        (changed(n_qubits=2.0), "n_qubits: found 2.0"),
        (changed(n_qubits=10**15), "weights: found the shape"),
        (changed(n_qubits=3), r"weights: found the shape \[1, 2, 3\], allowed is \[block, 3, 3\]"),
        (changed(entangler="star"), "entangler: found 'star', allowed are ring, line"),
        (changed(entangler=None), "entangler: found None, allowed are ring, line"),
        (changed(weights=[]), "weights: found the shape"),
        (changed(weights=1.5), "weights: found 1.5, allowed is a list"),
        (changed(weights=[[[0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]), "weights: found entries of different lengths"),
        (changed(weights=[[[0, 0, 0], [0, 0, "1"]]]), r"weights\[0\]\[1\]\[2\]: found '1', allowed is a number"),
        (changed(weights=[[[0, 0, 0], [0, 0, True]]]), r"weights\[0\]\[1\]\[2\]: found True, allowed is a number"),
        (changed(weights=[[[0, 0, 0], [0, 0, [0]]]]), r"weights\[0\]\[1\]\[2\]: found \[0\], allowed is a number"),
        (changed(weights=[[[0, 0, 0], [0, float("nan"), 0]]]), r"weights\[0\]\[1\]\[1\]: found nan"),
        (changed(weights=[[[0, 0, 0], [0, 10**400, 0]]]), r"weights\[0\]\[1\]\[1\]: found inf"),
    ],
)
def test_bad_json(text, message):
    with pytest.raises(InputError, match=message):
        ReuploadCircuit.from_json(text)


def test_json_errors_name_the_file():
    with pytest.raises(InputError, match=r"^other\.json: entangler"):
        ReuploadCircuit.from_json(changed(entangler="star"), name="other.json")


@pytest.mark.parametrize(
    ("n_qubits", "weights", "entangler", "message"),
    [
        (2, np.zeros((2, 3)), "ring", r"weights: found the shape \[2, 3\], allowed is \[block, 2, 3\]"),
        (2, np.zeros((1, 2, 2)), "ring", "weights: found the shape"),
        (2, np.zeros((0, 2, 3)), "ring", "with at least one block"),
        (2, np.zeros((1, 2, 3), dtype=complex), "ring", "weights: found the type complex128"),
        (2, np.full((1, 2, 3), np.inf), "ring", r"weights\[0\]\[0\]\[0\]: found inf, allowed are finite numbers"),
        (2, np.zeros((1, 2, 3)), "star", "entangler: found 'star', allowed are ring, line"),
        (-1, np.zeros((1, 2, 3)), "ring", "n_qubits: found -1"),
        ("2", np.zeros((1, 2, 3)), "ring", "n_qubits: found '2'"),
    ],
)
def test_bad_circuit(n_qubits, weights, entangler, message):
    with pytest.raises(InputError, match=message):
        ReuploadCircuit(n_qubits, weights, entangler)


@pytest.mark.parametrize(
    ("angles", "one_sample", "message"),
    [
        (np.zeros((2, 3)), False, r"angles: found the shape \[2, 3\], allowed is \[sample, 2, 3\]"),
        (np.zeros((4, 2, 3)), True, r"angles: found the shape \[4, 2, 3\], allowed is \[2, 3\]"),
        (np.zeros((4, 3, 3)), False, r"angles: found the shape \[4, 3, 3\]"),
        (np.array([[[0, 0, 0], [0, np.nan, 0]]]), False, r"angles\[0\]\[1\]\[1\]: found nan"),
        (np.zeros((2, 3), dtype=bool), True, "angles: found the type bool"),
    ],
)
def test_bad_angles(angles, one_sample, message):
    with pytest.raises(InputError, match=message):
        ReuploadCircuit(2, np.zeros((1, 2, 3))).checked_angles(angles, one_sample=one_sample)


def test_import_does_not_wait_for_the_simulators():
    program = (
        "import sys, spiq.export.circuit.reupload, spiq.export.circuit.qasm;"
        "sys.exit(bool({'pennylane', 'qiskit', 'torch'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
