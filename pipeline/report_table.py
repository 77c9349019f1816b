"""The report as a table for people."""

from .cli_options import print_line, print_table
from .rung import CONFIDENCE, Report, Rung, lava_mismatches

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


def verdict(report: Report) -> str:
    """The gate in one sentence."""
    gate = report.gate
    passed = "passed" if gate.passed else "NOT passed"
    measured = [rung.name for rung in report.rungs if rung.accuracy is not None]
    if not measured:
        return f"gate {passed}: no rung was measured"
    wrong = lava_mismatches(report.rungs)
    if wrong:
        return f"gate {passed}: {wrong} of Lava's spikes are not loihi's"
    # A gain is no drop below zero to a reader, and rounding must not leave a "-0.00".
    points = round(gate.accuracy_drop * 100, 2)
    side = "over" if points < 0 else "under"
    return (
        f"gate {passed}: {measured[-1]} lies {abs(points):.2f} points {side} {measured[0]}, "
        f"a drop of {gate.max_accuracy_drop * 100:.2f} is allowed"
    )


def print_report(report: Report) -> None:
    """The table, what was skipped and why, and the gate, on stdout."""
    size = f"{report.parameters} parameters, T = {report.steps}, {report.qubits} qubits"
    climbed = [cells(rung) for rung in report.rungs if rung.skipped is None]
    print_table(f"{report.name}: {size}, {report.shots} shots", COLUMNS, climbed)
    for rung in report.rungs:
        if rung.skipped is not None:
            print_line(f"{rung.name} skipped: {rung.skipped}")
    print_line(verdict(report))
