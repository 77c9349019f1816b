"""The figures of a command's answer, as they stand in its JSON, in words for people."""

from collections.abc import Mapping
from typing import Any

NAMES = {
    "snn": "spiking device",
    "qpu": "quantum device",
    "on": "devices",
    "dt": "time step",
    "interval": "95% interval",
    "compared_with": "compared with",
    "agreement": "same prediction",
    "spike_mismatches": "spikes that differ",
    "first_difference": "first difference",
    "layer_mismatches": "by layer",
    "reset": "reset by --reset",
}
"""Where a figure's key is not its name."""

FRACTIONS = ("accuracy", "agreement")
"""Figures from 0 to 1 that are shown as percentages."""


def figure_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each figure's name and value as text, the rows of a table."""
    return [(NAMES.get(key, key), _shown(key, value)) for key, value in found.items()]


def number(value: Any) -> str:
    """One figure as text: integers in full with commas, other numbers to six digits, a dash for None."""
    match value:
        case None:
            return "–"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(map(number, value))
        case dict():
            return ", ".join(f"{key} {number(part)}" for key, part in value.items())
    return str(value)


def _shown(key: str, value: Any) -> str:
    match key:
        case "interval":
            return f"{value[0]:.2%} – {value[1]:.2%}"
        case "shots" if value is None:
            return "none: exact values"
        case "spikes" if value is None:
            return "none: the output is values"
        case "first_difference" | "layer_mismatches" if not value:
            return "none"
        case "first_difference":
            # A neuron's number is its place in the layer, not an amount.
            return ", ".join(f"{name} {part}" for name, part in value.items())
        case "seconds":
            return f"{value:.3f}"
        case "dt":
            return f"{value:g} s"
    return f"{value:.2%}" if key in FRACTIONS and value is not None else number(value)
