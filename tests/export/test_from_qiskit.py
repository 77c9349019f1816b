"""Qiskit's circuits as circuits of ours, and back, against Qiskit's state vector and PennyLane."""

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import (
    PauliEvolutionGate,
    QFTGate,
    RYGate,
    RZXGate,
    efficient_su2,
    real_amplitudes,
    z_feature_map,
    zz_feature_map,
)
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector, random_unitary
from qiskit.synthesis import QDrift

from shared.circuits import random_circuit
from spiq.export.circuit.circuit import Gate as OurGate
from spiq.export.circuit.circuit import PauliTerm, pauli_z
from spiq.export.circuit.readers.from_qiskit import from_qiskit
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.circuit.to_qiskit import to_operators, to_qiskit
from spiq.export.errors import InputError

X, Y = Parameter("x"), Parameter("y")


def difference(circuit, program, parameters, operators, random, points=3):
    """The largest difference between the circuit's values, by PennyLane, and those of Qiskit's state."""
    ours, largest = to_qnode(circuit), 0.0
    for _ in range(points):
        point = random.uniform(-4, 4, circuit.input_size)
        state = Statevector(program.assign_parameters(dict(zip(parameters, point, strict=True)), strict=False))
        wanted = [state.expectation_value(operator).real for operator in operators]
        largest = max(largest, np.max(np.abs(np.stack(ours(point)) - wanted)))
    return largest


def random_program(seed):
    """1 to 4 inputs on 2 to 4 qubits, with gates of Qiskit's library drawn from the seed."""
    random = np.random.default_rng(seed)
    n_qubits, inputs = int(random.integers(2, 5)), ParameterVector("x", int(random.integers(1, 5)))
    program = QuantumCircuit(n_qubits)

    def angle():
        one, other = random.choice(inputs, 2)
        products = [0, one * other, (math.pi - one) * (math.pi - other)]
        return float(random.normal()) * one + other / 2 + 0.1 + products[int(random.integers(3))]

    for kind in random.integers(0, 10, int(random.integers(2, 10))):
        first, second = map(int, random.permutation(n_qubits)[:2])
        match kind:
            case 0:
                program.u(angle(), angle(), angle(), first)
            case 1:
                program.cu(angle(), 0.3, angle(), 0.2, first, second)
            case 2:
                program.append(RYGate(angle()).control(1, ctrl_state=0), [first, second])
            case 3:
                program.append(RZXGate(angle()), [first, second])
            case 4:
                program.rxx(angle(), first, second)
                program.rzz(angle(), second, first)
            case 5:
                program.cp(angle(), first, second)
                program.p(angle(), first)
            case 6:
                program.append(QFTGate(2).inverse(), [first, second])
            case 7:
                program.unitary(random_unitary(4, seed=seed), [first, second])
            case 8:
                program.iswap(first, second)
                program.ecr(second, first)
                program.ch(first, second)
                program.tdg(first)
            case 9:
                program.append(
                    PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"], np.array([0.4, -1])), inputs[0]), [first, second]
                )
    labels = ["".join(random.choice(list("IXYZ"), n_qubits)) for _ in range(3)]
    return program, inputs, [SparsePauliOp(labels, random.normal(size=3)), SparsePauliOp(labels[0])]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_circuit_is_the_program(seed):
    program, inputs, operators = random_program(seed)
    circuit = from_qiskit(program, [inputs], operators)
    assert circuit.inputs == tuple(f"x_{number}" for number in range(len(inputs)))
    assert difference(circuit, program, inputs, operators, np.random.default_rng(seed)) < 1e-9


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), products=st.booleans())
def test_circuits_come_back(seed, products):
    random = np.random.default_rng(seed)
    circuit = random_circuit(random, products)
    program, operators = to_qiskit(circuit), to_operators(circuit)
    inputs = [next((one for one in program.parameters if one.name == name), Parameter(name)) for name in circuit.inputs]
    back = from_qiskit(program, inputs, operators)
    assert (back.n_qubits, back.inputs) == (circuit.n_qubits, circuit.inputs)
    assert [gate[:2] for gate in back.gates] == [gate[:2] for gate in circuit.gates]
    assert difference(back, program, inputs, operators, random) < 1e-9
    assert difference(circuit, program, inputs, operators, random) < 1e-9


