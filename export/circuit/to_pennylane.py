"""A circuit in PennyLane: its reference meaning."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .circuit import Circuit, Observable

# PennyLane takes seconds to import; who only reads or writes a circuit must not wait for it.
if TYPE_CHECKING:
    from pennylane import QNode
    from pennylane.devices import Device
    from pennylane.operation import Operator


def queue_gates(circuit: Circuit, values: Any) -> None:
    """Queue the circuit's operations on wires 0 .. n_qubits - 1, inside a quantum function.

    `values` [input] or [sample, input] may be an array or tensor of any interface that PennyLane knows. With a sample
    axis PennyLane runs all samples at once (parameter broadcasting). Gradients pass.
    """
    operations = _operations()
    columns = [values[..., number] for number in range(circuit.input_size)]
    features = []
    for feature in circuit.features:
        product = columns[feature[0]]
        for number in feature[1:]:
            product = product * columns[number]
        features.append(product)
    for gate in circuit.gates:
        if gate.name in ("rx", "ry", "rz"):
            # 0 + x would be a new number in some interfaces; the angle of a re-upload gate is its input itself.
            parts = [gate.offset] if gate.offset or not gate.slopes else []
            for number, coefficient in gate.slopes:
                parts.append(features[number] if coefficient == 1 else coefficient * features[number])
            angle = sum(parts[1:], start=parts[0])
            operations[gate.name](angle, wires=gate.qubits)
        else:
            operations[gate.name](wires=gate.qubits)


def to_operator(observable: Observable) -> "Operator":
    """The observable as a PennyLane operator; the identity on wire 0 where it has no Pauli matrix."""
    import pennylane as qml

    words = {"X": qml.X, "Y": qml.Y, "Z": qml.Z}
    terms = []
    for coefficient, paulis in observable:
        factors = [words[pauli](qubit) for qubit, pauli in paulis] or [qml.Identity(0)]
        product = factors[0] if len(factors) == 1 else qml.prod(*factors)
        terms.append(product if coefficient == 1 else qml.s_prod(coefficient, product))
    if not terms:
        return qml.s_prod(0.0, qml.Identity(0))
    return terms[0] if len(terms) == 1 else qml.sum(*terms)


def to_qnode(circuit: Circuit, device: "Device | None" = None, **options: Any) -> "QNode":
    """The circuit as a QNode.

    Args:
        circuit: The circuit.
        device: A device of PennyLane's; `default.qubit` by default.
        options: `qml.qnode`'s.

    Returns:
        A QNode that takes values `[input]` or `[sample, input]` and gives PennyLane's sequence of expectations, one
        entry per observable, each a number or `[sample]`.

    Example:
        circuit = spiq.open_bundle("mine/bundle").network.quantum["circuit"].circuit
        spiq.to_qnode(circuit)(np.zeros(circuit.input_size))
    """
    import pennylane as qml

    on = device if device is not None else qml.device("default.qubit", wires=circuit.n_qubits)

    @qml.qnode(on, **options)
    def head(values: Any) -> list[Any]:
        queue_gates(circuit, values)
        return [qml.expval(to_operator(observable)) for observable in circuit.observables]

    return head


def _operations() -> dict[str, Callable[..., Any]]:
    import pennylane as qml

    return {
        "x": qml.X, "y": qml.Y, "z": qml.Z, "h": qml.H, "s": qml.S, "t": qml.T, "sx": qml.SX,
        "sdg": lambda wires: qml.adjoint(qml.S(wires=wires)), "tdg": lambda wires: qml.adjoint(qml.T(wires=wires)),
        "rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "cx": qml.CNOT, "cz": qml.CZ, "swap": qml.SWAP,
    }  # fmt: skip
