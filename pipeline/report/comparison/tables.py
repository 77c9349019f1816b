"""A comparison as tables of text: a row for each thing, a column for each run."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...terminal.table_layout import Table
from ...validation.analysis.confidence import CONFIDENCE
from ...validation.survival import points
from .compared import Comparison, RungAccuracy


def tables(found: Comparison) -> Iterator[Table]:
    """What differs, accuracies, paired differences, costs; a table that would be empty is left out."""
    runs = found.runs
    # The first run is what the others are held against.
    last_first = list(reversed(runs[1:]))
    settings = [(key, *map(shown, values)) for key, values in found.settings.items()]
    if settings:
        yield Table("Settings that differ", ("key", *runs), settings, last_first)
    accuracies = [(name, *map(_accuracy, rungs)) for name, rungs in found.rungs.items()]
    yield Table("Accuracy", ("rung", *runs), accuracies, last_first)
    yield from _differences(found, runs)
    sizes = [(what, *map(shown, values)) for what, values in found.sizes.items()]
    gates = ("gate", *("passed" if passed else "NOT passed" for passed in found.passed))
    costs = [(what, *map(shown, values)) for what, values in found.costs.items()]
    yield Table("Size and cost", ("", *runs), [*sizes, *costs, gates], last_first)


def _differences(found: Comparison, runs: list[str]) -> Iterator[Table]:
    rows = [
        (name, run, f"{rung.against_first.samples}", *difference(rung))
        for name, rungs in found.rungs.items()
        for run, rung in zip(runs, rungs, strict=True)
        if rung.against_first is not None
    ]
    if rows:
        columns = (
            "rung",
            "run",
            "samples",
            "difference",
            f"{CONFIDENCE:.0%} interval",
            "gained",
            "lost",
            "McNemar's p",
        )
        # Of two runs there is no doubt which one it is.
        may_go = ("samples", "gained", "lost") if len(runs) > 2 else ("run", "samples")
        yield Table(f"Against {runs[0]}, sample by sample (percentage points)", columns, rows, may_go)


def notes(found: Comparison) -> Iterator[str]:
    """What a reader must know besides."""
    others = [run for run, same in zip(found.runs, found.same_samples, strict=True) if not same]
    if others:
        yield (
            f"not compared sample by sample with {found.runs[0]}, since the samples are others or not known: "
            f"{', '.join(others)}"
        )


def difference(rung: RungAccuracy) -> tuple[str, ...]:
    """A paired difference: itself, its interval, gained, lost, p; empty where there is none."""
    found = rung.against_first
    if found is None:
        return ("",) * 5
    low, high = (points(end) for end in found.interval)
    return (points(found.difference), f"{low} to {high}", f"{found.gained}", f"{found.lost}", f"{found.p:.2g}")


def shown(value: Any) -> str:
    """A value of a configuration or a cost, as a person reads it."""
    match value:
        case None:
            return "–"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
        case list() | tuple() if isinstance(value, Sequence):
            return ", ".join(map(shown, value))
    return str(value)


def _accuracy(rung: RungAccuracy) -> str:
    if rung.accuracy is None:
        return "–"
    return f"{rung.accuracy:.2%} of {rung.samples}"
