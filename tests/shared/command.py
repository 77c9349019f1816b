"""The command `spiq` as a process, as a user types it."""

import os
import subprocess
import sysconfig
from pathlib import Path

SPIQ = Path(sysconfig.get_path("scripts")) / "spiq"

NO_LAVA = {"SPIQ_LAVA_HOME": "/nowhere"}
"""A machine on which `spiq lava setup` was never run."""


def spiq(*arguments: object, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, which must end with that exit status; the environment is added to this process's own."""
    variables = {**os.environ, **environment}
    done = subprocess.run([SPIQ, *map(str, arguments)], capture_output=True, text=True, env=variables, timeout=300)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done


def refused(*arguments: object, **environment: str) -> str:
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
