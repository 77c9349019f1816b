"""The values of one HDF5 dataset or attribute, from the records that describe them.

An array that is stored as it is cannot be larger than the file. One in chunks must have all of them, and what they
come to once they are inflated is held against `Budget` before any is.
"""

import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pyfive.btree import FLETCH32_FILTER, GZIP_DEFLATE_FILTER, SHUFFLE_FILTER, BTreeV1RawDataChunks
from pyfive.dataobjects import determine_data_shape
from pyfive.datatype_msg import DatatypeMessage

from ..errors import InputError

Value = np.ndarray | np.generic | bytes

ALWAYS_ALLOWED, LARGEST_RATIO = 2**27, 16
"""All values of a file may take up so many bytes together, or so many times the file's own bytes if that is more."""

_MOST_DIMENSIONS = 32

_UNDEFINED = 2**64 - 1

# HDF5 File Format Specification 3.0, IV.A.2.d: classes of datatypes.
_INTEGER, _FLOAT, _TEXT, _ENUM, _VARIABLE = 0, 1, 3, 8, 9
_OTHERS = {
    2: "times",
    4: "bit fields",
    5: "opaque values",
    6: "compound or complex values",
    7: "references",
    10: "arrays",
}

# IV.A.2.d: offset, precision, exponent's place and size, mantissa's place and size, exponent's bias of IEEE 754.
_IEEE = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}

_TRUTH = (b"FALSE\0\0\0TRUE\0\0\0\0\0\1", b"FALSE\0TRUE\0\0\1")
"""The names and values of the enumeration as which h5py stores truth values, padded and not."""

_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
"""A text of any length, as it stands in an array: it lies elsewhere."""


class Budget:
    """How many bytes a file's values may still take up."""

    def __init__(self, file_size: int) -> None:
        self.allowed = self.left = max(ALWAYS_ALLOWED, LARGEST_RATIO * file_size)

    def take(self, size: int, where: str) -> None:
        """Raises InputError where it is more than is left."""
        self.left -= size
        if self.left < 0:
            raise InputError(
                f"{where} and what was read before it must take up at most {self.allowed} bytes in a file of this "
                "size, got more; a larger one must be written without compression"
            )


class Storage(NamedTuple):
    """Where values lie: the file's content, what may still be made of it, texts by their address, and its records."""

    content: memoryview
    budget: Budget
    texts: Callable[[int], Mapping[int, bytes]]
    records: Any


class _Element(NamedTuple):
    """The type of one value: as it is stored, and as it is given."""

    stored: np.dtype
    given: np.dtype
    ends_at_zero: bool = False


def value_of(
    datatype: bytes, dataspace: bytes, layout: bytes, filters: Sequence[Mapping[str, Any]], storage: Storage, where: str
) -> Value:
    """The dataset that these records describe; `where` names it in the errors.

    Raises InputError where it is of a type that is not read, where its values are not all there, and where they take up
    too much.
    """
    element = _element(datatype, where)
    shape = _shape(dataspace, where)
    size = math.prod(shape) * element.stored.itemsize
    version, kind = layout[:2]
    if version not in (3, 4) or kind not in (0, 1, 2) or (version, kind) == (4, 2):
        found = "virtual ones" if kind == 3 else f"ones stored in HDF5's layout {kind} of version {version}"
        raise InputError(
            f'{where} must be values in one piece, or in chunks as HDF5 writes them without libver="latest", got '
            f"{found}"
        )
    if kind == 2:
        return _finished(_chunks(layout, element.stored, shape, filters, storage, where), element, storage, where)
    if filters:
        raise ValueError("values in one piece have filters")
    if kind == 0:
        (stored,) = struct.unpack_from("<H", layout, 2)
        raw = memoryview(layout)[4 : 4 + stored]
    else:
        address, stored = struct.unpack_from("<QQ", layout, 2)
        if address == _UNDEFINED and size:
            raise InputError(f"{where} has values that were never written")
        raw = storage.content[address : address + stored] if size else b""
    if size > len(raw):
        raise InputError(f"{where} must hold {list(shape)} values in {size} bytes, got {len(raw)} bytes")
    storage.budget.take(size, where)
    return _finished(np.frombuffer(raw[:size], element.stored).reshape(shape), element, storage, where)


