"""A user's file of rotation angles."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..export.angles import ANGLES
from ..export.arrays import HEADER_DAMAGE, ZIP_DAMAGE
from ..export.errors import InputError


def read_angles(path: Path, qubits: int) -> Float[np.ndarray, "qubit 3"]:
    """Angles in radians, three a qubit, from a JSON list (nested or flat) or a .npy array.

    Raises InputError where the file is unreadable or does not hold that many finite numbers.
    """
    try:
        if path.suffix == ".npy":
            stored = np.load(path, allow_pickle=False)
        else:
            stored = np.array(json.loads(path.read_text(encoding="utf-8")))
    except (*ZIP_DAMAGE, *HEADER_DAMAGE, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable JSON list or .npy array of angles: {reason}") from error
    if not isinstance(stored, np.ndarray):
        raise InputError(f"{path}: an .npz archive; a single .npy array of angles is needed")
    if stored.dtype.kind not in "fiu" or not np.isfinite(stored).all():
        raise InputError(f"{path}: angles must be finite numbers, in radians")
    if stored.shape not in ((qubits, ANGLES), (qubits * ANGLES,)):
        raise InputError(
            f"{path}: angles have the shape {list(stored.shape)}; [{qubits}, {ANGLES}] or [{qubits * ANGLES}] is needed"
        )
    return stored.reshape(qubits, ANGLES).astype(np.float64)
