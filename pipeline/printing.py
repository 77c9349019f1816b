"""What goes to a terminal, a pipe or a prompt: lines, tables and JSON, fit to be shown whatever is in a name."""

import io
import json
from collections.abc import Sequence
from typing import Any

import typer

from ..export.wording import one_line, without_surrogates

Cell = str | Sequence[str]
"""What stands in a cell of a table: a text, or several, one a line."""

PIPE_WIDTH = 160
"""A pipe has no width; a table that is cut would lose figures."""


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

    console = Console()
    Console(width=None if console.is_terminal else PIPE_WIDTH).print(_table(title, columns, rows))


def table_text(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """The same table as a text."""
    from rich.console import Console

    written = io.StringIO()
    Console(file=written, width=PIPE_WIDTH).print(_table(title, columns, rows))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    # As Text, since rich would read markup out of a user's names.
    table = Table(title=Text(one_line(title)), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if index else "left", overflow="fold")
    for row in rows:
        lines = ([cell] if isinstance(cell, str) else cell for cell in row)
        table.add_row(*(Text("\n".join(map(one_line, cell))) for cell in lines))
    return table


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
