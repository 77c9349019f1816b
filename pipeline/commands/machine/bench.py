"""spiq bench: every speed that spiq claims, beside a named peer, in one run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...terminal.printing import print_json, print_table
from ..options import Json


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer samples and repetitions: under two minutes.")] = False,
    growth: Annotated[
        bool,
        typer.Option("--growth", help="Measure how the time grows with qubits, steps and channels instead."),
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for bench.json, .md; growth.json, .md, .svg. Default: this one.",
            metavar="FOLDER",
        ),
    ] = Path(),
    json: Json = False,
) -> None:
    """All are timed on this machine, side by side. The exit status is 1 if a ratio is below the promised one; --quick
    measures too little to judge.

    Example: spiq bench --quick
    """
    # Where nothing can be written, that is told before the minutes, not after them.
    _check_writable(out / ("growth.json" if growth else "bench.json"))
    if growth:
        _grow(out, json)
        return
    from ...benchmark.page import COLUMNS, MAY_GO, cells, markdown
    from ...benchmark.run import as_dict, comparisons, machine
    from ...terminal.progress import step_line

    results, rows = [], []
    with step_line() as watch:
        watch("comparing")
        for result in comparisons(quick):
            results.append(result)
            rows.append(as_dict(result))
            # A row that was measured is not lost if a later one fails.
            _write(out / "bench.json", rows)
            _write_text(out / "bench.md", markdown(COLUMNS, [cells(row) for row in results]))
            watch(f"{result.name}: {result.ratio:.3g} times")
    if json:
        print_json(rows)
    else:
        print_table(machine(), COLUMNS, [cells(result) for result in results], MAY_GO)
    if not quick and any(result.passed is False for result in results):
        raise typer.Exit(1)


def _grow(out: Path, json: bool) -> None:
    from ...benchmark.growth import check_plot, grown, plot
    from ...benchmark.page import GROWTH_COLUMNS, growth_cells, markdown
    from ...benchmark.run import machine
    from ...terminal.progress import step_line

    check_plot()
    points = []
    with step_line() as watch:
        watch("growing")
        for point in grown():
            points.append(point)
            watch(f"{point.quantity} {point.size}: {point.milliseconds:.3g} ms")
    rows = [point._asdict() | {"machine": machine()} for point in points]
    _write(out / "growth.json", rows)
    _write_text(out / "growth.md", markdown(GROWTH_COLUMNS, [growth_cells(point) for point in points]))
    plot(points, out / "growth.svg")
    if json:
        print_json(rows)
    else:
        print_table(machine(), GROWTH_COLUMNS, [growth_cells(point) for point in points])


def _check_writable(path: Path) -> None:
    """Raise InputError if the file cannot be written; one that is there stays as it is."""
    import tempfile

    from ....export.errors import InputError

    if path.is_dir():
        raise InputError(f"{path}: cannot be written: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    import json

    _write_text(path, json.dumps(rows, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    from ....export.files.atomic import new_file

    with new_file(path) as written:
        written.write_text(text, encoding="utf-8")
