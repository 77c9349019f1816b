"""Spikes of a sample: a column for each time step, a row for each neuron, a panel for each form of the network."""

from xml.etree.ElementTree import Element, SubElement, tostring

from ...validation.analysis.spiking import Panel, Raster
from .plot import line, printable, text

ROW = 11.0
WIDEST, NARROWEST = 13.0, 2.5
PANEL = 260.0
"""The width that a panel may take."""

LEFT, TOP, GAP, BOTTOM = 52.0, 44.0, 28.0, 26.0

LABELS = 16
"""Neurons that are named beside the rows."""


def raster_chart(key: str, found: Raster) -> str:
    """The drawing; `key` is of the SVG's own names, and no other drawing of the page has it."""
    column = min(WIDEST, max(NARROWEST, PANEL / max(found.steps, 1)))
    wide, tall = column * found.steps, ROW * len(found.neurons)
    width = LEFT + len(found.panels) * (max(wide, 96) + GAP)
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {width:.0f} {TOP + tall + BOTTOM:.0f}",
            "class": "raster",
            "style": f"max-width: {width * 1.25:.0f}px",
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
        },
    )
    SubElement(svg, "title", {"id": f"{key}-title"}).text = f"Output spikes of golden sample {found.sample}"
    SubElement(svg, "desc", {"id": f"{key}-desc"}).text = "; ".join(map(_described, found.panels))
    every = max(1, -(-len(found.neurons) // LABELS))
    for row in range(0, len(found.neurons), every):
        text(svg, "tick", LEFT - 6, TOP + (row + 0.8) * ROW, f"{found.neurons[row]}", "end")
    text(svg, "axis-label", LEFT - 6, TOP - 8, "neuron", "end")
    for number, panel in enumerate(found.panels):
        _panel(svg, panel, LEFT + number * (max(wide, 96) + GAP), column, found.steps, tall)
    return tostring(svg, encoding="unicode")


def _panel(svg: Element, panel: Panel, x: float, column: float, steps: int, tall: float) -> None:
    group = SubElement(svg, "g", {"class": "panel"})
    text(group, "panel-name", x, TOP - 26, panel.name, "start")
    text(group, "tick", x, TOP - 8, f"{len(panel.spikes)} spikes", "start")
    frame = {"x": f"{x:.1f}", "y": f"{TOP:.1f}", "width": f"{column * steps:.1f}", "height": f"{tall:.1f}"}
    SubElement(group, "rect", {"class": "frame", **frame})
    there, differing = set(panel.spikes), set(panel.differing)
    for step, row in sorted(there | differing):
        place = {
            "x": f"{x + step * column + 0.5:.1f}",
            "y": f"{TOP + row * ROW + 1:.1f}",
            "width": f"{column - 1:.1f}",
            "height": f"{ROW - 2:.1f}",
        }
        css = "spike" if (step, row) in there else "no-spike"
        SubElement(group, "rect", {"class": f"{css} differing" if (step, row) in differing else css, **place})
        if (step, row) in differing:
            # A cross besides the colour, which not everybody can tell.
            left, top = x + step * column + 0.5, TOP + row * ROW + 1
            line(group, "cross", left, top, left + column - 1, top + ROW - 2)
            line(group, "cross", left, top + ROW - 2, left + column - 1, top)
    text(group, "tick", x, TOP + tall + 16, "step 0", "start")
    if steps > 4:
        text(group, "tick", x + column * steps, TOP + tall + 16, f"{steps - 1}", "end")


def _described(panel: Panel) -> str:
    differing = f", {len(panel.differing)} of them there or missing against the panel before" if panel.differing else ""
    return printable(f"{panel.name}: {len(panel.spikes)} spikes{differing}")
