"""Each rung's accuracy with its interval."""

from xml.etree.ElementTree import SubElement

from ...validation.gate import least_allowed
from ...validation.report import Report
from ...validation.rung import Rung
from ..table import COLUMNS, cells
from .plot import BOTTOM, LEFT, Plot, circle, drawable, legend, line, percent, plotted, printable, scale, text, written

WIDTH = 1000

LONGEST_NAME = 12
"""Characters of a rung's name that fit under its mark."""


def accuracy_chart(report: Report) -> str | None:
    """Each rung's accuracy with its interval, and the least that the gate allows; None without any accuracy."""
    points = [value for rung in report.rungs for value in (rung.accuracy, *(rung.interval or ())) if drawable(value)]
    if not any(drawable(rung.accuracy) for rung in report.rungs):
        return None
    least = _least_allowed(report)
    described = [f"{name} {accuracy}, {interval}" for name, _, accuracy, interval, *_ in map(cells, report.rungs)]
    plot = plotted(
        "accuracy",
        WIDTH,
        "Accuracy on each rung, with its interval",
        "; ".join(text.rstrip(", ") for text in described),
        ("rung", "accuracy"),
        scale([*points, *([] if least is None else [least])]),
        percent,
    )
    legend(plot, "whisker", LEFT, f"accuracy and its {COLUMNS[3]}")
    if least is not None:
        line(plot.svg, "gate", LEFT, plot.y(least), plot.right, plot.y(least))
        legend(plot, "gate", LEFT + 240, f"the least that the gate allows, {least:.2%}")
    slot = (plot.right - LEFT) / len(report.rungs)
    for index, rung in enumerate(report.rungs):
        _rung_mark(plot, rung, LEFT + (index + 0.5) * slot)
    return written(plot)


def _rung_mark(plot: Plot, rung: Rung, x: float) -> None:
    """The rung's name on the axis, and above it the accuracy with its interval or the word skipped."""
    name, _, accuracy, interval, *_ = cells(rung)
    group = SubElement(plot.svg, "g", {"class": "mark"})
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    if not drawable(rung.accuracy):
        text(group, "tick skipped", x, BOTTOM + 18, short)
        if rung.skipped is not None:
            text(group, "tick skipped", x, BOTTOM - 8, "skipped")
        return
    SubElement(group, "title").text = printable(f"{name}: {accuracy}" + (f" ({interval})" if interval else ""))
    text(group, "tick", x, BOTTOM + 18, short)
    if rung.interval is not None and all(map(drawable, rung.interval)):
        low, high = (plot.y(end) for end in rung.interval)
        line(group, "whisker", x, low, x, high)
        for y in (low, high):
            line(group, "whisker", x - 6, y, x + 6, y)
    y = plot.y(rung.accuracy)
    circle(group, "point", x, y, 5)
    text(group, "value", x + 9, y + 4, accuracy, "start")


def _least_allowed(report: Report) -> float | None:
    """The accuracy below which the gate is not passed; None where nothing fails."""
    least = least_allowed(report)
    return least if drawable(least) and least > 0 else None
