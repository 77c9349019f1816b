"""The quantum head: a data re-uploading circuit, as plain data, with its meaning in PennyLane.

A block turns every qubit q by the sample's angles and then by the trained weights,

    Rot(weights[b, q]) Rot(angles[q]),    Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi),

and then entangles neighbours with CZ gates. Every block reads the same angles: that is the re-upload. Measured is <Z>
of each qubit. The CZ gates after the last block commute with Z, so they are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from ..errors import InputError

# PennyLane takes seconds to import; the commands that only read or write a circuit must not wait for it.
if TYPE_CHECKING:
    from pennylane import QNode
    from pennylane.devices import Device

Entangler = Literal["ring", "line"]
ENTANGLERS: tuple[Entangler, ...] = get_args(Entangler)

HEAD_SCHEMA_VERSION = 1


def entangled_pairs(n_qubits: int, entangler: Entangler) -> tuple[tuple[int, int], ...]:
    """The pairs of qubits that a block joins with CZ.

    A line joins q with q + 1. A ring also joins the last qubit with the first. Two qubits have one CZ either way,
    because a second one would undo the first; one qubit has none.

    Raises `InputError` for an entangler that is not known.
    """
    if entangler not in ENTANGLERS:
        raise InputError(f"entangler: found {entangler!r}, allowed are {', '.join(ENTANGLERS)}")
    line = tuple((qubit, qubit + 1) for qubit in range(n_qubits - 1))
    return (*line, (n_qubits - 1, 0)) if entangler == "ring" and n_qubits > 2 else line


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


@dataclass(frozen=True, eq=False)
class ReuploadCircuit:
    """A data re-uploading circuit with its trained weights, the single source of the head.

    `weights` [block, qubit, 3] in radians; they are copied to float64 and made read-only. Two circuits are equal when
    every bit of them is.

    Raises `InputError` when the shape does not fit `n_qubits`, a weight is not finite, or the entangler is not known.
    """

    n_qubits: int
    weights: Float[np.ndarray, "block qubit 3"]
    entangler: Entangler = "ring"

    def __post_init__(self) -> None:
        if isinstance(self.n_qubits, bool) or not isinstance(self.n_qubits, int | np.integer) or self.n_qubits < 1:
            raise InputError(f"n_qubits: found {self.n_qubits!r}, allowed is a whole number from 1 on")
        found = np.asarray(self.weights)
        if found.ndim != 3 or found.shape[0] < 1 or found.shape[1:] != (self.n_qubits, 3):
            raise InputError(
                f"weights: found the shape {list(found.shape)}, allowed is [block, {self.n_qubits}, 3] "
                "with at least one block"
            )
        weights = _finite_float64(found, "weights")
        entangled_pairs(self.n_qubits, self.entangler)
        weights.setflags(write=False)
        object.__setattr__(self, "n_qubits", int(self.n_qubits))
        object.__setattr__(self, "weights", weights)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReuploadCircuit) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, tuple[int, ...], bytes]:
        return self.entangler, self.weights.shape, self.weights.tobytes()

    @property
    def n_blocks(self) -> int:
        """How many times the angles are uploaded."""
        return self.weights.shape[0]

    @property
    def entangled_pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of qubits that each block but the last joins with CZ."""
        return entangled_pairs(self.n_qubits, self.entangler)

    def checked_angles(
        self, angles: Float[np.ndarray, "*sample qubit 3"], *, one_sample: bool = False
    ) -> Float[np.ndarray, "*sample qubit 3"]:
        """A float64 copy of rotation angles that fit this circuit: [sample, qubit, 3], or [qubit, 3] of `one_sample`.

        Raises `InputError` when the shape is another one or an angle is not finite.
        """
        found = np.asarray(angles)
        if found.ndim != (2 if one_sample else 3) or found.shape[-2:] != (self.n_qubits, 3):
            allowed = f"[{self.n_qubits}, 3]" if one_sample else f"[sample, {self.n_qubits}, 3]"
            raise InputError(f"angles: found the shape {list(found.shape)}, allowed is {allowed}")
        return _finite_float64(found, "angles")

    def qnode(self, device: Device) -> QNode:
        """The circuit as a PennyLane QNode on `device`: its reference meaning.

        The QNode takes angles [qubit, 3] or [sample, qubit, 3] in radians and returns PennyLane's sequence of <Z>, one
        entry a qubit, each a number or [sample].
        """
        import pennylane as qml

        @qml.qnode(device)
        def head(angles: Any) -> list[Any]:
            reupload_layers(angles, self.weights, self.entangler)
            return [qml.expval(qml.Z(qubit)) for qubit in range(self.n_qubits)]

        return head

    def to_json(self) -> str:
        """The text of head.json. Every weight is written with the digits that give the same float64 back."""
        content = {
            "schema_version": HEAD_SCHEMA_VERSION,
            "n_qubits": self.n_qubits,
            "entangler": self.entangler,
            "weights": self.weights.tolist(),
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "head.json") -> ReuploadCircuit:
        """The circuit that `to_json` wrote; `name` is what an error calls the text.

        Raises `InputError`, naming the key, when the text is not JSON or not such a circuit.
        """
        try:
            content = json.loads(text, object_pairs_hook=_object_without_repeats)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}: not readable as JSON ({error})") from None
        if not isinstance(content, dict):
            raise InputError(f"{name}: found {_brief(content)}, allowed is a JSON object")
        keys = ("schema_version", "n_qubits", "entangler", "weights")
        for key in content:
            if key not in keys:
                raise InputError(f"{name}: unknown key {_brief(key)}, allowed are {', '.join(keys)}")
        for key in keys:
            if key not in content:
                raise InputError(f"{name}: the key {key} is missing")
        version = content["schema_version"]
        if type(version) is not int or version != HEAD_SCHEMA_VERSION:
            raise InputError(f"{name}: schema_version: found {_brief(version)}, allowed is {HEAD_SCHEMA_VERSION}")
        try:
            weights = _nested_numbers(content["weights"], depth=3, key="weights")
            return cls(content["n_qubits"], weights, content["entangler"])
        except InputError as error:
            raise InputError(f"{name}: {error}") from None


def _finite_float64(found: np.ndarray, name: str) -> Float[np.ndarray, "..."]:
    if found.dtype.kind not in "fiu":
        raise InputError(f"{name}: found the type {found.dtype}, allowed are real numbers")
    copy = np.array(found, dtype=np.float64, order="C")
    if not np.isfinite(copy).all():
        place = np.argwhere(~np.isfinite(copy))[0]
        where = "".join(f"[{index}]" for index in place)
        raise InputError(f"{name}{where}: found {copy[tuple(place)]}, allowed are finite numbers")
    return copy


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _brief(value: object) -> str:
    """What was found, cut to a length that fits in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _nested_numbers(value: object, depth: int, key: str) -> Float[np.ndarray, "..."]:
    """Lists within lists of numbers as an array; NumPy itself would also take strings, booleans and null."""
    if depth == 0:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{key}: found {_brief(value)}, allowed is a number")
        try:
            return np.array(float(value))
        except OverflowError:
            return np.array(math.inf)
    if not isinstance(value, list):
        raise InputError(f"{key}: found {_brief(value)}, allowed is a list")
    rows = [_nested_numbers(item, depth - 1, f"{key}[{index}]") for index, item in enumerate(value)]
    if len({row.shape for row in rows}) > 1:
        raise InputError(f"{key}: found entries of different lengths, allowed are equal lengths")
    return np.array(rows)
