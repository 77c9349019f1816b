"""What the quantum half did: each circuit, and its measured values beside the exact ones.

An observable O is a real sum of Pauli strings, with the sum of its coefficients' sizes as its bound: |<O>| ≤ bound. One
shot of a single string has the variance bound² - <O>², so the mean of n shots is off by

    √((bound² - <O>²) / n)

in the root mean square. Of a sum of strings that is an upper limit, since a shot never says more than the bound.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ....export.circuit.circuit import GATES, TWO_QUBIT_GATES, Circuit, Observable
from ....export.network.trace import Trace
from ....hardware.registry import quantum_devices
from ..failures import failures, reason
from ..rungs import CHIP, CIRCUIT, FLOAT, RungKind, rung_kinds
from .climbed import Climbed

MOST_POINTS = 300
"""Pairs of an exact and a measured value that a report lists per circuit and rung."""

MOST_LISTED = 64
"""Observables that a report lists per circuit and rung, the first ones."""

MOST_DRAWN_QUBITS = 30
MOST_DRAWN_GATES = 400
"""A larger circuit is not drawn, and its program not kept: nobody could read it."""

LONGEST_OBSERVABLE = 60
"""Characters of an observable in words."""


class MeasuredObservable(BaseModel):
    """An observable as a device measured it, over all samples.

    Attributes:
        observable: In words, as "Z0" or "0.5 X0 Y1 + Z2".
        bound: The largest size of its value.
        is_string: Whether it is a single Pauli string.
        mean_error: The mean of measured minus exact; far from 0, the device is biased.
        rms_error: The root mean square of measured minus exact.
        largest_error: The largest size of measured minus exact.
        shot_error: The root mean square that shots alone give: of a single string what is expected, of a sum at most
            that much; None without shots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    observable: str
    bound: float
    is_string: bool
    mean_error: float
    rms_error: float
    largest_error: float
    shot_error: float | None


class Point(BaseModel):
    """The value of an observable, whose number in the circuit is `observable`, for one sample: exact and measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observable: int
    exact: float
    measured: float


class Measured(BaseModel):
    """A circuit on one rung, held against its exact values for the same inputs.

    Attributes:
        rung: The rung's name.
        samples: How many samples it ran.
        shots: Measurements of each basis per sample; None where the values are exact.
        observables: The first MOST_LISTED.
        points: At most MOST_POINTS pairs, drawn from all samples and listed observables with the bundle's seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rung: str
    samples: int
    shots: int | None
    observables: list[MeasuredObservable]
    points: list[Point]


