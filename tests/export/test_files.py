"""A file from outside is a plain one of a bounded size, or refused without being opened."""

import os
import socket
import time
from pathlib import Path

import pytest

from spiq.export.errors import InputError
from spiq.export.files import plain as files
from spiq.export.files.plain import check_plain, opened, read_file


def assert_refused(path: Path | str, message: str, **options: bool) -> None:
    for read in (check_plain, read_file):
        with pytest.raises(InputError, match=message):
            read(path, "a graph", **options)


def test_a_plain_file_is_read_and_a_missing_one_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    for path in (tmp_path / "a", str(tmp_path / "a")):
        assert read_file(path, "a graph") == b"content"
    assert_refused(tmp_path / "none", "none: must be a graph, got no such file$")
    assert_refused(tmp_path / "a" / "b", "b: cannot be read: Not a directory$")
    assert_refused("a\0b", r"^a\\x00b: cannot be read: embedded null byte$")
    assert_refused(tmp_path / ("a" * 999), "cannot be read: File name too long$")


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert_refused(tmp_path, ": must be a graph, got a folder$")
    assert_refused(tmp_path / "fifo", "fifo: must be a graph, got a FIFO$")
    assert_refused("/dev/zero", "^/dev/zero: must be a graph, got a device$")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        assert_refused(tmp_path / "socket", "socket: must be a graph, got a socket$")


def test_a_link_is_refused_unless_it_may_be_one_and_leads_to_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    os.mkfifo(tmp_path / "fifo")
    for name, target in (("plain", "a"), ("device", "/dev/zero"), ("fifo link", "fifo"), ("broken", "gone")):
        (tmp_path / name).symlink_to(target)
        assert_refused(
            tmp_path / name, f"{name}: must be the file itself, got a link to {target}, since links are not followed$"
        )
    assert read_file(tmp_path / "plain", "a graph", may_be_link=True) == b"content"
    assert_refused(tmp_path / "device", "device: must be a graph, got a device$", may_be_link=True)
    assert_refused(tmp_path / "fifo link", "fifo link: must be a graph, got a FIFO$", may_be_link=True)
    assert_refused(tmp_path / "broken", "broken: must be a graph, got no such file$", may_be_link=True)


@pytest.mark.parametrize("made", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/etc/passwd")])
def test_what_takes_the_files_place_after_the_first_look_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: object
) -> None:
    monkeypatch.setattr(files, "check_plain", lambda *_: None)
    made(tmp_path / "a")  # type: ignore[operator]
    started = time.monotonic()
    with pytest.raises(InputError, match=r"must be a graph, got a FIFO|cannot be read: Too many levels of symbolic"):
        read_file(tmp_path / "a", "a graph")
    assert time.monotonic() - started < 10


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(files.MOST_BYTES + 1)
    with (
        pytest.raises(InputError, match=f"must have at most {2**33} bytes, got {2**33 + 1}"),
        opened(tmp_path / "large", "a graph"),
    ):
        pytest.fail("it was opened")
    with pytest.raises(InputError, match=f"must have at most {2**30} bytes, got {2**33 + 1}"):
        read_file(tmp_path / "large", "a graph")
    (tmp_path / "text").write_bytes(bytes(11))
    assert len(read_file(tmp_path / "text", "a text", most=11)) == 11
    with pytest.raises(InputError, match="must have at most 10 bytes, got 11"):
        read_file(tmp_path / "text", "a text", most=10)
