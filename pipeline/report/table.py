"""The report as a table for people."""

from collections.abc import Iterator

from ...export.bundle.epochs import training_in_words
from ..terminal.printing import print_line, print_table, table_text
from ..validation.analysis.confidence import CONFIDENCE
from ..validation.gate import verdict
from ..validation.report import Report
from ..validation.rung import Rung
from ..validation.survival import survival

COLUMNS = (
    "rung",
    "samples",
    "accuracy",
    f"{CONFIDENCE:.0%} interval",
    "agreement",
    "spikes changed",
    "error of <Z>",
    "seconds",
)
MAY_GO = ("seconds", "samples", "error of <Z>")
"""The columns that a narrow terminal does without, the first one first."""
EPOCH_COLUMNS = ("epoch", "loss", "training accuracy", "validation accuracy")

Epoch = dict[str, float | None]
"""One epoch of the training as a report holds it."""


def cells(rung: Rung) -> tuple[str, ...]:
    """A rung's figures as text, in the order of COLUMNS; empty where a figure does not apply."""
    if rung.skipped is not None:
        return (rung.name, *("",) * (len(COLUMNS) - 1))
    return (
        rung.name,
        "" if rung.samples is None else f"{rung.samples}",
        "" if rung.accuracy is None else f"{rung.accuracy:.2%}",
        "" if rung.interval is None else f"{rung.interval[0]:.2%} – {rung.interval[1]:.2%}",
        "" if rung.agreement is None else f"{rung.agreement:.2%}",
        "" if rung.spike_mismatches is None else f"{rung.spike_mismatches}",
        "" if rung.max_error is None else f"{rung.max_error:.2g}",
        "" if rung.seconds is None else f"{rung.seconds:.1f}",
    )


def epoch_cells(number: int, epoch: Epoch) -> tuple[str, ...]:
    """An epoch's figures as text, in the order of EPOCH_COLUMNS; empty where there is none."""
    loss, accuracies = epoch.get("loss"), (epoch.get("accuracy"), epoch.get("validation"))
    return (
        f"{number}",
        "" if loss is None else f"{loss:.4f}",
        *("" if accuracy is None else f"{accuracy:.2%}" for accuracy in accuracies),
    )


def print_report(report: Report) -> None:
    """The table, what was skipped and why, whether the training is finished, and the gate, on stdout."""
    print_table(*_table(report))
    for sentence in _sentences(report):
        print_line(sentence)


def report_text(report: Report) -> str:
    """The same as a text, for a Python prompt."""
    return "\n".join([table_text(*_table(report)).rstrip(), *_sentences(report)])


def _table(report: Report) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], tuple[str, ...]]:
    known = "" if report.parameters is None else f"{report.parameters} parameters, "
    size = f"{known}T = {report.steps}, {report.qubits} qubits"
    climbed = [cells(rung) for rung in report.rungs if rung.skipped is None]
    return f"{report.name}: {size}, {report.shots} shots", COLUMNS, climbed, MAY_GO


def _sentences(report: Report) -> Iterator[str]:
    for rung in report.rungs:
        if rung.skipped is not None:
            yield f"{rung.name} skipped: {rung.skipped}"
    if report.programmable:
        yield f"layers that need a programmable neuron of Loihi 2: {report.programmable_in_words()}"
    yield f"training is {training_in_words(report.epochs)}"
    found = survival(report)
    if found is not None:
        yield found.sentence
    yield verdict(report)
