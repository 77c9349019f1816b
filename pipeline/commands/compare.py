"""spiq compare: runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from ...export.errors import InputError
from ..terminal.printing import print_json, print_line, print_table
from .options import Json

REPORT = "report.json"


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders with a report.json; the others are held against the first.", metavar="RUN…"),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Write the page here.", metavar="FILE.html")] = None,
    json: Json = False,
) -> None:
    """If two runs classified the same samples, their accuracies are compared sample by sample.

    Example: spiq compare runs/digits runs/digits-4-bits --out compare.html
    """
    if len(runs) < 2:
        raise InputError(f"{runs[0]}: a comparison needs at least two runs, got 1")
    twice = next((run for run in runs if runs.count(run) > 1), None)
    if twice is not None:
        raise InputError(f"{twice}: is named twice; every run must be another one")
    from ..report.comparison.compared import compared
    from ..report.comparison.tables import notes, tables
    from ..validation.report import read_report

    found = compared({str(run): read_report(run / REPORT) for run in runs})
    if out is not None:
        from ...export.files.atomic import new_file
        from ..report.comparison.page import render

        with new_file(out) as written:
            written.write_text(render(found), encoding="utf-8")
    if json:
        print_json(found.model_dump())
        return
    for table in tables(found):
        print_table(*table)
    for note in notes(found):
        print_line(note)
    if out is not None:
        print_line(f"{out}: written")
