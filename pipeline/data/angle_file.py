"""A user's file of rotation angles."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...export.angles import ANGLES
from ...export.errors import InputError
from ...export.files.arrays import read_npy
from ...export.files.plain import MOST_TEXT_BYTES, read_file

_NEEDED = "a readable JSON list or .npy array of angles"


def read_angles(path: Path, qubits: int) -> Float[np.ndarray, "qubit 3"]:
    """Angles in radians, three a qubit, from a JSON list (nested or flat) or a .npy array.

    Raises InputError where the file is unreadable or does not hold that many finite numbers.
    """
    stored = read_npy(path, _NEEDED, MOST_TEXT_BYTES) if path.suffix == ".npy" else _listed(path)
    if stored.dtype.kind not in "fiu" or not np.isfinite(stored).all():
        raise InputError(f"{path}: angles must be finite numbers, in radians")
    if stored.shape not in ((qubits, ANGLES), (qubits * ANGLES,)):
        raise InputError(
            f"{path}: angles have the shape {list(stored.shape)}; [{qubits}, {ANGLES}] or [{qubits * ANGLES}] is needed"
        )
    return stored.reshape(qubits, ANGLES).astype(np.float64)


def _listed(path: Path) -> np.ndarray:
    content = read_file(path, _NEEDED, most=MOST_TEXT_BYTES)
    try:
        return np.array(json.loads(content.decode()))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {_NEEDED}: {error}") from error
