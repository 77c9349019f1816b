"""Writing files and folders so that a reader finds the old one, the whole new one, or none; never a part.

What is new is written beside its place under a hidden name, brought to the disk, and renamed. A full disk leaves the
place as it was. So does a kill, but for the moment between the two renames by which a folder is replaced: then the
place is empty, and the old folder lies beside it under a hidden name.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from .errors import InputError

Made = TypeVar("Made")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; at the end of the block the file there takes the place of `path`.

    Raises InputError where the folder cannot be written to.
    """
    handle, name = _beside(path, tempfile.mkstemp)
    os.close(handle)
    written = Path(name)
    try:
        yield written
        _to_disk(written)
        # mkstemp makes files that only their owner can read.
        written.chmod(0o666 & ~_umask())
        written.replace(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        written.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """An empty folder to fill; at the end of the block it takes the place of `path`.

    Raises InputError where `path` exists, unless it may be replaced, and where it cannot be written.
    """
    if path.exists() and not replace:
        raise InputError(f"{path}: exists already; --force replaces it")
    name = _beside(path, tempfile.mkdtemp)
    written = Path(name)
    old = written.with_name(f"{written.name}.old")
    try:
        yield written
        for file in written.rglob("*"):
            _to_disk(file)
        _to_disk(written)
        written.chmod(0o777 & ~_umask())
        if path.exists():
            path.rename(old)
        try:
            written.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
        _to_disk(path.parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        shutil.rmtree(written, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path, make: Callable[..., Made]) -> Made:
    """What `make`, one of tempfile's functions, makes under a hidden name in the folder of `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return make(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be written: {error.strerror or error}")


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # The only way to read the mask is to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
