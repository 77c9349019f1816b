"""Making Lava's environments with uv, and what is left when that is cut short.

Interpreters and uv are small scripts here, so that nothing depends on the machine.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.fake_programs import fake_python, script
from spiq.export.errors import InputError
from spiq.hardware.lava.environment import setup as lava
from spiq.hardware.lava.environment import uv_command

REQUIREMENTS = Path(lava.__file__).parent
ask_pip = uv_command._pip_settings

UV = f"""#!{sys.executable}
import json, os, sys, time
from pathlib import Path

place = Path(__file__).parent
names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "SSL_CERT_FILE")
with (place / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], {{name: os.environ.get(name) for name in names}}]) + "\\n")
if sys.argv[1] == "venv":
    folder = Path(sys.argv[2])
    (folder / "lib/python3.10/site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").write_text("#!/bin/sh\\n" + (place / "trial").read_text())
    (folder / "bin/python").chmod(0o755)
else:
    (place / "installing").touch()
    while (place / "hold").exists():
        time.sleep(0.02)
    text = Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text()
    if "-r requirements-lava.txt" in text:
        text += Path(sys.argv[sys.argv.index("--requirement") + 1]).with_name("requirements-lava.txt").read_text()
    python = Path(sys.argv[sys.argv.index("--python") + 1])
    for pin in text.splitlines():
        if "==" in pin:
            name, version = pin.split("==")
            packages = python.parents[1] / "lib/python3.10/site-packages"
            (packages / f"{{name.replace('-', '_')}}-{{version}}.dist-info").mkdir()
if (place / f"fail-{{sys.argv[1]}}").exists():
    sys.exit((place / f"fail-{{sys.argv[1]}}").read_text())
