"""The head as OpenQASM, for processors and simulators that know nothing of PennyLane.

Version 3 keeps the sample's rotation angles open, as `input float[64]` variables that every block reads, so one program
serves all samples. Version 2 has no inputs, so the angles are bound. In both, Rot(phi, theta, omega) is written
`rz(phi); ry(theta); rz(omega);` in the order of time, the trained weights are numbers, and bit k measures qubit k.

Sources: the OpenQASM 3 language specification (arXiv 2104.14722) and OpenQASM 2 (arXiv 1707.03429).
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from .reupload import ReuploadCircuit

AXES = ("phi", "theta", "omega")


def angle_name(qubit: int, axis: int) -> str:
    """The program's name for angle [qubit, axis]."""
    return f"angle_q{qubit}_{AXES[axis]}"


def angle_names(circuit: ReuploadCircuit) -> tuple[str, ...]:
    """The inputs of the OpenQASM 3 program, in the order of the flattened angles [qubit, 3]."""
    return tuple(angle_name(qubit, axis) for qubit in range(circuit.n_qubits) for axis in range(len(AXES)))


def to_openqasm3(circuit: ReuploadCircuit) -> str:
    """The circuit as an OpenQASM 3 program whose inputs are `angle_names`, in radians.

    The weights are literals in the gates: Qiskit's importer (qiskit-qasm3-import 0.6) does not read `const`.
    """
    lines = [
        "OPENQASM 3.0;",
        'include "stdgates.inc";',
        _headline(circuit),
        *(f"input float[64] {name};" for name in angle_names(circuit)),
        f"qubit[{circuit.n_qubits}] q;",
        f"bit[{circuit.n_qubits}] c;",
        *_gates(circuit, angle_name),
        "c = measure q;",
    ]
    return "\n".join(lines) + "\n"


def to_openqasm2(circuit: ReuploadCircuit, angles: Float[np.ndarray, "qubit 3"]) -> str:
    """The circuit as an OpenQASM 2 program with these angles (radians) bound.

    Raises `InputError` when the angles are not finite numbers of the shape [qubit, 3].
    """
    bound = circuit.checked_angles(angles, one_sample=True)
    lines = [
        "OPENQASM 2.0;",
        'include "qelib1.inc";',
        _headline(circuit),
        f"qreg q[{circuit.n_qubits}];",
        f"creg c[{circuit.n_qubits}];",
        *_gates(circuit, lambda qubit, axis: _number(bound[qubit, axis])),
        "measure q -> c;",
    ]
    return "\n".join(lines) + "\n"


def _headline(circuit: ReuploadCircuit) -> str:
    return (
        f"// data re-uploading circuit: {circuit.n_qubits} qubits, {circuit.n_blocks} blocks, "
        f"{circuit.entangler} of cz, angles in radians"
    )


def _number(value: float) -> str:
    # 17 significant digits give the same float64 back. OpenQASM 2 wants the point that repr leaves out of 1e-05.
    return f"{value:.16e}"


def _gates(circuit: ReuploadCircuit, angle: Callable[[int, int], str]) -> Iterator[str]:
    for block in range(circuit.n_blocks):
        for qubit in range(circuit.n_qubits):
            data = [angle(qubit, axis) for axis in range(len(AXES))]
            trained = [_number(weight) for weight in circuit.weights[block, qubit]]
            for phi, theta, omega in (data, trained):
                yield f"rz({phi}) q[{qubit}];"
                yield f"ry({theta}) q[{qubit}];"
                yield f"rz({omega}) q[{qubit}];"
        if block < circuit.n_blocks - 1:
            for first, second in circuit.entangled_pairs:
                yield f"cz q[{first}], q[{second}];"
