"""spiq devices: what a network can run on here."""

from typing import Any

from ....export.errors import SpiqError
from ....hardware.names import OWN_QUANTUM, OWN_SPIKING, quantum_names, spiking_names
from ...terminal.printing import print_json, print_line, print_table
from ..options import Json


def devices(json: Json = False) -> None:
    """Of each device, those of other packages too, it shows what it needs and whether it is ready here.

    Example: spiq devices
    """
    from ....hardware.registry import quantum_entry, spiking_entry

    found = [_told(name, "spiking", spiking_entry, name in OWN_SPIKING) for name in spiking_names()]
    found += [_told(name, "quantum", quantum_entry, name in OWN_QUANTUM) for name in quantum_names()]
    if json:
        print_json(found)
        return
    rows = [
        (
            device["device"],
            device["half"],
            "ready" if device["missing"] is None else "NOT ready",
            device["needs"],
            device["summary"],
            device["by"],
        )
        for device in found
    ]
    columns = ("device", "half", "here", "needs", "what it is", "by")
    print_table("devices", columns, rows, ("by", "what it is"))
    for device in found:
        if device["missing"] is not None:
            print_line(f"{device['device']} is not ready: {device['missing']}")


def _told(name: str, half: str, entry: Any, ours: bool) -> dict[str, Any]:
    told = {"device": name, "half": half, "by": "spiq" if ours else "another package"}
    try:
        made = entry(name)
    except SpiqError as error:
        return {**told, "summary": "", "needs": "", "missing": str(error)}
    return {**told, "summary": made.summary, "needs": made.needs, "missing": made.missing()}
