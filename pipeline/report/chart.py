"""The report's charts as SVG that stands inside a page; colours and type come from the page's style sheet.

A value lies on a straight scale between the outermost ticks, which are multiples of 1, 2 or 5 times a power of ten:

    y = BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (BOTTOM - TOP)
"""

import math
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple, TypeGuard
from xml.etree.ElementTree import Element, SubElement, tostring

from ..validation.gate import least_allowed
from ..validation.rung import Report, Rung
from .table import COLUMNS, EPOCH_COLUMNS, Epoch, cells

HEIGHT = 280
TOP, BOTTOM = 30.0, HEIGHT - 48.0
LEFT, RIGHT_MARGIN = 64.0, 16.0
LADDER_WIDTH, TRAINING_WIDTH = 1000, 480

LARGEST = 1e100
"""A number beyond this, or none at all, leaves a gap: the scale's arithmetic would overflow."""

NARROWEST = 1e-9
"""The span of a scale over its largest value: less drowns in the ticks' rounding."""

LONGEST_NAME = 12
"""Characters of a rung's name that fit under its mark."""

MARKED_EPOCHS = 30
"""With more epochs than this the marks on a line would touch."""


class Line(NamedTuple):
    """A curve: a value for each epoch, None for a gap; `css` is its class in the style sheet."""

    name: str
    css: str
    values: Sequence[float | None]


class Plot(NamedTuple):
    """An SVG with its vertical scale drawn."""

    svg: Element
    ticks: list[float]
    right: float

    def y(self, value: float) -> float:
        return BOTTOM - (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0]) * (BOTTOM - TOP)


def accuracy_chart(report: Report) -> str | None:
    """Each rung's accuracy with its interval, and the least that the gate allows; None without any accuracy."""
    points = [value for rung in report.rungs for value in (rung.accuracy, *(rung.interval or ())) if drawable(value)]
    if not any(drawable(rung.accuracy) for rung in report.rungs):
        return None
    least = _least_allowed(report)
    described = [f"{name} {accuracy}, {interval}" for name, _, accuracy, interval, *_ in map(cells, report.rungs)]
    plot = _plot(
        "accuracy",
        LADDER_WIDTH,
        "Accuracy on each rung, with its interval",
        "; ".join(text.rstrip(", ") for text in described),
        ("rung", "accuracy"),
        scale([*points, *([] if least is None else [least])]),
        percent,
    )
    _legend(plot, "whisker", LEFT, f"accuracy and its {COLUMNS[3]}")
    if least is not None:
        _line(plot.svg, "gate", LEFT, plot.y(least), plot.right, plot.y(least))
        _legend(plot, "gate", LEFT + 240, f"the least that the gate allows, {least:.2%}")
    slot = (plot.right - LEFT) / len(report.rungs)
    for index, rung in enumerate(report.rungs):
        _rung_mark(plot, rung, LEFT + (index + 0.5) * slot)
    return _written(plot)


def loss_chart(training: Sequence[Epoch]) -> str | None:
    """The training loss of each epoch. None where there is none."""
    line = Line(EPOCH_COLUMNS[1], "series-1", [epoch.get("loss") for epoch in training])
    return _epoch_chart("loss", "Training loss in each epoch", "loss", [line], lambda value: f"{value:.6g}")


def training_accuracy_chart(training: Sequence[Epoch]) -> str | None:
    """Training and validation accuracy of each epoch; a curve without values is left out. None where both are."""
    lines = [
        Line(EPOCH_COLUMNS[2], "series-1", [epoch.get("accuracy") for epoch in training]),
        Line(EPOCH_COLUMNS[3], "series-2", [epoch.get("validation") for epoch in training]),
    ]
    return _epoch_chart("training-accuracy", "Accuracy in each epoch", "accuracy", lines, percent)


def drawable(value: float | None) -> TypeGuard[float]:
    """Whether a chart can hold the value; it cannot hold NaN, which is not below anything."""
    return value is not None and abs(value) <= LARGEST


def scale(values: Sequence[float], intervals: int = 5) -> list[float]:
    """Evenly spaced round ticks, at least two, from no more than the smallest value to no less than the largest.

    Round is 1, 2 or 5 times a power of ten. There are about `intervals` spaces between them.
    """
    low, high = min(values), max(values)
    largest = max(abs(low), abs(high))
    if high - low <= max(NARROWEST * largest, 1 / LARGEST):
        half = 0.01 * largest if largest > 1 / LARGEST else 1.0
        # A share stays a share: room is made neither under 0 nor over 1.
        low = max(low - half, 0.0) if low >= 0 else low - half
        high = min(high + half, 1.0) if high <= 1 else high + half
    step = _round_step((high - low) / intervals)
    first, last = math.floor(low / step + NARROWEST), math.ceil(high / step - NARROWEST)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def percent(value: float) -> str:
    """A tick of an accuracy axis, with no more digits than it needs."""
    return f"{value * 100:.6g}%"


