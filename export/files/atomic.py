"""Writing files and folders so that a reader finds the old one, the whole new one, or none; never a part.

What is new is made in a hidden folder beside its place, `.NAME.spiq-TOKEN`, brought to the disk, and renamed. A full
disk leaves the place as it was. So does a kill, but for the moment between the two renames by which a folder is
replaced: then the place is empty, and the old folder lies beside it, `.NAME.spiq-TOKEN.old`.

What a kill leaves is cleaned by the next writer of the same place, and by `clean`: the old folder is put back where the
place is empty, all else is removed. A hidden folder is locked (flock) for as long as its writer lives, since the kernel
gives the lock back however the writer ends; so what can be locked is left over. Where a file system has no locks,
nothing is cleaned.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError

OLD = ".old"
"""What is added to a hidden folder's name for the folder whose place it takes."""

_MARK = "spiq-"
_TOKEN = "[a-z0-9_]{8}"
"""What tempfile puts into a name."""


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; at the end of the block the file there takes the place of `path`.

    Raises InputError where the folder cannot be written to.
    """
    clean(path)
    with _hidden_folder(path) as folder:
        written = folder / path.name
        try:
            written.touch()
            yield written
            _to_disk(written)
            # A library may make files that only their owner can read.
            written.chmod(0o666 & ~_umask())
            written.replace(path)
        except OSError as error:
            raise _unwritten(path, error) from error


@contextmanager
def new_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """An empty folder to fill; at the end of the block it takes the place of `path`.

    Raises InputError where `path` exists, unless it may be replaced, and where it cannot be written.
    """
    clean(path)
    if path.exists() and not replace:
        raise InputError(f"{path}: exists already", "replace")
    with _hidden_folder(path) as written:
        old = written.with_name(f"{written.name}{OLD}")
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
            if old.exists():
                # From here on it is not to be put back, for it will be removed part by part.
                old.rename(written)
            _to_disk(path.parent)
        except OSError as error:
            raise _unwritten(path, error) from error


def remove_folder(path: Path) -> None:
    """Take the folder away: first out of its place, whole, so that a kill does not leave a part of it there.

    Raises InputError where that is not allowed.
    """
    clean(path)
    with _hidden_folder(path) as folder:
        try:
            path.rename(folder / path.name)
        except OSError as error:
            raise InputError(f"{path}: cannot be removed: {error.strerror or error}") from error


def clean(path: Path) -> None:
    """Remove what killed writers of `path` left beside it; put an old folder back where `path` is missing.

    What a living process writes stays, and so does every other name, such as a user's `.NAME.backup`.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{_MARK}{_TOKEN}({re.escape(OLD)})?")
    try:
        names = sorted(name for name in os.listdir(path.parent) if pattern.fullmatch(name))
    except OSError:
        return
    for name in names:
        left = path.with_name(name)
        if not name.endswith(OLD):
            _remove_left_over(left)
            continue
        new = left.with_name(name.removesuffix(OLD))
        # The new folder's name comes before the old one's. If it is gone, it is in its place or was left over.
        if not os.path.lexists(new):
            with suppress(OSError):
                left.rename(new if os.path.lexists(path) else path)
            _remove_left_over(new)


@contextmanager
def _hidden_folder(path: Path) -> Iterator[Path]:
    """A locked folder under a hidden name beside `path`, removed at the end of the block."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder, handle = _made(path)
        while handle is None:
            # Somebody took it for left over before it was locked.
            folder, handle = _made(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _made(path: Path) -> tuple[Path, int | None]:
    """A new folder under a hidden name beside `path`, and the open file that holds its lock."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.{_MARK}", dir=path.parent))
    return folder, _locked(folder)


def _locked(folder: Path) -> int | None:
    """The new folder opened and locked; None where somebody has removed it or is about to."""
    try:
        handle = _opened(folder)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        # There are no locks on this file system, so nobody can take the folder for left over either.
        return handle
    if not folder.exists():
        os.close(handle)
        return None
    return handle


def _remove_left_over(left: Path) -> None:
    """Remove it unless a living process writes it. It is locked meanwhile, so that nobody begins to."""
    with suppress(OSError):
        handle = _opened(left)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
        finally:
            os.close(handle)


def _opened(path: Path) -> int:
    # Never a link, and a pipe must not make it wait.
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


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
