"""Expectation values as a device measured them, over the exact ones."""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import SubElement

from ...validation.analysis.quantum import Measured
from .plot import BOTTOM, LEFT, TOP, Plot, circle, drawable, legend, line, plotted, scale, text, written

WIDTH = 480

DEVIATIONS = 2
"""Standard deviations of the shots to either side of the diagonal."""

PIECES = 48
"""Straight pieces of each edge of the band."""


def expectation_chart(measured: Measured, key: str) -> str | None:
    """A dot for each pair, as fractions of the observable's bound, and the band that shots alone explain; None without
    any."""
    points = list(_points(measured))
    if not points:
        return None
    ends = [value for point in points for value in point]
    ticks = [tick for tick in scale([max(min(ends), -1.0), min(max(ends), 1.0)]) if abs(tick) < 1 + 1e-9]
    plot = plotted(
        key,
        WIDTH,
        f"Measured over exact expectation values on the rung {measured.rung}",
        f"{len(points)} pairs; the largest distance is {max(abs(y - x) for x, y in points):.2g}",
        ("exact", "measured"),
        ticks,
        _number,
    )

    def across(value: float) -> float:
        return LEFT + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (plot.right - LEFT)

    for tick in ticks:
        line(plot.svg, "grid", across(tick), TOP, across(tick), BOTTOM)
        text(plot.svg, "tick", across(tick), BOTTOM + 18, _number(tick))
    if measured.shots is not None:
        _band(plot, measured.shots)
        legend(plot, "shot-band-line", LEFT + 150, f"±{DEVIATIONS} standard deviations of the shots")
    line(plot.svg, "diagonal", LEFT, BOTTOM, plot.right, TOP)
    legend(plot, "diagonal", LEFT, "equal values")
    for x, y in points:
        if ticks[0] <= x <= ticks[-1] and ticks[0] <= y <= ticks[-1]:
            circle(plot.svg, "pair-dot", across(x), plot.y(y), 2.5)
    return written(plot)


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def _points(measured: Measured) -> Iterator[tuple[float, float]]:
    """Exact and measured values as fractions of the bound; an observable that is always 0 has none."""
    for point in measured.points:
        if 0 <= point.observable < len(measured.observables):
            bound = measured.observables[point.observable].bound
            if drawable(bound) and bound > 0 and drawable(point.exact) and drawable(point.measured):
                yield point.exact / bound, point.measured / bound


def _band(plot: Plot, shots: int) -> None:
    """Around each exact value x the deviations √((1 - x²) / shots), cut at the scale's ends."""
    low, high = plot.ticks[0], plot.ticks[-1]
    places = [low + (high - low) * piece / PIECES for piece in range(PIECES + 1)]
    widths = [DEVIATIONS * math.sqrt(max(1 - x * x, 0.0) / max(shots, 1)) for x in places]
    upper = [(x, min(x + width, high)) for x, width in zip(places, widths, strict=True)]
    lower = [(x, max(x - width, low)) for x, width in zip(places, widths, strict=True)]
    path = " ".join(
        f"{LEFT + (x - low) / (high - low) * (plot.right - LEFT):.1f},{plot.y(y):.1f}"
        for x, y in (*upper, *reversed(lower))
    )
    SubElement(plot.svg, "polygon", {"class": "shot-band", "points": path})
