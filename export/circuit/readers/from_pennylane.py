"""A circuit from a PennyLane QNode of anybody."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ...errors import InputError
from ..circuit import MOST_GATES, Circuit, Feature, Gate
from ..to_pennylane import queue_gates
from .affine import SEED, Step, probe_points
from .derivatives import Way, gates_of
from .pauli_values import observable_values
from .pennylane_observables import observables_of_tape
from .pennylane_tape import steps_of_tape
from .quantum_function import Form, QuantumFunction

if TYPE_CHECKING:
    from pennylane import QNode
    from pennylane.qnn import TorchLayer
    from torch import Tensor

VERIFIED_POINTS = 8
VERIFIED_QUBITS = 16
"""Up to which the whole circuit is compared: its state vector is computed twice for every point."""

VERIFIED_TO = 1e-9
"""Of a value, relative to the largest that the observable can have, or to 1 where that is less."""


def from_pennylane(
    qnode: "QNode | TorchLayer",
    n_inputs: int,
    argument: str | None = None,
    weights: Mapping[str, Any] | None = None,
) -> Circuit:
    """The circuit that a QNode runs, as data.

    The QNode is asked for its gates at some inputs, and these are spelled out in the gates of a `Circuit`. The
    circuit's qubits are the wires of the QNode's device in their order, and then whatever other wires it uses. Its
    inputs are x0, x1, …. Each expectation value is an observable, and probabilities of k wires are 2^k. Up to
    VERIFIED_QUBITS qubits the values are compared with the QNode's own at random inputs before anything is returned.

    The number of shots and the noise of the QNode's device are not part of the circuit, and so not of what is compared:
    another device has others.

    Args:
        qnode: a QNode, or a `qml.qnn.TorchLayer` with its weights. It is called with one sample of float64 numbers,
            [input] or, where it does not take that, [1, input]; as a torch tensor, or where it does not compute with
            that, as a NumPy array. Products of inputs are found in tensors only.
        n_inputs: how many inputs a sample has.
        argument: the name of the QNode's argument that takes them; `inputs` where there is one, else the first.
        weights: the QNode's other arguments by name: arrays, tensors, numbers.

    Raises:
        InputError: an argument is missing; the QNode fails; an operation or a measurement that a circuit does not have;
            an angle that is not an offset plus coefficients times inputs or products of two; gates that depend on the
            inputs; or the circuit's values are not the QNode's.

    Example:
        @qml.qnode(qml.device("default.qubit", wires=2))
        def head(inputs, weights):
            qml.AngleEmbedding(inputs, wires=range(2))
            qml.BasicEntanglerLayers(weights, wires=range(2))
            return [qml.expval(qml.Z(wire)) for wire in range(2)]

        from_pennylane(head, 2, weights={"weights": trained})
    """
    if isinstance(n_inputs, bool) or not isinstance(n_inputs, int) or n_inputs < 0:
        raise InputError(f"n_inputs must be an integer from 0 on, got {n_inputs!r}")
    function = QuantumFunction(qnode, argument, weights)
    if n_inputs and function.argument is None:
        raise InputError(f"n_inputs must be 0, got {n_inputs}, since no argument of the QNode is left to take them")
    refusal: InputError | None = None
    for form in _usable_forms(function, n_inputs):
        try:
            parts = _Parts(function, n_inputs, form)
            gates, features = parts.gates()
        except InputError as error:
            # Of a QNode that computes in NumPy the tensors' refusal may be a mere consequence, but not the other way.
            refusal = refusal or error
            continue
        circuit = Circuit(parts.n_qubits, _names(n_inputs), gates, parts.observables, features)
        _verify(circuit, function, form)
        return circuit
    assert refusal
    raise refusal


class _Parts:
    """What the QNode's tapes say when it is called in one form."""

    def __init__(self, function: QuantumFunction, n_inputs: int, form: Form) -> None:
        self.function, self.form, self.n_inputs = function, form, n_inputs
        first = probe_points(n_inputs)[0]
        tapes = [function.tape(_tensor(point), form) for point in (first, -first)]
        wires = list(function.qnode.device.wires or ())
        wires += [wire for wire in tapes[0].wires if wire not in wires]
        if not wires:
            raise InputError("the QNode must have at least one wire, got none")
        self.place = {wire: number for number, wire in enumerate(wires)}
        self.n_qubits = len(wires)
        if any(set(tape.wires) - set(wires) for tape in tapes):
            raise InputError("the QNode's wires depend on the inputs; they must not")
        measured = [observables_of_tape(tape.measurements, wires, self.place) for tape in tapes]
        self.observables = measured[0]
        if measured[1] != self.observables:
            raise InputError("what the QNode measures depends on the inputs; only angles of gates may")

    def gates(self) -> tuple[tuple[Gate, ...], tuple[Feature, ...]]:
        ways: tuple[Way, ...] = ("autograd", "differences") if self.form.tensors else ("differences",)
        refusal: InputError | None = None
        for way in ways:
            try:
                return gates_of(self._steps, self.n_inputs, way)
            except InputError as error:
                refusal = refusal or error
        assert refusal
        raise refusal

    def _steps(self, inputs: "Tensor") -> Sequence[Step]:
        steps = steps_of_tape(self.function.tape(inputs, self.form), self.place)
        if len(steps) > MOST_GATES:
            raise InputError(f"the circuit must have at most {MOST_GATES} gates, got {len(steps)}")
        return steps


