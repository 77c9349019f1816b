"""OpenQASM texts of many kinds as circuits, against what the statements mean in PennyLane."""

import math

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import qasm2

from shared.circuits import random_circuit
from spiq.export.circuit.circuit import Gate, pauli_z
from spiq.export.circuit.qasm import input_names, to_openqasm2, to_openqasm3
from spiq.export.circuit.readers.from_openqasm import MOST_CHARACTERS, from_openqasm
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.circuit.to_qiskit import to_operators, to_qiskit
from spiq.export.errors import InputError

THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_circuits_come_back(seed, products):
    random = np.random.default_rng(seed)
    circuit = random_circuit(random, products)
    back = from_openqasm(to_openqasm3(circuit), to_operators(circuit))
    # A product is one input of the program.
    assert back.inputs == input_names(circuit)
    assert back.gates == circuit.gates
    point = random.uniform(-3, 3, circuit.input_size)
    features = circuit.feature_values(point[None])[0]
    np.testing.assert_allclose(np.stack(to_qnode(back)(features)), np.stack(to_qnode(circuit)(point)), atol=1e-9)
    bound = from_openqasm(to_openqasm2(circuit, point), to_operators(circuit))
    assert bound.inputs == ()
    np.testing.assert_allclose(np.stack(to_qnode(bound)(point[:0])), np.stack(to_qnode(circuit)(point)), atol=1e-9)


def test_text_of_another_tool():
    text = """
    OPENQASM 3;   // inputs in an order that is not the names'
    include "stdgates.inc";
    /* input float never; */
    input float[64] x10;
    input float unused;
    input angle[32] x2;
    gate twist(a, b) p, q { ry(a + 2 * b) p; ctrl @ rz(b / 2) p, q; inv @ s q; }
    qubit[3] reg;
    bit[3] out;
    let pair = reg[1:2];
    twist(x10, x2) reg[0], reg[1];
    ctrl @ ry(-x2) pair[0], pair[1];
    negctrl @ x reg[0], reg[2];
    pow(2) @ t reg[1];
    u3(x10, pi / 4, 0.1) reg[2];
    U(x2, x10 - 1, 0) reg[0];
    cphase(0.3 * x2) reg[0], reg[2];
    crz(x10 * x2) reg[1], reg[0];
    gphase(x2);
    barrier reg;
    out = measure reg;
    """

    @qml.qnode(qml.device("default.qubit", wires=3))
    def meant(x10, x2):
        qml.RY(x10 + 2 * x2, 0)
        qml.CRZ(x2 / 2, [0, 1])
        qml.adjoint(qml.S(1))
        qml.CRY(-x2, [1, 2])
        qml.ctrl(qml.X(2), control=[0], control_values=[0])
        qml.S(1)
        qml.U3(x10, math.pi / 4, 0.1, 2)
        qml.U3(x2, x10 - 1, 0, 0)
        qml.ControlledPhaseShift(0.3 * x2, [0, 2])
        qml.CRZ(x10 * x2, [1, 0])
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1) @ qml.X(2)), qml.expval(qml.Y(0))]

    circuit = from_openqasm(text, ["IIZ", "XZI", "IIY"])
    assert circuit.inputs == ("x10", "unused", "x2")
    for point in np.random.default_rng(0).uniform(-4, 4, (5, 3)):
        np.testing.assert_allclose(np.stack(to_qnode(circuit)(point)), meant(point[0], point[2]), atol=1e-12)


def test_inputs_in_the_texts_order():
    text = f"{THREE}input float x10; input float x2; qubit[2] q; rx(2 * x2 + x10) q[0]; rz(x10 * x2) q[1];"
    circuit = from_openqasm(text)
    assert circuit.inputs == ("x10", "x2")
    assert circuit.features == ((0,), (1,), (0, 1))
    assert circuit.gates == (Gate("rx", (0,), 0.0, ((0, 1.0), (1, 2.0))), Gate("rz", (1,), 0.0, ((2, 1.0),)))
    assert circuit.observables == (pauli_z(0), pauli_z(1))


