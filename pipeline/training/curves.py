"""RUN/training.csv: how each epoch went, for a spreadsheet or a plot.

It is written whole after each epoch and has no clock's time in it: the same configuration gives the same bytes, however
often the run was stopped and resumed.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ...export.files.atomic import new_file
from ..run.folder import CURVES
from .checkpoint import Epoch

COLUMNS = ("epoch", "loss", "training_accuracy", "validation_accuracy", "learning_rate")
"""epoch: from 1. loss: the mean training loss. The accuracies are in [0, 1]; that of validation is empty where nothing
was held out. learning_rate: at the epoch's first step; empty for epochs that version 0.1 trained."""


def write_curves(run: Path, history: Sequence[Epoch]) -> None:
    """Write the epochs into the run's folder; a reader finds the old file or the new one, never a part.

    Raises InputError where it cannot be written.
    """
    with new_file(run / CURVES) as written:
        written.write_text(curves_text(history), encoding="utf-8")


def curves_text(history: Sequence[Epoch]) -> str:
    """The epochs as CSV, each number with all of its digits.

    Example: `curves_text([Epoch(0.5, 0.75, None, 0.01)])` ends with the line `1,0.5,0.75,,0.01`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, epoch in enumerate(history, start=1):
        writer.writerow((number, epoch.loss, epoch.accuracy, epoch.validation, epoch.learning_rate))
    return text.getvalue()
