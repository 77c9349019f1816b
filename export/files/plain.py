"""Reading files that somebody else may have put there: plain files only, of a bounded size.

A FIFO would keep a reader waiting for ever, a device has no end, and a link leads to a file that nobody has named. They
are refused before they are opened, and once more after that, since the name may lead elsewhere by then.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import InputError

MOST_BYTES = 2**33
"""Of a file that is read piece by piece."""

MOST_BYTES_AT_ONCE = 2**30
"""Of a file that is read whole: it and what is made of it stand in memory at the same time."""

MOST_TEXT_BYTES = 2**24
"""Of a file that is a text (TOML, JSON): a parser makes some fifty bytes of each."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}

# A FIFO that takes the file's place in the meantime is opened without waiting. Windows has none of the three.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_file(path: Path | str, needed: str, may_be_link: bool = False, most: int = MOST_BYTES_AT_ONCE) -> bytes:
    """The content of the file. `needed` says what it should be, "a NIR graph (.nir)" say. Raises as `opened` does."""
    with opened(path, needed, may_be_link, most) as file:
        # A file may grow while it is read.
        content = file.read(most + 1)
    if len(content) > most:
        raise _too_large(path, len(content), most)
    return content


@contextmanager
def opened(
    path: Path | str, needed: str, may_be_link: bool = False, most: int = MOST_BYTES
) -> Iterator[BufferedReader]:
    """The plain file, to be read in the block.

    Raises InputError, naming it, where it is missing, not to be read, larger than `most` bytes, a FIFO, a device, a
    socket or a folder, or a link, unless it may be a link to a plain file; and for an OSError in the block.
    """
    check_plain(path, needed, may_be_link)
    try:
        with open(os.open(path, _FLAGS | (0 if may_be_link else _NO_LINK)), "rb") as file:
            status = os.fstat(file.fileno())
            _check_kind(path, status, needed)
            if status.st_size > most:
                raise _too_large(path, status.st_size, most)
            yield file
    except OSError as error:
        raise _unreadable(path, error) from error


def check_plain(path: Path | str, needed: str, may_be_link: bool = False) -> None:
    """Raises InputError where there is no plain file of that name, as `opened` does, without opening it."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            if not may_be_link:
                raise InputError(
                    f"{path}: must be the file itself, got a link to {os.readlink(path)}, since links are not followed"
                )
            status = os.stat(path)
    except FileNotFoundError:
        raise InputError(f"{path}: must be {needed}, got no such file") from None
    # A ValueError is for a name with a character of code 0.
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(path, error) from error
    _check_kind(path, status, needed)


def _check_kind(path: Path | str, status: os.stat_result, needed: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no plain file")
        raise InputError(f"{path}: must be {needed}, got {kind}")


def _too_large(path: Path | str, size: int, most: int) -> InputError:
    return InputError(f"{path}: must have at most {most} bytes, got {size}")


def _unreadable(path: Path | str, error: OSError | ValueError) -> InputError:
    return InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")
