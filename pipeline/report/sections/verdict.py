"""The head of the page: whether the accuracy survived, and what was climbed."""

from typing import Any

from ...validation.gate import verdict
from ...validation.report import Report
from ...validation.survival import survival
from ..section import Section

MARKS = {"survived": "✓", "not shown": "?", "lost": "✗"}


def content(report: Report) -> dict[str, Any]:
    """The verdicts in a sentence each, and the facts in a line."""
    found = survival(report)
    return {
        "name": report.name,
        "survival": found,
        "mark": "" if found is None else MARKS[found.word],
        "passed": report.gate.passed,
        "gate": verdict(report),
        "facts": facts(report),
    }


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """What was climbed: names and values."""
    white = () if report.pixel_range is None else (("pixels", f"0 to {report.pixel_range}"),)
    own = (("need a programmable neuron", report.programmable_in_words()),) if report.programmable else ()
    return (
        *(() if report.parameters is None else (("parameters", f"{report.parameters}"),)),
        ("time steps T", f"{report.steps}"),
        ("qubits", f"{report.qubits}"),
        ("shots per sample", f"{report.shots}"),
        ("data", report.data),
        *white,
        ("seed", f"{report.seed}"),
        *own,
    )


SECTION = Section("verdict", "", content)