def test_feature_map_with_an_ansatz():
    ansatz = real_amplitudes(3, reps=2)
    weights = np.random.default_rng(0).normal(size=ansatz.num_parameters)
    program: Any = zz_feature_map(3).compose(ansatz.assign_parameters(weights))
    circuit = from_qiskit(program)
    assert circuit.inputs == ("x_0", "x_1", "x_2")
    assert circuit.features == ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
    assert circuit.observables == tuple(pauli_z(qubit) for qubit in range(3))
    operators = to_operators(circuit)
    assert difference(circuit, program, program.parameters, operators, np.random.default_rng(1)) < 1e-12


def test_classes_of_feature_maps():
    from qiskit.circuit.library import RealAmplitudes, ZZFeatureMap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Qiskit deprecates the classes, which programs still use.
        program: Any = ZZFeatureMap(2).compose(RealAmplitudes(2).assign_parameters(list(range(8))))
    circuit = from_qiskit(program, inputs=["x"], observables=["ZZ"])
    operators = [SparsePauliOp("ZZ")]
    assert difference(circuit, program, program.parameters, operators, np.random.default_rng(2)) < 1e-12


def test_efficient_su2_as_one_gate():
    ansatz = efficient_su2(2, reps=1).to_gate()
    program: Any = z_feature_map(2)
    program.append(ansatz, [1, 0])
    names = [f"θ[{number}]" for number in range(8)]
    circuit = from_qiskit(program, inputs=["x", *names])
    assert circuit.inputs == ("x_0", "x_1", *(f"theta_{number}" for number in range(8)))
    found = {parameter.name: parameter for parameter in program.parameters}
    parameters = [found[name] for name in ("x[0]", "x[1]", *names)]
    assert difference(circuit, program, parameters, to_operators(circuit), np.random.default_rng(3)) < 1e-12


def test_inputs_in_natural_order_and_in_the_order_given():
    program = QuantumCircuit(1)
    parameters = {name: Parameter(name) for name in ("x10", "x2", "x1", "b")}
    for parameter in parameters.values():
        program.rx(parameter, 0)
    assert from_qiskit(program).inputs == ("b", "x1", "x2", "x10")
    given = from_qiskit(program, inputs=["x10", parameters["b"], "x2", Parameter("unused"), "x1"])
    assert given.inputs == ("x10", "b", "x2", "unused", "x1")
    assert [gate.slopes for gate in given.gates] == [((number, 1.0),) for number in (0, 2, 4, 1)]


def test_names_that_an_input_may_have():
    program = QuantumCircuit(1)
    for name in ("x[0]", "x_0", "θ", "1st", "ü", "Δt"):
        program.rx(Parameter(name), 0)
    assert sorted(from_qiskit(program).inputs) == sorted(["x_1st", "theta", "Deltat", "x", "x_0", "x_0_1"])


def test_qubit_0_is_at_the_right_of_a_label():
    program = QuantumCircuit(3)
    program.x(0)
    observables = ["IIZ", Pauli("-ZIX"), SparsePauliOp(["YXZ"], np.array([0.5]))]
    assert from_qiskit(program, observables=observables).observables == (
        pauli_z(0),
        (PauliTerm(-1.0, ((0, "X"), (2, "Z"))),),
        (PauliTerm(0.5, ((0, "Z"), (1, "X"), (2, "Y"))),),
    )


def test_measurements_at_the_end_are_left_out():
    program = QuantumCircuit(2, 2)
    program.ry(X, 0)
    program.barrier()
    program.measure([0, 1], [1, 0])
    circuit = from_qiskit(program)
    assert circuit.gates == (OurGate("ry", (0,), 0.0, ((0, 1.0),)),)
    assert program.count_ops()["measure"] == 2


@pytest.mark.parametrize(
    ("expression", "slopes", "features"),
    [
        ((X + 1) ** 2 - X**2, ((0, 2.0),), ((0,),)),
        (X * X, ((0, 1.0),), ((0, 0),)),
        ((X * Y) / Y, ((0, 1.0),), ((0,), (1,))),
        (X.exp().log(), ((0, 1.0),), ((0,),)),
        (X * (Y - 1), ((0, -1.0), (1, 1.0)), ((0,), (0, 1))),
    ],
)
def test_polynomials_of_degree_2(expression, slopes, features):
    program = QuantumCircuit(1)
    program.rz(expression, 0)
    circuit = from_qiskit(program)
    assert dict(circuit.gates[0].slopes) == pytest.approx(dict(slopes), abs=1e-12)
    assert circuit.features == features


