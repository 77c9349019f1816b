"""A re-upload circuit as ONNX operators: <Z> of each qubit from the angles, in real arithmetic in double.

    angles [sample, qubit, 3]  →  expectations [sample, qubit]

A rotation about an axis is R(t) = 1 + sin(t) G + 2 sin²(t/2) G² with G³ = -G (Rodrigues' formula). That holds for the
3x3 matrices of Bloch vectors with t the angle, and with t half of it for the 2x2 matrices of spinors too, once a
complex matrix P is written as the real one [[Re P, -Im P], [Im P, Re P]]. The sine is the only function that is needed;
onnxruntime 1.20 has no cosine in double. Whatever the trained weights alone decide is computed here and is a constant.

The last block is read backwards: the measured Z_q becomes the observable o_q = the last row of R_weights R_angles, and
<Z_q> = o_q · s_q with s_q the Bloch vector (x, y, z) of qubit q before that block.

    1 block     s = (0, 0, 1)
    2 blocks    s = (x π, y π, z) of the first block's Bloch vectors, π the product of the z of q's neighbours
    more        s of a state vector before the last block

No qubit further away than blocks - 1 changes <Z_q>. So where it is cheaper, each measured qubit has a window of its
own of 2 blocks - 1 qubits, and else the whole register is one window. A window is computed in full; it takes two
numbers a basis state: 2^(qubits + 1) a sample for a whole register, a mebibyte for 16 qubits.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int8
from onnx import TensorProto

from ...circuit.reupload import ANGLES, Reupload
from ...errors import InputError
from ..model import OnnxNodes

MOST_NUMBERS = 2**20
"""In one tensor of one sample: a register of 19 qubits."""

MOST_GATES = 2048
"""Rotations of one qubit in the windows of a deep circuit. Each is a few operators in the file."""

_X, _Y, _Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])


def _real_form(matrix: np.ndarray) -> Float[np.ndarray, "4 4"]:
    return np.block([[np.real(matrix), -np.imag(matrix)], [np.imag(matrix), np.real(matrix)]])


# Of the axes z, y, z: Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi).
_TURN_Z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
_TURN_Y = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
_OF_BLOCH_VECTORS = np.stack([_TURN_Z, _TURN_Y, _TURN_Z])
_OF_SPINORS = np.stack([_real_form(-1j * pauli) for pauli in (_Z, _Y, _Z)])


class _Windows(NamedTuple):
    """`qubits` are those of each window, of which the first `measured` ones are read out."""

    qubits: Int[np.ndarray, "window position"]
    measured: int


def reupload_nodes(nodes: OnnxNodes, inputs: str, circuit: Reupload) -> str:
    """Append the operators from the inputs, double [sample, 3 · qubit], to <Z> of each qubit, double [sample, qubit].

    Returns the name of these. Raises InputError for more than two blocks on so many qubits that a sample takes more
    than `MOST_NUMBERS` numbers or the file more than `MOST_GATES` gates.
    """
    # The samples are open, so their number is what is copied.
    shape = nodes.constant("angles_shape", np.array([0, circuit.n_qubits, ANGLES]))
    angles = nodes.add("Reshape", [inputs, shape], "angles")
    trained = _rotations(circuit.weights, _OF_BLOCH_VECTORS)
    data = _data_rotations(nodes.under(f"{nodes.prefix}bloch/"), angles, _OF_BLOCH_VECTORS)
    last_row = nodes.constant("last_block", trained[-1, :, 2:])
    observables = nodes.add("MatMul", [last_row, data], "observables")
    match circuit.n_blocks:
        case 1:
            vectors = nodes.constant("at_rest", np.array([[0.0], [0.0], [1.0]]))
        case 2:
            vectors = _after_one_block(nodes, data, trained[0], circuit)
        case _:
            vectors = _after_many_blocks(nodes, angles, circuit)
    values = nodes.add("MatMul", [observables, vectors], "values")
    axes = nodes.constant("matrix_axes", np.array([2, 3]))
    return nodes.add("Squeeze", [values, axes], "expectations")


def _rotations(
    turns: Float[np.ndarray, "*axis 3"], generators: Float[np.ndarray, "3 row row"]
) -> Float[np.ndarray, "*axis row row"]:
    """R(omega) R(theta) R(phi) for (phi, theta, omega)."""
    turns = turns[..., None, None]
    steps = np.eye(generators.shape[-1]) + np.sin(turns) * generators
    steps = steps + 2 * np.sin(turns / 2) ** 2 * (generators @ generators)
    return steps[..., 2, :, :] @ steps[..., 1, :, :] @ steps[..., 0, :, :]


def _data_rotations(nodes: OnnxNodes, turns: str, generators: Float[np.ndarray, "3 row row"]) -> str:
    """What `_rotations` computes, [sample, qubit, row, row], for a value [sample, qubit, 3] of the graph."""
    turns = nodes.reshaped(turns, (ANGLES, 1, 1), "turns")
    sine = nodes.add("Sin", [turns], "sine")
    odd = nodes.add("Mul", [sine, nodes.constant("generators", generators)], "odd")
    half = nodes.add(
        "Sin", [nodes.add("Mul", [turns, nodes.constant("half", np.array(0.5))], "half_turns")], "half_sine"
    )
    square = nodes.add("Mul", [half, half], "half_sine_squared")
    even = nodes.add("Mul", [square, nodes.constant("squares", 2 * generators @ generators)], "even")
    identity = nodes.constant("identity", np.eye(generators.shape[-1]))
    steps = nodes.add("Sum", [identity, odd, even], "steps")
    phi, theta, omega = (
        nodes.add("Gather", [steps, nodes.constant(f"axis_{axis}", np.array(axis))], f"step_{axis}", axis=2)
        for axis in range(ANGLES)
    )
    tilted = nodes.add("MatMul", [theta, phi], "tilted")
    return nodes.add("MatMul", [omega, tilted], "rotations")


def _after_one_block(nodes: OnnxNodes, data: str, trained: Float[np.ndarray, "qubit 3 3"], circuit: Reupload) -> str:
    """The Bloch vectors after the first block and its CZ gates, [sample, qubit, 3, 1]."""
    ups = nodes.add("Gather", [data, nodes.constant("up", np.array([2]))], "data_on_up", axis=3)
    vectors = nodes.add("MatMul", [nodes.constant("first_block", trained), ups], "prepared")
    # A neighbour that is not there stands behind the last qubit, with z = 1; so does the one that z itself reads.
    nobody = circuit.n_qubits
    neighbours = np.full((2, circuit.n_qubits, 3), nobody)
    for first, second in circuit.entangled_pairs:
        neighbours[0, second, :2] = first
        neighbours[1, first, :2] = second
    z = nodes.add("Gather", [vectors, nodes.constant("z", np.array(2))], "z_of_all", axis=2)
    z = nodes.add("Squeeze", [z, nodes.constant("column", np.array([2]))], "z_flat")
    pads, axis = nodes.constant("pads", np.array([0, 1])), nodes.constant("qubit_axis", np.array([1]))
    z = nodes.add("Pad", [z, pads, nodes.constant("one", np.array(1.0)), axis], "z_and_one")
    factors = [
        nodes.add("Gather", [z, nodes.constant(f"{side}_of", table[..., None])], f"z_{side}", axis=1)
        for side, table in zip(("before", "behind"), neighbours, strict=True)
    ]
    return nodes.add("Mul", [vectors, nodes.add("Mul", factors, "z_of_neighbours")], "vectors")


def _after_many_blocks(nodes: OnnxNodes, angles: str, circuit: Reupload) -> str:
    """The Bloch vectors before the last block, [sample, qubit, 3, 1], for three blocks or more.

    A state is [sample, window, rest]: the rest are two parts, real and imaginary, and in each the basis states of the
    window, its first qubit the highest digit. A qubit is turned while it is first, and goes behind the others then.
    """
    windows, measured = _windows(circuit)
    width = windows.shape[1]
    half = nodes.add("Mul", [angles, nodes.constant("half", np.array(0.5))], "half_angles")
    data = _data_rotations(nodes.under(f"{nodes.prefix}spinor/"), half, _OF_SPINORS)
    trained = _rotations(circuit.weights[:-1] / 2, _OF_SPINORS)
    signs = nodes.add("Cast", [nodes.constant("cz", _cz_signs(circuit, windows))], "cz_signs", to=TensorProto.DOUBLE)
    positions = [nodes.constant(f"position_{place}", windows[:, place]) for place in range(width)]

    # The real and the imaginary part of the product of no qubits.
    state = nodes.constant("empty", np.array([1.0, 0.0]).reshape(1, 1, 2, 1))
    for block, weights in enumerate(trained):
        here = nodes.under(f"{nodes.prefix}block{block}/")
        turned = data
        if block == 0:
            # From |0>: each qubit joins with a real and an imaginary column, those of its first basis state.
            turned = here.add("Gather", [data, here.constant("columns", np.array([0, 2]))], "data", axis=3)
        gates = here.add("MatMul", [here.constant("weights", weights), turned], "gates")
        for place, position in enumerate(positions):
            qubit = nodes.under(f"{here.prefix}qubit{place}/")
            gate = qubit.add("Gather", [gates, position], "gate", axis=1)
            if block:
                state = qubit.reshaped(state, (4, -1), "rows")
            state = qubit.add("MatMul", [gate, state], "turned")
            state = _next_qubit(qubit, state)
            if not block:
                state = qubit.reshaped(state, (2, -1), "parts")
        state = here.reshaped(state, (2, -1), "parts")
        state = here.add("Mul", [state, signs], "entangled")

    # Σ of a real observable's entries times the state's products: <X>, <Y> and <Z>, one a column.
    paulis = nodes.constant("paulis", np.stack([_real_form(pauli).ravel() for pauli in (_X, _Y, _Z)], axis=1))
    vectors = []
    for place in range(measured):
        here = nodes.under(f"{nodes.prefix}measured{place}/")
        state = here.reshaped(state, (2, 2, -1), "split")
        # The Reshape on either side keeps onnxruntime 1.20 from fusing the Transpose, which it cannot do in double.
        columns = here.reshaped(here.add("Transpose", [state], "swapped", perm=(0, 1, 4, 2, 3)), (-1, 4), "columns")
        rows = here.reshaped(state, (4, -1), "rows")
        products = here.reshaped(here.add("MatMul", [rows, columns], "products"), (1, 16), "flat")
        vectors.append(here.add("MatMul", [products, paulis], "row"))
        if place < measured - 1:
            state = _next_qubit(here, state)
    joined = nodes.add("Concat", vectors, "vector_rows", axis=1) if measured > 1 else vectors[0]
    return nodes.reshaped(joined, (3, 1), "vectors")


def _next_qubit(nodes: OnnxNodes, state: str) -> str:
    """[sample, window, part·first qubit, others] with the first qubit moved behind the others."""
    split = nodes.reshaped(state, (2, 2, -1), "first")
    return nodes.add("Transpose", [split], "moved", perm=(0, 1, 2, 4, 3))


def _windows(circuit: Reupload) -> _Windows:
    """The cheapest windows. Raises InputError where they take too much."""
    n_qubits, n_blocks = circuit.n_qubits, circuit.n_blocks
    reach = n_blocks - 1
    width = 2 * reach + 1
    apart = width < n_qubits and n_qubits << width < 1 << n_qubits
    count, width = (n_qubits, width) if apart else (1, n_qubits)
    numbers, gates = 2 * count << width, reach * width
    found = f"{n_blocks} blocks on a {circuit.entangler} of {n_qubits} qubits"
    if numbers > MOST_NUMBERS:
        raise InputError(
            f"circuit: {found} must take at most 2^{math.log2(MOST_NUMBERS):.0f} numbers per sample in ONNX, got "
            f"2^{math.log2(numbers):.1f}; take fewer blocks or qubits"
        )
    if gates > MOST_GATES:
        raise InputError(
            f"circuit: {found} must take at most {MOST_GATES} gates in ONNX, got {gates}; take fewer blocks or qubits"
        )
    if not apart:
        return _Windows(np.arange(n_qubits)[None], n_qubits)
    # Round the ring, and beyond the ends of a line at its other end, where no CZ gate joins them.
    offsets = np.r_[: reach + 1, -reach:0]
    return _Windows((np.arange(n_qubits)[:, None] + offsets) % n_qubits, 1)


def _cz_signs(
    circuit: Reupload, windows: Int[np.ndarray, "window position"]
) -> Int8[np.ndarray, "window_or_1 1 state"]:
    """What a block's CZ gates multiply each basis state of each window by; one row where all windows agree."""
    width = windows.shape[1]
    bits = np.arange(2**width) >> np.arange(width)[::-1, None] & 1
    rows = []
    for qubits in windows.tolist():
        place = {qubit: index for index, qubit in enumerate(qubits)}
        both = np.zeros(2**width, np.int64)
        for first, second in circuit.entangled_pairs:
            if first in place and second in place:
                both ^= bits[place[first]] & bits[place[second]]
        rows.append(1 - 2 * both)
    signs = np.stack(rows).astype(np.int8)[:, None]
    return signs[:1] if (signs == signs[:1]).all() else signs
