"""What goes to a terminal, a pipe or a prompt: lines, tables and JSON, fit to be shown whatever is in a name."""

import io
import json
from collections.abc import Sequence
from typing import Any

import typer

from ...export.wording import one_line, without_surrogates
from .table_layout import PIPE_WIDTH, Cell, fitted


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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], may_go: Sequence[str] = ()) -> None:
    """A table on stdout, as wide as the terminal at most; in a pipe it has all of its columns (`table_layout`).

    `may_go` names the columns that can be left out where there is no room, the first one first. A line beneath the
    table says which ones were. What does not print is shown escaped.
    """
    from rich.console import Console

    console = Console()
    _write(console, title, columns, rows, may_go, console.width if console.is_terminal else None)


def table_text(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], may_go: Sequence[str] = ()) -> str:
    """The same table as a text, with all of its columns."""
    from rich.console import Console

    written = io.StringIO()
    _write(Console(file=written), title, columns, rows, may_go, None)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _write(
    console: Any,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    may_go: Sequence[str],
    width: int | None,
) -> None:
    from rich.text import Text

    table, taken, left_out = fitted(columns, rows, may_go, width)
    console.width = max(taken, width or PIPE_WIDTH)
    # As Text, since rich would read markup out of a user's names.
    console.print(Text(one_line(title), style="italic"))
    console.print(table)
    if left_out:
        console.print(f"columns left out: {', '.join(left_out)}; a wider terminal or JSON shows them", markup=False)


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
