"""PennyLane's state vector: the reference for what a circuit means.

<Z> comes from `default.qubit` in float64, many samples at once (parameter broadcasting). Finite shots are drawn from
the exact probabilities of the bit-strings, which is what an ideal processor does.
"""

import numpy as np
import pennylane as qml

from ...export.circuit.circuit import Circuit
from ...export.circuit.to_pennylane import queue_gates, to_qnode
from ..devices import Estimate
from ..entries import QuantumEntry
from .measurement import check_shots, expectations_of_probabilities, sample_runs, seed_sequence

# A state vector of 24 qubits takes 0.27 GB, and PennyLane holds several.
MAX_QUBITS = 24


class PennyLaneDevice:
    """A quantum device without noise. `seed` is for finite shots only.

    Each call draws new shots; a new device with the same seed draws the same ones for the same calls.
    """

    def __init__(self, circuit: Circuit, seed: int = 0) -> None:
        self.circuit = circuit
        self._random = np.random.default_rng(seed_sequence(seed))

    def run(self, inputs, shots):
        check_shots(shots)
        circuit = self.circuit
        angles = circuit.checked_inputs(inputs)
        values = np.empty((len(angles), circuit.output_size))
        device = qml.device("default.qubit", wires=circuit.n_qubits)
        for run in sample_runs(len(angles), circuit.n_qubits):
            if shots is None:
                got = [np.broadcast_to(one, len(angles[run])) for one in to_qnode(circuit, device)(angles[run])]
                values[run] = np.clip(np.stack(got, axis=-1), -1.0, 1.0)
            else:
                shares = self._random.multinomial(shots, _probabilities(circuit, device, angles[run])) / shots
                values[run] = expectations_of_probabilities(shares)[:, ::-1]
        return Estimate(values, np.zeros_like(values), shots, {})


def _probabilities(circuit, device, angles):
    @qml.qnode(device)
    def head(angles):
        queue_gates(circuit, angles)
        return qml.probs(wires=range(circuit.n_qubits))

    probabilities = np.asarray(head(angles), dtype=np.float64)
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


DEVICE = QuantumEntry("pennylane", "PennyLane", lambda part: PennyLaneDevice(part.circuit, part.seed))