def test_version_2():
    text = TWO + "qreg a[1]; qreg b[1]; creg c[2]; gate mine(t) p, q { cu1(t) p, q; ry(t/2) q; } mine(pi/3) a[0], b[0];"
    circuit = from_openqasm(text + "u3(1,2,3) a[0]; rzz(.3) a[0],b[0]; sx b[0]; measure a[0] -> c[0];")

    @qml.qnode(qml.device("default.qubit", wires=2))
    def meant():
        qml.ControlledPhaseShift(math.pi / 3, [0, 1])
        qml.RY(math.pi / 6, 1)
        qml.U3(1, 2, 3, 0)
        qml.IsingZZ(0.3, [0, 1])
        qml.SX(1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    np.testing.assert_allclose(np.stack(to_qnode(circuit)(np.empty(0))), meant(), atol=1e-12)


def test_qiskits_own_text_of_version_2():
    circuit = random_circuit(np.random.default_rng(5))
    names = {parameter.name: 0.3 for parameter in to_qiskit(circuit).parameters}
    text = qasm2.dumps(to_qiskit(circuit).assign_parameters(names))
    values = np.stack(to_qnode(from_openqasm(text, to_operators(circuit)))(np.empty(0)))
    np.testing.assert_allclose(values, np.stack(to_qnode(circuit)(np.full(circuit.input_size, 0.3))), atol=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 3.0; gate h a { U(0, 0, 0) a; } gate g a { h a; } qubit q; g q; h q;",
        "OPENQASM 2.0; gate h a { U(0, 0, 0) a; } gate g a { h a; } qreg q[1]; g q[0]; h q[0];",
        "OPENQASM 2.0; gate rzz(t) a, b { U(0, 0, t) a; } qreg q[2]; rzz(0.3) q[0], q[1];",
    ],
)
def test_a_texts_own_gate_is_what_it_says(text):
    circuit = from_openqasm(text)
    # Other than Qiskit's gates of these names, they leave every qubit in 0 and turn one alone.
    assert {gate.name for gate in circuit.gates} <= {"rz", "sx", "ry", "rx"}
    np.testing.assert_allclose(np.stack(to_qnode(circuit)(np.empty(0))), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "OpenQASM: must be a program, got no text"),
        ("// only a comment", "OpenQASM: must be a program, got no text"),
        ("x" * (MOST_CHARACTERS + 1), f"at most {MOST_CHARACTERS} characters, got {MOST_CHARACTERS + 1}"),
        ("OPENQASM 4.0; qubit q;", "the version must be 2 or 3, got 4"),
        (f"{THREE}qubit[2] q;\nfoo q[1];", r"\(4,0: gate 'foo' is not defined.\); line 4 is 'foo q\[1\];'"),
        (f"{TWO}qreg q[1];\nfoo q[0];", r"4,0: 'foo' is not defined in this scope\); line 4 is 'foo q\[0\];'"),
        ("OPENQASM 3;\nqubit q;\nU(1,2,3 q;", r"line 3:8 no viable alternative .*; line 3 is 'U\(1,2,3 q;'"),
        ('OPENQASM 3;\ninclude "/etc/passwd";\nqubit q;', "non-stdgates imports"),
        ('OPENQASM 2.0;\ninclude "/etc/passwd";\nqreg q[1];', "unable to find '/etc/passwd'"),
        ("qubit q;\nconst float y = 2;", "ConstantDeclaration is not supported.*; line 2 is 'const float y = 2;'"),
        ("input float x; qubit q; U(sin(x),0,0) q;", "'FunctionCall' cannot be resolved"),
        ("input int n; qubit q; U(1,0,0) q;", "only 'float' and 'angle' inputs are supported"),
        ("qubit q; U(1, 0) q;", "cannot be read .TypeError"),
        ("qubit q; U(1/0, 0, 0) q;", "cannot be read .ZeroDivisionError"),
        ("qubit q; U(" + "(" * 3000 + "1" + ")" * 3000 + ", 0, 0) q;", "cannot be read .RecursionError"),
        ("qubit[100000000] q;", "a register must have at most 4096 qubits or bits, got 100000000"),
        ("qubit[10 * 10] q;", "the size of a register must be a number, got one that is computed"),
        ("OPENQASM 2.0; qreg q[1000000000];", "a register must have at most 4096 qubits or bits, got 1000000000"),
        ("bit c;", "circuit must have at least one qubit, got none"),
        ("qubit q; reset q; U(1,0,0) q;", "reset on qubit 0: must be a gate, got what sets qubits"),
        (
            f"{THREE}input float a; qubit q; h q; rx(a * a * a) q;",
            r"gate 1 \(rx on qubit 0\): its angle must be .*, got a\*a\*a",
        ),
        ("gate h a { U(0, 0, 0) a; } qubit[2] q; ctrl @ h q[0], q[1];", "ch on .*must have a name of its own, got h"),
        (
            f"{THREE}qubit q; bit c; c = measure q; x q;",
            "measure on qubit 0: must be .*, got a measurement in its middle",
        ),
    ],
)
def test_refused_texts(text, words, capfd):
    with pytest.raises(InputError, match=words) as found:
        from_openqasm(text)
    assert "\n" not in str(found.value)
    assert capfd.readouterr() == ("", "")