def attribute(record: bytes, storage: Storage) -> tuple[str, Value] | None:
    """Name and value of an attribute; None where its value is not one that is read."""
    # IV.A.2.m: of version 1 all parts are padded, of versions 2 and 3 none is.
    version, flags, *sizes = struct.unpack_from("<BBHHH", record)
    if version not in (1, 2, 3):
        raise ValueError(f"an attribute has the version {version}")
    place = 9 if version == 3 else 8
    parts: list[bytes] = []
    for size in sizes:
        parts.append(record[place : place + size])
        place += -(-size // 8) * 8 if version == 1 else size
    name, datatype, dataspace = parts
    if version > 1 and flags:
        return None
    raw = record[place:]
    try:
        element, shape = _element(datatype, "it"), _shape(dataspace, "it")
        size = math.prod(shape) * element.stored.itemsize
        if size > len(raw):
            return None
        array = np.frombuffer(raw[:size], element.stored).reshape(shape)
        return name.split(b"\0")[0].decode(), _finished(array, element, storage, "it")
    except InputError:
        return None


def _shape(dataspace: bytes, where: str) -> tuple[int, ...]:
    shape, _ = determine_data_shape(dataspace, 0)
    if shape is None:
        raise InputError(f"{where} has no values, not even none of them (HDF5's null dataspace)")
    if len(shape) > _MOST_DIMENSIONS:
        raise InputError(f"{where} must have at most {_MOST_DIMENSIONS} dimensions, got {len(shape)}")
    return shape


def _element(datatype: bytes, where: str) -> _Element:
    kind = datatype[0] & 15
    (size,) = struct.unpack_from("<I", datatype, 4)
    if kind in _OTHERS:
        raise InputError(f"{where} must hold numbers, truth values or texts, got {_OTHERS[kind]}")
    if kind == _VARIABLE:
        if datatype[1] & 15 != 1 or size != _REFERENCE.itemsize:
            raise InputError(f"{where} must hold numbers, truth values or texts, got lists of several lengths")
        return _Element(_REFERENCE, np.dtype(object))
    if kind == _TEXT:
        if not 0 < size < 2**31 or datatype[1] & 15 > 1:
            found = "padded ones" if 0 < size < 2**31 else f"{size} bytes"
            raise InputError(f"{where} must hold texts of 1 to {2**31 - 1} bytes, not padded with spaces, got {found}")
        # What stands behind the zero that ends a text is no part of it.
        return _Element(np.dtype(f"S{size}"), np.dtype(f"S{size}"), ends_at_zero=datatype[1] & 15 == 0)
    if kind == _ENUM:
        # An enumeration's type and names; the names are padded before version 3.
        base, names = datatype[8:20], datatype[20:]
        if base[0] & 15 != _INTEGER:
            raise ValueError("an enumeration is not of integers")
        stored = _element(base, where).stored
        return _Element(stored, np.dtype(bool) if stored.itemsize == 1 and names.startswith(_TRUTH) else stored)
    if kind not in (_INTEGER, _FLOAT):
        raise ValueError(f"a datatype has the class {kind}")
    if not _is_plain(datatype, kind, size):
        raise InputError(f"{where} holds numbers of a kind that NumPy does not have")
    dtype = np.dtype(DatatypeMessage(datatype, 0).ptype.dtype)
    return _Element(dtype, dtype)


def _is_plain(datatype: bytes, kind: int, size: int) -> bool:
    """Whether a number has all the bits of its bytes, and a floating-point one the layout of IEEE 754."""
    if kind == _INTEGER:
        return size in (1, 2, 4, 8) and struct.unpack_from("<HH", datatype, 8) == (0, 8 * size)
    # The bits say: the order of the bytes, no padding, an implied leading bit; and where the sign is.
    return (
        size in _IEEE
        and datatype[1] in (0x20, 0x21)
        and datatype[2] == 8 * size - 1
        and struct.unpack_from("<HHBBBBI", datatype, 8) == _IEEE[size]
    )


def _finished(array: np.ndarray, element: _Element, storage: Storage, where: str) -> Value:
    """The stored values as they are given: no view of the file, a scalar where there is one value without a shape."""
    if element.stored == _REFERENCE:
        array = _texts(array, storage, where)
    elif element.ends_at_zero:
        cut = [text.split(b"\0")[0] for text in array.reshape(-1).tolist()]
        array = np.array(cut, element.given).reshape(array.shape)
    elif element.given == np.dtype(bool):
        array = array != 0
    elif not array.flags.writeable:
        array = array.copy()
    return array[()]


def _texts(array: np.ndarray, storage: Storage, where: str) -> np.ndarray:
    """What the references lead to, up to a zero, as h5py gives it."""
    texts = np.empty(array.size, object)
    for index, (length, heap, number) in enumerate(array.reshape(-1).tolist()):
        text = storage.texts(heap)[number] if length else b""
        if length > len(text):
            raise ValueError("a text is longer than what is stored of it")
        storage.budget.take(length, where)
        texts[index] = text[:length].split(b"\0")[0]
    return texts.reshape(array.shape)


def _chunks(
    layout: bytes,
    dtype: np.dtype,
    shape: tuple[int, ...],
    filters: Sequence[Mapping[str, Any]],
    storage: Storage,
    where: str,
) -> np.ndarray:
    """The array that is stored in chunks, each of which must be there."""
    # IV.A.2.i, version 3: the last of the sizes is that of a value in bytes.
    dimensions, address = struct.unpack_from("<BQ", layout, 2)
    *chunk, itemsize = struct.unpack_from(f"<{dimensions}I", layout, 11)
    if len(chunk) != len(shape) or not all(chunk) or itemsize != dtype.itemsize:
        raise ValueError("its chunks do not fit its shape")
    kinds = [entry["filter_id"] for entry in filters]
    if len(set(kinds)) < len(kinds) or not {*kinds} <= {GZIP_DEFLATE_FILTER, SHUFFLE_FILTER, FLETCH32_FILTER}:
        raise InputError(
            f"{where} must have no filters but gzip (1), shuffle (2) and Fletcher-32 (3), each once, got {kinds}"
        )
    wanted = math.prod(-(-size // step) for size, step in zip(shape, chunk, strict=True))
    if not wanted:
        return np.empty(shape, dtype)
    if address == _UNDEFINED:
        raise InputError(f"{where} has values that were never written")
    leaves = BTreeV1RawDataChunks(storage.records, address, dimensions).all_nodes[0]
    stored = [pair for leaf in leaves for pair in zip(leaf["keys"], leaf["addresses"], strict=True)]
    places = {key["chunk_offset"][:-1] for key, _ in stored}
    if len(stored) != wanted or len(places) != wanted:
        raise InputError(f"{where} must hold {wanted} chunks, got {len(places)}")
    chunk_size = math.prod(chunk) * itemsize
    storage.budget.take(wanted * chunk_size, where)
    array = np.empty(shape, dtype)
    for key, start in stored:
        place = key["chunk_offset"][:-1]
        if any(at % step or at >= size for at, step, size in zip(place, chunk, shape, strict=True)):
            raise ValueError("a chunk lies outside the array")
        raw = storage.content[start : start + key["chunk_size"]]
        # Deflate makes what cannot be compressed a little longer, and so does a checksum.
        if len(raw) < key["chunk_size"] or len(raw) > chunk_size + chunk_size // 64 + 1024:
            raise ValueError("a chunk is cut off, or longer than its values")
        values = np.frombuffer(_unfiltered(raw, key["filter_mask"], filters, chunk_size, itemsize), dtype).reshape(
            chunk
        )
        window = tuple(slice(at, at + step) for at, step in zip(place, chunk, strict=True))
        inside = tuple(slice(size - at) for size, at in zip(shape, place, strict=True))
        array[window] = values[inside]
    return array


def _unfiltered(
    raw: memoryview, skipped: int, filters: Sequence[Mapping[str, Any]], size: int, itemsize: int
) -> bytes | memoryview:
    """A chunk as it was before it was filtered. A bit of `skipped` stands for a filter that was not applied to it."""
    data: bytes | memoryview = raw
    for number in reversed(range(len(filters))):
        if skipped >> number & 1:
            continue
        if filters[number]["filter_id"] == GZIP_DEFLATE_FILTER:
            # A checksum may stand behind the values still.
            data = zlib.decompressobj().decompress(data, size + 5)
        else:
            data = BTreeV1RawDataChunks._filter_chunk(bytes(data), 0, [filters[number]], itemsize)
    if len(data) != size:
        raise ValueError("a chunk does not have the size of its values")
    return data
