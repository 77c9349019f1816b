"""The energy of a sample by every published model: a row for each, on one logarithmic scale."""

import math
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from .plot import circle, line, printable, text

ROW = 22.0
LEFT, RIGHT, TOP, BOTTOM = 230.0, 90.0, 12.0, 44.0
WIDTH = 900.0


def energy_chart(key: str, estimates: Sequence[dict[str, Any]]) -> str | None:
    """The drawing, in nJ per sample; None where no model gives an energy above 0.

    Args:
        key: Of the SVG's own names; no other drawing of the page has it.
        estimates: As `hardware.cost.costs` gives them, energies in pJ.
    """
    shown = [(one["model"], one["energy_pj"] / 1000) for one in estimates if one["energy_pj"] > 0]
    if not shown:
        return None
    exponents = [math.log10(energy) for _, energy in shown]
    first, last = math.floor(min(exponents)), math.ceil(max(exponents) + 1e-9)
    last = max(last, first + 1)
    bottom = TOP + ROW * len(shown)
    labelled = {"role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    svg = Element("svg", {"viewBox": f"0 0 {WIDTH:.0f} {bottom + BOTTOM:.0f}", "class": "chart", **labelled})
    SubElement(svg, "title", {"id": f"{key}-title"}).text = "Energy per sample by every model"
    SubElement(svg, "desc", {"id": f"{key}-desc"}).text = printable(
        "; ".join(f"{name} {in_nanojoules(energy)}" for name, energy in shown)
    )

    def x(exponent: float) -> float:
        return LEFT + (exponent - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    for exponent in range(first, last + 1):
        line(svg, "grid", x(exponent), TOP, x(exponent), bottom)
        text(svg, "tick", x(exponent), bottom + 18, f"{10.0**exponent:,.10g}")
    text(svg, "axis-label", (x(first) + x(last)) / 2, bottom + 38, "nJ per sample")
    for number, ((name, energy), exponent) in enumerate(zip(shown, exponents, strict=True)):
        y = TOP + (number + 0.5) * ROW
        text(svg, "legend", LEFT - 10, y + 4, name, "end")
        line(svg, "whisker", x(first), y, x(exponent), y)
        circle(svg, "point", x(exponent), y, 5)
        text(svg, "value", x(exponent) + 10, y + 4, in_nanojoules(energy), "start")
    return tostring(svg, encoding="unicode")


def in_nanojoules(energy: float) -> str:
    """An energy with three digits."""
    return f"{float(f'{energy:.3g}'):,.10g}"
