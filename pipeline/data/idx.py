"""IDX files, the format of MNIST and the sets made after it.

A file is two zero bytes, a type code (8: unsigned bytes), the number of dimensions, each dimension as a big-endian
32-bit number, and then the values, last dimension fastest (http://yann.lecun.com/exdb/mnist/). A name that ends in .gz
is the same, compressed by gzip.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError

_UNSIGNED_BYTE = 8


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, "*shape"]:
    """The unsigned bytes of an IDX file that has as many dimensions as told.

    Raises InputError, naming the file, when it cannot be read, is damaged, is shorter or longer than its header says,
    or holds something else.
    """
    content = _read(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InputError(f"{path}: an IDX file starts with two zero bytes, but this one with {content[:4]!r}.")
    if content[2] != _UNSIGNED_BYTE:
        raise InputError(f"{path}: values must be unsigned bytes (IDX type 8), but their type is {content[2]}.")
    if content[3] != dimensions:
        raise InputError(f"{path}: {dimensions} dimensions are needed, but the file has {content[3]}.")
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise InputError(f"{path}: the file ends within its header.")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    found, expected = len(content) - header, math.prod(shape)
    if found != expected:
        fault = "is cut short" if found < expected else "has bytes too many"
        raise InputError(f"{path}: the file {fault}: its header tells {list(shape)} bytes, but {found} follow.")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                return stream.read()
        return path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged ({error}).") from None
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror}).") from None
