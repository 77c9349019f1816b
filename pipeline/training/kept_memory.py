"""Freed memory that stays with the process.

glibc gives the pages of a large freed block back to the system, which clears them for the next block. A training step
frees and allocates the same tensors again and again: of one of examples/mnist.toml (batch 128) a sixth went into that,
on 2 cores.
"""

import ctypes
import platform

# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_LARGEST_FROM_HEAP = 2**25
"""Bytes: larger blocks always come from the system; glibc allows no more."""

_NEVER = 2**31 - 1
"""Bytes that may lie free at the heap's end: the most that the option's type holds."""


def keep_freed_memory() -> bool:
    """From now on memory that is freed stays with this process, up to its end. False where the C library is not glibc.

    It is for a program's start: the whole process is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    allocator = ctypes.CDLL(None)
    return all(
        allocator.mallopt(option, size) == 1
        for option, size in ((_M_TRIM_THRESHOLD, _NEVER), (_M_MMAP_THRESHOLD, _LARGEST_FROM_HEAP))
    )
