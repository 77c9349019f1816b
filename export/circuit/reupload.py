"""The data re-uploading circuit: a `Circuit` of one shape, which can be built and is known again.

A block turns every qubit q by the sample's angles and then by the trained weights,

    Rot(weights[b, q]) Rot(angles[q]),    Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi),

and then entangles neighbours with CZ gates. Every block reads the same angles: that is the re-upload. Measured is <Z>
of each qubit. The CZ gates after the last block commute with Z, so they are left out.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .circuit import Circuit, Gate, pauli_z

Entangler = Literal["ring", "line"]
ENTANGLERS: tuple[Entangler, ...] = get_args(Entangler)

AXES = ("phi", "theta", "omega")
"""A Rot gate's angles in the order of time."""

ANGLES = len(AXES)
"""Angles of a Rot gate, so inputs of the circuit for each qubit."""

_TURNS = ("rz", "ry", "rz")


class Reupload(NamedTuple):
    """What a re-upload circuit is made of; `weights` are radians."""

    weights: Float[np.ndarray, "block qubit 3"]
    entangler: Entangler

    @property
    def n_blocks(self) -> int:
        """How many times the angles are uploaded."""
        return self.weights.shape[0]

    @property
    def n_qubits(self) -> int:
        return self.weights.shape[1]

    @property
    def entangled_pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of qubits that each block but the last joins with CZ."""
        return entangled_pairs(self.n_qubits, self.entangler)


def entangled_pairs(n_qubits: int, entangler: Entangler) -> tuple[tuple[int, int], ...]:
    """The pairs of qubits that a block joins with CZ.

    A line joins q with q + 1. A ring also joins the last qubit with the first. Two qubits have one CZ either way,
    because a second one would undo the first; one qubit has none.

    Raises `InputError` for an entangler that is not known.
    """
    if entangler not in ENTANGLERS:
        raise InputError(f"entangler must be one of {', '.join(ENTANGLERS)}, got {entangler!r}")
    line = tuple((qubit, qubit + 1) for qubit in range(n_qubits - 1))
    return (*line, (n_qubits - 1, 0)) if entangler == "ring" and n_qubits > 2 else line


def reupload_circuit(weights: Float[np.ndarray, "block qubit 3"], entangler: Entangler = "ring") -> Circuit:
    """The circuit with these weights in radians. Its inputs are angle_q0_phi, angle_q0_theta, angle_q0_omega, ….

    Raises InputError where the weights are not finite numbers of that shape, or the entangler is not known.

    Example:
        reupload_circuit(np.zeros((2, 9, 3)))    # 9 qubits, 2 blocks, 27 inputs
    """
    found = np.asarray(weights)
    if found.ndim != 3 or 0 in found.shape or found.shape[2] != ANGLES:
        raise InputError(f"weights must have the shape [block, qubit, {ANGLES}], got {list(found.shape)}")
    if found.dtype.kind not in "fiu":
        raise InputError(f"weights must be real numbers, got the type {found.dtype}")
    if not np.isfinite(found).all():
        place = np.argwhere(~np.isfinite(found))[0]
        where = "".join(f"[{index}]" for index in place)
        raise InputError(f"weights{where} must be a finite number, got {found[tuple(place)]}")
    n_qubits = found.shape[1]
    return Circuit(
        n_qubits,
        tuple(f"angle_q{qubit}_{axis}" for qubit in range(n_qubits) for axis in AXES),
        tuple(_gates(found.astype(np.float64), entangled_pairs(n_qubits, entangler))),
        tuple(pauli_z(qubit) for qubit in range(n_qubits)),
    )


def as_reupload(circuit: Circuit) -> Reupload | None:
    """What the circuit is made of if it is one that `reupload_circuit` gives, but for the names of its inputs."""
    n_qubits, gates = circuit.n_qubits, circuit.gates
    turns = [gate for gate in gates if gate.name != "cz"]
    size = 2 * ANGLES * n_qubits
    if len(turns) % size or not turns or circuit.input_size != ANGLES * n_qubits or circuit.has_products:
        return None
    offsets = np.array([gate.offset for gate in turns]).reshape(-1, n_qubits, 2, ANGLES)
    weights = offsets[:, :, 1].copy()
    weights.setflags(write=False)
    plain = circuit.observables == tuple(pauli_z(qubit) for qubit in range(n_qubits))
    for entangler in ENTANGLERS if plain else ():
        if gates == tuple(_gates(weights, entangled_pairs(n_qubits, entangler))):
            return Reupload(weights, entangler)
    return None


def _gates(weights: Float[np.ndarray, "block qubit 3"], pairs: tuple[tuple[int, int], ...]) -> Iterator[Gate]:
    n_blocks, n_qubits, _ = weights.shape
    for block in range(n_blocks):
        for qubit in range(n_qubits):
            for axis, turn in enumerate(_TURNS):
                yield Gate(turn, (qubit,), 0.0, ((ANGLES * qubit + axis, 1.0),))
            for axis, turn in enumerate(_TURNS):
                yield Gate(turn, (qubit,), float(weights[block, qubit, axis]))
        if block < n_blocks - 1:
            yield from (Gate("cz", pair) for pair in pairs)


def reupload_layers(
    angles: Any, weights: Any, entangler: Entangler, after_block: Callable[[int], None] | None = None
) -> None:
    """Queue the circuit's PennyLane operations on wires 0 .. qubit - 1, inside a quantum function.

    `angles` [qubit, 3] or [sample, qubit, 3] and `weights` [block, qubit, 3] are in radians, and may be arrays or
    tensors of any interface that PennyLane knows. With a sample axis PennyLane runs all samples at once (parameter
    broadcasting). Gradients reach both. `after_block` queues what happens to a qubit after each block, noise say.
    """
    import pennylane as qml

    n_blocks, n_qubits = weights.shape[0], weights.shape[1]
    pairs = entangled_pairs(n_qubits, entangler)
    for block in range(n_blocks):
        for qubit in range(n_qubits):
            qml.Rot(*(angles[..., qubit, axis] for axis in range(3)), wires=qubit)
            qml.Rot(*(weights[block, qubit, axis] for axis in range(3)), wires=qubit)
        if block < n_blocks - 1:
            for pair in pairs:
                qml.CZ(wires=pair)
        if after_block:
            for qubit in range(n_qubits):
                after_block(qubit)
