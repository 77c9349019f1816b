"""QNodes of many kinds as circuits, against the QNodes themselves."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.circuits import random_circuit
from spiq.export.circuit.circuit import Circuit, Gate, pauli_z
from spiq.export.circuit.readers.from_pennylane import from_pennylane
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError

THREE = qml.device("default.qubit", wires=3)


def differences(circuit, qnode, random, *others, points=3, batched=False):
    """The largest difference between the circuit's values and the QNode's, at random inputs."""
    ours, largest = to_qnode(circuit), 0.0
    for _ in range(points):
        point = random.uniform(-4, 4, circuit.input_size)
        wanted = qnode(torch.tensor(point[None] if batched else point), *others)
        wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
        wanted = np.concatenate([np.ravel(one) for one in wanted])
        largest = max(largest, np.max(np.abs(np.stack(ours(point)) - wanted)))
    return largest


def random_qnode(seed):
    """A QNode of 2 to 5 wires and 1 to 4 inputs, whose gates, templates and observables are drawn from the seed."""
    random = np.random.default_rng(seed)
    n_wires, n_inputs = int(random.integers(2, 6)), int(random.integers(1, 5))
    # Drawn once: the QNode is called many times.
    plan = [(str(random.choice(KINDS)), int(random.integers(2**32))) for _ in range(int(random.integers(2, 9)))]
    words = [random.choice(list("IXYZ"), n_wires) for _ in range(3)]
    factors = random.normal(size=3)

    @qml.qnode(qml.device("default.qubit", wires=n_wires))
    def qnode(inputs):
        for kind, seed_of_gate in plan:
            queue(kind, np.random.default_rng(seed_of_gate), inputs, n_wires)
        strings: Any = [qml.pauli.string_to_pauli_word("".join(word)) for word in words]
        total: Any = qml.dot(list(factors), strings)
        return [
            qml.expval(total),
            qml.expval(strings[0] @ qml.Z(0) if words[0][0] == "I" else strings[0]),
            qml.probs(wires=[1, 0]),
        ]

    return qnode, n_inputs


KINDS = (
    *("turn", "fixed", "pair", "controlled", "adjoint", "three", "ising", "rot", "strings", "matrix", "many", "power"),
    *("strong", "basic", "angles", "reupload", "iqp", "products", "qft"),
)


def queue(kind, random, inputs, n_wires):
    """Queue one operation or template."""
    wires = [int(wire) for wire in random.permutation(n_wires)]

    def angle():
        weights = torch.tensor(random.normal(size=len(inputs)) * (random.random(len(inputs)) < 0.5))
        return weights @ inputs + random.choice([0.0, 0.3, random.normal()])

    match kind:
        case "turn":
            random.choice([qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1])(angle(), wires[0])
        case "fixed":
            random.choice([qml.X, qml.Y, qml.Z, qml.H, qml.S, qml.T, qml.SX])(wires[0])
        case "pair":
            random.choice([qml.CNOT, qml.CZ, qml.CY, qml.CH, qml.SWAP, qml.ISWAP, qml.ECR])(wires=wires[:2])
        case "controlled":
            gate = random.choice([qml.RX, qml.RY, qml.RZ, qml.PhaseShift])
            qml.ctrl(gate, control=wires[1:2], control_values=[int(random.integers(2))])(angle(), wires[0])
            random.choice([qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift])(angle(), wires[:2])
            qml.CRot(angle(), angle(), angle(), wires[:2])
        case "adjoint":
            qml.adjoint(qml.Rot(angle(), angle(), 0.7, wires[0]))
            qml.adjoint(random.choice([qml.S, qml.T, qml.SX]))(wires[1])
        case "three":
            qml.U3(angle(), angle(), angle(), wires[0])
            qml.U2(angle(), angle(), wires[1])
        case "ising":
            random.choice([qml.IsingXX, qml.IsingYY, qml.IsingZZ, qml.IsingXY])(angle(), wires[:2])
            qml.SingleExcitation(angle(), wires[:2])
        case "rot":
            qml.Rot(angle(), angle(), angle(), wires[0])
        case "strings":
            qml.PauliRot(angle(), "".join(random.choice(list("XYZ"), 2)), wires[:2])
            qml.MultiRZ(angle(), wires)
        case "matrix":
            turned, _ = np.linalg.qr(random.normal(size=(2, 2)) + 1j * random.normal(size=(2, 2)))
            qml.QubitUnitary(turned, wires[0])
        case "many":
            qml.MultiControlledX(wires[:3] if n_wires > 2 else wires)
        case "power":
            qml.pow(qml.RX(angle(), wires[0]), 2)
        case "strong":
            shape = qml.StronglyEntanglingLayers.shape(2, n_wires)
            qml.StronglyEntanglingLayers(random.normal(size=shape), range(n_wires))
        case "basic":
            rotation = random.choice([qml.RX, qml.RY, qml.RZ])
            qml.BasicEntanglerLayers(random.normal(size=(2, n_wires)), range(n_wires), rotation=rotation)
        case "angles":
            qml.AngleEmbedding(inputs[:n_wires], range(n_wires), rotation=str(random.choice(["X", "Y", "Z"])))
        case "reupload":
            for block in random.normal(size=(2, n_wires)):
                for wire, weight in enumerate(block):
                    qml.RY(float(weight) * inputs[wire % len(inputs)] + 0.1, wire)
                for wire in range(n_wires - 1):
                    qml.CZ([wire, wire + 1])
        case "iqp":
            used = min(n_wires, len(inputs))
            qml.IQPEmbedding(inputs[:used], range(used), n_repeats=2)
        case "products":
            qml.RY(inputs[0] * (inputs[-1] - 1) + 0.2, wires[0])
            qml.CRZ((math.pi - inputs[0]) * (math.pi - inputs[-1]), wires[:2])
        case "qft":
            qml.adjoint(qml.QFT)(wires=wires[:2])


@settings(deadline=None, max_examples=35)
@given(seed=st.integers(0, 2**32))
def test_circuit_is_the_qnode(seed):
    qnode, n_inputs = random_qnode(seed)
    circuit = from_pennylane(qnode, n_inputs)
    assert circuit.inputs == tuple(f"x{number}" for number in range(n_inputs))
    assert circuit.output_size == 6
    assert differences(circuit, qnode, np.random.default_rng(seed)) < 1e-9


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_circuits_come_back(seed, products):
    random = np.random.default_rng(seed)
    circuit = random_circuit(random, products)
    qnode = to_qnode(circuit)
    back = from_pennylane(qnode, circuit.input_size)
    assert back.n_qubits == circuit.n_qubits
    assert [gate[:2] for gate in back.gates] == [gate[:2] for gate in circuit.gates]
    for gate, other in zip(back.gates, circuit.gates, strict=True):
        terms = {back.features[feature]: slope for feature, slope in gate.slopes}
        wanted = {}
        for feature, slope in other.slopes:
            wanted[circuit.features[feature]] = wanted.get(circuit.features[feature], 0) + slope
        assert terms == pytest.approx(wanted, abs=1e-12)
        assert gate.offset == pytest.approx(other.offset, abs=1e-12)
    assert differences(back, qnode, random) < 1e-9


def layers(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(3))
    qml.StronglyEntanglingLayers(weights, wires=range(3))
    return [qml.expval(qml.Z(wire)) for wire in range(3)]


WEIGHTS = np.random.default_rng(0).normal(size=(2, 3, 3))


@pytest.mark.parametrize(
    "weights", [WEIGHTS, torch.tensor(WEIGHTS, requires_grad=True), WEIGHTS.tolist(), qml.numpy.array(WEIGHTS)]
)
def test_weights_of_many_types_are_constants(weights):
    qnode = qml.QNode(layers, THREE)
    circuit = from_pennylane(qnode, 3, weights={"weights": weights})
    assert circuit.observables == tuple(pauli_z(wire) for wire in range(3))
    assert {gate.slopes for gate in circuit.gates} == {(), *(((number, 1.0),) for number in range(3))}
    assert differences(circuit, qnode, np.random.default_rng(1), torch.tensor(WEIGHTS)) < 1e-12


def test_torch_layer_brings_its_weights():
    def by_column(inputs, weights):
        for wire in range(3):
            qml.RY(inputs[:, wire] * 2, wires=wire)
        qml.StronglyEntanglingLayers(weights, wires=range(3))
        return [qml.expval(qml.Z(wire)) for wire in range(3)]

    layer_of: Any = qml.qnn.TorchLayer
    layer = layer_of(qml.QNode(by_column, THREE), {"weights": (2, 3, 3)})
    circuit = from_pennylane(layer, 3)
    points = np.random.default_rng(2).uniform(-3, 3, (4, 3))
    wanted = layer.double()(torch.tensor(points)).detach().numpy()
    np.testing.assert_allclose(np.stack(to_qnode(circuit)(points), axis=-1), wanted, atol=1e-12)
    with pytest.raises(InputError, match="weights must be left out for a TorchLayer, which has its own, got weights"):
        from_pennylane(layer, 3, weights={"weights": WEIGHTS})


def test_samples_with_a_sample_axis():
    @qml.qnode(THREE)
    def qnode(inputs):
        qml.RX(inputs[0, 0], 0)
        qml.RY(inputs[:, 1] * inputs[:, 1], 1)
        return qml.expval(qml.Z(0)), qml.probs(wires=[1])

    circuit = from_pennylane(qnode, 2)
    assert circuit.gates == (Gate("rx", (0,), 0.0, ((0, 1.0),)), Gate("ry", (1,), 0.0, ((1, 1.0),)))
    assert circuit.features == ((0,), (1, 1))
    assert differences(circuit, qnode, np.random.default_rng(3), batched=True) < 1e-12


@pytest.mark.parametrize("read", [np.asarray, lambda values: np.array([value.item() for value in values])])
def test_numpy_inside(read):
    @qml.qnode(THREE)
    def qnode(inputs):
        turns = np.array([[1.0, 2.0], [0.3, -1.0]]) @ read(inputs) + 0.1
        qml.RX(float(turns[0]), 0)
        qml.RY(np.float64(turns[1]), 1)
        return qml.expval(qml.Z(0)), qml.expval(qml.X(1))

    circuit = from_pennylane(qnode, 2)
    assert circuit.gates[0].offset == pytest.approx(0.1, abs=1e-14)
    assert dict(circuit.gates[1].slopes) == pytest.approx({0: 0.3, 1: -1.0}, abs=1e-14)
    assert differences(circuit, qnode, np.random.default_rng(4)) < 1e-12


def test_wires_in_the_devices_order_then_the_tapes():
    def turned(x):
        qml.RX(x[0], "b")
        qml.CNOT(["b", "a"])
        return qml.expval(qml.Z("a"))

    assert from_pennylane(qml.QNode(turned, qml.device("default.qubit", wires=["a", "b", "c"])), 1).n_qubits == 3
    named = from_pennylane(qml.QNode(turned, qml.device("default.qubit", wires=["a", "b"])), 1)
    assert named.gates == (Gate("rx", (1,), 0.0, ((0, 1.0),)), Gate("cx", (1, 0)))
    free = from_pennylane(qml.QNode(turned, qml.device("default.qubit")), 1)
    assert free.gates == (Gate("rx", (0,), 0.0, ((0, 1.0),)), Gate("cx", (0, 1)))


def test_shots_are_the_devices_own():
    qnode = qml.set_shots(qml.QNode(layers, qml.device("lightning.qubit", wires=3)), 10)
    circuit = from_pennylane(qnode, 3, weights={"weights": WEIGHTS})
    exact = qml.QNode(layers, THREE)
    assert differences(circuit, exact, np.random.default_rng(5), torch.tensor(WEIGHTS)) < 1e-12


def test_observables_by_matrix_and_probabilities():
    random = np.random.default_rng(6)
    matrix = random.normal(size=(4, 4)) + 1j * random.normal(size=(4, 4))

    @qml.qnode(THREE)
    def qnode(inputs):
        qml.AngleEmbedding(inputs, range(3), rotation="Y")
        qml.CRX(0.7, [0, 2])
        qml.T(1)
        return (
            qml.expval(qml.Hermitian(matrix + matrix.conj().T, [2, 0])),
            qml.expval(qml.Projector([1, 0], [0, 1])),
            qml.expval(2 * qml.Projector([1], [2]) + qml.Y(1)),
            qml.expval(qml.Hamiltonian([0.5, -2.0], [qml.X(0) @ qml.Y(2), qml.Z(1)])),
            qml.probs(wires=[2, 0]),
            qml.probs(),
        )

    circuit = from_pennylane(qnode, 3)
    assert circuit.output_size == 4 + 4 + 8
    assert differences(circuit, qnode, random) < 1e-12


def test_the_first_argument_where_there_is_no_inputs():
    def qnode(features, inputs):
        qml.RX(features[0] + 2 * inputs[0], 0)
        return qml.expval(qml.Z(0))

    by_default = from_pennylane(qml.QNode(qnode, THREE), 1, weights={"features": np.ones(1)})
    assert by_default.gates == (Gate("rx", (0,), 1.0, ((0, 2.0),)),)
    told = from_pennylane(qml.QNode(qnode, THREE), 1, argument="features", weights={"inputs": np.ones(1)})
    assert told.gates == (Gate("rx", (0,), 2.0, ((0, 1.0),)),)


def test_angles_of_several_inputs_at_zero_and_of_many_samples():
    """The angle of the QNode that a circuit becomes is 0 here, but neither its value elsewhere nor its gradient is."""
    circuit = Circuit(
        1, ("x", "y"), (Gate("rx", (0,), 0.0, ((0, 1.0), (1, 2.0))), Gate("ry", (0,), 1.0)), (pauli_z(0),)
    )
    qnode = to_qnode(circuit)
    inputs = torch.tensor([[0.0, 0.0], [0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    values = qnode(inputs)[0]
    turned = inputs.detach() @ torch.tensor([1.0, 2.0], dtype=torch.float64)
    np.testing.assert_allclose(values.detach(), np.cos(1) * np.cos(turned), atol=1e-12)
    near = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    hessian = torch.autograd.functional.hessian(lambda point: qnode(point)[0], near)
    np.testing.assert_allclose(hessian, -np.cos(1) * np.array([[1, 2], [2, 4]]), atol=1e-12)


def test_import_is_light():
    readers = ("affine", "derivatives", "from_pennylane", "from_qiskit", "from_openqasm")
    modules = (*(f"readers.{name}" for name in readers), "to_qiskit")
    program = (
        "import sys; "
        + "; ".join(f"import spiq.export.circuit.{name}" for name in modules)
        + "; print([name for name in ('torch', 'pennylane', 'qiskit', 'openqasm3') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
