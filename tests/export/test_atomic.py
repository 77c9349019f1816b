"""Files and folders appear whole, or not at all, also when the process is killed on the way."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spiq.export.errors import InputError
from spiq.export.files.atomic import new_file, new_folder


def test_a_file_takes_the_old_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    for text in ("first", "second"):
        with new_file(path) as written:
            assert not path.exists() or path.read_text() == "first"
            written.write_text(text)
        assert path.read_text() == text
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with new_file(path) as written:
            written.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_files_and_folders_have_the_usual_rights(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with new_file(tmp_path / "a.txt") as written:
            written.write_text("x")
        with new_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755


def test_a_folder_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with new_folder(path) as folder:
        (folder / "x").write_text("1")
    with pytest.raises(InputError, match="exists already"), new_folder(path):
        pass
    with new_folder(path, replace=True) as folder:
        (folder / "y").write_text("2")
    assert os.listdir(path) == ["y"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in (new_file, new_folder):
        with pytest.raises(InputError, match="cannot be written"), make(tmp_path / "file" / "inside"):
            pass


@pytest.mark.parametrize("there_before", [False, True])
def test_a_kill_in_the_middle_leaves_the_old_folder_or_none(tmp_path: Path, there_before: bool) -> None:
    path = tmp_path / "bundle"
    if there_before:
        path.mkdir()
        (path / "a").write_text("old")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom spiq.export.files.atomic import new_folder\n"
        f"with new_folder(Path({str(path)!r}), replace=True) as folder:\n"
        "    (folder / 'a').write_text('half')\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert path.exists() == there_before
    if there_before:
        assert (path / "a").read_text() == "old"


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    """One process rewrites a file again and again; whatever another reads is whole."""
    path = tmp_path / "a.txt"
    program = (
        "from pathlib import Path\nfrom spiq.export.files.atomic import new_file\n"
        "for letter in 'abcdefgh' * 6:\n"
        f"    with new_file(Path({str(path)!r})) as written:\n"
        "        written.write_text(letter * 200_000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while process.poll() is None:
            if path.exists():
                text = path.read_text()
                assert len(text) == 200_000
                assert len(set(text)) == 1
            time.sleep(0.001)
    assert process.returncode == 0
