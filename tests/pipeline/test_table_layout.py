"""Tables fit the terminal: no word and no figure is broken, and the columns that matter less go first."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from spiq.pipeline.terminal.table_layout import PIPE_WIDTH, fitted

WORDS = st.text("abcdefgh", min_size=1, max_size=9)
PROSE = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
FIGURES = st.integers(-(10**9), 10**9).map(str)


def drawn(columns: list[str], rows: list[tuple[str, ...]], may_go: list[str], width: int | None) -> tuple[str, list]:
    table, taken, left_out = fitted(columns, rows, may_go, width)
    out = io.StringIO()
    Console(file=out, width=max(taken, width or PIPE_WIDTH)).print(table)
    return out.getvalue(), left_out


def cells(text: str) -> list[str]:
    """What stands between the borders, line by line."""
    return [part.strip() for line in text.splitlines() for part in line.replace("┃", "│").split("│")]


@given(st.lists(st.tuples(PROSE, FIGURES, WORDS), min_size=1, max_size=6), st.integers(50, 200))
def test_no_word_and_no_figure_is_broken(rows: list[tuple[str, str, str]], width: int) -> None:
    text, left_out = drawn(["what", "figure", "word"], rows, [], width)
    assert left_out == []
    assert max(map(cell_len, text.splitlines())) <= width
    there = [word for cell in cells(text) for word in cell.split()]
    for row in rows:
        for cell in row:
            assert set(cell.split()) <= set(there)


@given(st.integers(20, 120))
def test_columns_go_in_the_order_given_and_only_as_many_as_needed(width: int) -> None:
    columns = ["layer", "neurons", "bits", "bytes"]
    rows = [("a" * 10, "1" * 10, "2" * 10, "3" * 10)]
    _, left_out = drawn(columns, rows, ["bits", "bytes"], width)
    # Of each column its 10 characters, two spaces and a border; the table has one border more.
    needed = [4 * 13 + 1, 3 * 13 + 1]
    expected = 0 if width >= needed[0] else 1 if width >= needed[1] else 2
    assert left_out == ["bits", "bytes"][:expected]


def test_a_pipe_gets_every_column() -> None:
    rows = [tuple("x" * 30 for _ in range(8))]
    text, left_out = drawn([f"c{number}" for number in range(8)], rows, ["c1", "c2"], None)
    assert left_out == []
    assert cells(text).count("x" * 30) == 8


def test_figures_stand_to_the_right_and_names_to_the_left() -> None:
    text, _ = drawn(["name", "count"], [("one", "5"), ("eleven", "1,000")], [], 80)
    assert "│ one    │     5 │" in text
    assert "│ eleven │ 1,000 │" in text


def test_prose_gets_narrower_than_it_would_like_before_a_table_is_too_wide() -> None:
    rows = [("manifest.json and others", "spikes of the chip that differ from the file", "1.77636e-15", "1e-06")]
    text, _ = drawn(["file", "compared", "found", "allowed"], rows, [], 66)
    assert max(map(cell_len, text.splitlines())) <= 66
    assert "1.77636e-15" in text
