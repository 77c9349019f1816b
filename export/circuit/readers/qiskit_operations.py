"""Which of Qiskit's operations are no gates of a circuit, each refused by its name."""

from typing import TYPE_CHECKING, Any

from ...errors import InputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_SETS_QUBITS = "must be a gate, got what sets qubits whatever their state is; each qubit starts in 0"

_WORDS = {
    "measure": "must be a gate or a measurement at the end of the circuit, got a measurement in its middle",
    "reset": _SETS_QUBITS,
    "initialize": _SETS_QUBITS,
    "delay": "must be a gate, got a time without one, which belongs to a device",
}


def where(circuit: "QuantumCircuit", item: Any) -> str:
    """The operation's name and its qubits: measure on qubits 0, 1."""
    qubits = [circuit.find_bit(qubit).index for qubit in item.qubits]
    return f"{item.operation.name} on qubit{'s' if len(qubits) != 1 else ''} {', '.join(map(str, qubits))}"


def without_final_measurements(circuit: "QuantumCircuit") -> "QuantumCircuit":
    """The circuit without barriers, and without the measurements that no other operation follows on their qubit.

    Unlike Qiskit's own method of the kind it keeps the order of the operations.
    """
    result = circuit.copy_empty_like()
    kept, closed = [], set()
    for item in reversed(circuit.data):
        if item.operation.name == "barrier" or (item.operation.name == "measure" and item.qubits[0] not in closed):
            continue
        kept.append(item)
        closed.update(item.qubits)
    for item in reversed(kept):
        result.append(item)
    return result


def refuse_foreign(operation: Any, found: str) -> None:
    """Raise InputError for an operation that is no gate, or that gates would only approximate.

    Args:
        operation: of a circuit; what it is made of is looked at too.
        found: the operation in words, for the error.
    """
    from qiskit.circuit import AnnotatedOperation, ControlFlowOp, ControlledGate
    from qiskit.circuit.library import PauliEvolutionGate

    if operation.name in _WORDS:
        raise InputError(f"{found}: {_WORDS[operation.name]}")
    if isinstance(operation, ControlFlowOp):
        raise InputError(f"{found}: must be a gate, got gates that wait for a measurement, or a block of them")
    if isinstance(operation, PauliEvolutionGate):
        _refuse_approximation(operation, found)
    elif isinstance(operation, AnnotatedOperation):
        refuse_foreign(operation.base_op, found)
    elif isinstance(operation, ControlledGate):
        refuse_foreign(operation.base_gate, found)
        # Qiskit controls a gate by what its name means.
        refuse_other_meaning(operation.base_gate, found)
    elif _is_composed(operation):
        for item in getattr(operation.definition, "data", ()):
            refuse_foreign(item.operation, f"{found}, in it {item.operation.name}")


def refuse_other_meaning(operation: Any, found: str) -> None:
    """Raise InputError for a gate that has the name of one of Qiskit's, but is another."""
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping().get(operation.name)
    if standard is not None and not isinstance(operation, standard.base_class):
        raise InputError(
            f"{found}: a gate of its own must have a name of its own, got {operation.name}, which is Qiskit's name of "
            "another"
        )


def with_definitions_inlined(circuit: "QuantumCircuit") -> "QuantumCircuit":
    """The circuit with every composed operation replaced by the gates of its definition, in their order.

    Qiskit's transpiler goes by names, and would take a text's own gate `h` for its own.
    """
    from qiskit.circuit import CircuitInstruction

    result = circuit.copy_empty_like()
    for item in circuit.data:
        inner = item.operation.definition if _is_composed(item.operation) else None
        if inner is None:
            result.append(item)
            continue
        inner = with_definitions_inlined(inner)
        for part in inner.data:
            qubits = [item.qubits[inner.find_bit(qubit).index] for qubit in part.qubits]
            result.append(CircuitInstruction(part.operation, qubits))
    return result


def _is_composed(operation: Any) -> bool:
    """Whether it is somebody's own operation, a circuit made one or a text's gate, and not one of Qiskit's library."""
    from qiskit.circuit import ControlFlowOp, ControlledGate, Instruction

    return (
        isinstance(operation, Instruction)
        and not isinstance(operation, ControlFlowOp | ControlledGate)
        and not operation.base_class.__module__.startswith("qiskit.circuit.library")
    )


def _refuse_approximation(evolution: Any, found: str) -> None:
    from qiskit.quantum_info import SparsePauliOp
    from qiskit.synthesis import QDrift

    if isinstance(evolution.synthesis, QDrift):
        raise InputError(
            f"{found}: must be an evolution that its gates are exactly, got one that QDrift draws at random"
        )
    operators = evolution.operator if isinstance(evolution.operator, list) else [evolution.operator]
    labels = [label for operator in operators for label in _labels(operator)]
    if len(SparsePauliOp(labels).group_commuting()) > 1:
        raise InputError(
            f"{found}: must be an evolution under terms that commute, or the gates of a Trotter product themselves, "
            f"got terms that do not commute ({', '.join(labels[:4])}, …), whose evolution such a product only "
            "approximates"
        )


def _labels(operator: Any) -> list[str]:
    from qiskit.quantum_info import Pauli, SparsePauliOp

    if isinstance(operator, Pauli):
        return [operator.to_label().lstrip("-i")]
    if not isinstance(operator, SparsePauliOp):
        operator = SparsePauliOp.from_sparse_observable(operator)
    return list(map(str, operator.paulis.to_labels()))
