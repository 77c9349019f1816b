"""What the files of a report are called."""

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"
