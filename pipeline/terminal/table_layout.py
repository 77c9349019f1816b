"""A table that fits: no word and no figure of it is broken, and columns that matter less go first.

A cell of more than 24 characters is prose, which may take several lines; any other stays on one.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...export.wording import one_line

Cell = str | Sequence[str]
"""What stands in a cell of a table: a text, or several, one a line."""


class Table(NamedTuple):
    """A title, its columns and its rows.

    `may_go` names the columns that a narrow terminal does without, the first one first.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    may_go: Sequence[str] = ()


PROSE = 24
"""Characters: a longer cell that has several words may be wrapped between them. It gets so much room, and less only
if the table would not fit otherwise."""

PIPE_WIDTH = 160
"""Characters of a table in a pipe, which has no width itself; more where figures need it."""

_FRAME = 3
"""Characters that each column takes for its padding and its border; the table has one more."""

_FIGURE = re.compile(r"[-+±<]?\d|[-–—]?$")


def fitted(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], may_go: Sequence[str] = (), width: int | None = None
) -> tuple[Any, int, list[str]]:
    """A `rich.table.Table` for so many characters, how many it takes, and the columns that were left out for it.

    Without a width nothing is left out. Columns of figures stand to the right, others to the left.
    """
    kept = [_Column(name, [_lines(row[index]) for row in rows]) for index, name in enumerate(columns)]
    left_out = []
    for name in may_go:
        if width is None or _taken(kept) <= width:
            break
        kept = [column for column in kept if column.name != name]
        left_out.append(name)
    room = max(PIPE_WIDTH, _taken(kept)) if width is None else width
    _share_out(kept, room)
    return _drawn(kept), _taken(kept), left_out


class _Column:
    """One column: its lines of text by row, the width it would like and the one it has."""

    def __init__(self, name: str, cells: list[list[str]]) -> None:
        self.name, self.cells = one_line(name), cells
        lines = [line for cell in cells for line in cell]
        self.figures = all(_FIGURE.match(line) for line in lines)
        whole = max(map(_cells, lines), default=0)
        self.prose = whole > PROSE and any(" " in line for line in lines)
        heading = max(map(_cells, self.name.split()), default=0)
        word = max((_cells(word) for line in lines for word in line.split()), default=0)
        self.width = max(heading, max(word, PROSE) if self.prose else whole)
        self.wish = max(_cells(self.name), whole)
        self.narrowest = max(heading, min(word, PROSE)) if self.prose else self.width


def _lines(cell: Cell) -> list[str]:
    return [one_line(line) for line in ([cell] if isinstance(cell, str) else cell)]


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _taken(columns: Sequence[_Column]) -> int:
    return sum(column.width + _FRAME for column in columns) + 1


def _share_out(columns: Sequence[_Column], room: int) -> None:
    """Give what is left to columns that would like more; if too much is taken, prose gets narrower, then long paths."""
    while _taken(columns) < room:
        short = [column for column in columns if column.width < column.wish]
        if not short:
            return
        min(short, key=lambda column: column.width).width += 1
    while _taken(columns) > room:
        wide = [column for column in columns if column.width > column.narrowest]
        if not wide:
            return
        max(wide, key=lambda column: column.width).width -= 1


def _drawn(columns: Sequence[_Column]) -> Any:
    from rich import table as rich_table
    from rich.text import Text

    table = rich_table.Table()
    for column in columns:
        side = "right" if column.figures else "left"
        table.add_column(Text(column.name), justify=side, width=column.width, overflow="fold", vertical="top")
    # As Text, since rich would read markup out of a user's names.
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text("\n".join(cell)) for cell in cells))
    return table
