"""HDF5 files as h5py writes them: what is read equals what h5py reads, or is refused in a sentence."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from spiq.export.errors import InputError
from spiq.export.files.hdf5 import flattened, read_hdf5

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"

NUMBERS = st.sampled_from([
    *["i1", "u1", "<i2", ">i2", "<u4", "<i8", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8"], "?", "S1", "S7",
]).map(np.dtype)  # fmt: skip

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)


def written(fill: Callable[[h5py.File], None], **options: Any) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        fill(file)
    return content.getvalue()


def by_h5py(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda key, item: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if not isinstance(ours, bytes):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        ours, theirs = ours.tolist(), theirs.tolist()
    # repr also holds NaN against NaN.
    assert repr(ours) == repr(theirs)


def assert_read_as_by_h5py(content: bytes) -> None:
    ours, theirs = flattened(read_hdf5(content, "a file").root), by_h5py(content)
    assert list(ours) == list(theirs)
    for path, value in theirs.items():
        assert_same(ours[path], value)


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.nir")), ids=lambda path: path.stem)
def test_the_files_of_other_frameworks_are_read_as_by_h5py(path: Path) -> None:
    assert_read_as_by_h5py(path.read_bytes())


ARRAYS = NUMBERS.flatmap(
    lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=0, max_side=9, min_side=0))
)


@settings(deadline=None)
@given(
    arrays=st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"]), ARRAYS, max_size=5),
    text=TEXTS,
    texts=st.lists(TEXTS, max_size=5),
    libver=st.sampled_from(["earliest", "v108", "latest"]),
    block=st.sampled_from([0, 512, 2048]),
)
def test_numbers_and_texts_are_read_as_by_h5py(
    arrays: dict[str, np.ndarray], text: str, texts: list[str], libver: str, block: int
) -> None:
    def fill(file: h5py.File) -> None:
        for path, array in arrays.items():
            file[path] = array
        file["text"] = text
        file["texts"] = texts or np.zeros((0, 2), h5py.string_dtype())
        file.create_group("empty")
        file.attrs["said"] = text
        file.attrs["number"] = 2.5
        file.attrs["several"] = np.arange(3)

    content = written(fill, libver=libver, userblock_size=block)
    assert_read_as_by_h5py(content)
    found = read_hdf5(content, "a file")
    assert found.root["empty"] == {}
    assert found.attributes["said"] == text.encode()
    assert found.attributes["number"] == 2.5
    assert np.array_equal(found.attributes["several"], np.arange(3))


@settings(deadline=None)
@given(
    array=st_numpy.arrays(
        st.sampled_from(["<f4", ">i2", "u1", "?"]).map(np.dtype),
        st_numpy.array_shapes(min_dims=1, max_dims=3, max_side=9),
    ),
    options=st.fixed_dictionaries(
        {}, optional={"compression": st.just("gzip"), "shuffle": st.just(True), "fletcher32": st.just(True)}
    ),
    data=st.data(),
)
def test_chunks_are_read_as_by_h5py(array: np.ndarray, options: dict[str, Any], data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.integers(1, size)) for size in array.shape)
    # With a largest shape the chunks may be larger than the array.
    shape = data.draw(st.none() | st.just((None,) * array.ndim))
    if shape is not None:
        chunks = tuple(data.draw(st.integers(1, 12)) for _ in array.shape)

    def fill(file: h5py.File) -> None:
        file.create_dataset("a", data=array, chunks=chunks, maxshape=shape, **options)

    assert_read_as_by_h5py(written(fill))


@pytest.mark.parametrize("libver", ["earliest", "v108", "v112", "latest"])
def test_truth_values_and_other_enumerations_are_read_as_by_h5py(libver: str) -> None:
    def fill(file: h5py.File) -> None:
        file["truth"] = np.array([True, False])
        colours = h5py.enum_dtype({"RED": 0, "GREEN": 300}, "i2")
        file.create_dataset("colours", data=[300, 0], dtype=colours)

    content = written(fill, libver=libver)
    found = read_hdf5(content, "a file").root
    assert_same(found["truth"], np.array([True, False]))
    assert_same(found["colours"], np.array([300, 0], np.int16))


def test_a_text_that_ends_at_a_zero_is_cut_there() -> None:
    def fill(file: h5py.File) -> None:
        dataset = h5py.h5d.create(file.id, b"a", ends_at_zero(), h5py.h5s.create_simple((2,)))
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab\0cd", b"x"], "S5"), mtype=ends_at_zero())

    assert_read_as_by_h5py(written(fill))


def ends_at_zero() -> Any:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(5)
    return kind


def test_a_compact_array_is_read() -> None:
    def fill(file: h5py.File) -> None:
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        dataset = h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_INT32, space, compact)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(3, dtype=np.int32))

    assert_read_as_by_h5py(written(fill))


def test_what_is_read_can_be_changed() -> None:
    content = written(lambda file: file.create_dataset("a", data=np.arange(3)))
    array = read_hdf5(content, "a file").root["a"]
    assert isinstance(array, np.ndarray)
    array[0] = 7
    assert read_hdf5(content, "a file").root["a"].tolist() == [0, 1, 2]  # pyright: ignore


def reference(file: h5py.File) -> None:
    file["a"] = file.ref


def committed(file: h5py.File) -> None:
    file["type"] = np.dtype("f4")
    file.create_dataset("a", data=1.0, dtype=file["type"])


def bfloat(file: h5py.File) -> None:
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple((3,)))


def spaces(file: h5py.File) -> None:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(4)
    kind.set_strpad(h5py.h5t.STR_SPACEPAD)
    h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple((3,)))


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda file: file.create_dataset("a", data=1j), "'a' must hold numbers, truth values or texts, got compound"),
        (lambda file: file.create_dataset("a", data=np.void(b"xy")), "'a' must hold numbers, .*, got opaque values"),
        (lambda file: file.create_dataset("a", data=np.zeros(2, [("x", "f4")])),
         "'a' must hold .*, got compound or complex"),
        (lambda file: file.create_dataset("a", (2,), h5py.vlen_dtype("i4")),
         "'a' must hold numbers, truth values or texts, got lists"),
        (lambda file: file.create_dataset("a", data=np.float128(1)), "'a' holds numbers of a kind that NumPy"),
        (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "'a' has no values, not even none"),
        (lambda file: file.create_dataset("a", (3,), "f4"), "'a' has values that were never written"),
        (lambda file: file.create_dataset("a", data=np.zeros(99), compression="lzf"),
         r"'a' must have no filters but .*, got \[32000\]"),
        (reference, "'a' must hold numbers, truth values or texts, got references"),
        (committed, "'a' uses a committed type or another shared record"),
        (bfloat, "'a' holds numbers of a kind that NumPy does not have"),
        (spaces, "'a' must hold texts of .*, not padded with spaces, got padded ones"),
    ],
)  # fmt: skip
def test_a_type_that_is_not_read_is_refused(fill: Callable[[h5py.File], None], message: str) -> None:
    with pytest.raises(InputError, match=f"^file.nir: {message}"):
        read_hdf5(written(fill), "file.nir")


def test_what_hdf5_stores_in_its_newer_ways_is_refused() -> None:
    def many(file: h5py.File) -> None:
        for number in range(9):
            file[f"g/{number}"] = number

    for libver, options in (("earliest", {"track_order": True}), ("latest", {})):
        with pytest.raises(
            InputError,
            match=r"the group 'g' must be written without .*, got members that are stored in HDF5's newer way",
        ):
            read_hdf5(written(many, libver=libver, **options), "a file")
    chunks = written(lambda file: file.create_dataset("a", data=np.arange(9), chunks=(3,)), libver="latest")
    with pytest.raises(
        InputError, match=r"'a' must be values in one piece, .*, got ones stored in HDF5's layout 2 of version 4"
    ):
        read_hdf5(chunks, "a file")
