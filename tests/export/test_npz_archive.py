"""An archive that claims more than its bytes hold is refused before it takes memory; a sound one is read as it is."""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from spiq.export.errors import InputError
from spiq.export.files.arrays import read_every_array, read_npy, read_npz, write_npz

GIBIBYTE = 2**30


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(content: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "x.npy") -> bytearray:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        file.writestr(name, content)
    return bytearray(stream.getvalue())


def claimed(size: int) -> bytes:
    """A small archive whose directory and whose array's header claim `size` bytes."""
    content = archive(header((size - 128,)) + bytes(1000))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


def twice(content: bytes) -> bytes:
    """The archive's only entry stands twice in its directory."""
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    other = entry.replace(b"x.npy", b"y.npy")
    tail = content[end:8] + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), start, 0)
    return content[:start] + entry + other + tail


def large_directory() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(400):
            entry = zipfile.ZipInfo(f"{number}.npy")
            entry.comment = bytes(2**16 - 1)
            file.writestr(entry, b"")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            claimed(2**31),
            r"x: the arrays up to it must take at most 1073741824 bytes, got 2147483648 of \d+ compressed ones",
        ),
        (
            claimed(2**30),
            r"x cannot be read: it must have at most \d+ bytes, which its \d+ .* can hold, got 1073741824",
        ),
        (claimed(100_000), "x cannot be read: it must have at most .*, got 100000"),
        (claimed(20_000), "x cannot be read: it is damaged or no plain array"),
        (archive(header((GIBIBYTE, GIBIBYTE))), r"its header tells \[1073741824, 1073741824\] of uint8"),
        (archive(header((3,)) + bytes(4)), "its header tells .* so 3 bytes must follow, got 4"),
        (archive(header((-1, -3)) + bytes(3)), "it is damaged or no plain array"),
        (archive(header((2**60,), "|S0")), "it is damaged or no plain array"),
        (archive(header((2**70, 0))), "it is damaged or no plain array"),
        (archive(header((1,), "|V8") + bytes(8)), "it is damaged or no plain array"),
        (archive(b"\x93NUMPY\x02\x00" + b"\xff" * 2000), "it is damaged or no plain array"),
        (archive(header((3,)) + bytes(3), zipfile.ZIP_LZMA), "it is compressed in another way than by deflate"),
        (archive(header((3,)) + bytes(3), zipfile.ZIP_BZIP2), "it is compressed in another way than by deflate"),
        (twice(archive(header((3,)) + bytes(3))), r"no readable \.npz archive: its entries overlap"),
        (large_directory(), r"no readable \.npz archive"),
    ],
)
def test_what_an_archive_claims_is_held_against_its_bytes(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        for source in (path, bytes(content)):
            with pytest.raises(InputError, match=rf"a\.npz: .*{message}"):
                read_npz(source, ["x"], name="a.npz")
        assert tracemalloc.get_traced_memory()[1] < 2**23 + 3 * len(content)
    finally:
        tracemalloc.stop()


def test_an_array_that_inflates_beyond_the_most_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, {"x": np.zeros(2**24, np.uint8), "y": np.zeros(2**24, np.uint8)})
    assert path.stat().st_size < 2**24 / 400
    assert not read_npz(path, ["x", "y"])["y"].any()
    tracemalloc.start()
    try:
        for read in (
            lambda: read_npz(path, ["x", "y"], most=2**25),
            lambda: read_every_array(path, str(path), "a program", 2**25),
        ):
            with pytest.raises(
                InputError, match="y: the arrays up to it must take at most 33554432 bytes, got 33554688"
            ):
                read()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_key_that_stands_twice_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", header((3,)) + bytes(3))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("x.npy", header((3,)) + bytes(3))
    with pytest.raises(InputError, match="a: the key x is there more than once"):
        read_npz(stream.getvalue(), ["x"], name="a")


def test_a_warning_of_numpy_or_python_reaches_nobody(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (3L,), }".ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(3))
    assert not read_npy(tmp_path / "a.npy", "an array", 1000).any()
    assert not recwarn.list


ARRAYS = st_numpy.arrays(
    st.sampled_from([np.uint8, ">i2", np.int64, np.float32, np.float64, np.complex128, "U5", "S3", bool]),
    st_numpy.array_shapes(min_dims=0, min_side=0),
)


@settings(deadline=None)
@given(first=ARRAYS, second=ARRAYS, save=st.sampled_from([np.savez, np.savez_compressed]), fortran=st.booleans())
def test_any_plain_arrays_are_read_as_numpy_reads_them(
    first: np.ndarray, second: np.ndarray, save: Callable[..., None], fortran: bool
) -> None:
    stream = io.BytesIO()
    save(stream, a=np.asfortranarray(first) if fortran else first, b=second)
    found = read_npz(stream.getvalue(), ["a"], ["b", "c"])
    assert read_every_array(stream.getvalue(), "here", "arrays", 2**20).keys() == found.keys() == {"a", "b"}
    with np.load(io.BytesIO(stream.getvalue())) as expected:
        for key, array in found.items():
            assert array.dtype == expected[key].dtype
            assert array.shape == expected[key].shape
            assert array.tobytes() == expected[key].tobytes()
            assert array.flags.writeable