"""
"""Does to a folder what uv does, writes down how it was called, waits where told to, and fails where told to."""


@pytest.fixture
def uv(home: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a uv that is a script; python3.10 is on the PATH."""
    fake_python(machine / "second" / "python3.10")
    place = script(machine / "uv" / "uv", UV).parent
    (place / "trial").write_text("exit 0")
    monkeypatch.setattr(uv_command, "_program", lambda: str(place / "uv"))
    for variable in (*uv_command.INDEX_VARIABLES, "PIP_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(variable, raising=False)
    # Asking pip takes half a second; one test does.
    monkeypatch.setattr(uv_command, "_pip_settings", dict)
    return place


def calls(uv: Path) -> list[tuple[list[str], dict[str, str | None]]]:
    return [tuple(json.loads(line)) for line in (uv / "calls").read_text().splitlines()]


def nothing(step: str) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("name", ["lava", "netx"])
def test_a_set_up_makes_what_is_then_ready(uv: Path, home: Path, machine: Path, name: str) -> None:
    never = "Lava's environment was never set up; `spiq lava setup" + (" --netx`" if name == "netx" else "`")
    with pytest.raises(InputError, match=never):
        lava.required(name)
    steps: list[str] = []
    assert lava.set_up(name, steps.append)
    made = lava.required(name)
    assert lava.ready(name)
    assert made == lava.environment(name)
    assert made.folder.parent == home
    assert made.python.parent.parent == made.folder
    assert steps == ["looking for CPython 3.10", "making the environment", "installing the packages", "trying it"]
    (venv, _), (install, _) = calls(uv)
    assert venv[:4] == ["venv", str(made.folder), "--python", str(machine / "second" / "python3.10")]
    assert install[:2] == ["pip", "install"]
    assert "--no-deps" in install
    assert str(REQUIREMENTS / f"requirements-{name}.txt") in install


def test_a_second_set_up_starts_no_process(uv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lava.set_up("lava", nothing)

    def no_process(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", no_process)
    monkeypatch.setattr(os, "posix_spawn", no_process)
    assert not lava.set_up("lava", nothing)
    assert lava.ready("lava")


def test_the_folder_is_the_users_cache_and_changes_with_the_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SPIQ_LAVA_HOME", "SPIQ_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert lava.environment("lava").folder.parent == tmp_path / "xdg" / "spiq" / "lava"
    monkeypatch.setenv("SPIQ_CACHE", str(tmp_path / "cache"))
    before = lava.environment("lava")
    assert before.folder.parent == tmp_path / "cache" / "lava"
    assert before.folder.name != lava.environment("netx").folder.name
    monkeypatch.setattr(lava, "pinned", lambda name: ("lava-nc==0.10.1",))
    assert lava.environment("lava").folder.parent == before.folder.parent
    assert lava.environment("lava").folder != before.folder


def no_stamp(folder: Path) -> None:
    (folder / "installed.json").unlink()


def half_a_stamp(folder: Path) -> None:
    (folder / "installed.json").write_text((folder / "installed.json").read_text()[:40])


def another_stamp(folder: Path) -> None:
    (folder / "installed.json").write_text('["lava-nc==0.9.0"]')


def no_python(folder: Path) -> None:
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to(folder / "gone")


def no_numpy(folder: Path) -> None:
    shutil.rmtree(folder / "lib" / "python3.10" / "site-packages" / "numpy-1.26.4.dist-info")


def no_packages(folder: Path) -> None:
    shutil.rmtree(folder / "lib")


@pytest.mark.parametrize("damage", [no_stamp, half_a_stamp, another_stamp, no_python, no_numpy, no_packages])
def test_a_damaged_environment_is_not_ready_and_is_made_anew(uv: Path, damage: Callable[[Path], None]) -> None:
    lava.set_up("lava", nothing)
    damage(lava.environment("lava").folder)
    assert not lava.ready("lava")
    with pytest.raises(InputError, match="is not whole; `spiq lava setup` makes it anew"):
        lava.required("lava")
    assert lava.set_up("lava", nothing)
    assert lava.ready("lava")


def test_an_environment_of_another_version_is_named_and_left_alone(uv: Path, home: Path) -> None:
    other = home / "lava-0123456789ab"
    other.mkdir(parents=True)
    with pytest.raises(InputError, match="is another version's of spiq; `spiq lava setup` makes the one for this"):
        lava.required("lava")
    with pytest.raises(InputError, match="never set up"):
        lava.required("netx")
    lava.set_up("lava", nothing)
    assert other.is_dir()


def test_a_home_that_cannot_be_read_is_said(uv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read every folder, but none with such a name.
    monkeypatch.setenv("SPIQ_LAVA_HOME", f"/{'a' * 300}")
    assert not lava.ready("lava")
    with pytest.raises(InputError, match="aaa: cannot be read: File name too long"):
        lava.required("lava")


@pytest.mark.parametrize("refused", ["home", "environment", "python"])
def test_a_folder_without_permission_is_said(
    uv: Path, home: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    lava.set_up("lava", nothing)
    made = lava.environment("lava")
    where = {"home": home, "environment": made.folder, "python": made.python.parent}[refused]
    allow = {name: getattr(os, name) for name in ("stat", "listdir")}

    def asked(name: str) -> Callable[..., object]:
        def ask(path: str | Path, *rest: object, **options: object) -> object:
            inside = where in Path(path).parents
            if inside or (name == "listdir" and Path(path) == where):
                raise PermissionError(13, "Permission denied", str(path))
            return allow[name](path, *rest, **options)

        return ask

    for name in allow:
        monkeypatch.setattr(os, name, asked(name))
    assert not lava.ready("lava")
    message = "is not whole" if refused == "python" else "cannot be read: Permission denied"
    with pytest.raises(InputError, match=message):
        lava.required("lava")


def test_a_tilde_is_the_users_folder(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIQ_LAVA_HOME", "~/lava")
    assert lava.environment("lava").folder.parent == machine / "home" / "lava"


def test_without_a_python_uv_fetches_one(uv: Path, machine: Path) -> None:
    (machine / "second" / "python3.10").unlink()
    lava.set_up("lava", nothing)
    assert calls(uv)[0][0][2:5] == ["--python", "3.10", "--managed-python"]


def test_where_no_python_is_to_be_had_every_place_is_named(uv: Path, machine: Path) -> None:
    (machine / "second" / "python3.10").unlink()
    (uv / "fail-venv").write_text(
        "error: Request failed\n  cause: Failed to fetch: it\n  cause: x\n  cause: no network"
    )
    with pytest.raises(InputError) as refused:
        lava.set_up("lava", nothing)
    versions = " and ".join(str(machine / folder / "versions") for folder in ("pyenv", "home/.pyenv"))
    assert str(refused.value) == (
        "Lava needs a CPython 3.10, and there is none: SPIQ_LAVA_PYTHON is not set, no python3.10 is on the PATH, "
        f"pyenv has no 3.10 in {versions}, and uv cannot fetch one (Failed to fetch: it: no network); "
        "install Python 3.10, or set SPIQ_LAVA_PYTHON to the path of one"
    )


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("error: No solution\n  cause: Because it is not there.\n", "Because it is not there"),
        ("error: Failed\n  Caused by: the index\n  Caused by: the disk\n", "the index: the disk"),
        ("  × Failed to build it\n  ╰─▶ it has no wheel\n", "it has no wheel"),
        ("error: the lock is taken", "the lock is taken"),
        ("out of memory", "out of memory"),
        ("", "it gave no reason"),
    ],
    ids=["one", "two", "drawn", "none", "other", "silent"],
)
def test_a_failed_installation_gives_uvs_reason_and_leaves_nothing(uv: Path, printed: str, reason: str) -> None:
    (uv / "fail-pip").write_text(printed)
    with pytest.raises(InputError, match=re.escape(f"Lava's environment cannot be made: {reason}") + "$"):
        lava.set_up("lava", nothing)
    assert not lava.environment("lava").folder.exists()
    with pytest.raises(InputError, match="never set up"):
        lava.required("lava")
    (uv / "fail-pip").unlink()
    assert lava.set_up("lava", nothing)


def test_lava_that_does_not_import_is_refused(uv: Path) -> None:
    (uv / "trial").write_text("echo 'ModuleNotFoundError: No module named _ctypes' >&2; exit 1")
    with pytest.raises(InputError, match=r"does not run on the Python .*No module named _ctypes; set SPIQ_LAVA_PYTHON"):
        lava.set_up("lava", nothing)
    assert not lava.ready("lava")


def test_a_folder_that_cannot_be_written_is_refused(uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIQ_LAVA_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"file/lava-.*: Lava's environment cannot be written: File exists"):
        lava.set_up("lava", nothing)


def test_set_ups_at_once_make_it_once(uv: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: lava.set_up("lava", nothing), range(4)))
    assert sorted(made) == [False, False, False, True]
    assert len(calls(uv)) == 2


SET_UP = """
import sys
from spiq.hardware.lava.environment import setup, uv_command
uv_command._program = lambda: sys.argv[1]
setup.set_up("lava", lambda step: None)
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_a_killed_set_up_is_not_ready_and_the_next_waits_for_its_uv(uv: Path, kill: signal.Signals) -> None:
    (uv / "hold").touch()
    first = subprocess.Popen([sys.executable, "-c", SET_UP, str(uv / "uv")])
    wait_until((uv / "installing").exists)
    first.send_signal(kill)
    assert first.wait(60) == -kill
    assert not lava.ready("lava")
    with pytest.raises(InputError, match="is not whole"):
        lava.required("lava")
    steps: list[str] = []
    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(lava.set_up, "lava", steps.append)
        wait_until(lambda: bool(steps))
        said, begun = list(steps), len(calls(uv))
        (uv / "hold").unlink()
        assert second.result(60)
    # The first one's uv still wrote to the folder.
    assert said == ["waiting for another set-up"]
    assert begun == 2
    assert lava.ready("lava")
    assert len(calls(uv)) == 4


def test_a_set_up_that_is_stopped_with_ctrl_c_leaves_nothing(uv: Path) -> None:
    (uv / "hold").touch()
    process = subprocess.Popen([sys.executable, "-c", SET_UP, str(uv / "uv")], stderr=subprocess.PIPE)
    wait_until((uv / "installing").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not lava.environment("lava").folder.exists()


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_pip_reads_is_handed_to_uv_where_uv_has_nothing(
    uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_command, "_pip_settings", ask_pip)
    configuration = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    def handed() -> list[str | None]:
        lava.set_up("lava", nothing)
        shutil.rmtree(lava.environment("lava").folder)
        return [calls(uv)[-1][1][name] for name in ("UV_DEFAULT_INDEX", "SSL_CERT_FILE")]

    configuration.write_text("[global]\nindex-url = file:///mirror\ncert = /the/certificate\n")
    assert handed() == ["file:///mirror", "/the/certificate"]
    configuration.write_text("[global]\nindex-url = file:///mirror\n[install]\nindex-url = file:///it's\n")
    assert handed()[0] == "file:///it's"
    monkeypatch.setenv("PIP_INDEX_URL", "file:///other")
    monkeypatch.setenv("SSL_CERT_FILE", "/another/certificate")
    assert handed() == ["file:///other", "/another/certificate"]
    monkeypatch.setenv("UV_INDEX_URL", "file:///for/uv")
    assert handed()[0] is None
    monkeypatch.setenv("UV_DEFAULT_INDEX", "file:///first")
    assert handed()[0] == "file:///first"
