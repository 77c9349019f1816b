"""Random circuits for tests and campaigns."""

import numpy as np

from spiq.export.circuit.circuit import FIXED_GATES, ROTATIONS, TWO_QUBIT_GATES, Circuit, Gate, PauliTerm


def random_circuit(random: np.random.Generator, products: bool = False, least_inputs: int = 0) -> Circuit:
    """1 to 6 qubits, up to 40 gates of all kinds, angles affine in up to 5 inputs, 1 to 4 sums of Pauli strings."""
    n_qubits, n_inputs = int(random.integers(1, 7)), int(random.integers(least_inputs, 6))
    inputs = tuple(f"x{number}" for number in range(n_inputs))
    features = [(number,) for number in range(n_inputs)]
    if products and n_inputs:
        features += sorted({tuple(sorted(map(int, random.integers(0, n_inputs, 2)))) for _ in range(3)})
    names = (*FIXED_GATES, *ROTATIONS * 3, *(TWO_QUBIT_GATES * 3 if n_qubits > 1 else ()))
    gates = []
    for _ in range(int(random.integers(0, 41))):
        name = str(random.choice(names))
        size = 2 if name in TWO_QUBIT_GATES else 1
        qubits = tuple(map(int, random.permutation(n_qubits)[:size]))
        if name not in ROTATIONS:
            gates.append(Gate(name, qubits))
            continue
        chosen = sorted(map(int, random.permutation(len(features))[: random.integers(0, 3)]))
        slopes = tuple((feature, float(random.choice([1.0, random.normal()]))) for feature in chosen)
        gates.append(Gate(name, qubits, float(random.choice([0.0, random.normal()])), slopes))
    observables = tuple(
        tuple(_term(random, n_qubits) for _ in range(int(random.integers(1, 4))))
        for _ in range(int(random.integers(1, 5)))
    )
    return Circuit(n_qubits, inputs, tuple(gates), observables, tuple(features))


def _term(random: np.random.Generator, n_qubits: int) -> PauliTerm:
    qubits = sorted(map(int, random.permutation(n_qubits)[: random.integers(0, 4)]))
    return PauliTerm(float(random.normal()), tuple((qubit, str(random.choice(list("XYZ")))) for qubit in qubits))
