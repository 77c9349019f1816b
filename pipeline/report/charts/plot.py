"""The ground of a chart: an SVG that stands inside a page, with its vertical scale; the page's style sheet colours it.

A value lies on a straight scale between the outermost ticks, which are multiples of 1, 2 or 5 times a power of ten:

    y = BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (BOTTOM - TOP)
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeGuard
from xml.etree.ElementTree import Element, SubElement, tostring

HEIGHT = 280
TOP, BOTTOM = 30.0, HEIGHT - 48.0
LEFT, RIGHT_MARGIN = 64.0, 16.0

LARGEST = 1e100
"""A number beyond this, or none at all, leaves a gap: the scale's arithmetic would overflow."""

NARROWEST = 1e-9
"""The span of a scale over its largest value: less drowns in the ticks' rounding."""


class Plot(NamedTuple):
    """An SVG with its vertical scale drawn."""

    svg: Element
    ticks: list[float]
    right: float

    def y(self, value: float) -> float:
        """Where a value lies."""
        return BOTTOM - (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0]) * (BOTTOM - TOP)


def plotted(
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
        line(svg, "grid" if index else "axis", LEFT, y, plot.right, y)
        text(svg, "tick", LEFT - 8, y + 4, tick_text(tick), "end")
    horizontal, vertical = axes
    text(svg, "axis-label", (LEFT + plot.right) / 2, HEIGHT - 8, horizontal)
    middle = (TOP + BOTTOM) / 2
    text(svg, "axis-label", 14, middle, vertical).set("transform", f"rotate(-90 14 {middle:.1f})")
    return plot


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
        # A fraction stays a fraction: room is made neither under 0 nor over 1.
        low = max(low - half, 0.0) if low >= 0 else low - half
        high = min(high + half, 1.0) if high <= 1 else high + half
    step = round_step((high - low) / intervals)
    first, last = math.floor(low / step + NARROWEST), math.ceil(high / step - NARROWEST)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def percent(value: float) -> str:
    """A tick of an accuracy axis, with no more digits than it needs."""
    return f"{value * 100:.6g}%"


def printable(text: str) -> str:
    """The text, with what XML does not allow (XML 1.0, section 2.2) replaced by the replacement character."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)


def legend(plot: Plot, css: str, x: float, label: str) -> None:
    """A piece of a line above the plot, and what it stands for."""
    line(plot.svg, css, x, 12, x + 24, 12)
    text(plot.svg, "legend", x + 30, 16, label, "start")


def line(parent: Element, css: str, x1: float, y1: float, x2: float, y2: float) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    SubElement(parent, "line", {"class": css, **{end: f"{value:.1f}" for end, value in ends.items()}})


def circle(parent: Element, css: str, x: float, y: float, radius: float) -> None:
    SubElement(parent, "circle", {"class": css, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{radius}"})


def text(parent: Element, css: str, x: float, y: float, label: str, anchor: str = "middle") -> Element:
    element = SubElement(parent, "text", {"class": css, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
    element.text = printable(label)
    return element


def written(plot: Plot) -> str:
    return tostring(plot.svg, encoding="unicode")
