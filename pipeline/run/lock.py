"""One command at a time in a run's folder.

The folder itself is locked (flock), so nothing lies in it for that, and the kernel gives the lock back however a
command ends.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...export.errors import InputError
from ...export.files.atomic import clean
from .folder import FILES


@contextmanager
def locked(run: Path, tell: Callable[[str], None]) -> Iterator[bool]:
    """Keep the run's folder for this command; yields whether it was made here, because it was missing.

    What killed commands left in it is cleaned. Raises InputError where another command has it or it cannot be made.
    Where its file system has no locks, `tell` hears that, and the folder is not locked.
    """
    made = _make(run)
    try:
        handle = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{run}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InputError(f"{run}: another spiq command is at work in this folder; wait until it has ended") from None
    except OSError as error:
        tell(f"{run}: cannot be locked on its file system ({error.strerror}), so run one command in it at a time")
    try:
        for name in FILES:
            clean(run / name)
        yield made
    finally:
        os.close(handle)


def _make(run: Path) -> bool:
    try:
        run.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(f"{run}: cannot be written: {error.strerror}") from error
    return True
