"""spiq devices: what a network can run on here."""

from typing import Any

import typer

from ...export.errors import SpiqError
from ...hardware.names import OWN_QUANTUM, OWN_SPIKING, quantum_names, spiking_names
from ..printing import print_json, print_table
from .options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("devices")(devices)


def devices(json: Json = False) -> None:
    """List the spiking and quantum devices, those that other packages add too, and whether each is ready here.

    Example: [bold]spiq devices[/bold]
    """
    from ...hardware.registry import quantum_entry, spiking_entry

    found = [_told(name, "spiking", spiking_entry, name in OWN_SPIKING) for name in spiking_names()]
    found += [_told(name, "quantum", quantum_entry, name in OWN_QUANTUM) for name in quantum_names()]
    if json:
        print_json(found)
        return
    rows = [
        (device["device"], device["half"], device["by"], device["summary"], device["missing"] or "ready")
        for device in found
    ]
    print_table("devices", ("device", "half", "by", "what it is", "here"), rows)


def _told(name: str, half: str, entry: Any, ours: bool) -> dict[str, Any]:
    told = {"device": name, "half": half, "by": "spiq" if ours else "another package"}
    try:
        made = entry(name)
    except SpiqError as error:
        return {**told, "summary": "", "missing": str(error)}
    return {**told, "summary": made.summary, "missing": made.missing()}
