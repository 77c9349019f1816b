"""Lava's environments: the search for a CPython 3.10, making them with uv, and what is left when that is cut short.

Interpreters and uv are small scripts here, so that nothing depends on the machine. The tests marked lava and netx use
the real ones.
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
from uv import find_uv_bin

from spiq.export.errors import InputError
from spiq.hardware.lava import environment as lava
from spiq.hardware.lava import uv_command
from spiq.hardware.lava.python310 import find_python310

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


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_python(path: Path, what: str = "CPython 3.10", itself: str = "$0") -> Path:
    return script(path, f'#!/bin/sh\necho "{what} {itself}"\n')


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
        ("nowhere/python", "there is no such program"),
        ("python3.10", "there is no such program"),
        ("eleven", "that is CPython 3.11"),
        ("pypy", "that is PyPy 3.10"),
        ("ls", "that does not run as Python 3"),
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
    with pytest.raises(InputError, match=re.escape(f"SPIQ_LAVA_PYTHON is {given}, but {what}; a CPython 3.10")):
        find_python310()


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
from spiq.hardware.lava import environment, uv_command
uv_command._program = lambda: sys.argv[1]
environment.set_up("lava", lambda step: None)
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


def test_every_package_is_pinned_and_netx_has_all_of_lavas() -> None:
    for name in ("lava", "netx"):
        pins = lava.pinned(name)
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
        assert len({pin.partition("==")[0] for pin in pins}) == len(pins)
    assert "lava-nc==0.10.0" in lava.pinned("lava")
    assert set(lava.pinned("netx")) - set(lava.pinned("lava")) == {"h5py==3.16.0", "lava-dl==0.6.0"}


def ask_uv(*arguments: str, name: str) -> subprocess.CompletedProcess[str]:
    python = str(lava.required(name).python)
    return subprocess.run([find_uv_bin(), "pip", *arguments, "--python", python], capture_output=True, text=True)


@pytest.mark.lava
def test_the_real_environment_is_the_list_and_lacks_nothing() -> None:
    assert set(ask_uv("freeze", name="lava").stdout.split()) == set(lava.pinned("lava"))
    check = ask_uv("check", name="lava")
    assert check.returncode == 0, check.stderr


@pytest.mark.netx
def test_the_real_netx_environment_lacks_only_what_lava_dl_asks_for() -> None:
    assert set(ask_uv("freeze", name="netx").stdout.split()) == set(lava.pinned("netx"))
    check = ask_uv("check", name="netx")
    assert "torch" in check.stderr
    complaints = [line for line in check.stderr.splitlines() if line.startswith("The package ")]
    assert complaints
    assert all(line.startswith("The package `lava-dl` requires") for line in complaints)


NETX = """
import sys
sys.path.append(sys.argv[1])
if len(sys.argv) == 4:
    from slayer_stand_in import stand_in
    stand_in()
from lava.lib.dl import netx
import h5py, json
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

with h5py.File(sys.argv[2], "w") as file:
    layer = file.create_group("layer/0")
    layer["type"], layer["shape"], layer["inFeatures"], layer["outFeatures"] = np.array([b"dense"]), [3], 4, 3
    layer["weight"] = np.arange(12).reshape(3, 4) * 4 - 20
    neuron = layer.create_group("neuron")
    neuron["type"] = np.array([b"CUBA"])
    neuron["iDecay"], neuron["vDecay"], neuron["vThMant"], neuron["refDelay"] = 4096, 0, 20, 1
network, source, sink = netx.hdf5.Network(sys.argv[2]), Source(data=np.ones((4, 8), int)), Sink(shape=(3,), buffer=8)
source.s_out.connect(network.inp)
network.out.connect(sink.a_in)
network.run(RunSteps(8), Loihi2SimCfg(select_tag="fixed_pt"))
print(json.dumps([sink.data.get().astype(int).tolist(), "torch" in sys.modules]))
network.stop()
netx.hdf5.Network.get_neuron_params({"type": "RF", "vThMant": 1, "sinDecay": 1, "cosDecay": 1})
"""


@pytest.mark.netx
def test_the_netx_reader_runs_without_pytorch_by_the_stand_in_alone(tmp_path: Path) -> None:
    command = [str(lava.required("netx").python), "-I", "-c", NETX, str(REQUIREMENTS), str(tmp_path / "dense.net")]
    without = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "No module named 'torch'" in without.stderr
    done = subprocess.run([*command, "stand in"], capture_output=True, text=True, timeout=120)
    spikes, pytorch = json.loads(done.stdout)
    # The weights of each neuron add up to -56, 8 and 72 a step and arrive one step later; the threshold is 20.
    assert spikes == [[0] * 8, [0, 0, 0, 1, 0, 0, 1, 0], [0, 1, 1, 1, 1, 1, 1, 1]]
    assert not pytorch
    assert "NotImplementedError: a netx file with resonate-and-fire neurons" in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    "name", [pytest.param("lava", marks=pytest.mark.lava), pytest.param("netx", marks=pytest.mark.netx)]
)
def test_each_trial_needs_its_packages(name: str) -> None:
    command = [str(lava.required(name).python), "-I", "-c", lava.TRIALS[name], str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.lava
def test_the_trial_of_netx_fails_without_lava_dl() -> None:
    command = [str(lava.required("lava").python), "-I", "-c", lava.TRIALS["netx"], str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "No module named" in done.stderr


@pytest.mark.lava
def test_a_set_up_from_nothing(home: Path) -> None:
    steps: list[str] = []
    assert lava.set_up("lava", steps.append)
    made = lava.required("lava")
    program = (
        "import sys, lava.proc.lif.process, importlib.metadata as m; print(sys.version_info[:2], m.version('lava-nc'))"
    )
    done = subprocess.run([made.python, "-I", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "(3, 10) 0.10.0"
    assert not lava.set_up("lava", nothing)
