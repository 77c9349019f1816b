"""The ladder as a table and as a chart."""

from typing import Any

from markupsafe import Markup

from ...validation.report import Report
from ...validation.rung import Rung
from ..charts.accuracy import accuracy_chart
from ..section import Section
from ..table import cells
from ..words import PAGE_COLUMNS, halves


def content(report: Report) -> dict[str, Any]:
    """A row for each rung, and the chart."""
    chart = accuracy_chart(report)
    return {
        "columns": PAGE_COLUMNS,
        "rows": [(rung.skipped, _page_cells(rung)) for rung in report.rungs],
        # What the charts write is escaped by the XML writer.
        "accuracy_chart": None if chart is None else Markup(chart),
    }


def _page_cells(rung: Rung) -> tuple[str, ...]:
    """The rung's cells in the order of PAGE_COLUMNS."""
    name, *figures = cells(rung)
    return (name, *halves(rung.name), *figures)


SECTION = Section("ladder", "The validation ladder", content)