def printable(text: str) -> str:
    """The text, with what XML does not allow (XML 1.0, section 2.2) replaced by the replacement character."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def _least_allowed(report: Report) -> float | None:
    """The accuracy below which the gate is not passed; None where nothing fails."""
    least = least_allowed(report)
    return least if drawable(least) and least > 0 else None


def _plot(
    key: str,
    width: int,
    title: str,
    description: str,
    axes: tuple[str, str],
    ticks: list[float],
    tick_text: Callable[[float], str],
) -> Plot:
    """An SVG with title, description, grid and the labels of the horizontal and the vertical axis."""
    labelled = {"role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    svg = Element("svg", {"viewBox": f"0 0 {width} {HEIGHT}", "class": "chart", **labelled})
    SubElement(svg, "title", {"id": f"{key}-title"}).text = title
    SubElement(svg, "desc", {"id": f"{key}-desc"}).text = printable(description)
    plot = Plot(svg, ticks, width - RIGHT_MARGIN)
    for index, tick in enumerate(ticks):
        y = plot.y(tick)
        _line(svg, "grid" if index else "axis", LEFT, y, plot.right, y)
        _text(svg, "tick", LEFT - 8, y + 4, tick_text(tick), "end")
    horizontal, vertical = axes
    _text(svg, "axis-label", (LEFT + plot.right) / 2, HEIGHT - 8, horizontal)
    middle = (TOP + BOTTOM) / 2
    _text(svg, "axis-label", 14, middle, vertical).set("transform", f"rotate(-90 14 {middle:.1f})")
    return plot


def _rung_mark(plot: Plot, rung: Rung, x: float) -> None:
    """The rung's name on the axis, and above it the accuracy with its interval or the word skipped."""
    name, _, accuracy, interval, *_ = cells(rung)
    group = SubElement(plot.svg, "g", {"class": "mark"})
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    if not drawable(rung.accuracy):
        _text(group, "tick skipped", x, BOTTOM + 18, short)
        if rung.skipped is not None:
            _text(group, "tick skipped", x, BOTTOM - 8, "skipped")
        return
    SubElement(group, "title").text = printable(f"{name}: {accuracy}" + (f" ({interval})" if interval else ""))
    _text(group, "tick", x, BOTTOM + 18, short)
    if rung.interval is not None and all(map(drawable, rung.interval)):
        low, high = (plot.y(end) for end in rung.interval)
        _line(group, "whisker", x, low, x, high)
        for y in (low, high):
            _line(group, "whisker", x - 6, y, x + 6, y)
    y = plot.y(rung.accuracy)
    _circle(group, "point", x, y, 5)
    _text(group, "value", x + 9, y + 4, accuracy, "start")


def _epoch_chart(
    key: str, title: str, axis: str, lines: Sequence[Line], tick_text: Callable[[float], str]
) -> str | None:
    """Curves over the epochs, which count from 1."""
    drawn = [line for line in lines if any(map(drawable, line.values))]
    if not drawn:
        return None
    values = [value for line in drawn for value in line.values if drawable(value)]
    epochs = len(drawn[0].values)
    ends = [(line.name, [value for value in line.values if drawable(value)]) for line in drawn]
    described = "; ".join(f"{name} from {tick_text(of[0])} to {tick_text(of[-1])}" for name, of in ends)
    plot = _plot(key, TRAINING_WIDTH, title, described, ("epoch", axis), scale(values), tick_text)
    pitch = (plot.right - LEFT) / epochs
    places = [LEFT + (index + 0.5) * pitch for index in range(epochs)]
    every = max(1, round(_round_step(epochs / 10)))
    for epoch in range(every, epochs + 1, every):
        _text(plot.svg, "tick", places[epoch - 1], BOTTOM + 18, f"{epoch}")
    for index, line in enumerate(drawn):
        _curve(plot, line, places)
        _legend(plot, f"curve {line.css}", LEFT + index * 170, line.name)
    return _written(plot)


def _curve(plot: Plot, line: Line, places: Sequence[float]) -> None:
    """The curve in as many pieces as its gaps leave; a piece of one value is a dot."""
    points = list(zip(places, line.values, strict=True))
    for unbroken, piece in groupby(points, key=lambda point: drawable(point[1])):
        if not unbroken:
            continue
        reached = [(x, plot.y(value)) for x, value in piece if drawable(value)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in reached)
        SubElement(plot.svg, "polyline", {"class": f"curve {line.css}", "points": path})
        if len(reached) == 1 or len(places) <= MARKED_EPOCHS:
            for x, y in reached:
                _circle(plot.svg, f"dot {line.css}", x, y, 3)


def _legend(plot: Plot, css: str, x: float, text: str) -> None:
    """A piece of a line above the plot, and what it stands for."""
    _line(plot.svg, css, x, 12, x + 24, 12)
    _text(plot.svg, "legend", x + 30, 16, text, "start")


def _line(parent: Element, css: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    SubElement(parent, "line", {"class": css, **{end: f"{value:.1f}" for end, value in ends.items()}})


def _circle(parent: Element, css: str, x: float, y: float, radius: float) -> None:
    SubElement(parent, "circle", {"class": css, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{radius}"})


def _text(parent: Element, css: str, x: float, y: float, text: str, anchor: str = "middle") -> Element:
    element = SubElement(parent, "text", {"class": css, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
    element.text = printable(text)
    return element


def _written(plot: Plot) -> str:
    return tostring(plot.svg, encoding="unicode")
