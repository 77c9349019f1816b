"""How the training went."""

from typing import Any

from markupsafe import Markup

from ....export.bundle.epochs import training_in_words
from ...validation.report import Report
from ..charts.training import loss_chart, training_accuracy_chart
from ..section import Section
from ..table import EPOCH_COLUMNS, epoch_cells


def content(report: Report) -> dict[str, Any]:
    """Charts and figures of every epoch."""
    charts = (loss_chart(report.training), training_accuracy_chart(report.training))
    return {
        "training": training_in_words(report.epochs),
        "training_charts": [Markup(chart) for chart in charts if chart],
        "epoch_columns": EPOCH_COLUMNS,
        "epochs": [epoch_cells(number, epoch) for number, epoch in enumerate(report.training, 1)],
    }


SECTION = Section("training", "Training", content)
