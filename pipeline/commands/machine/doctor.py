"""spiq doctor: what is installed, and what is not."""

import typer

from ...terminal.printing import print_json, print_table
from ..options import Json


def doctor(json: Json = False) -> None:
    """It looks at packages, cores, GPU, data and Lava. The exit status is 1 if something that spiq needs is missing or
    too old.

    Example: spiq doctor
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
