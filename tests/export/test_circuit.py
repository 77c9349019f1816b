"""The circuit against its definition, written once more with plain matrices."""

import subprocess
import sys
from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from builders import random_angles
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.circuit.circuit import Circuit, Gate, PauliTerm, pauli_z
from spiq.export.circuit.reupload import ENTANGLERS, as_reupload, entangled_pairs, reupload_circuit, reupload_layers
from spiq.export.circuit.to_pennylane import to_qnode
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


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    n_qubits=st.integers(1, 6),
    n_blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
)
def test_qnode_is_the_definition(seed, n_qubits, n_blocks, entangler):
    weights, angles = random_angles(seed, (n_blocks, n_qubits, 3), (3, n_qubits, 3))
    head = to_qnode(reupload_circuit(weights, entangler))
    expected = np.array([expectations_by_matrices(weights, entangler, sample) for sample in angles])
    flat = angles.reshape(3, -1)
    np.testing.assert_allclose(np.stack(head(flat), axis=-1), expected, atol=1e-12)
    np.testing.assert_allclose(np.stack(head(flat[1])), expected[1], atol=1e-12)


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
    gates = reupload_circuit(np.zeros((2, n_qubits, 3)), entangler).gates
    assert tuple(gate.qubits for gate in gates if gate.name == "cz") == pairs


def test_gates_between_blocks_only():
    weights, angles = random_angles(0, (3, 5, 3), (1, 5, 3))
    with qml.queuing.AnnotatedQueue() as queue:
        reupload_layers(angles[0], weights, "ring")
    names = [operation.name for operation in qml.tape.QuantumScript.from_queue(queue).operations]
    assert names == (["Rot"] * 10 + ["CZ"] * 5) * 2 + ["Rot"] * 10


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-13)])
def test_trains_in_torch_and_broadcasts(dtype, tolerance):
    trained, angles = random_angles(1, (2, 4, 3), (5, 4, 3))
    mixing = torch.tensor(np.random.default_rng(2).normal(size=(5, 4)))

    @qml.qnode(qml.device("default.qubit", wires=4), interface="torch", diff_method="backprop")
    def head(angles, weights):
        reupload_layers(angles, weights, "ring")
        return [qml.expval(qml.Z(qubit)) for qubit in range(4)]

    def gradients(forward):
        data = torch.tensor(angles, dtype=dtype, requires_grad=True)
        weights = torch.nn.Parameter(torch.tensor(trained, dtype=dtype))
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
        shift = np.zeros_like(trained)
        shift[place] = step
        slope = (loss(trained + shift, angles) - loss(trained - shift, angles)) / (2 * step)
        assert batched[2][place] == pytest.approx(slope, abs=1e-5)
    shift = np.zeros_like(angles)
    shift[4, 2, 1] = step
    slope = (loss(trained, angles + shift) - loss(trained, angles - shift)) / (2 * step)
    assert batched[1][4, 2, 1] == pytest.approx(slope, abs=1e-5)


def test_a_reupload_circuit_is_known_again():
    weights, _ = random_angles(3, (3, 4, 3), (1, 4, 3))
    for entangler in ENTANGLERS:
        found = as_reupload(reupload_circuit(weights, entangler))
        assert found is not None
        assert found.weights.tobytes() == weights.tobytes()
        assert found.entangler == entangler


@pytest.mark.parametrize("change", ["gate", "order", "observable", "input", "feature"])
def test_what_is_nearly_one_is_none(change):
    circuit = reupload_circuit(np.ones((2, 3, 3)))
    gates = list(circuit.gates)
    if change == "gate":
        gates[0] = gates[0]._replace(offset=0.5)
    if change == "order":
        gates[0], gates[6] = gates[6], gates[0]
    observables = circuit.observables[::-1] if change == "observable" else circuit.observables
    inputs = (*circuit.inputs, "more") if change == "input" else circuit.inputs
    features = circuit.features if change != "feature" else ((0, 0), *circuit.features[1:])
    assert as_reupload(Circuit(3, inputs, tuple(gates), observables, features)) is None


