"""The OpenQASM texts, read by Qiskit and the language's reference parser, against the PennyLane QNode."""

import re
from dataclasses import replace

import numpy as np
import openqasm3
import pytest
import qiskit.qasm2
import qiskit.qasm3
from builders import random_reupload
from hypothesis import given, settings
from hypothesis import strategies as st
from openqasm3 import ast
from qiskit.quantum_info import Pauli, Statevector

from shared import circuits
from spiq.export.circuit.circuit import Circuit, Gate, pauli_z
from spiq.export.circuit.qasm import RESERVED, input_names, to_openqasm2, to_openqasm3
from spiq.export.circuit.reupload import ENTANGLERS, reupload_circuit
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.errors import InputError

shapes = {
    "seed": st.integers(0, 2**32),
    "n_qubits": st.integers(1, 9),
    "n_blocks": st.integers(1, 4),
    "entangler": st.sampled_from(ENTANGLERS),
}


def expectations_in_pennylane(circuit, angles):
    return np.stack(to_qnode(circuit)(angles))


def expectations_in_qiskit(program):
    """<Z> in the order of the classical bits, from the state before the measurements."""
    qubit_of_bit = {
        program.find_bit(step.clbits[0]).index: program.find_bit(step.qubits[0]).index
        for step in program.data
        if step.operation.name == "measure"
    }
    assert sorted(qubit_of_bit) == list(range(program.num_qubits)) == list(range(program.num_clbits))
    state = Statevector(program.remove_final_measurements(inplace=False))
    return [state.expectation_value(Pauli("Z"), [qubit_of_bit[bit]]).real for bit in range(program.num_qubits)]


@settings(deadline=None, max_examples=25)
@given(**shapes)
def test_openqasm3_means_the_circuit(seed, n_qubits, n_blocks, entangler):
    circuit, (angles,) = random_reupload(seed, n_qubits, n_blocks, entangler, 1, many_sizes=True)
    program = qiskit.qasm3.loads(to_openqasm3(circuit))
    values = dict(zip(input_names(circuit), angles, strict=True))
    assert {parameter.name for parameter in program.parameters} == values.keys()
    bound = program.assign_parameters(values)
    np.testing.assert_allclose(expectations_in_qiskit(bound), expectations_in_pennylane(circuit, angles), atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(**shapes)
def test_openqasm2_means_the_circuit(seed, n_qubits, n_blocks, entangler):
    circuit, (angles,) = random_reupload(seed, n_qubits, n_blocks, entangler, 1, many_sizes=True)
    program = qiskit.qasm2.loads(to_openqasm2(circuit, angles), strict=True)
    np.testing.assert_allclose(expectations_in_qiskit(program), expectations_in_pennylane(circuit, angles), atol=1e-9)


def test_openqasm3_for_the_reference_parser():
    circuit, _ = random_reupload(0, 4, 3, "ring", 1, many_sizes=True)
    program = openqasm3.parse(to_openqasm3(circuit))
    assert program.version == "3.0"
    kinds = [type(statement) for statement in program.statements]
    assert kinds == [
        ast.Include,
        *[ast.IODeclaration] * 12,
        ast.QubitDeclaration,
        ast.ClassicalDeclaration,
        *[ast.QuantumGate] * (3 * 4 * 6 + 2 * 4),
        ast.QuantumMeasurementStatement,
    ]
    inputs = [statement for statement in program.statements if isinstance(statement, ast.IODeclaration)]
    assert tuple(declared.identifier.name for declared in inputs) == input_names(circuit)
    for declared in inputs:
        assert declared.io_identifier is ast.IOKeyword.input
        assert isinstance(declared.type, ast.FloatType)
        assert isinstance(declared.type.size, ast.IntegerLiteral)
        assert declared.type.size.value == 64
    gates = [statement for statement in program.statements if isinstance(statement, ast.QuantumGate)]
    assert {gate.name.name for gate in gates} == {"rz", "ry", "cz"}


def test_input_names():
    circuit = reupload_circuit(np.zeros((1, 2, 3)))
    assert input_names(circuit) == (
        "angle_q0_phi",
        "angle_q0_theta",
        "angle_q0_omega",
        "angle_q1_phi",
        "angle_q1_theta",
        "angle_q1_omega",
    )


def test_every_block_reads_the_same_angles():
    circuit, _ = random_reupload(3, 2, 4, "line", 1, many_sizes=True)
    for name in input_names(circuit):
        assert to_openqasm3(circuit).count(f"({name})") == 4


@settings(deadline=None, max_examples=100)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_bit(value):
    circuit = reupload_circuit(np.full((1, 1, 3), value))
    number = re.compile(r"r[zy]\(([^()a-z]*\d(?:e[-+]\d+)?)\)")
    for text, count in ((to_openqasm3(circuit), 3), (to_openqasm2(circuit, np.full(3, value)), 6)):
        written = number.findall(text)
        assert len(written) == count
        assert {float(literal).hex() for literal in written} == {value.hex()}
        assert all("." in literal for literal in written)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_programs_of_any_circuit_mean_it(seed, products):
    random = np.random.default_rng(seed)
    circuit = circuits.random_circuit(random, products)
    circuit = replace(circuit, observables=tuple(pauli_z(qubit) for qubit in range(circuit.n_qubits)))
    values = random.normal(size=circuit.input_size)
    wanted = np.stack(to_qnode(circuit)(values))
    bound = qiskit.qasm2.loads(to_openqasm2(circuit, values), strict=True)
    np.testing.assert_allclose(expectations_in_qiskit(bound), wanted, atol=1e-9)
    program = qiskit.qasm3.loads(to_openqasm3(circuit))
    features = dict(zip(input_names(circuit), circuit.feature_values(values[None])[0], strict=True))
    bound = program.assign_parameters({one.name: features[one.name] for one in program.parameters}, strict=False)
    np.testing.assert_allclose(expectations_in_qiskit(bound), wanted, atol=1e-9)


def test_no_input_is_called_like_a_gate_or_a_word_of_the_language():
    inputs = ("x", "pi", "q", "x_0", "fine")
    circuit = Circuit(1, inputs, tuple(Gate("rx", (0,), 0.0, ((k, 1.0),)) for k in range(5)), (pauli_z(0),))
    names = input_names(circuit)
    assert names == ("x_0", "pi_0", "q_0", "x_0_0", "fine")
    assert not RESERVED & set(names)
    assert {parameter.name for parameter in qiskit.qasm3.loads(to_openqasm3(circuit)).parameters} == set(names)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"circuit inputs must have the shape \[sample, 6\], got \[1, 5\]"),
        (np.zeros((1, 2, 3)), r"circuit inputs must have the shape \[sample, 6\], got \[1, 1, 2, 3\]"),
        (np.array([0, 0, 0, 0, np.inf, 0]), "must be finite numbers, got inf for angle_q1_theta in sample 0"),
        (np.zeros(6, dtype=complex), "circuit inputs must be real numbers, got the type complex128"),
    ],
)
def test_bad_values_for_version_2(values, message):
    with pytest.raises(InputError, match=message):
        to_openqasm2(reupload_circuit(np.zeros((1, 2, 3))), values)
