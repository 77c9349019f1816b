"""spiq doctor: what is installed, and what is not."""

import typer

from ..printing import print_json, print_table
from .options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(json: Json = False) -> None:
    """Say what this machine has: packages, cores, GPU, data. Exit status 1 where what is needed is missing or too old.

    Example: [bold]spiq doctor[/bold]
    """
    from .health import health

    found = health()
    if json:
        print_json([item._asdict() for item in found])
    else:
        print_table(
            "spiq doctor",
            ("", "found", ""),
            [(item.name, item.found, "ok" if item.fine else item.advice) for item in found],
        )
    if not all(item.fine or item.optional for item in found):
        raise typer.Exit(1)
