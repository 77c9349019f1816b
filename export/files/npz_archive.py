"""An .npz archive from outside: what its entries claim is held against its bytes before anything inflates.

An archive is a zip file, and an entry is an array with a header that says its type and its shape (NumPy's format of
.npy, numpy.lib.format). So an array's size stands in three places: in the zip's directory, in the array's header, and
in the bytes. Reading one stops where the directory says that it ends.
"""

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

MOST_BYTES = 2**32
"""Of all the arrays together that are read of an archive."""

ALWAYS_ALLOWED, LARGEST_RATIO = 2**30, 16
"""The arrays that are read may together take so many bytes however small the archive is, and beyond that so many times
their bytes in it. Few arrays that are of use become smaller than that, and those can be stored as they are."""

MOST_DIRECTORY_BYTES = 2**24
"""Of a zip's directory: some 200,000 entries, of which a reader makes objects before it is asked for any."""

DEFLATE_RATIO = 1032
"""How many times its size deflate can become: 258 bytes for 2 bits (zlib's documentation, "Maximum Compression
Factor")."""

PLAIN_KINDS = "biufcSUmM"
"""NumPy's kinds of types that hold their values themselves, one a cell: no Python objects, no records."""

_MAGIC = b"\x93NUMPY"
_MOST_HEADER_BYTES = 2**16
_CHUNK_BYTES = 2**20
_ENCRYPTED = 1
_LOCAL_HEADER_BYTES = 30

# What the zip reader, and NumPy with its Python-like header, were seen to raise where they are damaged.
_ZIP_DAMAGE = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)
_HEADER_DAMAGE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError, tokenize.TokenError)

_PLAIN = "it is damaged or no plain array"


class ArrayError(ValueError):
    """An array or an archive that is not read; the message is the reason, in a few words."""


class _Header(NamedTuple):
    """What an array's own header says, and how many bytes it takes itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    length: int

    @property
    def size(self) -> int:
        """The array's bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class NpzArchive:
    """The arrays of an opened file, by name. Raises ArrayError where it is no archive of entries side by side."""

    def __init__(self, file: BinaryIO) -> None:
        if file.read(len(_MAGIC)) == _MAGIC:
            raise ArrayError("it must be an .npz archive, got a single array")
        fault = "this is no readable .npz archive"
        try:
            self._zip = zipfile.ZipFile(_InPieces(file))  # type: ignore[arg-type]
        except _ZIP_DAMAGE as error:
            raise ArrayError(fault) from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        end = 0
        for entry in sorted(self._zip.infolist(), key=lambda entry: entry.header_offset):
            if entry.header_offset < end:
                raise ArrayError(f"{fault}: its entries overlap")
            end = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.orig_filename) + entry.compress_size
        if end > self._zip.start_dir:
            raise ArrayError(f"{fault}: its entries are larger than the file")
        for entry in self._zip.infolist():
            key = entry.filename.removesuffix(".npy")
            if key in self._entries:
                raise ArrayError(f"the key {key} is there more than once")
            self._entries[key] = entry

    @property
    def keys(self) -> tuple[str, ...]:
        """The arrays' names, in the order of the archive."""
        return tuple(self._entries)

    def array(self, key: str) -> np.ndarray:
        """The array, its checksum right. Raises ArrayError."""
        try:
            with self._stream(key) as stream:
                found = _array(stream, _header(stream), self._entries[key].file_size)
                # The zip reader looks at the checksum once it has come to the end.
                stream.read(1)
                return found
        except _ZIP_DAMAGE as error:
            raise _reason(error) from error

    def check_total(self, keys: Iterable[str], most: int) -> None:
        """Raises ArrayError, its message beginning with a key, where these arrays together take more than `most` bytes,
        or more than so small an archive may make of itself.
        """
        total = stored = 0
        for key in keys:
            total += self._entries[key].file_size
            stored += self._entries[key].compress_size
            if total > most:
                raise ArrayError(f"{key}: the arrays up to it must take at most {most} bytes, got {total}")
            allowed = max(ALWAYS_ALLOWED, LARGEST_RATIO * stored)
            if total > allowed:
                raise ArrayError(
                    f"{key}: the arrays up to it must take at most {allowed} bytes, got {total} of {stored} compressed "
                    "ones; numpy.savez stores them uncompressed"
                )

    def _stream(self, key: str) -> BinaryIO:
        entry = self._entries[key]
        if entry.flag_bits & _ENCRYPTED:
            raise ArrayError("it is encrypted")
        match entry.compress_type:
            case zipfile.ZIP_STORED:
                most = entry.compress_size
            case zipfile.ZIP_DEFLATED:
                most = DEFLATE_RATIO * (entry.compress_size + 1)
            case _:
                raise ArrayError("it is compressed in another way than by deflate")
        if entry.file_size > most:
            raise ArrayError(
                f"it must have at most {most} bytes, which its {entry.compress_size} in the file can hold, got "
                f"{entry.file_size}"
            )
        return self._zip.open(entry)  # type: ignore[return-value]


