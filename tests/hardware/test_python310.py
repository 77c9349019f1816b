"""The search for a CPython 3.10. Interpreters are small scripts here, so that nothing depends on the machine."""

import re
from pathlib import Path

import pytest

from shared.fake_programs import fake_python, script
from spiq.export.errors import InputError
from spiq.hardware.lava.environment.python310 import find_python310


def test_places_are_looked_at_in_order(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = fake_python(machine / "named" / "python")
    first, second = (fake_python(machine / folder / "python3.10") for folder in ("first", "second"))
    versions = [machine / "pyenv" / "versions" / f"3.10.{patch}" / "bin" / "python" for patch in (9, 20, 1, 13, 0)]
    for path in versions:
        fake_python(path)
    newest_first = [versions[index] for index in (1, 3, 0, 2, 4)]
    fake_python(machine / "pyenv" / "versions" / "3.11.7" / "bin" / "python", "CPython 3.11")
    at_home = fake_python(machine / "home" / ".pyenv" / "versions" / "3.10.2" / "bin" / "python")
    by_pyenv = fake_python(machine / "elsewhere" / "versions" / "3.10.4" / "bin" / "python")
    script(machine / "second" / "pyenv", f"#!/bin/sh\n[ $1 = root ] && echo {machine / 'elsewhere'}\n")
    monkeypatch.setenv("SPIQ_LAVA_PYTHON", str(named))
    assert find_python310().python == named
    monkeypatch.delenv("SPIQ_LAVA_PYTHON")
    for path in (first, second, *newest_first, at_home, by_pyenv):
        assert find_python310().python == path
        path.unlink()
    assert find_python310().python is None


def test_what_is_no_cpython_3_10_is_passed_over_and_named(machine: Path) -> None:
    shim = script(machine / "first" / "python3.10", "#!/bin/sh\necho 'pyenv: not found' >&2\nexit 127\n")
    pypy = fake_python(machine / "second" / "python3.10", "PyPy 3.10")
    talker = script(machine / "pyenv" / "versions" / "3.10.1" / "bin" / "python", "#!/bin/sh\necho welcome to 3.10\n")
    search = find_python310()
    assert search.python is None
    assert search.places == (
        "SPIQ_LAVA_PYTHON is not set",
        f"{shim} does not run as Python 3",
        f"{pypy} is PyPy 3.10",
        f"{talker} does not run as Python 3",
    )


def test_every_place_is_named_on_a_machine_without_python(machine: Path) -> None:
    assert find_python310().places == (
        "SPIQ_LAVA_PYTHON is not set",
        "no python3.10 is on the PATH",
        f"pyenv has no 3.10 in {machine / 'pyenv' / 'versions'} and {machine / 'home' / '.pyenv' / 'versions'}",
    )


def test_a_shims_own_interpreter_is_taken(machine: Path) -> None:
    fake_python(machine / "first" / "python3.10", itself="/opt/real/bin/python3.10")
    assert find_python310().python == Path("/opt/real/bin/python3.10")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("nowhere/python", "which is no program"),
        ("python3.10", "which is no program"),
        ("eleven", "which is CPython 3.11"),
        ("pypy", "which is PyPy 3.10"),
        ("ls", "which does not run as Python 3"),
    ],
)
def test_a_named_python_is_taken_or_refused(
    machine: Path, monkeypatch: pytest.MonkeyPatch, given: str, what: str
) -> None:
    fake_python(machine / "pyenv" / "versions" / "3.10.13" / "bin" / "python")
    fake_python(machine / "first" / "eleven", "CPython 3.11")
    fake_python(machine / "first" / "pypy", "PyPy 3.10")
    script(machine / "first" / "ls", "#!/bin/sh\nexit 2\n")
    monkeypatch.setenv("SPIQ_LAVA_PYTHON", given)
    with pytest.raises(InputError, match=re.escape(f"SPIQ_LAVA_PYTHON must name a CPython 3.10, got {given}, {what}")):
        find_python310()
