"""The report on disk: report.html and report.json in a folder."""

from pathlib import Path

from ...export.files.atomic import new_file
from ..validation.report import Report
from .names import REPORT_HTML, REPORT_JSON
from .page import render


def write_report(folder: Path, report: Report) -> None:
    """Write both files, the page first: where report.json is, its page is there too."""
    for name, text in ((REPORT_HTML, render(report)), (REPORT_JSON, report.text())):
        with new_file(folder / name) as written:
            written.write_text(text, encoding="utf-8")
