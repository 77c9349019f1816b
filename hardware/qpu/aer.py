"""Qiskit Aer runs the OpenQASM 3 program: an independent judge of the file that leaves for a processor.

The text is read by Qiskit's own importer, so nothing of PennyLane and nothing of our circuit takes part but the names
of the angles. All samples are parameter bindings of one circuit.
"""

from contextlib import redirect_stderr
from functools import lru_cache
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from openqasm3.parser import QASM3ParsingError
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate
from qiskit.exceptions import QiskitError
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveProbabilities
from qiskit_qasm3_import import ConversionError, convert

from ...export.circuit.circuit import Circuit
from ...export.circuit.qasm import input_names, to_openqasm3
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
from .program_limits import PROGRAM, parsed

MOST_UPDATES = 2**34
"""Of amplitudes in one sample: gates times 2^qubits, some 20 seconds."""

TABLE_QUBITS = 5
"""From so many qubits on Aer finds a shot in a table of partial sums, where it would add up all probabilities before
it. Its own default is 10, with which the shots of 9 qubits take 1.4 times as long; they are the same ones."""

# The importer refuses with errors of its own, but lets Python's errors through for some malformed programs: a qubit out
# of range, a gate with too few angles, a division by zero, brackets nested without end.
_MALFORMED = (
    ConversionError,
    QASM3ParsingError,
    QiskitError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)


Outcomes = tuple[Int64[np.ndarray, " outcome"], Float[np.ndarray, " outcome"]]
"""Bit-strings of one sample, bit q at place q of the number, and the share or probability of each."""


class MeasuredProgram(NamedTuple):
    """A program that is gates and then one measurement of every qubit."""

    measured: QuantumCircuit
    """The program as it stands, with its measurements into bits."""
    unitary: QuantumCircuit
    """Its gates alone."""
    qubit_of_bit: tuple[int, ...]
    """Which qubit each bit measures."""