def read_single(file: BinaryIO, most: int) -> np.ndarray:
    """The array of an opened .npy file. Raises ArrayError where it is none, or of more than `most` bytes."""
    size = file.seek(0, io.SEEK_END)
    if size > most:
        raise ArrayError(f"it must have at most {most} bytes, got {size}")
    file.seek(0)
    return _array(file, _header(file), size)


def _header(stream: BinaryIO) -> _Header:
    start = stream.read(len(_MAGIC) + 2)
    readers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if start[: len(_MAGIC)] != _MAGIC or len(start) < len(_MAGIC) + 2 or start[-2] not in readers:
        raise ArrayError(_PLAIN)
    # NumPy reads as much as the header says that it has, and looks at it afterwards.
    width = 2 * start[-2]
    length = stream.read(width)
    count = int.from_bytes(length, "little")
    if count > _MOST_HEADER_BYTES:
        raise ArrayError(_PLAIN)
    content = length + stream.read(count)
    try:
        # Of a header that is half Python, Python and NumPy also warn.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = readers[start[-2]](io.BytesIO(content))
    except _HEADER_DAMAGE as error:
        raise ArrayError(_PLAIN) from error
    if dtype.kind not in PLAIN_KINDS or not dtype.itemsize or any(size < 0 for size in shape):
        raise ArrayError(_PLAIN)
    return _Header(shape, fortran, dtype, len(start) + len(content))


def _array(stream: BinaryIO, header: _Header, size: int) -> np.ndarray:
    """The array behind its header, of a stream that holds so many bytes in all."""
    if header.length + header.size != size:
        raise ArrayError(
            f"{_PLAIN}: its header tells {list(header.shape)} of {header.dtype}, so {header.size} bytes must follow, "
            f"got {size - header.length}"
        )
    try:
        content = bytearray(header.size)
    except MemoryError as error:
        raise ArrayError(f"this machine's memory cannot hold its {header.size} bytes") from error
    view, filled = memoryview(content), 0
    while filled < header.size:
        piece = stream.read(min(_CHUNK_BYTES, header.size - filled))
        if not piece:
            raise ArrayError(_PLAIN)
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    try:
        return np.ndarray(header.shape, header.dtype, content, order="F" if header.fortran else "C")
    # A shape with a 0 in it may have any other sizes.
    except _HEADER_DAMAGE as error:
        raise ArrayError(_PLAIN) from error


def _reason(error: BaseException) -> ArrayError:
    return error if isinstance(error, ArrayError) else ArrayError(_PLAIN)


class _InPieces:
    """A file as the zip reader sees it: of what it reads at once, only the directory may be large, and that has a most.

    The directory's size stands in several places, and which of them counts is the reader's affair.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("the directory is too large")
        return self._file.read(size)
