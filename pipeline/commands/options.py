"""Options that mean the same in every command that has them."""

from pathlib import Path
from typing import Annotated

import typer

from ...export.errors import InputError

BundlePath = Annotated[Path, typer.Argument(help="A folder that `spiq export` or `spiq run` wrote.", metavar="BUNDLE")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first N samples.", metavar="N")]
Shots = Annotated[
    int | None, typer.Option("--shots", help="Measurements a sample; exact values without it.", metavar="N")
]


def at_least_one(option: str, value: int | None) -> int | None:
    """The value, if it is not given or positive. Raises InputError."""
    if value is not None and value < 1:
        raise InputError(f"{option} {value}: an integer of at least 1 is needed")
    return value
