"""A circuit from a Qiskit QuantumCircuit of anybody."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..circuit import GATES, ROTATIONS, Circuit, Observable, PauliTerm, pauli_z
from ..to_qiskit import to_operators, to_qiskit
from .affine import SEED, Step, with_features
from .qiskit_angles import angle_of_expression
from .qiskit_inputs import QiskitParameter, chosen_parameters, input_identifiers
from .qiskit_operations import (
    refuse_foreign,
    refuse_other_meaning,
    where,
    with_definitions_inlined,
    without_final_measurements,
)

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Pauli, SparsePauliOp

VERIFIED_POINTS = 4
VERIFIED_QUBITS = 12
"""Up to which the whole circuit is compared: its state vector is computed twice for every point."""

VERIFIED_TO = 1e-9
"""Of a value, relative to the largest that the observable can have, or to 1 where that is less."""

_PASSED_OVER = frozenset({"barrier", "id"})


def from_qiskit(
    circuit: "QuantumCircuit",
    inputs: Iterable[QiskitParameter | str] | None = None,
    observables: "Sequence[SparsePauliOp | Pauli | str] | None" = None,
) -> Circuit:
    """The gates of a QuantumCircuit as a circuit of ours.

    All operations are spelled out in the gates of a `Circuit`, and products of two inputs become features. Measurements
    at the end are left out. Up to VERIFIED_QUBITS qubits the values are compared with those of Qiskit's state vector at
    random inputs before anything is returned.

    Args:
        circuit: gates, with parameters that are inputs. Weights have to be bound before.
        inputs: the parameters that are inputs, in their order, as Parameters, ParameterVectors or names. By default all
            of the circuit's: by name, with numbers in their natural order, so x2 before x10, and a ParameterVector's
            by their index. In the circuit's names x[0] becomes x_0, and θ theta.
        observables: SparsePauliOps, Paulis or labels such as "ZI" on all of the qubits, qubit 0 at the right as in
            Qiskit. By default <Z> of each qubit.

    Raises:
        InputError: a parameter without a value; an operation that is no gate, or that Qiskit would only approximate by
            gates; an angle that is not an offset plus coefficients times inputs or products of two; observables that do
            not fit.

    Example:
        program = zz_feature_map(2, parameter_prefix="x").compose(ansatz.assign_parameters(trained))
        from_qiskit(program, inputs=["x"], observables=["ZZ"])
    """
    from qiskit import QuantumCircuit, transpile

    if not isinstance(circuit, QuantumCircuit):
        raise InputError(f"circuit must be a QuantumCircuit, got a {type(circuit).__name__}")
    if not circuit.num_qubits:
        raise InputError("circuit must have at least one qubit, got none")
    bare: Any = without_final_measurements(circuit)
    parameters = chosen_parameters(bare, inputs)
    for item in bare.data:
        refuse_foreign(item.operation, where(bare, item))
    try:
        spelled = with_definitions_inlined(bare)
        if not {item.operation.name for item in spelled.data} <= {*GATES, *_PASSED_OVER}:
            # Level 0 only spells operations out: it moves no qubits. But it may change the order on different ones.
            spelled = transpile(spelled, basis_gates=list(GATES), optimization_level=0)
    except Exception as error:  # whatever a definition, a user's own maybe, raises
        message = getattr(error, "message", error)
        raise InputError(f"circuit: its operations cannot be spelled out in gates ({message})") from None
    steps = _steps(spelled)
    numbers = {parameter: number for number, parameter in enumerate(parameters)}
    angles = [
        angle_of_expression(number, step, numbers) if step.name in ROTATIONS else None
        for number, step in enumerate(steps)
    ]
    gates, features = with_features(steps, angles)
    n_qubits = bare.num_qubits
    if observables is None:
        measured, operators = tuple(pauli_z(qubit) for qubit in range(n_qubits)), None
    else:
        operators = _operators(observables, n_qubits)
        measured = tuple(_observable(number, operator) for number, operator in enumerate(operators))
    result = Circuit(n_qubits, input_identifiers(parameters), gates, measured, features)
    _verify(result, bare, parameters, operators or to_operators(result))
    return result


def _steps(program: Any) -> list[Step]:
    steps: list[Step] = []
    for item in program.data:
        operation = item.operation
        if operation.name in _PASSED_OVER:
            continue
        refuse_other_meaning(operation, where(program, item))
        if operation.name not in GATES:
            refuse_foreign(operation, where(program, item))
            raise InputError(
                f"{where(program, item)}: must be one of the gates {', '.join(GATES)} or decompose into them, got what "
                "Qiskit cannot spell out in them"
            )
        qubits = tuple(program.find_bit(qubit).index for qubit in item.qubits)
        steps.append(Step(operation.name, qubits, operation.params[0] if operation.params else None))
    return steps


def _operators(observables: Any, n_qubits: int) -> "list[SparsePauliOp]":
    from qiskit.quantum_info import Pauli, SparsePauliOp

    given = [observables] if isinstance(observables, str | Pauli | SparsePauliOp) else list(observables)
    operators = []
    for number, one in enumerate(given):
        try:
            operator = one if isinstance(one, SparsePauliOp) else SparsePauliOp(one)
        except Exception as error:  # of many kinds, for all that is no Pauli string
            message = getattr(error, "message", error)
            raise InputError(
                f"observables[{number}] must be a SparsePauliOp, a Pauli or a label of I, X, Y and Z, got {one!r} "
                f"({message})"
            ) from None
        if operator.num_qubits != n_qubits:
            raise InputError(f"observables[{number}] must be of all {n_qubits} qubits, got {operator.num_qubits}")
        operators.append(operator)
    return operators


def _observable(number: int, operator: "SparsePauliOp") -> Observable:
    terms: list[PauliTerm] = []
    for word, qubits, factor in operator.to_sparse_list():
        try:
            coefficient = complex(factor)
        except (TypeError, ValueError):  # a ParameterExpression that is not bound
            raise InputError(f"observables[{number}]: the coefficient must be a number, got {factor}") from None
        if abs(coefficient.imag) > 1e-12 * max(1.0, abs(coefficient)):
            raise InputError(f"observables[{number}]: the coefficient must be real, got {coefficient}")
        terms.append(PauliTerm(coefficient.real, tuple(sorted(zip(map(int, qubits), word, strict=True)))))
    return tuple(terms)


def _verify(
    result: Circuit, program: "QuantumCircuit", parameters: list[QiskitParameter], operators: "list[SparsePauliOp]"
) -> None:
    """Raise InputError where the circuit's values are not those of the program's state vector."""
    from qiskit.quantum_info import Statevector

    if result.n_qubits > VERIFIED_QUBITS:
        return
    ours, points = (
        to_qiskit(result),
        np.random.default_rng(SEED + 2).uniform(-np.pi, np.pi, (VERIFIED_POINTS, len(parameters))),
    )
    for point in points if parameters else points[:1]:
        values = dict(zip(parameters, map(float, point), strict=True))
        named = dict(zip(result.inputs, map(float, point), strict=True))
        try:
            wanted = Statevector(program.assign_parameters(values, strict=False))
        except Exception as error:  # an operation that Qiskit knows gates for, but no matrix
            raise InputError(f"circuit: Qiskit cannot compute its state ({getattr(error, 'message', error)})") from None
        found = Statevector(ours.assign_parameters(named, strict=False))
        for number, (operator, own) in enumerate(zip(operators, to_operators(result), strict=True)):
            theirs = float(np.real(wanted.expectation_value(operator)))
            mine = float(np.real(found.expectation_value(own)))
            if not abs(theirs - mine) <= VERIFIED_TO * max(1.0, result.bounds[number]):
                raise InputError(
                    f"observables[{number}]: the circuit must give {theirs!r} as Qiskit's state does, got {mine!r} for "
                    f"the inputs {[round(float(one), 4) for one in point]}; an operation must be exactly its gates, "
                    "which may not approximate it"
                )
