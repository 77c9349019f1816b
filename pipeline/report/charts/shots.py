"""Accuracy over the number of shots."""

import math
from xml.etree.ElementTree import SubElement

from ...validation.analysis.accuracy_by_shots import AccuracyAtShots, AccuracyByShots
from .plot import BOTTOM, LEFT, Plot, circle, drawable, legend, line, percent, plotted, printable, scale, text, written

WIDTH = 480


def shots_chart(found: AccuracyByShots, own: int) -> str | None:
    """The accuracy with its interval for each number of shots, on a logarithmic scale; None without any.

    Args:
        found: What was measured.
        own: The ladder's own number of shots, which is marked.
    """
    drawn = [at for at in found.measured if at.shots > 0 and all(map(drawable, (at.accuracy, *at.interval)))]
    if not drawn:
        return None
    values = [value for at in drawn for value in (at.accuracy, *at.interval)]
    exact = found.exact if drawable(found.exact) else None
    plot = plotted(
        "accuracy-by-shots",
        WIDTH,
        "Accuracy by the number of shots, with its interval",
        "; ".join(f"{at.shots} shots {at.accuracy:.2%}" for at in drawn)
        + ("" if exact is None else f"; exact {exact:.2%}"),
        ("shots per sample, logarithmic", "accuracy"),
        scale([*values, *([] if exact is None else [exact])]),
        percent,
    )
    if exact is not None:
        line(plot.svg, "gate", LEFT, plot.y(exact), plot.right, plot.y(exact))
        legend(plot, "gate", LEFT + 210, f"exact values, {exact:.2%}")
    legend(plot, "whisker", LEFT, "accuracy and its interval")
    places = _places(plot, [at.shots for at in drawn])
    joined = " ".join(f"{x:.1f},{plot.y(at.accuracy):.1f}" for x, at in zip(places, drawn, strict=True))
    SubElement(plot.svg, "polyline", {"class": "curve faint", "points": joined})
    for x, at in zip(places, drawn, strict=True):
        _mark(plot, at, x, at.shots == own)
    return written(plot)


def _places(plot: Plot, shots: list[int]) -> list[float]:
    """Where each number lies between the first and the last one, by its logarithm."""
    first, last = math.log(min(shots)), math.log(max(shots))
    inner, width = LEFT + 30, plot.right - LEFT - 60
    return [inner + width * ((math.log(one) - first) / (last - first) if last > first else 0.5) for one in shots]


def _mark(plot: Plot, at: AccuracyAtShots, x: float, is_own: bool) -> None:
    low, high = at.interval
    group = SubElement(plot.svg, "g", {"class": "mark"})
    SubElement(group, "title").text = printable(f"{at.shots} shots: {at.accuracy:.2%} ({low:.2%} – {high:.2%})")
    line(group, "whisker", x, plot.y(low), x, plot.y(high))
    for end in (low, high):
        line(group, "whisker", x - 5, plot.y(end), x + 5, plot.y(end))
    circle(group, "point", x, plot.y(at.accuracy), 5)
    text(group, "tick own" if is_own else "tick", x, BOTTOM + 18, f"{at.shots}")
