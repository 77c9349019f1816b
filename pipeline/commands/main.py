"""The command `spiq`: what every command has in common.

Results go to stdout, progress and errors to stderr. Exit status 0, 1 where a gate or a check failed, 2 where what was
given cannot be used, 130 after Ctrl-C. A command's module is imported when the command is asked for (`listed`), and
what takes long to import inside the command, so that help comes at once.
"""

import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ...export.errors import SpiqError
from ...export.wording import one_line
from .listed import CONTEXT, CommandGroup
from .remedies import told

STOPPED = 130
"""Exit status after Ctrl-C."""

SPINS = "10000"
"""How often a thread of GNU's OpenMP, which PyTorch uses on Linux, looks for work before it sleeps: some 20 µs."""

app = typer.Typer(
    cls=CommandGroup,
    help="Train a spiking-quantum network, carry its two halves to hardware, and prove that the accuracy survived.",
    # Plain text: rich's rendering takes as long as all the rest.
    rich_markup_mode=None,
    context_settings=CONTEXT,
)


def _print_version(asked: bool) -> None:
    if asked:
        import importlib.metadata

        typer.echo(importlib.metadata.version("spiq"))
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)]


@app.callback()
def spiq(version: Version = False) -> None:
    """Every option of the command itself is handled by its callback."""


def main() -> None:
    """The entry point. One sentence for what cannot be used, never a traceback."""
    # A thread that waits for others must not spin for long: where other programs run too it keeps them from the very
    # core that it waits for, and small operations take a hundred times as long. One that sleeps at once is woken too
    # late where nothing else runs, and a training step takes half as long again.
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = SPINS
    # Terminated, it cleans up behind it as after Ctrl-C: Lava's processes would outlive it.
    signal.signal(signal.SIGTERM, _terminated)
    # A terminal or a file in another encoding than UTF-8, and names that no encoding has, must not end a command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(args=sys.argv[1:] or ["--help"], prog_name="spiq", standalone_mode=False)
    except (SpiqError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else told(error)
        _fail(message, 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped", STOPPED)
    else:
        if status == STOPPED:
            # So typer answers Ctrl-C.
            _fail("stopped", STOPPED)
        sys.exit(status if isinstance(status, int) else 0)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _fail(message: str, status: int) -> NoReturn:
    print(f"spiq: {one_line(message)}", file=sys.stderr)
    sys.exit(status)