class AerDevice:
    """Aer's state vector, exact or with finite shots.

    `program` is the text to run, a bundle's own; without it the text is made from the circuit. Each call draws new
    shots, and every sample its own; a new device with the same seed draws the same ones for the same calls. Qubit q of
    the circuit is what bit q of the program measures; where an observable has X or Y, that qubit is turned after the
    program's gates.

    Raises `InputError` when the program cannot be read, is not gates and then one measurement of every qubit, or its
    qubits or inputs are not the circuit's.
    """

    def __init__(self, circuit: Circuit, seed: int, program: str | None = None) -> None:
        self.circuit = circuit
        self._seeds = seed_sequence(seed)
        self._program = read_program(to_openqasm3(circuit) if program is None else program)
        _check_fit(self._program, circuit)
        self._simulator = AerSimulator(
            method="statevector", max_parallel_experiments=0, statevector_sample_measure_opt=TABLE_QUBITS
        )

    def run(self, inputs: Float[np.ndarray, "sample input"], shots: int | None) -> Estimate:
        """The circuit's observables for each sample's inputs; exact when `shots` is None.

        Raises `InputError` for inputs that do not fit the circuit, fewer shots than one, and what Aer cannot run.
        """
        check_shots(shots)
        circuit = self.circuit
        features = circuit.feature_values(circuit.checked_inputs(inputs))
        columns = {name: features[:, column] for column, name in enumerate(input_names(circuit))}
        values = np.tile(identities_of(circuit), (len(features), 1))
        variance = np.zeros_like(values)
        for run in sample_runs(len(features), circuit.n_qubits):
            samples = {name: column[run].tolist() for name, column in columns.items()}
            for basis in bases_of(circuit):
                outcomes = self._outcomes(basis, samples, run.stop - run.start, shots)
                for sample, (strings, shares) in zip(range(run.start, run.stop), outcomes, strict=True):
                    found = measured_strings(basis, strings, shares[None])[0]
                    for value, (number, coefficient, _) in zip(found, basis.strings, strict=True):
                        values[sample, number] += coefficient * value
                    if shots is not None:
                        variance[sample] += variances(circuit, basis, strings, shares[None], shots)[0]
        if shots is None:
            return exact_estimate(circuit, values)
        return Estimate(values, np.sqrt(variance / shots), shots, {})

    def _outcomes(self, basis: Basis, samples: dict[str, list[float]], count: int, shots: int | None) -> list[Outcomes]:
        """What is found of each of so many samples in a basis."""
        program = self._program
        if shots is None:
            circuit = self._turned(basis)
            circuit.append(SaveProbabilities(circuit.num_qubits), program.qubit_of_bit)
            strings = np.arange(2**circuit.num_qubits)
            runs = self._run(circuit, samples, count, shots=1)
            return [(strings, np.asarray(found["probabilities"])) for found in runs]
        # Aer derives a seed for each sample of a run from the run's own, which therefore must not come twice.
        seed = int(self._seeds.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))
        circuit = program.measured
        if basis.is_turned:
            circuit = self._turned(basis)
            for bit, qubit in enumerate(program.qubit_of_bit):
                circuit.measure(qubit, bit)
        runs = self._run(circuit, samples, count, shots=shots, seed_simulator=seed)
        return [_of_counts(run["counts"]) for run in runs]

    def _turned(self, basis: Basis) -> QuantumCircuit:
        """The program's gates, and then the turns of the basis."""
        circuit = self._program.unitary.copy()
        for bit, pauli in enumerate(basis.paulis):
            qubit = self._program.qubit_of_bit[bit]
            if pauli == "Y":
                circuit.sdg(qubit)
            if pauli != "Z":
                circuit.h(qubit)
        return circuit

    def _run(
        self, circuit: QuantumCircuit, samples: dict[str, list[float]], count: int, **options: int
    ) -> list[dict[str, Any]]:
        binding = {parameter: samples[parameter.name] for parameter in circuit.parameters}
        try:
            # A circuit without a parameter is the same for every sample, but each has its own shots.
            circuits, binds = ([circuit], [binding]) if binding else ([circuit] * count, None)
            result = self._simulator.run(circuits, parameter_binds=binds, **options).result()
        except _MALFORMED as error:
            raise InputError(f"{PROGRAM}: Aer cannot bind the angles ({_one_line(error)})") from None
        if not result.success:
            raise InputError(f"{PROGRAM}: Aer cannot run its {circuit.num_qubits} qubits ({result.status})")
        return [result.data(sample) for sample in range(len(result.results))]


def _of_counts(counts: dict[str, int]) -> Outcomes:
    """The bit-strings that were found, whose keys are hexadecimal ("0x1a"), and their shares."""
    times = np.array(list(counts.values()), dtype=np.int64)
    return np.array([int(bits, 16) for bits in counts], dtype=np.int64), times / times.sum()


