"""A circuit in Qiskit."""

import math
from typing import TYPE_CHECKING, Any

from .circuit import ROTATIONS, Circuit, Gate

# Qiskit takes a second to import; who only reads or writes a circuit must not wait for it.
if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


def to_qiskit(circuit: Circuit) -> "QuantumCircuit":
    """The circuit's gates as a QuantumCircuit, without measurements.

    Each input is a Parameter of its name, and products are written out in the angles. Qiskit sorts a circuit's
    parameters by name, x10 before x2, and has none for an input that no gate uses: bind them by name.

    Example:
        bound = to_qiskit(circuit).assign_parameters({"x": 0.3})
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    parameters = [Parameter(name) for name in circuit.inputs]
    features = [
        math.prod((parameters[number] for number in feature[1:]), start=parameters[feature[0]])
        for feature in circuit.features
    ]
    program = QuantumCircuit(circuit.n_qubits)
    for gate in circuit.gates:
        angles = [_angle(gate, features)] if gate.name in ROTATIONS else []
        getattr(program, gate.name)(*angles, *gate.qubits)
    return program


def to_operators(circuit: Circuit) -> "list[SparsePauliOp]":
    """The circuit's observables, as Qiskit's primitives take them.

    Example:
        StatevectorEstimator().run([(to_qiskit(circuit), to_operators(circuit), values)])
    """
    from qiskit.quantum_info import SparsePauliOp

    operators = []
    for observable in circuit.observables:
        terms = [
            ("".join(pauli for _, pauli in term.paulis), [qubit for qubit, _ in term.paulis], term.coefficient)
            for term in observable
        ]
        operators.append(SparsePauliOp.from_sparse_list(terms or [("", [], 0.0)], circuit.n_qubits))
    return operators


def _angle(gate: Gate, features: list[Any]) -> Any:
    terms = [features[number] if slope == 1 else slope * features[number] for number, slope in gate.slopes]
    parts = [gate.offset, *terms] if gate.offset or not terms else terms
    return sum(parts[1:], start=parts[0])
