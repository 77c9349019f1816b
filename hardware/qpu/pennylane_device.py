"""PennyLane's state vector: the reference for what a circuit means.

<Z> comes from `default.qubit` in float64, many samples at once (parameter broadcasting). Finite shots are drawn from
the exact probabilities of the bit-strings, which is what an ideal processor does.
"""

from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float
from pennylane.devices import Device

from ...export.circuit.reupload import ReuploadCircuit, reupload_layers
from ...export.errors import InputError
from .measurement import check_shots, expectations_of_probabilities, sample_runs, seed_sequence

# A state vector of 24 qubits takes 0.27 GB, and PennyLane holds several.
MAX_QUBITS = 24


class PennyLaneDevice:
    """A quantum device without noise. `seed` is for finite shots only.

    Each call draws new shots; a new device with the same seed draws the same ones for the same calls.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed_sequence(seed))

    def expectations(
        self, circuit: ReuploadCircuit, angles: Float[np.ndarray, "sample qubit 3"], shots: int | None
    ) -> Float[np.ndarray, "sample qubit"]:
        """<Z> of each qubit for each sample's angles (radians), in [-1, 1]; exact when `shots` is None.

        Raises `InputError` for angles that do not fit the circuit, fewer shots than one, or more than `MAX_QUBITS`.
        """
        check_shots(shots)
        if circuit.n_qubits > MAX_QUBITS:
            raise InputError(f"n_qubits: found {circuit.n_qubits}, allowed for a state vector are at most {MAX_QUBITS}")
        angles = circuit.checked_angles(angles)
        device = qml.device("default.qubit", wires=circuit.n_qubits)
        values = np.empty(angles.shape[:2])
        for run in sample_runs(len(angles), circuit.n_qubits):
            if shots is None:
                values[run] = np.clip(np.stack(circuit.qnode(device)(angles[run]), axis=-1), -1.0, 1.0)
            else:
                shares = self._random.multinomial(shots, _probabilities(circuit, device, angles[run])) / shots
                # PennyLane's wire 0 is the highest bit of its bit-strings.
                values[run] = expectations_of_probabilities(shares)[:, ::-1]
        return values


def _probabilities(
    circuit: ReuploadCircuit, device: Device, angles: Float[np.ndarray, "sample qubit 3"]
) -> Float[np.ndarray, "sample bit_string"]:
    @qml.qnode(device)
    def head(angles: Any) -> Any:
        reupload_layers(angles, circuit.weights, circuit.entangler)
        return qml.probs(wires=range(circuit.n_qubits))

    probabilities = np.asarray(head(angles), dtype=np.float64)
    return probabilities / probabilities.sum(axis=-1, keepdims=True)
