"""What README.md and docs/ list, held against what there is."""

import re
from pathlib import Path

import typer

from spiq.pipeline.commands.main import app
from spiq.pipeline.validation.report import Gate, Report
from spiq.pipeline.validation.rung import Rung

ROOT = Path(__file__).parents[2]


def test_the_documented_fields_are_those_of_a_report() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8").partition("### `report.json`")[2]
    report, rung = (
        [name for line in table.splitlines() if line.startswith("| `") for name in first_names(line)]
        for table in text.split("A rung has these fields")
    )
    assert sorted(report) == sorted(Report.model_fields)
    assert sorted(rung) == sorted(Rung.model_fields)
    gate = next(line for line in text.splitlines() if line.startswith("| `gate`"))
    assert set(re.findall(r"`(\w+)`", gate)) == {"gate", *Gate.model_fields}


def first_names(row: str) -> list[str]:
    """The names in a row's first cell."""
    return re.findall(r"`(\w+)`", row.split(" | ")[0])


def test_every_command_has_an_example() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 13
    for name in commands:
        assert f"\n    spiq {name}" in text, name
