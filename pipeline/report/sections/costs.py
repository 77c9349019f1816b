"""What the spiking half costs: memory and cores, NeuroBench's metrics, energy by every published model."""

from typing import Any

from markupsafe import Markup

from ...validation.report import Report
from ..charts.energy import energy_chart, in_nanojoules
from ..section import Section

COLUMNS = ("model", "energy, nJ", "time, µs", "basis", "counts", "leaves out", "source")


def content(report: Report) -> dict[str, Any] | None:
    """Figures of each spiking stage, or why they are not known; None where there are none."""
    found = report.costs
    if not found.stages and found.unmeasured is None:
        return None
    return {
        "columns": COLUMNS,
        "unmeasured": found.unmeasured,
        "stages": [_stage(one) for one in found.stages],
    }


def _stage(found: dict[str, Any]) -> dict[str, Any]:
    least, most = found["energy_range_pj"]
    drawn = energy_chart(f"energy-{found['stage']}", found["estimates"])
    return {
        "name": found["stage"],
        "chip": _chip(found["chip"]),
        "left_out": found["chip_left_out"],
        "metrics": _metrics(found["neurobench"]),
        "samples": found["neurobench"]["samples"],
        "least": in_nanojoules(least / 1000),
        "most": in_nanojoules(most / 1000),
        "names": found["energy_range_models"],
        # What the charts write is escaped by the XML writer.
        "chart": None if drawn is None else Markup(drawn),
        "rows": [_estimate(one) for one in found["estimates"]],
    }


def _chip(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    if found is None:
        return []
    return [
        ("neurons", f"{found['neurons']:,}"),
        ("synapses", f"{found['synapses']:,}"),
        ("not 0", f"{found['nonzero']:,}"),
        ("synaptic memory", f"{found['synaptic_bytes']:,} bytes"),
        ("neuro-cores", f"{found['cores']:,} of {found['cores_a_chip']} per chip"),
    ]


def _metrics(found: dict[str, Any]) -> list[tuple[str, str]]:
    operations = found["synaptic_operations"]
    return [
        ("footprint", f"{found['footprint_bytes']:,} bytes"),
        ("connection sparsity", f"{found['connection_sparsity']:.2%}"),
        ("activation sparsity", f"{found['activation_sparsity']:.2%}"),
        ("synaptic operations, dense", f"{operations['dense']:,.0f}"),
        ("effective multiply-accumulates", f"{operations['effective_macs']:,.0f}"),
        ("effective accumulates", f"{operations['effective_acs']:,.0f}"),
        ("membrane updates", f"{found['membrane_updates']:,.0f}"),
    ]


def _estimate(found: dict[str, Any]) -> tuple[str, ...]:
    """In the order of COLUMNS."""
    time = found["time_us"]
    return (
        found["model"],
        in_nanojoules(found["energy_pj"] / 1000),
        "" if time is None else f"{time:.3g}",
        found["basis"],
        found["includes"],
        found["leaves_out"],
        found["source"],
    )


SECTION = Section("costs", "What it costs", content)