@pytest.mark.parametrize(
    ("weights", "entangler", "message"),
    [
        (np.zeros((2, 3)), "ring", r"weights must have the shape \[block, qubit, 3\], got \[2, 3\]"),
        (np.zeros((1, 2, 2)), "ring", "weights must have the shape"),
        (np.zeros((0, 2, 3)), "ring", "weights must have the shape"),
        (np.zeros((1, 2, 3), dtype=complex), "ring", "weights must be real numbers, got the type complex128"),
        (np.full((1, 2, 3), np.inf), "ring", r"weights\[0\]\[0\]\[0\] must be a finite number, got inf"),
        (np.zeros((1, 2, 3)), "star", "entangler must be one of ring, line, got 'star'"),
    ],
)
def test_bad_weights(weights, entangler, message):
    with pytest.raises(InputError, match=message):
        reupload_circuit(weights, entangler)


def test_features_are_products_of_inputs():
    circuit = Circuit(1, ("a", "b"), (), (pauli_z(0),), ((0,), (1, 1), (0, 1)))
    assert circuit.feature_names == ("a", "b_x_b", "a_x_b")
    values = np.array([[2.0, 3.0], [5.0, 7.0]])
    assert circuit.feature_values(values).tolist() == [[2, 9, 6], [5, 49, 35]]
    assert circuit.feature_values(torch.tensor(values)).tolist() == [[2, 9, 6], [5, 49, 35]]


Z = (pauli_z(0),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (), (), Z), "n_qubits must be an integer from 1 to 4096, got 0"),
        ((True, (), (), Z), "n_qubits must be an integer from 1 to 4096, got True"),
        ((1, ("a", "a"), (), Z), "inputs must have different names, got a, a"),
        ((1, ("a b",), (), Z), "inputs must have names of letters, digits and _, got 'a b'"),
        ((1, (), (Gate("u", (0,)),), Z), r"gates\[0\]: its name must be one of x, y, z, .*, got 'u'"),
        ((1, (), (Gate("h", (1,)),), Z), r"gates\[0\]: its qubits must be integers from 0 to 0, got \[1\]"),
        ((2, (), (Gate("cx", (1, 1)),), Z), r"gates\[0\]: its qubits must be different, got \[1, 1\]"),
        ((2, (), (Gate("cx", (1,)),), Z), "the number of cx's qubits must be 2, got 1"),
        ((1, (), (Gate("h", (0,), 0.5),), Z), "a gate with an angle must be one of rx, ry, rz, got h"),
        (
            (1, ("a",), (Gate("rx", (0,), 0.0, ((1, 1.0),)),), Z),
            r"the features of its angle must be rising numbers under 1, got \[1\]",
        ),
        ((1, ("a",), (Gate("rx", (0,), np.nan),), Z), "the angle of rx must be made of finite numbers, got nan"),
        ((1, (), (), ()), "observables must have at least one entry, got none"),
        ((1, (), (), ((PauliTerm(1.0, ((0, "W"),)),),)), r"observables\[0\]: its operators must be X, Y or Z, got 'W'"),
        ((2, (), (), ((PauliTerm(1.0, ((1, "X"), (0, "X"))),),)), r"its qubits must be rising numbers, got \[1, 0\]"),
        ((1, (), (), ((PauliTerm(np.inf, ()),),)), "its coefficients must be finite numbers, got inf"),
        ((1, ("a",), (), Z, ((1,),)), r"features\[0\] must be the rising numbers of .* 1 inputs, got \[1\]"),
        ((1, ("a", "b"), (), Z, ((1, 0),)), r"features\[0\] must be the rising numbers of .* 2 inputs, got \[1, 0\]"),
    ],
)
def test_bad_circuit(arguments, message):
    with pytest.raises(InputError, match=message):
        Circuit(*arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(2), r"circuit inputs must have the shape \[sample, 2\], got \[2\]"),
        (np.zeros((4, 3)), r"circuit inputs must have the shape \[sample, 2\], got \[4, 3\]"),
        (np.array([[0, 0], [0, np.nan]]), "circuit inputs must be finite numbers, got nan for b in sample 1"),
        (np.zeros((1, 2), dtype=bool), "circuit inputs must be real numbers, got the type bool"),
    ],
)
def test_bad_inputs(values, message):
    with pytest.raises(InputError, match=message):
        Circuit(1, ("a", "b"), (), Z).checked_inputs(values)


def test_import_does_not_wait_for_the_simulators():
    program = (
        "import sys, spiq.export.circuit.file, spiq.export.circuit.qasm, spiq.export.circuit.to_pennylane;"
        "sys.exit(bool({'pennylane', 'qiskit', 'torch'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