@pytest.mark.parametrize("expression", [X.sin(), X**3, X * Y * Y, X / Y, abs(X), X**1.5, X.log()])
def test_other_angles_are_refused(expression):
    program = QuantumCircuit(2)
    program.h(0)
    program.ry(expression, 1)
    words = (
        r"gate 1 \(ry on qubit 1\): its angle must be an offset plus coefficients times inputs or products of two "
        f"inputs, got {re.escape(str(expression))}"
    )
    with pytest.raises(InputError, match=words):
        from_qiskit(program)


def composed(operation):
    """A circuit with the operation within a gate or an instruction."""
    inner = QuantumCircuit(2, 1)
    operation(inner)
    return inner.to_instruction()


def evolved(program, **options):
    program.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"]), X, **options), [0, 1])


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (
            lambda q: q.measure(0, 0),
            "measure on qubit 0: must be a gate or a measurement at the end of the circuit, got a measurement in its",
        ),
        (
            lambda q: q.append(composed(lambda p: p.measure(0, 0)), [0, 1], [0]),
            "in it measure: must be .*, got a measurement",
        ),
        (lambda q: q.reset(0), "reset on qubit 0: must be a gate, got what sets qubits whatever their state is"),
        (lambda q: q.initialize([0.6, 0.8], 0), "initialize on qubit 0: must be a gate, got what sets qubits"),
        (lambda q: q.delay(10, 0), "delay on qubit 0: must be a gate, got a time without one"),
        (
            lambda q: q.if_test((q.clbits[0], 1), QuantumCircuit(1), [0], []),
            "if_else on qubit 0: .*, got gates that wait",
        ),
        (evolved, "PauliEvolution on qubits 0, 1: must be .* terms that commute, .*, got terms that do not commute"),
        (
            lambda q: q.append(composed(evolved), [0, 1], [0]),
            "in it PauliEvolution: must be an evolution under terms that commute, .*, got terms that do not commute",
        ),
        (
            lambda q: evolved(q, synthesis=QDrift()),
            "must be an evolution that its gates are exactly, got one that QDrift draws at random",
        ),
        (lambda q: q.append(Gate("mine", 1, []), [0]), r"its operations cannot be spelled out in gates \(.*mine"),
    ],
)
def test_refused_operations(operation, words):
    program = QuantumCircuit(2, 1)
    operation(program)
    program.h([0, 1])
    with pytest.raises(InputError, match=words):
        from_qiskit(program)


def test_refused_parameters_and_observables():
    program = QuantumCircuit(2)
    program.rx(X, 0)
    program.rx(Y, 0)
    for inputs, words in (
        (["x"], "parameters without a value: y; bind them"),
        (["z", "x"], r"inputs must be parameters of the circuit \(x, y\), got 'z'"),
        ([X, Y, "x"], "inputs must be different parameters, got x more than once"),
        ([3], "inputs must be Parameters, ParameterVectors or names of either, got 3"),
    ):
        with pytest.raises(InputError, match=words):
            from_qiskit(program, inputs=inputs)
    for observables, words in (
        (["Z"], r"observables\[0\] must be of all 2 qubits, got 1"),
        (["ZZ", "AB"], r"observables\[1\] must be .*a label of I, X, Y and Z, got 'AB' \("),
        ([SparsePauliOp("ZZ", np.array([1j]))], "the coefficient must be real, got 1j"),
        ([SparsePauliOp(["ZZ"], np.array([Parameter("a")]))], "the coefficient must be a number, got a"),
        ([], "observables must have at least one entry, got none"),
    ):
        with pytest.raises(InputError, match=words):
            from_qiskit(program, observables=observables)
    with pytest.raises(InputError, match="circuit must be a QuantumCircuit, got a Operator"):
        from_qiskit(Operator(program.assign_parameters([0, 0])))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="circuit must have at least one qubit, got none"):
        from_qiskit(QuantumCircuit())
