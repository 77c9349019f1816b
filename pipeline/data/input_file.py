"""A user's file of a circuit's inputs, such as rotation angles."""

import json
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...export.circuit.circuit import Circuit
from ...export.errors import InputError
from ...export.files.arrays import read_npy
from ...export.files.plain import MOST_TEXT_BYTES, read_file

_NEEDED = "a readable JSON list or .npy array of a circuit's inputs"


def read_circuit_inputs(path: Path, circuit: Circuit) -> Float[np.ndarray, " input"]:
    """The inputs, angles in radians say, from a JSON list (nested or flat) or a .npy array, in their order.

    Raises InputError where the file is unreadable or does not hold that many finite numbers.
    """
    stored = read_npy(path, _NEEDED, MOST_TEXT_BYTES) if path.suffix == ".npy" else _listed(path)
    if stored.dtype.kind not in "fiu" or not np.isfinite(stored).all():
        raise InputError(f"{path}: the circuit's inputs must be finite numbers")
    if math.prod(stored.shape) != circuit.input_size or not stored.ndim:
        raise InputError(f"{path}: must hold {circuit.input_size} inputs, got the shape {list(stored.shape)}")
    return stored.reshape(-1).astype(np.float64)


def _listed(path: Path) -> np.ndarray:
    content = read_file(path, _NEEDED, most=MOST_TEXT_BYTES)
    try:
        return np.array(json.loads(content.decode()))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {_NEEDED}: {error}") from error
