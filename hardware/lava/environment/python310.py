"""The search for a CPython 3.10, the only Python that Lava's last version runs on.

Looked at, in this order: $SPIQ_LAVA_PYTHON, which is taken or refused but never passed over; every python3.10 on the
PATH; the versions of pyenv, newest first, under $PYENV_ROOT, ~/.pyenv and the root that a pyenv on the PATH names.
Each candidate is started and asked what it is: a file called python3.10 may be a shim that starts nothing.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from ....export.errors import InputError

PYTHON_VARIABLE = "SPIQ_LAVA_PYTHON"

NEEDED = "CPython 3.10"
"""What lava-nc 0.10.0's metadata ask for (Requires-Python: >=3.10,<3.11), by the implementation its wheels are for."""

QUESTION = (
    "import platform, sys; print(platform.python_implementation(), '%d.%d' % sys.version_info[:2], sys.executable)"
)
"""The interpreter's own path is asked for too: a shim may choose another version from another folder."""

PATIENCE = 60
"""Seconds that a candidate has to answer."""


class Search(NamedTuple):
    """The interpreter found, if any, and what each place had that was looked at before it."""

    python: Path | None
    places: tuple[str, ...]


def find_python310() -> Search:
    """A CPython 3.10 of this machine. Raises InputError where $SPIQ_LAVA_PYTHON names none."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return Search(_named(named), ())
    places = [f"{PYTHON_VARIABLE} is not set"]
    for found in (_on_the_path(), _of_pyenv()):
        places += found.places
        if found.python is not None:
            return Search(found.python, tuple(places))
    return Search(None, tuple(places))


def _named(given: str) -> Path:
    path = shutil.which(Path(given).expanduser())
    if path is None:
        raise InputError(f"{PYTHON_VARIABLE} must name a {NEEDED}, got {given}, which is no program")
    candidate = _ask(Path(path))
    if candidate.what != NEEDED:
        raise InputError(f"{PYTHON_VARIABLE} must name a {NEEDED}, got {given}, which {candidate.description}")
    return candidate.python


def _on_the_path() -> Search:
    folders = dict.fromkeys(filter(None, os.environ.get("PATH", "").split(os.pathsep)))
    paths = [Path(folder, "python3.10").absolute() for folder in folders]
    return _first([path for path in paths if os.access(path, os.X_OK)], "no python3.10 is on the PATH")


def _of_pyenv() -> Search:
    folders = [root / "versions" for root in _pyenv_roots()]
    versions = [version for folder in folders for version in sorted(folder.glob("3.10.*"), key=_release, reverse=True)]
    looked = " and ".join(map(str, folders))
    return _first([version / "bin" / "python" for version in versions], f"pyenv has no 3.10 in {looked}")


def _pyenv_roots() -> list[Path]:
    roots = [Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser(), Path("~/.pyenv").expanduser()]
    pyenv = shutil.which("pyenv")
    if pyenv and (root := _output([pyenv, "root"])):
        roots.append(Path(root))
    return list(dict.fromkeys(roots))


def _release(version: Path) -> list[int]:
    """3.10.13 is newer than 3.10.9."""
    return [int(digits) for digits in re.findall(r"\d+", version.name)]


def _first(paths: list[Path], none: str) -> Search:
    """The first path that is what is needed; `none` is the word for no paths at all."""
    places = []
    for path in paths:
        candidate = _ask(path)
        if candidate.what == NEEDED:
            return Search(candidate.python, tuple(places))
        places.append(f"{path} {candidate.description}")
    return Search(None, tuple(places) or (none,))


class _Candidate(NamedTuple):
    """What an interpreter says it is, such as "CPython 3.10" ("" where it says nothing such), and where it lies."""

    what: str
    python: Path

    @property
    def description(self) -> str:
        return f"is {self.what}" if self.what else "does not run as Python 3"


def _ask(path: Path) -> _Candidate:
    answer = re.fullmatch(r"(\w+ \d+\.\d+) (.+)", _output([str(path), "-I", "-c", QUESTION]))
    return _Candidate(answer[1], Path(answer[2])) if answer else _Candidate("", path)


def _output(command: list[str]) -> str:
    """What a program prints; "" where it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
