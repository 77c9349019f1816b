"""A circuit as OpenQASM, for processors and simulators that know nothing of PennyLane.

Version 3 keeps the sample open: one `input float[64]` for each feature of the circuit, so one program serves all
samples. Version 2 has no inputs, so the angles are bound. In both the gates stand in the order of time, numbers are
literals, and bit k measures qubit k in the computational basis: whoever wants an observable with X or Y turns those
qubits before.

Sources: the OpenQASM 3 language specification (arXiv 2104.14722) and OpenQASM 2 (arXiv 1707.03429).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .circuit import ROTATIONS, Circuit, Gate
from .reupload import as_reupload

_WORDS = """
    OPENQASM U angle arccos arcsin arctan array barrier bit bool box break c cal case ccx ceiling ch complex const
    continue cos cp cphase creg crx cry crz cswap ctrl cu cx cy cz def default defcal defcalgrammar delay duration
    durationof else end euler exp extern false float floor for gate gphase h id if im in include inout input int inv let
    log measure mod mutable negctrl nop output p phase pi popcount pow pragma q qreg qubit readonly real reset return
    rotl rotr rx ry rz s sdg sin sizeof sqrt stretch swap switch sx t tan tau tdg true u1 u2 u3 uint void while x y z
"""

RESERVED = frozenset(_WORDS.split())
"""Words of the language, gates of stdgates.inc, and the program's own q and c: no input may be called so."""


def input_names(circuit: Circuit) -> tuple[str, ...]:
    """The names of the OpenQASM 3 program's inputs, one a feature: the feature's own where it may have it."""
    names: list[str] = []
    for name in circuit.feature_names:
        free, number = name, 0
        while free in RESERVED or free in names:
            free, number = f"{name}_{number}", number + 1
        names.append(free)
    return tuple(names)


def to_openqasm3(circuit: Circuit) -> str:
    """The circuit as an OpenQASM 3 program whose inputs are `input_names`.

    Numbers are literals in the gates: Qiskit's importer (qiskit-qasm3-import 0.6) does not read `const`.
    """
    names = input_names(circuit)
    lines = [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        _headline(circuit),
        *(f"input float[64] {name};" for name in names),
        f"qubit[{circuit.n_qubits}] q;",
        f"bit[{circuit.n_qubits}] c;",
        *_statements(circuit, lambda gate: _angle(gate, names)),
        "c = measure q;",
    ]
    return "\n".join(lines) + "\n"


def to_openqasm2(circuit: Circuit, values: Float[np.ndarray, " input"]) -> str:
    """The circuit as an OpenQASM 2 program with these inputs bound.

    Raises InputError where they are not as many finite numbers as the circuit has inputs.
    """
    bound = circuit.feature_values(circuit.checked_inputs(np.asarray(values)[None]))[0]

    def angle(gate: Gate) -> str:
        # What is 0 is not added, so that an angle of -0.0 stays what it is.
        terms = [coefficient * bound[feature] for feature, coefficient in gate.slopes]
        terms = [gate.offset, *terms] if gate.offset or not terms else terms
        return _number(sum(terms[1:], start=terms[0]))

    lines = [
        "OPENQASM 2.0;",
        'include "qelib1.inc";',
        _headline(circuit),
        f"qreg q[{circuit.n_qubits}];",
        f"creg c[{circuit.n_qubits}];",
        *_statements(replace(circuit, gates=tuple(_in_version_2(circuit))), angle),
        "measure q -> c;",
    ]
    return "\n".join(lines) + "\n"


def _in_version_2(circuit: Circuit) -> Iterator[Gate]:
    """The gates in those of qelib1.inc, which has no sx, which is s between two h, and no swap, which is three cx."""
    for gate in circuit.gates:
        if gate.name == "sx":
            yield from (Gate(name, gate.qubits) for name in ("h", "s", "h"))
        elif gate.name == "swap":
            yield from (Gate("cx", qubits) for qubits in (gate.qubits, gate.qubits[::-1], gate.qubits))
        else:
            yield gate


def _headline(circuit: Circuit) -> str:
    reupload = as_reupload(circuit)
    if reupload:
        return (
            f"// data re-uploading circuit: {circuit.n_qubits} qubits, {len(reupload.weights)} blocks, "
            f"{reupload.entangler} of cz, angles in radians"
        )
    return f"// {circuit.n_qubits} qubits, {len(circuit.gates)} gates, angles in radians"


def _number(value: float) -> str:
    # 17 significant digits give the same float64 back. OpenQASM 2 wants the point that repr leaves out of 1e-05.
    return f"{value:.16e}"


def _angle(gate: Gate, names: tuple[str, ...]) -> str:
    terms = [] if gate.slopes and not gate.offset else [_number(gate.offset)]
    for feature, coefficient in gate.slopes:
        name = names[feature]
        terms.append(name if coefficient == 1 else f"{_number(coefficient)} * {name}")
    return " + ".join(terms)


def _statements(circuit: Circuit, angle: Callable[[Gate], str]) -> Iterator[str]:
    for gate in circuit.gates:
        turn = f"({angle(gate)})" if gate.name in ROTATIONS else ""
        yield f"{gate.name}{turn} {', '.join(f'q[{qubit}]' for qubit in gate.qubits)};"
