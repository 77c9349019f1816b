"""Options that mean the same in every command that has them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...export.errors import InputError
from ...export.wording import one_line, without_surrogates

BundlePath = Annotated[Path, typer.Argument(help="A folder that `spiq export` or `spiq run` wrote.", metavar="BUNDLE")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first N samples.", metavar="N")]
Shots = Annotated[
    int | None, typer.Option("--shots", help="Measurements a sample; exact values without it.", metavar="N")
]

Cell = str | Sequence[str]
"""What stands in a cell of a table: a text, or several, one a line."""


def at_least_one(option: str, value: int | None) -> int | None:
    """The value, if it is not given or positive. Raises InputError."""
    if value is not None and value < 1:
        raise InputError(f"{option} {value}: a whole number of at least 1 is needed")
    return value


def tell(note: str | None) -> None:
    """A line on stderr about what was decided for the user, if there is one."""
    if note is not None:
        typer.echo(one_line(f"spiq: {note}"), err=True)


def print_json(value: Any) -> None:
    """Machines read this: stdout holds nothing else. It is ASCII, and a lone surrogate in a name is shown escaped."""
    typer.echo(json.dumps(_encodable(value), indent=2))


def print_line(text: str) -> None:
    """A sentence on stdout, on one line whatever is in its names."""
    typer.echo(one_line(text))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """A table on stdout; the first column is text, the others are figures. What does not print is shown escaped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # As Text, since rich would read markup out of a user's names.
    table = Table(title=Text(one_line(title)), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if index else "left", overflow="fold")
    for row in rows:
        lines = ([cell] if isinstance(cell, str) else cell for cell in row)
        table.add_row(*(Text("\n".join(map(one_line, cell))) for cell in lines))
    console = Console()
    # A pipe has no width; a table that is cut would lose figures.
    Console(width=None if console.is_terminal else 160).print(table)


def _encodable(value: Any) -> Any:
    # JSON has an escape for a lone surrogate, but many of its readers refuse that.
    match value:
        case str():
            return without_surrogates(value)
        case dict():
            return {_encodable(key): _encodable(part) for key, part in value.items()}
        case list() | tuple():
            return [_encodable(part) for part in value]
    return value
