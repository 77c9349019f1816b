"""Arrays in NumPy's .npz archives: read whole and without pickle, or refused with one sentence."""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .atomic import new_file
from .errors import InputError

ZIP_DAMAGE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What the zip reader was seen to raise on damaged archives."""

HEADER_DAMAGE = (ValueError, SyntaxError, MemoryError, tokenize.TokenError)
"""What NumPy, with its Python-like header, was seen to raise on damaged arrays."""


def read_npz(
    source: Path | bytes, required: Iterable[str], optional: Iterable[str] = (), name: str = ""
) -> dict[str, np.ndarray]:
    """The arrays of these names from a file, or from a file's content that errors call `name`.

    Raises InputError where it is no .npz archive or a required array is missing, damaged, or one of Python objects.
    """
    where = name or str(source)
    try:
        archive = np.load(source if isinstance(source, Path) else io.BytesIO(source), allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{where}: there is no such file.") from None
    except (*ZIP_DAMAGE, *HEADER_DAMAGE):
        raise InputError(f"{where}: this is no readable .npz archive.") from None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise InputError(f"{where}: an .npz archive is needed, but this is a single array.")
    arrays = {}
    with archive:
        for key in (*required, *optional):
            if key not in archive.files:
                if key in optional:
                    continue
                there = ", ".join(archive.files) or "no arrays"
                raise InputError(f"{where}: the array {key} is missing; the file has {there}.")
            arrays[key] = _array(archive, key, where)
    return arrays


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a file that takes the old one's place when it is whole; the same arrays give the same bytes."""
    # A zip file that meets a full disk complains once more when it is thrown away, so it is made in memory.
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    with new_file(path) as written:
        written.write_bytes(content.getvalue())


def _array(archive: np.lib.npyio.NpzFile, key: str, where: str) -> np.ndarray:
    fault = f"{where}: {key} cannot be read: it is damaged or no plain array."
    try:
        array = archive[key]
    except (*ZIP_DAMAGE, *HEADER_DAMAGE):
        raise InputError(fault) from None
    # NumPy hands out the bare bytes of a member that does not start like an array.
    if not isinstance(array, np.ndarray):
        raise InputError(fault)
    return array
