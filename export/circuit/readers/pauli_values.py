"""Expectation values of Pauli strings from a state vector, many strings at a small price each."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex, Float

from ..circuit import Observable


def observable_values(
    states: Complex[np.ndarray, "sample amplitude"], observables: Sequence[Observable]
) -> Float[np.ndarray, "sample observable"]:
    """The observables' expectation values. A string that several observables share is computed once.

    Args:
        states: amplitudes, of which qubit 0 is the most significant bit of the number.
        observables: sums of Pauli strings.

    Example:
        observable_values(np.array([[0, 1]]), [pauli_z(0)])    # the state |1>: [[-1.0]]
    """
    column: dict[tuple[tuple[int, str], ...], int] = {}
    for observable in observables:
        for term in observable:
            column.setdefault(term.paulis, len(column))
    values = np.empty((len(states), len(column)))
    for paulis, number in column.items():
        values[:, number] = _string_values(states, paulis)
    factors = np.zeros((len(column), len(observables)))
    for number, observable in enumerate(observables):
        for term in observable:
            factors[column[term.paulis], number] += term.coefficient
    return values @ factors


def _string_values(
    states: Complex[np.ndarray, "sample amplitude"], paulis: tuple[tuple[int, str], ...]
) -> Float[np.ndarray, " sample"]:
    """<psi| P |psi>, with P |i> = (a power of i) |i with the bits under X and Y flipped>."""
    last = states.shape[1].bit_length() - 2
    flipped = sum(1 << (last - qubit) for qubit, pauli in paulis if pauli in "XY")
    signed = sum(1 << (last - qubit) for qubit, pauli in paulis if pauli in "YZ")
    phase = 1j ** sum(pauli == "Y" for _, pauli in paulis)
    index = np.arange(states.shape[1])
    signs = 1 - 2 * (np.bitwise_count(index & signed) & 1).astype(np.int8)
    return np.real(phase * np.sum(np.conj(states[:, index ^ flipped]) * states * signs, axis=1))
