"""IDX files, the format of MNIST and the sets made after it.

A file is two zero bytes, a type code (8: unsigned bytes), the number of dimensions, each dimension as a big-endian
32-bit number, and then the values, last dimension fastest (http://yann.lecun.com/exdb/mnist/). A name that ends in .gz
is the same, compressed by gzip.
"""

import gzip
import math
import struct
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from ...export.files.plain import opened

MOST_BYTES = 2**30
"""Of the values: twenty times the largest of these sets."""

_UNSIGNED_BYTE = 8


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, "*shape"]:
    """The unsigned bytes of an IDX file that has as many dimensions as told; the file may be a link to one.

    Raises InputError, naming the file, when it cannot be read, is damaged, is shorter or longer than its header says,
    tells of more than `MOST_BYTES`, or holds something else.
    """
    with opened(path, "an IDX file", may_be_link=True) as file:
        if path.suffix != ".gz":
            return _array(file, dimensions, path)
        try:
            with gzip.open(file) as stream:
                return _array(stream, dimensions, path)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{path}: the gzip file is damaged ({error}).") from None


def _array(stream: BufferedReader | gzip.GzipFile, dimensions: int, path: Path) -> UInt8[np.ndarray, "*shape"]:
    header = 4 + 4 * dimensions
    content = stream.read(header)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InputError(f"{path}: an IDX file must start with two zero bytes, got {content[:4]!r}")
    if content[2] != _UNSIGNED_BYTE:
        raise InputError(f"{path}: values must be unsigned bytes (IDX type 8), got the type {content[2]}")
    if content[3] != dimensions:
        raise InputError(f"{path}: the array must have {dimensions} dimensions, got {content[3]}")
    if len(content) < header:
        raise InputError(f"{path}: the file ends within its header")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    expected = math.prod(shape)
    if expected > MOST_BYTES:
        raise InputError(f"{path}: its header must tell at most {MOST_BYTES} bytes, got the shape {list(shape)}")
    # One more than there should be, and no more of a file that goes on for ever.
    values = stream.read(expected + 1)
    if len(values) < expected:
        raise InputError(
            f"{path}: the file is cut short: its header tells {list(shape)} bytes, but {len(values)} follow"
        )
    if len(values) > expected:
        raise InputError(f"{path}: the file has bytes too many: its header tells {list(shape)} bytes, but more follow")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
