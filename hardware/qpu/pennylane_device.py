"""PennyLane's state vector: the reference for what a circuit means.

Exact values come from `default.qubit` in float64, many samples at once (parameter broadcasting). Finite shots are drawn
from the exact probabilities of the bit-strings, which is what an ideal processor does.
"""

from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float
from pennylane.devices import Device

from ...export.circuit.circuit import Circuit
from ...export.circuit.to_pennylane import queue_gates, to_qnode
from ...export.errors import InputError
from ..devices import Estimate, QuantumDevice
from ..entries import QuantumEntry
from ..parts import QuantumPart
from .measurement import (
    Basis,
    bases_of,
    check_shots,
    exact_estimate,
    identities_of,
    measured_strings,
    sample_runs,
    seed_sequence,
    variances,
)

# A state vector of 24 qubits takes 0.27 GB, and PennyLane holds several.
MAX_QUBITS = 24


class PennyLaneDevice:
    """A quantum device without noise. `seed` is for finite shots only.

    Each call draws new shots; a new device with the same seed draws the same ones for the same calls.
    """

    def __init__(self, circuit: Circuit, seed: int = 0) -> None:
        self.circuit = circuit
        self._random = np.random.default_rng(seed_sequence(seed))

    def run(self, inputs: Float[np.ndarray, "sample input"], shots: int | None) -> Estimate:
        """The circuit's observables for each sample's inputs; exact when `shots` is None.

        Raises `InputError` for inputs that do not fit the circuit, fewer shots than one, or more than `MAX_QUBITS`.
        """
        check_shots(shots)
        circuit = self.circuit
        if circuit.n_qubits > MAX_QUBITS:
            raise InputError(f"n_qubits must be at most {MAX_QUBITS} for a state vector, got {circuit.n_qubits}")
        inputs = circuit.checked_inputs(inputs)
        device = qml.device("default.qubit", wires=circuit.n_qubits)
        values = np.empty((len(inputs), circuit.output_size))
        errors = np.zeros_like(values)
        for run in sample_runs(len(inputs), circuit.n_qubits):
            if shots is None:
                found = to_qnode(circuit, device)(inputs[run])
                values[run] = np.stack([np.broadcast_to(one, len(inputs[run])) for one in found], axis=-1)
            else:
                values[run], errors[run] = self._sampled(device, inputs[run], shots)
        return exact_estimate(circuit, values) if shots is None else Estimate(values, errors, shots, {})

    def _sampled(
        self, device: Device, inputs: Float[np.ndarray, "sample input"], shots: int
    ) -> tuple[Float[np.ndarray, "sample observable"], Float[np.ndarray, "sample observable"]]:
        """Values and standard errors from so many shots in each basis."""
        circuit = self.circuit
        values = np.tile(identities_of(circuit), (len(inputs), 1))
        variance = np.zeros_like(values)
        # PennyLane's wire 0 is the highest bit of its bit-strings.
        strings = np.arange(2**circuit.n_qubits)
        outcomes = sum((strings >> (circuit.n_qubits - 1 - qubit) & 1) << qubit for qubit in range(circuit.n_qubits))
        for basis in bases_of(circuit):
            probabilities = _probabilities(circuit, device, inputs, basis)
            shares = self._random.multinomial(shots, probabilities) / shots
            found = measured_strings(basis, np.asarray(outcomes), shares)
            for column, (number, coefficient, _) in enumerate(basis.strings):
                values[:, number] += coefficient * found[:, column]
            variance += variances(circuit, basis, np.asarray(outcomes), shares, shots)
        return values, np.sqrt(variance / shots)


def _probabilities(
    circuit: Circuit, device: Device, inputs: Float[np.ndarray, "sample input"], basis: Basis
) -> Float[np.ndarray, "sample bit_string"]:
    @qml.qnode(device)
    def head(values: Any) -> Any:
        queue_gates(circuit, values)
        for qubit, pauli in enumerate(basis.paulis):
            if pauli == "Y":
                qml.adjoint(qml.S(qubit))
            if pauli != "Z":
                qml.Hadamard(qubit)
        return qml.probs(wires=range(circuit.n_qubits))

    found = np.asarray(head(inputs), dtype=np.float64)
    # Without an input that turns anything PennyLane gives the same for all samples once.
    probabilities = np.broadcast_to(found, (len(inputs), 2**circuit.n_qubits))
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


def _make(part: QuantumPart) -> QuantumDevice:
    return PennyLaneDevice(part.circuit, part.seed)


DEVICE = QuantumEntry("pennylane", "PennyLane's state vector, default.qubit", _make)
