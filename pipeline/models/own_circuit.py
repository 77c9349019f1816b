"""A circuit of somebody's own: as plain data, and run in its own framework for comparison."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from ...export.circuit.circuit import Circuit
from ...export.errors import InputError

Run = Callable[[Float[np.ndarray, "sample input"]], Float[np.ndarray, "sample observable"]]
"""What the circuit's own framework gives, in float64."""


class OwnCircuit(NamedTuple):
    """The circuit, how its own framework runs it, and how many numbers of it were trained."""

    circuit: Circuit
    run: Run
    parameter_count: int


def own_circuit(
    given: Any,
    n_inputs: int,
    weights: Mapping[str, Any] | None = None,
    inputs: Any = None,
    observables: Sequence[Any] | None = None,
) -> OwnCircuit:
    """The circuit that is meant.

    `given` is a PennyLane QNode or TorchLayer, a Qiskit QuantumCircuit, a text in OpenQASM, or a `Circuit`. `weights`
    are a QNode's arguments but for its inputs; `inputs` a QNode's argument that takes these, or a QuantumCircuit's
    parameters in their order; `observables` what is measured of a QuantumCircuit or a program, <Z> of each qubit
    otherwise. Raises InputError where it is none of these or cannot be written as plain data.
    """
    if isinstance(given, Circuit):
        return OwnCircuit(given, _in_pennylane(given), 0)
    if isinstance(given, str):
        from ...export.circuit.readers.from_openqasm import from_openqasm

        circuit = from_openqasm(given, observables)
        return OwnCircuit(circuit, _in_pennylane(circuit), 0)
    home = type(given).__module__.partition(".")[0]
    if home == "pennylane":
        from ...export.circuit.readers.from_pennylane import from_pennylane

        circuit = from_pennylane(given, n_inputs, inputs, weights)
        return OwnCircuit(circuit, _qnode_run(given, inputs, weights), _trained(given, weights))
    if home == "qiskit":
        from ...export.circuit.readers.from_qiskit import from_qiskit

        circuit = from_qiskit(given, inputs, observables)
        return OwnCircuit(circuit, _in_qiskit(given, inputs, circuit), 0)
    raise InputError(
        "circuit must be a PennyLane QNode or TorchLayer, a Qiskit QuantumCircuit, a text in OpenQASM or a spiq "
        f"Circuit, got a {type(given).__name__}"
    )


def _in_pennylane(circuit: Circuit) -> Run:
    def run(values: np.ndarray) -> np.ndarray:
        from ...export.circuit.to_pennylane import to_qnode

        answers = to_qnode(circuit)(values)
        return np.stack([np.broadcast_to(answer, len(values)) for answer in answers], axis=-1)

    return run


def _qnode_run(given: Any, argument: str | None, weights: Mapping[str, Any] | None) -> Run:
    from ...export.circuit.readers.quantum_function import QuantumFunction

    function = QuantumFunction(given, argument, weights)

    def run(values: np.ndarray) -> np.ndarray:
        return np.array([_one_sample(function, torch.from_numpy(sample)) for sample in values])

    return run


def _one_sample(function: Any, sample: torch.Tensor) -> list[float]:
    """What the QNode gives in the first of the forms that it takes."""
    failures: list[Exception] = []
    for form in function.forms:
        try:
            return function.values(sample, form)
        # Whatever the user's code raises for a form that it does not take.
        except Exception as error:
            failures.append(error)
    raise InputError(f"the QNode fails: {' '.join(str(failures[0]).split())}")


def _trained(given: Any, weights: Mapping[str, Any] | None) -> int:
    if isinstance(given, torch.nn.Module):
        return sum(parameter.numel() for parameter in given.parameters())
    values = (value.detach() if isinstance(value, torch.Tensor) else value for value in (weights or {}).values())
    return sum(int(np.size(np.asarray(value))) for value in values)


def _in_qiskit(given: Any, inputs: Any, circuit: Circuit) -> Run:
    from qiskit.quantum_info import Statevector

    from ...export.circuit.readers.qiskit_inputs import chosen_parameters
    from ...export.circuit.to_qiskit import to_operators

    parameters = [parameter for parameter in chosen_parameters(given, inputs) if parameter in given.parameters]
    whole, operators = given.remove_final_measurements(inplace=False), to_operators(circuit)

    def run(values: np.ndarray) -> np.ndarray:
        found = np.empty((len(values), circuit.output_size))
        for number, sample in enumerate(values):
            state = Statevector(whole.assign_parameters(dict(zip(parameters, sample, strict=True))))
            found[number] = [float(np.real(state.expectation_value(operator))) for operator in operators]
        return found

    return run
