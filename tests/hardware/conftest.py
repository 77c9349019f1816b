"""What the tests of Lava's client and of its environments share: a folder that must be left empty, a bare machine."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.lava_workers import group, shared_by
from spiq.hardware.lava.client import LavaWorker


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder. At the end it must be empty, and no worker may have left a process or shared memory."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    started: list[LavaWorker] = []
    start = LavaWorker.__enter__

    def recorded(worker: LavaWorker) -> LavaWorker:
        started.append(start(worker))
        return worker

    monkeypatch.setattr(LavaWorker, "__enter__", recorded)
    yield folder
    assert list(folder.iterdir()) == []
    for worker in started:
        assert shared_by(worker.folder) == []
        assert group(worker.pid) == []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python: PATH, the home folder and pyenv's root are folders that are not there yet."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")]))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.delenv("SPIQ_LAVA_PYTHON", raising=False)
    return tmp_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments are made."""
    monkeypatch.setenv("SPIQ_LAVA_HOME", str(tmp_path / "lava home"))
    return tmp_path / "lava home"