def _usable_forms(function: QuantumFunction, n_inputs: int) -> list[Form]:
    """The first form that the QNode takes as a tensor, and the first as an array. Raises InputError without any."""
    usable: list[Form] = []
    first: Exception | None = None
    for form in function.forms:
        if any(form.tensors == other.tensors for other in usable):
            continue
        try:
            function.tape(_tensor(probe_points(n_inputs)[0]).requires_grad_(form.tensors), form)
        except Exception as error:  # whatever the user's code raises
            first = first or error
        else:
            usable.append(form)
    if not usable:
        shape = "[1, input]" if function.forms[0].batched else "[input]"
        raise InputError(
            f"the QNode fails with {n_inputs} inputs of the shape {shape} ({type(first).__name__}: {first}), and in "
            "the other forms too; it must take one sample [input] or [1, input], as a tensor or an array"
        )
    return usable


def _verify(circuit: Circuit, function: QuantumFunction, form: Form) -> None:
    """Raise InputError where the circuit's values are not the QNode's."""
    if circuit.n_qubits > VERIFIED_QUBITS:
        return
    points = np.random.default_rng(SEED + 2).uniform(-np.pi, np.pi, (VERIFIED_POINTS, circuit.input_size))
    points = points if circuit.input_size else points[:1]
    found = _values(circuit, points)
    for point, ours in zip(points, found, strict=True):
        theirs = np.array(function.values(_tensor(point), form))
        if theirs.shape != ours.shape:
            raise InputError(
                f"the QNode must return a number for each of its {ours.size} observables, got {theirs.size}"
            )
        excess = np.abs(ours - theirs) - VERIFIED_TO * np.maximum(circuit.bounds, 1)
        if not (excess <= 0).all():
            worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
            raise InputError(
                f"observable {worst}: the circuit must give {float(theirs[worst])!r} as the QNode does, got "
                f"{float(ours[worst])!r} for the inputs {[round(float(one), 4) for one in point]}; a QNode must be "
                "gates and then measurements"
            )


def _values(circuit: Circuit, points: Float[np.ndarray, "sample input"]) -> Float[np.ndarray, "sample observable"]:
    import pennylane as qml

    # Not by a QNode of expectation values: PennyLane takes milliseconds for each Pauli string, and probabilities of 10
    # wires have 1024 of them.
    @qml.qnode(qml.device("default.qubit", wires=circuit.n_qubits), diff_method=None)
    def final(values: Any) -> Any:
        queue_gates(circuit, values)
        return qml.state()

    states = np.asarray(final(points)).reshape(-1, 2**circuit.n_qubits)
    # Without a gate that depends on the inputs there is one state for all points.
    return observable_values(np.broadcast_to(states, (len(points), states.shape[1])), circuit.observables)


def _names(n_inputs: int) -> tuple[str, ...]:
    return tuple(f"x{number}" for number in range(n_inputs))


def _tensor(point: Float[np.ndarray, " input"]) -> "Tensor":
    import torch

    return torch.tensor(point, dtype=torch.float64)
