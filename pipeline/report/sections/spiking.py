"""The spiking half: its layers, what each did in floating point and on the chip, and one sample's spikes."""

from typing import Any

from markupsafe import Markup

from ...validation.analysis.spiking import Activity, LayerReport, SpikingHalf
from ...validation.report import Report
from ..charts.network import network_graph
from ..charts.raster import raster_chart
from ..section import Section

COLUMNS = (
    "layer",
    "type",
    "neurons",
    "synapses",
    "cores",
    "rate, float",
    "rate, chip",
    "spikes changed",
    "range used",
    "weights made 0",
    "dead",
    "saturated",
)


def content(report: Report) -> dict[str, Any] | None:
    """Drawing, table and raster of each stage; None where there is none."""
    if not report.spiking:
        return None
    return {"columns": COLUMNS, "stages": [_stage(half) for half in report.spiking]}


def _stage(half: SpikingHalf) -> dict[str, Any]:
    shape = f"spikes {half.input_shape}"
    drawn = network_graph(f"network-{half.stage}", half.layers, shape) if half.layers else None
    shown = half.raster if half.raster is not None and half.raster.panels else None
    return {
        "name": half.stage,
        "samples": half.samples,
        "steps": half.steps,
        "rows": [_cells(layer, half) for layer in half.layers],
        # What the charts write is escaped by the XML writer.
        "graph": None if drawn is None else Markup(drawn),
        "raster": None if shown is None else Markup(raster_chart(f"raster-{half.stage}", shown)),
        "sample": None if shown is None else shown.sample,
        "shown": None if shown is None else len(shown.neurons),
        "of": None if shown is None else shown.of,
        "notes": [*half.notes, *(shown.notes if shown is not None else [])],
    }


def _cells(layer: LayerReport, half: SpikingHalf) -> tuple[str, ...]:
    """In the order of COLUMNS; empty where a figure does not apply."""
    spikes = layer.neurons * half.samples * half.steps
    return (
        layer.name,
        layer.kind or "relay",
        f"{layer.neurons:,}",
        _number(layer.synapses),
        _number(layer.cores),
        _rate(layer.in_float),
        _rate(layer.on_chip),
        "" if layer.changed is None else f"{layer.changed:,} ({layer.changed / spikes:.2%})",
        "" if layer.range_used is None else f"{layer.range_used:.0%}",
        "" if layer.zeroed is None else f"{layer.zeroed:,} of {layer.weights:,}",
        _both(layer, "dead"),
        _both(layer, "saturated"),
    )


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _rate(found: Activity | None) -> str:
    return "" if found is None else f"{found.rate:.4f}"


def _both(layer: LayerReport, figure: str) -> str:
    """In floating point, and behind an arrow on the chip."""
    forms = [getattr(form, figure) for form in (layer.in_float, layer.on_chip) if form is not None]
    return " → ".join(map(str, forms))


SECTION = Section("spiking", "The spiking half", content)
