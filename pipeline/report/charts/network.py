"""A spiking stage as a graph: a box for each layer, from the input at the top to the output at the bottom.

A layer stands one row below the lowest of those that it reads. What skips a row goes down on the right of all boxes,
and what goes back, the spikes of the step before, up on the left, so that no edge runs through a box.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from ...validation.analysis.spiking import Edge, LayerReport
from .plot import line, printable, text

BOX_WIDTH, BOX_HEIGHT = 232.0, 64.0
ROW, COLUMN = 108.0, 264.0
MARGIN = 16.0
LANE = 18.0
"""Between two edges that pass the boxes on the same side."""

GAP = 14.0
"""How far below and above boxes such an edge turns."""

LONGEST_NAME = 26
"""Characters of a layer's name that fit into its box."""

INPUT = "input"


def network_graph(key: str, layers: Sequence[LayerReport], input_shape: str) -> str:
    """The drawing.

    Args:
        key: Of the SVG's own names; no other drawing of the page has it.
        layers: The layers, each after those that it reads but for recurrence.
        input_shape: The shape of the stage's input, as text.
    """
    rows = _rows(layers)
    places = _places(rows)
    passing = [(edge, layer) for layer in layers for edge in layer.reads if _passes(edge, layer, rows)]
    left = sum(edge.recurrent for edge, _ in passing)
    right = len(passing) - left
    shift = MARGIN + LANE * (left + (left > 0))
    inner = max(len(names) for names in _by_row(rows).values()) * COLUMN - (COLUMN - BOX_WIDTH)
    width = shift + inner + MARGIN + LANE * (right + (right > 0))
    height = (max(rows.values()) + 1) * ROW - (ROW - BOX_HEIGHT) + 2 * MARGIN + GAP
    svg = Element(
        "svg",
        {
            "viewBox": f"0 0 {width:.0f} {height:.0f}",
            "class": "network",
            "style": f"max-width: {width:.0f}px",
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
        },
    )
    SubElement(svg, "title", {"id": f"{key}-title"}).text = "The layers and what each reads"
    SubElement(svg, "desc", {"id": f"{key}-desc"}).text = printable("; ".join(map(_described, layers)))
    corners = {name: (shift + x, MARGIN + y) for name, (x, y) in places.items()}
    lanes = {True: 0, False: 0}
    for layer in layers:
        for edge in layer.reads:
            if not _passes(edge, layer, rows):
                _straight(svg, corners[edge.source], corners[layer.name], edge)
                continue
            lanes[edge.recurrent] += 1
            lane = lanes[edge.recurrent] * LANE
            x = shift - lane if edge.recurrent else shift + inner + lane
            _around(svg, corners[edge.source], corners[layer.name], x, edge)
    _box(svg, corners[INPUT], INPUT, input_shape, "")
    for layer in layers:
        _box(svg, corners[layer.name], layer.name, f"{layer.kind or 'relay'} {layer.shape}", _size(layer))
    return tostring(svg, encoding="unicode")


def _rows(layers: Sequence[LayerReport]) -> dict[str, int]:
    rows = {INPUT: 0}
    for layer in layers:
        rows[layer.name] = 1 + max((rows.get(edge.source, 0) for edge in layer.reads if not edge.recurrent), default=0)
    return rows


def _by_row(rows: dict[str, int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, row in rows.items():
        found.setdefault(row, []).append(name)
    return found


def _places(rows: dict[str, int]) -> dict[str, tuple[float, float]]:
    """The upper left corner of each box; a row with fewer boxes than others stands in the middle."""
    by_row = _by_row(rows)
    most = max(map(len, by_row.values()))
    return {
        name: (((most - len(names)) / 2 + column) * COLUMN, row * ROW)
        for row, names in by_row.items()
        for column, name in enumerate(names)
    }


def _passes(edge: Edge, layer: LayerReport, rows: dict[str, int]) -> bool:
    """Whether the edge goes around the boxes."""
    return edge.recurrent or rows[layer.name] - rows.get(edge.source, 0) > 1


def _straight(svg: Element, start: tuple[float, float], end: tuple[float, float], edge: Edge) -> None:
    (x1, y1), (x2, y2) = start, end
    x1, y1, x2 = x1 + BOX_WIDTH / 2, y1 + BOX_HEIGHT, x2 + BOX_WIDTH / 2
    line(svg, "edge", x1, y1, x2, y2 - 6)
    _arrow(svg, x2, y2, 0, 1)
    # Beside the end, where edges to other layers are apart.
    text(svg, "edge-label", x1 + (x2 - x1) * 0.6 + 8, y1 + (y2 - y1) * 0.6 + 4, _label(edge), "start")


def _around(svg: Element, start: tuple[float, float], end: tuple[float, float], x: float, edge: Edge) -> None:
    """Out of the source's bottom, along the gap below it, past all boxes at x, and along the gap above the target."""
    across = BOX_WIDTH * (0.2 if edge.recurrent else 0.8)
    (x1, y1), (x2, y2) = start, end
    leaving, coming = y1 + BOX_HEIGHT + GAP, y2 - GAP
    x1, x2 = x1 + across, x2 + across
    points = [(x1, y1 + BOX_HEIGHT), (x1, leaving), (x, leaving), (x, coming), (x2, coming), (x2, y2 - 6)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    css = "edge recurrent" if edge.recurrent else "edge"
    made = SubElement(svg, "polyline", {"class": css, "points": path})
    SubElement(made, "title").text = printable(f"{edge.source}: {_label(edge)}")
    _arrow(svg, x2, y2, 0, 1)


def _arrow(svg: Element, x: float, y: float, dx: int, dy: int) -> None:
    """A head whose point is at (x, y)."""
    back, half = 8, 4
    corners = [
        (x, y),
        (x - back * dx + half * dy, y - back * dy + half * dx),
        (x - back * dx - half * dy, y - back * dy - half * dx),
    ]
    SubElement(svg, "polygon", {"class": "arrow", "points": " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)})


def _box(svg: Element, corner: tuple[float, float], name: str, what: str, size: str) -> None:
    x, y = corner
    group = SubElement(svg, "g", {"class": "box"})
    SubElement(group, "title").text = printable(name)
    shape = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{BOX_WIDTH:.0f}", "height": f"{BOX_HEIGHT:.0f}", "rx": "6"}
    SubElement(group, "rect", shape)
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    middle = x + BOX_WIDTH / 2
    text(group, "box-name", middle, y + 21, short)
    text(group, "box-line", middle, y + 39, what[:40])
    text(group, "box-line", middle, y + 55, size)


def _size(layer: LayerReport) -> str:
    cores = "" if layer.cores is None else f", {layer.cores} core{'s' if layer.cores > 1 else ''}"
    return f"{layer.neurons} neurons{cores}"


def _label(edge: Edge) -> str:
    parts = [edge.kind, "of the step before" if edge.recurrent else "", f"delay {edge.delay}" if edge.delay else ""]
    return ", ".join(filter(None, parts))


def _described(layer: LayerReport) -> str:
    return f"{layer.name}, {_size(layer)}, reads {', '.join(edge.source for edge in layer.reads)}"
