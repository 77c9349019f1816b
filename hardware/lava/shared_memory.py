"""Linux's named shared memory, through which Lava's processes speak: whether it is full, and what killed ones left."""

import os
import time
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps named shared memory and semaphores, as files."""

LEAST_ROOM = 2**16
"""Bytes: with less room there, shared memory counts as full."""

HALF_MADE = 1.0
"""Seconds after which a semaphore that is still being made is taken for left behind."""


def is_full() -> bool:
    """Whether Lava's processes find no more room there."""
    with suppress(OSError):
        room = os.statvfs(SHARED_MEMORY)
        return room.f_bavail * room.f_frsize < LEAST_ROOM
    return False


def remove_left(name: str, since: float) -> None:
    """Remove what a worker left there whose processes have ended.

    That is what has the worker's `name` in its own, and half-made semaphores of the time after `since` (seconds of the
    epoch).
    """
    for left in SHARED_MEMORY.glob(f"*{name}-*"):
        left.unlink(missing_ok=True)
    _remove_half_made_semaphores(since)


def _remove_half_made_semaphores(since: float) -> None:
    """Remove what a process killed within `sem_open` left.

    glibc (`sem_open.c`) makes a semaphore under a name of its own, sem. and six characters, before it has the one that
    was asked for. One that no process has in its memory after a second is nobody's: to make one takes microseconds.
    """
    for path in SHARED_MEMORY.glob("sem.??????"):
        with suppress(OSError):
            made = path.stat()
            if made.st_uid != os.getuid() or made.st_mtime < since or _is_mapped(path):
                continue
            time.sleep(max(0.0, made.st_mtime + HALF_MADE - time.time()))
            if not _is_mapped(path):
                path.unlink()


def _is_mapped(path: Path) -> bool:
    """Whether a process has the file in its memory."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            if str(path) in maps.read_text(errors="replace"):
                return True
    return False
