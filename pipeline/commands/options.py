"""Options that mean the same in every command that has them."""

from pathlib import Path
from typing import Annotated

import typer

from ...export.errors import InputError
from ...hardware.names import quantum_names, spiking_names

BundlePath = Annotated[
    Path, typer.Argument(help="A folder that `spiq export` or `spiq run` wrote.", metavar="BUNDLE", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Replace a value of the configuration, such as training.epochs=5 or encoder.channels=[8,16]. Repeatable.",
        metavar="KEY=VALUE",
    ),
]
SpikingDeviceName = Annotated[
    str,
    typer.Option(
        "--snn",
        help=f"Spiking device: {', '.join(spiking_names())}.",
        metavar="NAME",
        autocompletion=lambda: list(spiking_names()),
    ),
]
QuantumDeviceName = Annotated[
    str,
    typer.Option(
        "--qpu",
        help=f"Quantum device: {', '.join(quantum_names())}.",
        metavar="NAME",
        autocompletion=lambda: list(quantum_names()),
    ),
]
SpikingDeviceNames = Annotated[
    str,
    typer.Option(
        "--on",
        help=f"One device, or two with a comma between them: {', '.join(spiking_names())}.",
        metavar="DEVICE",
        autocompletion=lambda: list(spiking_names()),
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use only the first N samples.", metavar="N")]
Shots = Annotated[int | None, typer.Option("--shots", help="Shots per sample. Default: exact values.", metavar="N")]
TimeStep = Annotated[float, typer.Option("--dt", help="Duration of one time step in seconds.", metavar="SECONDS")]


def at_least_one(option: str, value: int | None) -> int | None:
    """The value, if it is not given or positive. Raises InputError."""
    if value is not None and value < 1:
        raise InputError(f"{option} must be an integer of at least 1, got {value}")
    return value
