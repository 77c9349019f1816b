"""The tables of docs/performance.md, as they are printed."""

from .comparison import Result
from .growth import Point

COLUMNS = ("name", "work", "ours", "peer", "unit", "ratio", "promised", "spread", "peer is")
MAY_GO = ("work", "peer is", "spread", "promised")
"""The columns that a narrow terminal does without, the first one first."""
GROWTH_COLUMNS = ("work", "quantity", "size", "ms", "spread", "peak MiB")


def cells(result: Result) -> tuple[str, ...]:
    """A comparison as text, in the order of COLUMNS."""
    promised = "" if result.needed is None else f"{result.needed:,.6g}"
    spread = "" if result.spread is None else f"± {result.spread:.0%}"
    figures = (f"{result.ours:.3g}", f"{result.peer:.3g}", result.unit, f"{result.ratio:,.3g}", promised, spread)
    return result.name, result.work, *figures, result.peer_name


def growth_cells(point: Point) -> tuple[str, ...]:
    """A point as text, in the order of GROWTH_COLUMNS."""
    figures = (f"{point.size:,}", f"{point.milliseconds:.3g}", f"± {point.spread:.0%}", f"{point.peak_mib:.0f}")
    return point.work, point.quantity, *figures


def markdown(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table for a page."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
