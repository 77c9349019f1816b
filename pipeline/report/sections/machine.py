"""What it was made with: the run's configuration, versions, machine."""

from typing import Any

from ...validation.report import Report
from ..section import Section


def content(report: Report) -> dict[str, Any]:
    """Configuration, versions and machine."""
    tables = {
        table: values if isinstance(values, dict) else {table: values}
        for table, values in (report.configuration or {}).items()
    }
    return {"configuration": tables, "versions": report.versions, "machine": report.machine}


SECTION = Section("machine", "Configuration, versions and machine", content)
