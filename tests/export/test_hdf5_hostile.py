"""HDF5 files that are damaged, or made to hang whoever reads them, to fill the memory or to read other files."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.damage import damages
from spiq.export.errors import InputError
from spiq.export.files import hdf5
from spiq.export.files.hdf5 import read_hdf5

UNDEFINED = 2**64 - 1


def written(fill: Callable[[h5py.File], None], **options: Any) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        fill(file)
    return content.getvalue()


def mixed(file: h5py.File) -> None:
    """Something of everything that is read."""
    file["graph/type"] = "a text"
    file["graph/edges"] = [("a", "b"), ("b", "c")]
    file["graph/fixed"] = np.array([b"x", b"yz"])
    file["graph/number"] = 4
    file["graph/truth"] = True
    file["graph/array"] = np.arange(12.0).reshape(3, 4)
    file.create_dataset("chunks", data=np.arange(60).reshape(6, 10), chunks=(4, 4), compression="gzip", shuffle=True)
    file.attrs["mark"] = 0.0


SOUND = {libver: written(mixed, libver=libver) for libver in ("earliest", "v108")}


@settings(max_examples=400, deadline=None)
@given(content=st.sampled_from(sorted(SOUND)).flatmap(lambda libver: damages(SOUND[libver])))
def test_a_damaged_file_is_read_or_refused_in_one_sentence(content: bytes) -> None:
    message = "a file: "
    try:
        read_hdf5(content, "a file")
    except InputError as error:
        message = str(error)
    assert message.startswith("a file: ")


@pytest.mark.parametrize("content", [b"", b"no", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(90), bytes(4096)])
def test_what_is_no_hdf5_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^a file: not readable as HDF5"):
        read_hdf5(content, "a file")


def test_a_file_that_is_cut_off_says_so() -> None:
    with pytest.raises(InputError, match=r"a file: must have the \d+ bytes that it tells, got \d+, so it is cut off"):
        read_hdf5(SOUND["earliest"][:-100], "a file")


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (h5py.SoftLink("/graph/array"), "the group '' must hold no links, got 'link', a soft or external one"),
        (h5py.SoftLink("/link"), "the group '' must hold no links, got 'link'"),
        (h5py.ExternalLink("/etc/passwd", "/"), "the group '' must hold no links, got 'link', a soft or external one"),
    ],
)
@pytest.mark.parametrize("libver", ["earliest", "v108"])
def test_links_are_refused(link: Any, message: str, libver: str) -> None:
    def fill(file: h5py.File) -> None:
        file["link"] = link

    with pytest.raises(InputError, match=message):
        read_hdf5(written(fill, libver=libver), "a file")


def test_the_values_of_another_file_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\x01" * 400)

    def external(file: h5py.File) -> None:
        file.create_dataset("a", (100,), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((100,), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "a", (100,))
        file.create_virtual_dataset("a", layout)

    with pytest.raises(InputError, match="'a' must have its values in this file, got another one"):
        read_hdf5(written(external), "a file")
    with pytest.raises(InputError, match=r"'a' must be values in one piece, .*, got virtual ones"):
        read_hdf5(written(virtual), "a file")


def test_an_object_that_two_paths_lead_to_is_refused() -> None:
    def doubled(file: h5py.File) -> None:
        """Groups each of which holds the next one twice: 2^26 paths."""
        group = file.create_group("last")
        for level in range(26):
            above = file.create_group(f"level{level}")
            above["one"] = above["other"] = group
            group = above

    def around(file: h5py.File) -> None:
        file["a/b/c"] = file["/"]

    for fill in (doubled, around):
        with pytest.raises(InputError, match=r"each group or array must have one path only, got .* as a second one"):
            read_hdf5(written(fill), "a file")


def test_groups_that_lie_too_deep_and_too_many_objects_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = written(lambda file: file.create_group("/".join("g" * 400)))
    with pytest.raises(InputError, match="groups must lie at most 64 deep within each other, got deeper ones"):
        read_hdf5(deep, "a file")
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 5)
    with pytest.raises(InputError, match="must hold at most 5 groups and arrays, got more"):
        read_hdf5(SOUND["earliest"], "a file")


def test_a_long_name_is_refused() -> None:
    for libver in ("earliest", "v108"):
        with pytest.raises(InputError, match="must have at most 1024 bytes, got more or no end"):
            read_hdf5(written(lambda file: file.create_group("n" * 1025), libver=libver), "a file")
        assert read_hdf5(written(lambda file: file.create_group("n" * 1024), libver=libver), "a file").root


def sparse(file: h5py.File) -> None:
    dataset = file.create_dataset("a", (10**5, 10**5), "f8", chunks=(1, 100), compression="gzip")
    dataset[0, :100] = 1


def inflating(file: h5py.File) -> None:
    """300 MiB of zeros in 300 KiB."""
    file.create_dataset("a", (300, 2**20), "u1", chunks=(1, 2**20), compression="gzip")[:] = 0


def claiming(file: h5py.File) -> None:
    file["a"] = np.arange(97, dtype=np.int64)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (written(sparse), "'a' must hold 100000000 chunks, got 1"),
        (written(inflating), "'a' and what was read before it must take up at most 134217728 bytes in a file of this"),
        # The sizes of the array's one dimension, and largest ones.
        (
            written(claiming).replace(struct.pack("<QQ", 97, 97), struct.pack("<QQ", 10**12, 10**12)),
            r"'a' must hold \[1000000000000\] values in 8000000000000 bytes, got 776 bytes",
        ),
    ],
    ids=["sparse", "inflating", "claiming"],
)
def test_nothing_is_allocated_that_the_file_does_not_bear_out(content: bytes, message: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            read_hdf5(content, "a file")
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_chunk_that_inflates_beyond_its_values_is_refused() -> None:
    def fill(file: h5py.File) -> None:
        dataset = file.create_dataset("a", (8,), "u1", chunks=(8,), compression="gzip")
        dataset.id.write_direct_chunk((0,), zlib.compress(bytes(2**30 // 64)))

    with pytest.raises(InputError, match="not readable as HDF5, so the file is damaged"):
        read_hdf5(written(fill), "a file")


# What pyfive follows without end, or copies again and again: trees and headers that point to themselves.


def superblock(root: int, size: int) -> bytes:
    """HDF5's first record in version 2, with the address of the root group."""
    return b"\x89HDF\r\n\x1a\n" + struct.pack("<BBBBQQQQI", 2, 8, 8, 0, 0, UNDEFINED, size, root, 0)


