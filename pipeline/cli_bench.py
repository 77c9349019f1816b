"""spiq bench: every speed that spiq claims, beside a named peer, in one run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import Json, print_json, print_table

if TYPE_CHECKING:
    from .benchmark.comparison import Result
    from .benchmark.growth import Point


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer samples and repetitions: under two minutes.")] = False,
    growth: Annotated[
        bool, typer.Option("--growth", help="Instead: how the time grows with qubits, blocks, T, samples, channels.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option("--out", help="Where bench.json, or growth.json and growth.svg, go.", metavar="FOLDER"),
    ] = Path(),
    json: Json = False,
) -> None:
    """Time spiq against PennyLane, Lava and PyTorch on this machine, side by side.

    Exit status 1 where a ratio is below the promised one.

    Example: [bold]spiq bench --quick[/bold]
    """
    if growth:
        _grow(out, json)
        return
    from .benchmark.run import as_dict, comparisons, machine
    from .progress import step_line

    results = []
    with step_line() as watch:
        watch("comparing")
        for result in comparisons(quick):
            results.append(result)
            watch(f"{result.name}: {result.ratio:.3g} times")
    rows = [as_dict(result) for result in results]
    _write(out / "bench.json", rows)
    if json:
        print_json(rows)
    else:
        columns = ("name", "ours", "peer", "unit", "ratio", "needed", "spread", "peer's name")
        print_table(f"{machine()}", columns, [_row(result) for result in results])
    if not all(row["passed"] for row in rows):
        raise typer.Exit(1)


def _grow(out: Path, json: bool) -> None:
    from .benchmark.growth import grown, plot
    from .benchmark.run import machine
    from .progress import step_line

    points = []
    with step_line() as watch:
        watch("growing")
        for point in grown():
            points.append(point)
            watch(f"{point.quantity} {point.size}: {point.milliseconds:.3g} ms")
    rows = [point._asdict() for point in points]
    _write(out / "growth.json", rows)
    plot(points, out / "growth.svg")
    if json:
        print_json(rows)
    else:
        columns = ("work", "quantity", "size", "ms", "spread")
        print_table(machine(), columns, [_point_row(point) for point in points])


def _row(result: "Result") -> tuple[str, ...]:
    needed = "" if result.needed is None else f"{result.needed:,.6g}"
    figures = (f"{result.ours:.3g}", f"{result.peer:.3g}", result.unit, f"{result.ratio:,.3g}", needed)
    return result.name, *figures, f"± {result.spread:.0%}", result.peer_name


def _point_row(point: "Point") -> tuple[str, ...]:
    return point.work, point.quantity, f"{point.size:,}", f"{point.milliseconds:.3g}", f"± {point.spread:.0%}"


def _write(path: Path, rows: list[dict]) -> None:
    import json

    from ..export.atomic import new_file

    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as written:
        written.write_text(json.dumps(rows, indent=2) + "\n")
