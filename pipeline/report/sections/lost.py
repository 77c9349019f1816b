"""Where accuracy was lost: each rung against the one before, sample by sample and class by class."""

from typing import Any, NamedTuple

from ...validation.analysis.changes import Change, pictured
from ...validation.analysis.paired import Paired
from ...validation.gate import judged
from ...validation.report import Report
from ...validation.rung import Rung
from ...validation.survival import points
from ..section import Section

COLUMNS = ("rung", "against", "samples", "difference", "95% interval", "gained", "lost", "McNemar's p")

MOST_CLASSES = 20
"""A confusion matrix of more classes is not drawn; report.json has it."""


class Changed(NamedTuple):
    """The samples of a rung whose predictions changed: how many, a sentence, and those with a picture."""

    rung: str
    against: str
    sentence: str
    shown: list[Change]
    left_out: int


class Matrix(NamedTuple):
    """A confusion matrix: a row for each true class, whose cells are counts with their fraction of the row."""

    rung: str
    rows: list[list[tuple[int, float]]]


def content(report: Report) -> dict[str, Any] | None:
    """Tables and pictures; None where no rung is held against another one."""
    compared = [rung for rung in report.rungs if rung.paired is not None]
    if not compared:
        return None
    changed = [found for rung in compared if (found := _changed(rung)) is not None]
    ends = [rung for rung in judged(report.rungs) if rung.confusion is not None]
    classes = len(ends[0].confusion or []) if ends else 0
    return {
        "columns": COLUMNS,
        "rows": [_paired_cells(rung.name, rung.paired) for rung in compared if rung.paired is not None],
        "whole": None if report.whole is None else _paired_cells(ends[-1].name if ends else "", report.whole),
        "changed": changed,
        "unchanged": [rung.name for rung in compared if _changed(rung) is None],
        "pictures": report.thumbnails,
        "matrices": [_matrix(rung) for rung in _first_and_last(ends)] if classes <= MOST_CLASSES else [],
        "classes": classes,
    }


def _first_and_last(rungs: list[Rung]) -> list[Rung]:
    return rungs if len(rungs) < 2 else [rungs[0], rungs[-1]]


def _paired_cells(name: str, found: Paired) -> tuple[str, ...]:
    """In the order of COLUMNS."""
    low, high = (points(end) for end in found.interval)
    return (
        name,
        found.against,
        f"{found.samples}",
        f"{points(found.difference)} points",
        f"{low} to {high}",
        f"{found.gained}",
        f"{found.lost}",
        f"{found.p:.2g}",
    )


def _changed(rung: Rung) -> Changed | None:
    if rung.paired is None or rung.agreement is None or rung.samples is None:
        return None
    count = round((1 - rung.agreement) * rung.samples)
    if not count:
        return None
    either = count - rung.paired.lost - rung.paired.gained
    parts = (
        (rung.paired.lost, "became wrong"),
        (rung.paired.gained, "became right"),
        (either, "wrong before and after"),
    )
    told = ", ".join(f"{number} {words}" for number, words in parts if number)
    shown = pictured(rung.changed)
    sentence = f"{count} of {rung.samples} predictions changed: {told}."
    return Changed(rung.name, rung.paired.against, sentence, shown, count - len(shown))


def _matrix(rung: Rung) -> Matrix:
    rows = rung.confusion or []
    return Matrix(rung.name, [[(count, count / max(sum(row), 1)) for count in row] for row in rows])


SECTION = Section("lost", "Where accuracy was lost", content)
