"""What a SIGKILL leaves is cleaned by the next writer, and what a living process writes is not."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spiq.export.errors import InputError
from spiq.export.files.atomic import clean, new_file, new_folder, remove_folder

HEAD = (
    "import os, signal, sys, time\nfrom pathlib import Path\nfrom spiq.export.files.atomic import *\n"
    "place = Path(sys.argv[1])\n"
)
WAITS = "    print('there', flush=True)\n    time.sleep(60)\n"

FOLDER = "with new_folder(place, replace=True) as new:\n    (new / 'a').write_text('new')\n"
FILE = "with new_file(place) as new:\n    new.write_text('half')\n"

BETWEEN = (
    "rename, left = Path.rename, [{count}]\n"
    "def counted(path, target):\n"
    "    if not left[0]:\n"
    "        os.kill(os.getpid(), signal.SIGKILL)\n"
    "    left[0] -= 1\n"
    "    return rename(path, target)\n"
    "Path.rename = counted\n"
)
"""A kill just before a rename, after `count` of them."""


@contextmanager
def writer(program: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun to write, killed at the end of the block."""
    command = [sys.executable, "-c", HEAD + program + WAITS, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield process
        process.kill()


def killed(program: str, place: Path) -> None:
    done = subprocess.run([sys.executable, "-c", HEAD + program, str(place)], timeout=60)
    assert done.returncode == -signal.SIGKILL


def old_folder(place: Path) -> None:
    place.mkdir()
    (place / "a").write_text("old")


@pytest.mark.parametrize("program", [FILE, FOLDER], ids=["file", "folder"])
def test_what_a_killed_writer_leaves_is_cleaned_by_the_next_one(tmp_path: Path, program: str) -> None:
    place = tmp_path / "x.npz"
    with writer(program, place):
        pass
    assert len(os.listdir(tmp_path)) == 1
    with new_file(place) as new:
        new.write_text("whole")
    assert os.listdir(tmp_path) == ["x.npz"]
    assert place.read_text() == "whole"


@pytest.mark.parametrize("program", [FILE, FOLDER], ids=["file", "folder"])
def test_what_a_living_writer_writes_is_left_alone(tmp_path: Path, program: str) -> None:
    place = tmp_path / "x.npz"
    with writer(program, place):
        (theirs,) = os.listdir(tmp_path)
        with new_file(place) as new:
            new.write_text("ours")
        clean(place)
        assert sorted(os.listdir(tmp_path)) == sorted([theirs, "x.npz"])
    clean(place)
    assert os.listdir(tmp_path) == ["x.npz"]


@pytest.mark.parametrize(("count", "expected"), [(0, "old"), (1, "old"), (2, "new")])
@pytest.mark.parametrize("clean_twice", [False, True])
def test_a_kill_at_any_rename_leaves_the_old_folder_or_the_new_one_once_cleaned(
    tmp_path: Path, count: int, expected: str, clean_twice: bool
) -> None:
    place = tmp_path / "bundle"
    old_folder(place)
    killed(BETWEEN.format(count=count) + FOLDER, place)
    # After the first rename and before the second one the place is empty.
    assert place.exists() == (count != 1)
    clean(place)
    if clean_twice:
        clean(place)
    assert os.listdir(tmp_path) == ["bundle"]
    assert (place / "a").read_text() == expected


def test_an_old_folder_is_back_before_it_is_asked_whether_it_may_be_replaced(tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    old_folder(place)
    killed(BETWEEN.format(count=1) + FOLDER, place)
    with pytest.raises(InputError, match="exists already"), new_folder(place):
        pass
    assert (place / "a").read_text() == "old"


def test_a_folder_that_was_being_removed_does_not_come_back(tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    old_folder(place)
    dying = "import shutil\nshutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
    killed(dying + "remove_folder(place)\n", place)
    assert not place.exists()
    clean(place)
    assert os.listdir(tmp_path) == []


def test_a_replaced_folder_that_was_being_removed_does_not_come_back(tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    old_folder(place)
    dying = "import shutil\nshutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
    killed(dying + FOLDER, place)
    remove_folder(place)
    assert os.listdir(tmp_path) == []


def test_files_of_other_names_and_links_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "a").write_text("a user's")
    names = (".x.npz.backup", ".x.npz.original", ".x.npz.20261126", ".x.npz.spiq-2026", ".y.npz.spiq-abcdefgh")
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / ".x.npz.spiq-abcdefgh").symlink_to("target")
    os.mkfifo(tmp_path / ".x.npz.spiq-12345678")
    clean(tmp_path / "x.npz")
    assert (tmp_path / "target" / "a").read_text() == "a user's"
    assert {*names, ".x.npz.spiq-abcdefgh"} <= set(os.listdir(tmp_path))


def test_many_writers_of_one_place_do_not_disturb_each_other(tmp_path: Path) -> None:
    place, faults = tmp_path / "x.txt", []

    def write(letter: str) -> None:
        try:
            for _ in range(40):
                with new_file(place) as new:
                    new.write_text(letter * 1000)
                clean(place)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert os.listdir(tmp_path) == ["x.txt"]
    assert len(set(place.read_text())) == 1
