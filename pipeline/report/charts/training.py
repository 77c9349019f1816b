"""Loss and accuracies over the epochs of a training."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree.ElementTree import SubElement

from ..table import EPOCH_COLUMNS, Epoch
from .plot import BOTTOM, LEFT, Plot, circle, drawable, legend, percent, plotted, round_step, scale, text, written

WIDTH = 480

MARKED_EPOCHS = 30
"""With more epochs than this the marks on a line would touch."""


class Line(NamedTuple):
    """A curve: a value for each epoch, None for a gap; `css` is its class in the style sheet."""

    name: str
    css: str
    values: Sequence[float | None]


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
    plot = plotted(key, WIDTH, title, described, ("epoch", axis), scale(values), tick_text)
    pitch = (plot.right - LEFT) / epochs
    places = [LEFT + (index + 0.5) * pitch for index in range(epochs)]
    every = max(1, round(round_step(epochs / 10)))
    for epoch in range(every, epochs + 1, every):
        text(plot.svg, "tick", places[epoch - 1], BOTTOM + 18, f"{epoch}")
    for index, line in enumerate(drawn):
        _curve(plot, line, places)
        legend(plot, f"curve {line.css}", LEFT + index * 170, line.name)
    return written(plot)


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
                circle(plot.svg, f"dot {line.css}", x, y, 3)
