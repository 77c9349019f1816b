"""What a PennyLane tape measures, as sums of Pauli strings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..circuit import Observable, PauliTerm

if TYPE_CHECKING:
    from pennylane.measurements import MeasurementProcess
    from pennylane.pauli import PauliSentence

MOST_WIRES = 10
"""Of probabilities, and of an operator that has to be written out as a matrix."""

MOST_STRINGS = 4096
"""That a matrix may come apart into: a dense one of 6 wires."""


def observables_of_tape(
    measurements: Sequence["MeasurementProcess"], order: Sequence[Any], place: Mapping[Any, int]
) -> tuple[Observable, ...]:
    """The measurements' observables in their order; probabilities are one for each of the 2^wires outcomes.

    Args:
        measurements: of a tape.
        order: all wires, which a qml.probs() without wires means.
        place: the qubit of each wire.

    Raises:
        InputError: a measurement that is neither an expectation value nor probabilities of at most MOST_WIRES wires.
    """
    from pennylane.measurements import ExpectationMP, ProbabilityMP

    observables: list[Observable] = []
    for number, measured in enumerate(measurements):
        if isinstance(measured, ExpectationMP) and measured.obs is not None:
            observables.append(_expectation(number, measured.obs, place))
        elif isinstance(measured, ProbabilityMP) and measured.obs is None and measured.mv is None:
            observables += _probabilities(number, [place[wire] for wire in measured.wires or order])
        elif isinstance(measured, ProbabilityMP):
            raise InputError(f"measurement {number}: probabilities must be those of wires, got those of an operator")
        else:
            raise InputError(
                f"measurement {number} must be an expectation value (qml.expval) or probabilities (qml.probs), got "
                f"{_named(measured)}"
            )
    return tuple(observables)


def _expectation(number: int, operator: Any, place: Mapping[Any, int]) -> Observable:
    import pennylane as qml

    if isinstance(operator, qml.operation.CVObservable):
        raise InputError(
            f"measurement {number}: the operator must be one of qubits, got {operator.name} of continuous variables"
        )
    sentence = operator.pauli_rep
    if sentence is None:
        sentence = _decomposed(number, operator)
    terms: list[PauliTerm] = []
    for word, factor in sentence.items():
        coefficient = complex(factor)
        if abs(coefficient.imag) > 1e-12 * max(1.0, abs(coefficient)):
            raise InputError(
                f"measurement {number}: {operator.name} must be Hermitian, got the factor {factor} of {word}"
            )
        paulis = tuple(sorted((place[wire], pauli) for wire, pauli in word.items()))
        terms.append(PauliTerm(coefficient.real, paulis))
    return tuple(terms)


def _decomposed(number: int, operator: Any) -> "PauliSentence":
    import pennylane as qml

    wires = operator.wires
    if len(wires) > MOST_WIRES:
        raise InputError(
            f"measurement {number}: {operator.name}, which is not given in Pauli strings, must have at most "
            f"{MOST_WIRES} wires, got {len(wires)}"
        )
    try:
        matrix = np.asarray(qml.matrix(operator, wire_order=wires), dtype=complex)
        sentence: Any = qml.pauli_decompose(matrix, wire_order=wires, pauli=True, check_hermitian=True)
    except Exception as error:  # an operator without a matrix, or not Hermitian
        raise InputError(f"measurement {number}: {operator.name} is no sum of Pauli strings ({error})") from None
    if len(sentence) > MOST_STRINGS:
        raise InputError(
            f"measurement {number}: {operator.name} on {len(wires)} wires must be a sum of at most {MOST_STRINGS} "
            f"Pauli strings, got {len(sentence)}"
        )
    return sentence


def _probabilities(number: int, qubits: Sequence[int]) -> list[Observable]:
    """One observable an outcome, the first qubit its most significant bit: the product of (1 ± Z) / 2."""
    if len(qubits) > MOST_WIRES:
        raise InputError(
            f"measurement {number}: probabilities must be those of at most {MOST_WIRES} wires, got {len(qubits)}, "
            "since they are 2^wires values"
        )
    size = 2 ** len(qubits)
    last = len(qubits) - 1
    strings = [
        tuple(sorted((qubit, "Z") for bit, qubit in enumerate(qubits) if mask >> (last - bit) & 1))
        for mask in range(size)
    ]
    # The same few terms stand in all observables.
    terms = [[PauliTerm(sign / size, string) for string in strings] for sign in (1, -1)]
    return [tuple(terms[(outcome & mask).bit_count() % 2][mask] for mask in range(size)) for outcome in range(size)]


def _named(measured: "MeasurementProcess") -> str:
    words = {
        "VarianceMP": "a variance (qml.var)",
        "StateMP": "a state (qml.state)",
        "DensityMatrixMP": "a density matrix (qml.density_matrix)",
        "SampleMP": "samples (qml.sample)",
        "CountsMP": "counts (qml.counts)",
        "ExpectationMP": "the expectation of a measurement in the middle of the circuit",
    }
    return words.get(type(measured).__name__, str(measured))