@lru_cache(maxsize=8)
def read_program(text: str) -> MeasuredProgram:
    """Read OpenQASM 3 with Qiskit's importer.

    Raises `InputError` when it cannot be read, is larger than `program_limits` and `MOST_UPDATES` allow, or is not
    gates and then one measurement of every qubit.
    """
    if not text.strip():
        raise InputError(f"{PROGRAM}: must have a text, got none")
    try:
        # The parser also prints what it stumbles over; the error says it.
        with redirect_stderr(StringIO()):
            tree, gates = parsed(text)
            circuit = convert(tree)
    except InputError:
        raise
    except _MALFORMED as error:
        raise InputError(f"{PROGRAM}: cannot be read ({_one_line(error)})") from None
    unitary = circuit.copy_empty_like()
    qubit_of_bit: dict[int, int] = {}
    for instruction in circuit.data:
        name = instruction.operation.name
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        if name == "barrier":
            continue
        if not set(qubits).isdisjoint(qubit_of_bit.values()):
            raise InputError(f"{PROGRAM}: must have nothing on a qubit after its measurement, got {name}")
        if name == "measure":
            bit = circuit.find_bit(instruction.clbits[0]).index
            if bit in qubit_of_bit:
                raise InputError(f"{PROGRAM}: must have one measurement into each bit, got two into bit {bit}")
            qubit_of_bit[bit] = qubits[0]
        elif isinstance(instruction.operation, Gate):
            unitary.append(instruction)
        else:
            raise InputError(f"{PROGRAM}: must hold only gates and measurements, got {name}")
    if not 0 < len(qubit_of_bit) == circuit.num_qubits == circuit.num_clbits:
        raise InputError(
            f"{PROGRAM}: must have one measurement of every qubit into a bit of its own, got {circuit.num_qubits} "
            f"qubits, {circuit.num_clbits} bits and {len(qubit_of_bit)} measurements"
        )
    simulator = AerSimulator(method="statevector")
    if circuit.num_qubits > simulator.num_qubits:
        raise InputError(
            f"{PROGRAM}: must have at most {simulator.num_qubits} qubits, for which Aer has memory here, got "
            f"{circuit.num_qubits}"
        )
    if gates << circuit.num_qubits > MOST_UPDATES:
        raise InputError(
            f"{PROGRAM}: must have at most {MOST_UPDATES >> circuit.num_qubits} gates on {circuit.num_qubits} qubits, "
            f"got {gates}"
        )
    # Aer builds its target anew whenever it is asked, and transpile asks often.
    target = simulator.target
    try:
        # Level 0 only spells a program's own gates in gates that Aer knows, and leaves the others as they stand.
        measured, bare = (transpile(part, target=target, optimization_level=0) for part in (circuit, unitary))
    except _MALFORMED as error:
        raise InputError(f"{PROGRAM}: Aer cannot run it ({_one_line(error)})") from None
    # An angle that overflows would turn the state into numbers that are none, and shots would not show it.
    bound = bare.assign_parameters(dict.fromkeys(bare.parameters, 1.0))
    for instruction in bound.data:
        if not all(np.isfinite(np.asarray(angle, dtype=complex)).all() for angle in instruction.operation.params):
            raise InputError(f"{PROGRAM}: must have finite angles, got {instruction.operation.name} by one that is not")
    return MeasuredProgram(measured, bare, tuple(qubit_of_bit[bit] for bit in range(circuit.num_clbits)))


def _one_line(error: Exception) -> str:
    # Qiskit's errors put their message in quotation marks when they are printed.
    return " ".join(str(getattr(error, "message", error)).split()) or type(error).__name__


def _check_fit(program: MeasuredProgram, circuit: Circuit) -> None:
    if program.measured.num_qubits != circuit.n_qubits:
        raise InputError(
            f"{PROGRAM}: must have the circuit's {circuit.n_qubits} qubits, got {program.measured.num_qubits}"
        )
    names = input_names(circuit)
    # An input that no gate reads is none of Qiskit's parameters.
    used = {names[feature] for gate in circuit.gates for feature, coefficient in gate.slopes if coefficient}
    inputs = {parameter.name for parameter in program.measured.parameters}
    missing, unknown = sorted(used - inputs), sorted(inputs - set(names))
    if missing or unknown:
        raise InputError(
            f"{PROGRAM}: its inputs must be the circuit's, {names[0] if names else 'none'} to "
            f"{names[-1] if names else 'none'}, got others (missing: {', '.join(missing) or 'none'}; unknown: "
            f"{', '.join(unknown) or 'none'})"
        )


def _make(part: QuantumPart) -> QuantumDevice:
    # The program of the bundle itself is run, so that this file is what is proved.
    try:
        return AerDevice(part.circuit, part.seed, part.program)
    except InputError as error:
        raise InputError(f"{part.where}: {error}") from error


DEVICE = QuantumEntry("aer", "the OpenQASM file in Qiskit Aer, state vector or shots", _make)