def header(*messages: tuple[int, bytes]) -> bytes:
    """An object's header in version 1."""
    body = b"".join(struct.pack("<HHB3x", kind, len(data), 0) + data for kind, data in messages)
    return struct.pack("<BxHIII", 1, len(messages), 1, len(body), 0) + body


def file_of(root: bytes, *more: bytes) -> bytes:
    """A file whose root group has this header at address 48, and behind it more."""
    content = root + b"".join(more)
    return superblock(48, 48 + len(content)) + content


def own_tree() -> bytes:
    """A B-tree of 200 levels, each node of which points to the next one 8 times: all nodes lie in the same bytes."""
    root = header((0x11, struct.pack("<QQ", 120, 88)))
    heap = b"HEAP" + struct.pack("<B3xQQQ", 0, 8, 0, 48)
    nodes = b""
    for level in range(200, -1, -1):
        following = 120 + len(nodes) + 24 + 8 * 16 + 8
        node = b"TREE" + struct.pack("<BBHQQ", 0, level, 8, UNDEFINED, UNDEFINED)
        nodes += node + struct.pack("<QQ", 0, following) * 8 + bytes(8)
    return file_of(root, heap, nodes)


def own_header() -> bytes:
    """A header that goes on in itself."""
    return file_of(header(*[(0x10, struct.pack("<QQ", 48, 2**18))] * 2000))


def empty_records() -> bytes:
    """A header of version 2 with a million records of nothing."""
    return file_of(b"OHDR" + struct.pack("<BBQ", 2, 3, 4 * 2**20) + bytes(4 * 2**20))


def long_names() -> bytes:
    """A group with a thousand members, whose names are the ends of one text without an end."""
    names = b"n" * 200_000 + b"\0"
    root = header((0x11, struct.pack("<QQ", 88, 200)))
    tree = b"TREE" + struct.pack("<BBHQQ", 0, 0, 1, UNDEFINED, UNDEFINED) + struct.pack("<QQQ", 0, 300, 0)
    heap = b"HEAP" + struct.pack("<B3xQQQ", 0, len(names), 0, 50_000)
    table = b"SNOD" + struct.pack("<BxH", 1, 1000)
    table += b"".join(struct.pack("<QQII16x", number, 48, 0, 0) for number in range(1000))
    content = root.ljust(40, b"\0") + tree.ljust(112, b"\0") + heap.ljust(100, b"\0") + table
    return file_of(content.ljust(50_000 - 48, b"\0"), names)


@pytest.mark.parametrize("make", [own_tree, own_header, empty_records, long_names], ids=lambda make: make.__name__)
def test_records_without_an_end_come_to_one(make: Callable[[], bytes]) -> None:
    content = make()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"leads? to more than it holds|must have at most 1024 bytes"):
            read_hdf5(content, "a file")
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def test_nothing_is_said_on_the_way(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    read_hdf5(SOUND["earliest"], "a file")
    with pytest.raises(InputError):
        read_hdf5(own_tree(), "a file")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
