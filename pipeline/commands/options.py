"""Options that mean the same in every command that has them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...export.errors import InputError
from ...hardware.names import quantum_names, spiking_names


def _device(option: str, words: str, metavar: str, names: Callable[[], Sequence[str]]) -> Any:
    return typer.Option(
        option, help=f"{words}: {', '.join(names())}.", metavar=metavar, autocompletion=lambda: list(names())
    )


SpikingDeviceName = Annotated[str, _device("--snn", "Spiking device", "NAME", spiking_names)]
SpikingDeviceNames = Annotated[
    str, _device("--on", "One device, or two with a comma between them", "DEVICE", spiking_names)
]
QuantumDeviceName = Annotated[str, _device("--qpu", "Quantum device", "NAME", quantum_names)]
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
