"""The command `spiq` as a process, as a user types it."""

import multiprocessing
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from typer.testing import CliRunner, Result

SPIQ = Path(sysconfig.get_path("scripts")) / "spiq"

NO_LAVA = {"SPIQ_LAVA_HOME": "/nowhere"}
"""A machine on which `spiq lava setup` was never run."""

LONGEST = 300
"""Seconds after which a command hangs."""

LIBRARIES = (
    "spiq.pipeline.commands.main",
    "nir", "numba", "onnx", "onnxruntime", "pennylane", "qiskit.qasm3", "qiskit_aer", "sklearn.datasets", "snntorch",
)  # fmt: skip
"""What takes seconds to import, and is imported once for all commands."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(list(LIBRARIES))


def spiq(*arguments: object, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, which must end with that exit status; the environment is added to this process's own.

    It is a process of its own, but forked from one that has the libraries already, if no variable is given that
    Python reads when it starts.
    """
    variables = {**os.environ, **environment}
    command = ["spiq", *map(str, arguments)]
    if any(name.startswith("PYTHON") for name in environment):
        done = spiq_anew(*arguments, **environment)
    else:
        with tempfile.TemporaryDirectory() as place:
            done = _forked(command, variables, Path(place))
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done


def spiq_anew(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command in an interpreter of its own, which imports what it needs."""
    variables = {**os.environ, **environment}
    return subprocess.run([SPIQ, *map(str, arguments)], capture_output=True, text=True, env=variables, timeout=LONGEST)


def _forked(command: list[str], variables: dict[str, str], place: Path) -> subprocess.CompletedProcess[str]:
    process = _processes.Process(target=_run, args=(command, variables, os.getcwd(), place))
    process.start()
    process.join(LONGEST)
    if process.exitcode is None:
        process.kill()
        raise subprocess.TimeoutExpired(command, LONGEST)
    out, errors = ((place / name).read_text(encoding="utf-8") for name in ("out", "errors"))
    return subprocess.CompletedProcess(command, process.exitcode, out, errors)


def _run(command: list[str], variables: dict[str, str], folder: str, place: Path) -> None:
    """In the new process: its arguments, environment, folder and streams are those of the command, which ends it."""
    from spiq.pipeline.commands.main import main

    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "errors")):
        with open(place / name, "wb") as file:
            os.dup2(file.fileno(), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.argv = command
    main()


def invoked(*arguments: object, status: int = 0) -> Result:
    """The command within this process, so that a test can exchange parts of it; it must end with that exit status.

    What it refuses or breaks down with is raised.
    """
    from spiq.pipeline.commands.main import app

    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return done


def assert_refused(*arguments: object, **environment: str) -> str:
    """The one sentence on stderr of a command that ends with exit status 2."""
    done = spiq(*arguments, status=2, **environment)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("spiq: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return lines[0]


def changed(config_file: Path, tmp_path: Path, old: str, new: str) -> Path:
    """The configuration with a part of its text exchanged."""
    text = config_file.read_text()
    assert old in text
    path = tmp_path / "bad.toml"
    path.write_text(text.replace(old, new))
    return path
