"""How observables are measured: what may be asked for, in which bases, and what bit-strings mean.

With p(b) the probability of the bit-string b, or its share of the shots, <Z_q> = sum_b (-1)^(b_q) p(b): a qubit that is
found in 0 counts +1, one that is found in 1 counts -1. A product of several Z counts the product. Where a Pauli string
has X or Y, the qubit is turned before it is measured. Strings that ask no qubit for two different turns share a basis,
and each basis is measured on its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from ...export.circuit.circuit import Circuit
from ...export.errors import InputError
from ..devices import Estimate

# Amplitudes that a simulator holds at once: some 10 MB, and enough samples a run that the cost of a call is small.
AMPLITUDES_PER_RUN = 2**19
SAMPLES_PER_RUN = 1024


def sample_runs(n_samples: int, n_qubits: int) -> Iterator[slice]:
    """Split the samples in runs that take a bounded memory as state vectors."""
    step = min(SAMPLES_PER_RUN, max(1, AMPLITUDES_PER_RUN >> n_qubits))
    return (slice(start, min(start + step, n_samples)) for start in range(0, n_samples, step))


MOST_SHOTS = 10**9
"""More would not fit the counters of every simulator."""


def check_shots(shots: int | None) -> None:
    """Raises `InputError` unless `shots` is None (the exact value) or an integer from 1 to MOST_SHOTS."""
    if shots is not None and (
        isinstance(shots, bool) or not isinstance(shots, int | np.integer) or not 1 <= shots <= MOST_SHOTS
    ):
        raise InputError(f"shots must be an integer from 1 to {MOST_SHOTS}, or none for the exact value, got {shots!r}")


def seed_sequence(seed: int) -> np.random.SeedSequence:
    """The root of a device's random numbers. Raises `InputError` unless `seed` is an integer from 0 on."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed must be an integer from 0 on, got {seed!r}")
    return np.random.SeedSequence(int(seed))


class Basis(NamedTuple):
    """How each qubit is turned, "X", "Y" or "Z", for the strings that are measured so.

    `strings` are (observable, coefficient, qubits).
    """

    paulis: tuple[str, ...]
    strings: tuple[tuple[int, float, tuple[int, ...]], ...]

    @property
    def is_turned(self) -> bool:
        """Whether a qubit is turned at all."""
        return any(pauli != "Z" for pauli in self.paulis)


def bases_of(circuit: Circuit) -> tuple[Basis, ...]:
    """The bases of all observables: each string goes into the first one that it fits, in the order of the strings."""
    chosen: list[dict[int, str]] = []
    strings: list[list[tuple[int, float, tuple[int, ...]]]] = []
    for number, observable in enumerate(circuit.observables):
        for term in observable:
            if not term.paulis:
                continue
            wanted = dict(term.paulis)
            fits = (index for index, paulis in enumerate(chosen) if _agree(paulis, wanted))
            index = next(fits, len(chosen))
            if index == len(chosen):
                chosen.append({})
                strings.append([])
            chosen[index] |= wanted
            strings[index].append((number, term.coefficient, tuple(wanted)))
    return tuple(
        Basis(tuple(paulis.get(qubit, "Z") for qubit in range(circuit.n_qubits)), tuple(held))
        for paulis, held in zip(chosen, strings, strict=True)
    )


def identities_of(circuit: Circuit) -> Float[np.ndarray, " observable"]:
    """The part of each observable that is the same for every state."""
    return np.array([sum(term.coefficient for term in one if not term.paulis) for one in circuit.observables], float)


def exact_estimate(circuit: Circuit, values: Float[np.ndarray, "sample observable"]) -> Estimate:
    """Exact values; rounding may have left one a hair outside of what it can be."""
    return Estimate(np.clip(values, -circuit.bounds, circuit.bounds), np.zeros_like(values), None, {})


def measured_strings(
    basis: Basis, outcomes: Int64[np.ndarray, " outcome"], shares: Float[np.ndarray, "sample outcome"]
) -> Float[np.ndarray, "sample string"]:
    """The value of each string of the basis; bit q of an outcome is qubit q, and its share that of the shots."""
    columns = []
    for _, _, qubits in basis.strings:
        columns.append(1.0 - 2.0 * (shares @ _odd(outcomes, qubits)))
    return np.stack(columns, axis=-1) if columns else np.empty((len(shares), 0))


def variances(
    circuit: Circuit,
    basis: Basis,
    outcomes: Int64[np.ndarray, " outcome"],
    shares: Float[np.ndarray, "sample outcome"],
    shots: int,
) -> Float[np.ndarray, "sample observable"]:
    """The variance over shots of what one shot says of each observable: the unbiased estimate, of one shot 0."""
    if shots == 1:
        return np.zeros((len(shares), circuit.output_size))
    said = np.zeros((len(outcomes), circuit.output_size))
    for number, coefficient, qubits in basis.strings:
        said[:, number] += coefficient * (1.0 - 2.0 * _odd(outcomes, qubits))
    mean, square = shares @ said, shares @ said**2
    return np.maximum(square - mean**2, 0.0) * shots / (shots - 1)


def _odd(outcomes: Int64[np.ndarray, " outcome"], qubits: Sequence[int]) -> Int64[np.ndarray, " outcome"]:
    """1 where an odd number of these bits is 1."""
    found = np.zeros_like(outcomes)
    for qubit in qubits:
        found ^= outcomes >> qubit & 1
    return found


def _agree(paulis: Mapping[int, str], wanted: Mapping[int, str]) -> bool:
    return all(paulis.get(qubit, pauli) == pauli for qubit, pauli in wanted.items())