class QuantumHalf(BaseModel):
    """A circuit stage.

    Attributes:
        stage: Its name.
        qubits: How many it has.
        inputs: How many values it reads.
        gates: How often it has each gate, by OpenQASM's name.
        two_qubit_gates: How many act on two qubits.
        depth: The longest chain of gates that must follow each other.
        observables: How many values it gives.
        program: Its OpenQASM 3, as it stands in the bundle; None where it is too large to be drawn.
        transpiled: The program that a device made of it, in OpenQASM 3. None where no device took part that says it: a
            device would say so in its estimate's metadata, which a rung's trace does not hold.
        measured: Every rung that measures it, or runs it on another package's device.
        unmeasured: Why a rung that did so cannot be held against exact values, by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    qubits: int
    inputs: int
    gates: dict[str, int]
    two_qubit_gates: int
    depth: int
    observables: int
    program: str | None = None
    transpiled: str | None = None
    measured: list[Measured] = []
    unmeasured: dict[str, str] = {}


def quantum_halves(climbed: Climbed) -> list[QuantumHalf]:
    """Every circuit of the network, in its order; nothing that fails here is raised."""
    return [_half(climbed, stage) for stage in climbed.bundle.network.quantum]


def in_words(observable: Observable) -> str:
    """A sum of Pauli strings, such as "Z0" or "0.5 X0 Y1 - Z2"; a long one is cut.

    Example:
        in_words(pauli_z(3)) == "Z3"
    """
    found = ""
    for coefficient, paulis in observable:
        string = " ".join(f"{pauli}{qubit}" for qubit, pauli in paulis)
        size = f"{abs(coefficient):.3g}"
        term = f"{size} {string}".strip() if size != "1" or not string else string
        sign = "-" if coefficient < 0 else "+"
        found = f"{found} {sign} {term}" if found else term if coefficient >= 0 else f"-{term}"
        if len(found) > LONGEST_OBSERVABLE:
            return f"{found[: LONGEST_OBSERVABLE - 1].rstrip()}…"
    return found or "0"


def depth(circuit: Circuit) -> int:
    """The longest chain of gates of which each shares a qubit with the one before."""
    reached = [0] * circuit.n_qubits
    for gate in circuit.gates:
        deepest = 1 + max(reached[qubit] for qubit in gate.qubits)
        for qubit in gate.qubits:
            reached[qubit] = deepest
    return max(reached)


def _half(climbed: Climbed, stage: str) -> QuantumHalf:
    circuit = climbed.bundle.network.quantum[stage].circuit
    counts = Counter(gate.name for gate in circuit.gates)
    is_drawn = circuit.n_qubits <= MOST_DRAWN_QUBITS and len(circuit.gates) <= MOST_DRAWN_GATES
    measured, unmeasured = [], {}
    for kind in _measuring(climbed):
        try:
            measured.append(_measured(climbed, stage, kind))
        # A report without this figure is better than none.
        except failures() as error:
            unmeasured[kind.name] = reason(error)
    return QuantumHalf(
        stage=stage,
        qubits=circuit.n_qubits,
        inputs=circuit.input_size,
        gates={name: counts[name] for name in GATES if counts[name]},
        two_qubit_gates=sum(counts[name] for name in TWO_QUBIT_GATES),
        depth=depth(circuit),
        observables=circuit.output_size,
        program=_program(climbed, stage) if is_drawn else None,
        measured=measured,
        unmeasured=unmeasured,
    )


def _program(climbed: Climbed, stage: str) -> str | None:
    try:
        return climbed.bundle.program(stage)
    except failures():
        return None


def _measuring(climbed: Climbed) -> Iterator[RungKind]:
    """The rungs that were climbed with a circuit on a device other than the exact ones of this package."""
    for kind in rung_kinds():
        if kind.starts_from_spikes and kind.name in climbed.traces and kind.name != CIRCUIT:
            yield kind


def _measured(climbed: Climbed, stage: str, kind: RungKind) -> Measured:
    circuit = climbed.bundle.network.quantum[stage].circuit
    trace = climbed.traces[kind.name]
    shots = climbed.shots if kind.with_shots else None
    found = trace[stage][:, :MOST_LISTED]
    exact = _exact(climbed, stage, trace)[:, :MOST_LISTED]
    return Measured(
        rung=kind.name,
        samples=len(found),
        shots=shots,
        observables=[
            _observable(circuit, number, exact[:, number], found[:, number], shots) for number in range(found.shape[1])
        ],
        points=_points(exact, found, climbed.bundle.manifest.seed),
    )


def _exact(climbed: Climbed, stage: str, trace: Trace) -> Float[np.ndarray, "sample observable"]:
    """The circuit's exact values for the inputs that it had in this trace."""
    (source,) = climbed.bundle.network.reads[stage]
    samples = trace.samples
    for name in (CIRCUIT, CHIP, FLOAT):
        known = climbed.traces.get(name)
        if known is None or stage not in known or known.samples < samples:
            continue
        # Behind another measured circuit the inputs are not those of an exact rung. The samples always are.
        if source not in trace or (source in known and np.array_equal(known[source][:samples], trace[source])):
            return known[stage][:samples]
    device = quantum_devices("exact", climbed.bundle, climbed.bundle.manifest.seed)[stage]
    return device.run(trace[source].reshape(samples, -1).astype(np.float64), None).values


def _observable(
    circuit: Circuit,
    number: int,
    exact: Float[np.ndarray, " sample"],
    found: Float[np.ndarray, " sample"],
    shots: int | None,
) -> MeasuredObservable:
    observable, bound = circuit.observables[number], float(circuit.bounds[number])
    error = found - exact
    # Rounding may leave an exact value a hair outside of its bound.
    variance = np.maximum(bound**2 - exact**2, 0.0)
    return MeasuredObservable(
        observable=in_words(observable),
        bound=bound,
        is_string=len(observable) == 1,
        mean_error=float(error.mean()),
        rms_error=float(np.sqrt((error**2).mean())),
        largest_error=float(np.abs(error).max()),
        shot_error=None if shots is None else float(np.sqrt(variance.mean() / shots)),
    )


def _points(
    exact: Float[np.ndarray, "sample observable"], found: Float[np.ndarray, "sample observable"], seed: int
) -> list[Point]:
    count = min(MOST_POINTS, exact.size)
    chosen = np.sort(np.random.default_rng(seed).choice(exact.size, count, replace=False))
    return [
        Point(observable=int(at % exact.shape[1]), exact=float(exact.flat[at]), measured=float(found.flat[at]))
        for at in chosen
    ]
