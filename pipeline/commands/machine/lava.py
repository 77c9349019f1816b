"""spiq lava setup: the environments that real Lava runs in."""

from typing import Annotated

import typer

from ...terminal.printing import print_json, print_line
from ..listed import CONTEXT
from ..options import Json

Netx = Annotated[bool, typer.Option("--netx", help="Also set up the environment of lava-dl's netx reader.")]

lava = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)


# Without a callback a group of one command would be that command.
@lava.callback()
def _lava() -> None:
    """Every option belongs to the command of the group."""


@lava.command()
def setup(netx: Netx = False, json: Json = False) -> None:
    """Make Lava's environment. If it is ready, nothing is done.

    Lava needs CPython 3.10: $SPIQ_LAVA_PYTHON, a python3.10 on the PATH, one of pyenv's, or one that uv fetches. The
    environment is kept in the user's cache ($SPIQ_LAVA_HOME moves it) and takes 0.25 GB, with --netx 0.4 GB.

    Example: spiq lava setup --netx
    """
    from ....hardware.lava.environment.setup import environment, set_up
    from ...terminal.progress import step_line

    done = []
    for name in ("lava", "netx") if netx else ("lava",):
        with step_line() as watch:
            made = set_up(name, watch)
        place = environment(name)
        done.append({"name": name, "made": made, "folder": str(place.folder), "python": str(place.python)})
    if json:
        print_json(done)
        return
    for item in done:
        print_line(f"{item['folder']}: {'made' if item['made'] else 'ready'}")
