"""Arrays in NumPy's files: read whole and without pickle, or refused with one sentence before they fill the memory."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .atomic import new_file
from .npz_archive import MOST_BYTES, ArrayError, NpzArchive, read_single
from .plain import opened


def read_npz(
    source: Path | bytes,
    required: Iterable[str],
    optional: Iterable[str] = (),
    name: str = "",
    most: int = MOST_BYTES,
    may_be_link: bool = False,
) -> dict[str, np.ndarray]:
    """The arrays of these names from a file, or from a file's content that errors call `name`.

    Raises InputError where it is no .npz archive of plain files' form, or a required array is missing, damaged, or one
    of Python objects, and where the arrays take more than `most` bytes. `may_be_link` is `plain.opened`'s.
    """
    where = name or str(source)
    required, optional = tuple(required), tuple(optional)
    arrays = {}
    with _opened(source, "an .npz archive", may_be_link) as file:
        try:
            archive = NpzArchive(file)
        except ArrayError as error:
            raise InputError(f"{where}: {error}") from error
        for key in required:
            if key not in archive.keys:
                there = ", ".join(archive.keys) or "no arrays"
                raise InputError(f"{where}: must have the array {key}, got {there}")
        keys = [key for key in (*required, *optional) if key in archive.keys]
        try:
            archive.check_total(keys, most)
        except ArrayError as error:
            raise InputError(f"{where}: {error}") from error
        for key in keys:
            try:
                arrays[key] = archive.array(key)
            except ArrayError as error:
                raise InputError(f"{where}: {key} cannot be read: {error}") from error
    return arrays


def read_every_array(source: Path | bytes, where: str, needed: str, most: int) -> dict[str, np.ndarray]:
    """All arrays of an archive, in its order; `needed` says what the archive is.

    Raises InputError, naming the key, where one cannot be read, and where they take more than `most` bytes.
    """
    arrays = {}
    key = ""
    with _opened(source, needed, False) as file:
        try:
            archive = NpzArchive(file)
            archive.check_total(archive.keys, most)
            for key in archive.keys:
                arrays[key] = archive.array(key)
        except ArrayError as error:
            part = f"the key {key}: " if key else ""
            raise InputError(f"{where}: {part}not readable as {needed}: {error}") from error
    return arrays


def read_npy(path: Path, needed: str, most: int) -> np.ndarray:
    """The array of a .npy file of at most so many bytes. Raises InputError; `needed` says what it should be."""
    with opened(path, needed) as file:
        try:
            return read_single(file, most)
        except ArrayError as error:
            raise InputError(f"{path}: not {needed}: {error}") from error


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a file that takes the old one's place when it is whole; the same arrays give the same bytes."""
    # A zip file that meets a full disk complains once more when it is thrown away, so it is made in memory.
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    with new_file(path) as written:
        written.write_bytes(content.getvalue())


@contextmanager
def _opened(source: Path | bytes, needed: str, may_be_link: bool) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    with opened(source, needed, may_be_link) as file:
        yield file
