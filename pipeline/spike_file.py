"""Spikes in a .npz file: `x` going in, `y` coming out."""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ..export.atomic import new_file
from ..export.errors import InputError
from ..export.geometry import Shape
from ..hardware.devices import checked_spikes


class Spikes(NamedTuple):
    """Input spikes, and the output spikes that somebody else found for them."""

    x: UInt8[np.ndarray, "time sample *shape"]
    y: UInt8[np.ndarray, "time sample feature"] | None


def read_spikes(path: Path, shape: Shape) -> Spikes:
    """Array `x`, and `y` if it is there, its axes after the sample flattened.

    Raises InputError where the file is unreadable or x is not uint8 [time, sample, *shape] of 0 and 1.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a .npy array; a .npz file with the array x is needed")
            if "x" not in arrays.files:
                raise InputError(f"{path}: holds {', '.join(arrays.files) or 'nothing'}; the array x is needed")
            x, y = arrays["x"], arrays["y"] if "y" in arrays.files else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path}: not a .npz file with the array x: {error}") from error
    try:
        checked_spikes(x, shape)
    except InputError as error:
        raise InputError(f"{path}: x: {error}") from error
    return Spikes(x, None if y is None else y.reshape(*y.shape[:2], -1))


def write_spikes(path: Path, y: np.ndarray) -> None:
    """Write the array `y` [time, sample, feature]."""
    write_arrays(path, {"y": y})


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a .npz file that is whole, or not there."""
    # A zip file that meets a full disk complains once more when it is thrown away, so it is made in memory.
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    with new_file(path) as written:
        written.write_bytes(content.getvalue())
