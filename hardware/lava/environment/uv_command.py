"""uv, which makes virtual environments and fills them: how it is started, which index it reads, why it failed.

uv has settings of its own and does not read pip's. Where uv is told of no index but pip is, by a variable or in its
configuration, uv is given pip's, so that a mirror that works for pip works here too; and so for a certificate.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SetUpWatch = Callable[[str], None]
"""Is told in a few words what is being done."""

INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_NO_INDEX")
"""Each of them tells uv where packages come from (uv's reference, "Environment variables")."""

PIP_SETTINGS = {"index-url": INDEX_VARIABLES, "cert": ("SSL_CERT_FILE",)}
"""A setting of pip, and uv's variables for it; the first is set where none is."""

PIP_SECTIONS = (":env:", "install", "global")
"""Where pip has a setting from, the strongest first, as `pip config list` names it."""

ERROR = re.compile(r"(error:|×) ")
CAUSE = re.compile(r"(cause:|Caused by:|[├╰]─▶) ")
"""How uv begins the lines of an error and of its causes, in its newer and older versions."""


class UvError(Exception):
    """uv did not do what it was asked; the message is the reason in one line."""


class Uv(NamedTuple):
    """uv, run in `folder`; `watch` is told what it downloads.

    `held` is a file descriptor that uv inherits: a lock on it lasts until uv has ended, even where we are killed first.
    """

    program: str
    folder: Path
    environment: dict[str, str]
    watch: SetUpWatch
    held: int

    def run(self, *arguments: str | Path) -> None:
        """Run one command of uv's. Raises UvError."""
        lines = []
        with subprocess.Popen(
            [self.program, *map(str, arguments), "--color", "never"],
            cwd=self.folder, env=self.environment, pass_fds=(self.held,), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        ) as process:  # fmt: skip
            try:
                for line in process.stderr or ():
                    lines.append(line.strip())
                    if lines[-1].startswith("Downloading "):
                        self.watch(lines[-1])
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise UvError(_reason(lines))


def find_uv(folder: Path, watch: SetUpWatch, held: int) -> Uv:
    """The uv that came with spiq, with pip's settings where it has none. Raises UvError where there is none."""
    return Uv(_program(), folder, _environment(), watch, held)


def _program() -> str:
    # Imported here, so that spiq doctor can say that it is missing.
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise UvError("uv is not installed") from error


def _environment() -> dict[str, str]:
    """Ours, with pip's settings under uv's names."""
    environment = dict(os.environ)
    lacking = {
        setting: variables[0]
        for setting, variables in PIP_SETTINGS.items()
        if not any(environment.get(variable) for variable in variables)
    }
    if lacking:
        known = _pip_settings()
        environment |= {variable: known[setting] for setting, variable in lacking.items() if setting in known}
    return environment


def _pip_settings() -> dict[str, str]:
    """Those of PIP_SETTINGS that pip has; none where there is no pip."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    found = {}
    for section in reversed(PIP_SECTIONS):
        for setting in PIP_SETTINGS:
            if line := re.search(rf"^{section}\.{setting}=('.*'|\".*\")$", listed, re.MULTILINE):
                found[setting] = ast.literal_eval(line[1])
    return found


def _reason(lines: list[str]) -> str:
    """The first and the last cause that uv prints under an error: what it could not do, and why not."""
    causes = [CAUSE.sub("", line) for line in lines if CAUSE.match(line)]
    errors = [ERROR.sub("", line) for line in lines if ERROR.match(line)]
    found = causes[:1] + causes[1:][-1:] or errors[:1] or [line for line in lines if line][-1:]
    return ": ".join(line.rstrip(".:") for line in found) or "it gave no reason"
