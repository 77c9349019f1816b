"""What each column of the ladder means."""

from typing import Any

from ...validation.report import Report
from ..section import Section
from ..words import MEANINGS, PAGE_COLUMNS


def content(report: Report) -> dict[str, Any]:
    """The columns and their meanings."""
    return {"columns": PAGE_COLUMNS, "meanings": MEANINGS}


SECTION = Section("reading", "How to read the ladder", content)
