"""Qiskit Aer runs the OpenQASM 3 program: an independent judge of the file that leaves for a processor.

The text is read by Qiskit's own importer, so nothing of PennyLane and nothing of our circuit takes part but the names
of the angles. All samples are parameter bindings of one circuit.
"""

from contextlib import redirect_stderr
from functools import lru_cache
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
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
from ..devices import Estimate
from ..entries import QuantumEntry
from .measurement import check_shots, expectations_of_counts, expectations_of_probabilities, sample_runs, seed_sequence
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

    `program` is the text to run, head.qasm of a bundle; without it the text is made from the circuit. Each call draws
    new shots, and every sample its own; a new device with the same seed draws the same ones for the same calls. Entry q
    of the answer is <Z> from bit q of the program.

    Raises `InputError` when the program cannot be read, or is not gates and then one measurement of every qubit.
    """

    def __init__(self, circuit: Circuit, seed: int, program: str | None = None) -> None:
        self.circuit = circuit
        self._seeds = seed_sequence(seed)
        self._program = None if program is None else read_program(program)
        self._simulator = AerSimulator(
            method="statevector", max_parallel_experiments=0, statevector_sample_measure_opt=TABLE_QUBITS
        )

    def run(self, inputs, shots):
        check_shots(shots)
        circuit = self.circuit
        angles = circuit.feature_values(circuit.checked_inputs(inputs))
        program = read_program(to_openqasm3(circuit)) if self._program is None else self._program
        names = input_names(circuit)
        _check_fit(program, circuit.n_qubits, names)
        columns = {name: angles[:, column] for column, name in enumerate(names)}
        values = np.empty((len(angles), circuit.n_qubits))
        for run in sample_runs(len(angles), circuit.n_qubits):
            samples = {name: column[run].tolist() for name, column in columns.items()}
            values[run] = self._exact(program, samples) if shots is None else self._shots(program, samples, shots)
        return Estimate(values, np.zeros_like(values), shots, {})

    def _exact(self, program: MeasuredProgram, samples: dict[str, list[float]]) -> Float[np.ndarray, "sample bit"]:
        circuit = program.unitary.copy()
        circuit.append(SaveProbabilities(circuit.num_qubits), program.qubit_of_bit)
        runs = self._run(circuit, samples, shots=1)
        return expectations_of_probabilities(np.stack([run["probabilities"] for run in runs]))

    def _shots(
        self, program: MeasuredProgram, samples: dict[str, list[float]], shots: int
    ) -> Float[np.ndarray, "sample bit"]:
        # Aer derives a seed for each sample of a run from the run's own, which therefore must not come twice.
        seed = int(self._seeds.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))
        runs = self._run(program.measured, samples, shots=shots, seed_simulator=seed)
        return np.stack([expectations_of_counts(run["counts"], program.measured.num_clbits) for run in runs])

    def _run(self, circuit: QuantumCircuit, samples: dict[str, list[float]], **options: int) -> list[dict[str, Any]]:
        binding = {parameter: samples[parameter.name] for parameter in circuit.parameters}
        try:
            result = self._simulator.run([circuit], parameter_binds=[binding], **options).result()
        except _MALFORMED as error:
            raise InputError(f"{PROGRAM}: Aer cannot bind the angles ({_one_line(error)})") from None
        if not result.success:
            raise InputError(f"{PROGRAM}: Aer cannot run its {circuit.num_qubits} qubits ({result.status})")
        return [result.data(sample) for sample in range(len(result.results))]


@lru_cache(maxsize=8)
def read_program(text: str) -> MeasuredProgram:
    """Read OpenQASM 3 with Qiskit's importer.

    Raises `InputError` when it cannot be read, is larger than `program_limits` and `MOST_UPDATES` allow, or is not
    gates and then one measurement of every qubit.
    """
    if not text.strip():
        raise InputError(f"{PROGRAM}: found no text")
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
            raise InputError(f"{PROGRAM}: found {name} on a qubit after its measurement, allowed is nothing after it")
        if name == "measure":
            bit = circuit.find_bit(instruction.clbits[0]).index
            if bit in qubit_of_bit:
                raise InputError(f"{PROGRAM}: found two measurements into bit {bit}, allowed is one")
            qubit_of_bit[bit] = qubits[0]
        elif isinstance(instruction.operation, Gate):
            unitary.append(instruction)
        else:
            raise InputError(f"{PROGRAM}: found {name}, allowed are gates and measurements")
    if not 0 < len(qubit_of_bit) == circuit.num_qubits == circuit.num_clbits:
        raise InputError(
            f"{PROGRAM}: found {circuit.num_qubits} qubits, {circuit.num_clbits} bits and {len(qubit_of_bit)} "
            "measurements, allowed is one measurement of every qubit into a bit of its own"
        )
    simulator = AerSimulator(method="statevector")
    if circuit.num_qubits > simulator.num_qubits:
        raise InputError(
            f"{PROGRAM}: found {circuit.num_qubits} qubits, Aer has memory here for at most {simulator.num_qubits}"
        )
    if gates << circuit.num_qubits > MOST_UPDATES:
        raise InputError(
            f"{PROGRAM}: found {gates} gates on {circuit.num_qubits} qubits, allowed are at most "
            f"{MOST_UPDATES >> circuit.num_qubits} gates on so many"
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
            raise InputError(f"{PROGRAM}: found {instruction.operation.name} by an angle that is not finite")
    return MeasuredProgram(measured, bare, tuple(qubit_of_bit[bit] for bit in range(circuit.num_clbits)))


def _one_line(error: Exception) -> str:
    # Qiskit's errors put their message in quotation marks when they are printed.
    return " ".join(str(getattr(error, "message", error)).split()) or type(error).__name__


def _check_fit(program: MeasuredProgram, n_qubits: int, names: tuple[str, ...]) -> None:
    if program.measured.num_qubits != n_qubits:
        raise InputError(f"{PROGRAM}: found {program.measured.num_qubits} qubits, the circuit has {n_qubits}")
    inputs = {parameter.name for parameter in program.measured.parameters}
    missing, unknown = sorted(set(names) - inputs), sorted(inputs - set(names))
    if missing or unknown:
        raise InputError(
            f"{PROGRAM}: its inputs are not the circuit's angles {names[0]} to {names[-1]} "
            f"(missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'})"
        )


def _make(part):
    try:
        return AerDevice(part.circuit, part.seed, part.program)
    except InputError as error:
        raise InputError(f"{part.where}: {error}") from error


DEVICE = QuantumEntry("aer", "the OpenQASM file in Qiskit Aer, state vector or shots", _make)
