"""The quantum half: each circuit drawn, its measured values beside the exact ones, and accuracy against shots."""

from typing import Any

from markupsafe import Markup

from ...validation.analysis.confidence import CONFIDENCE
from ...validation.analysis.quantum import MeasuredObservable, QuantumHalf
from ...validation.report import Report
from ..charts.circuit import UndrawableError, circuit_drawing
from ..charts.expectations import DEVIATIONS, expectation_chart
from ..charts.shots import shots_chart
from ..section import Section

COLUMNS = ("observable", "mean error", "rms error", "from shots alone", "largest error")

SHOT_COLUMNS = ("shots", "accuracy", f"{CONFIDENCE:.0%} interval")


def content(report: Report) -> dict[str, Any] | None:
    """Every circuit of the network; None where it has none."""
    if not report.circuits:
        return None
    return {
        "circuits": [_circuit(half, number) for number, half in enumerate(report.circuits)],
        "columns": COLUMNS,
        "deviations": DEVIATIONS,
        "shot_columns": SHOT_COLUMNS,
        "by_shots": _by_shots(report),
    }


def _circuit(half: QuantumHalf, number: int) -> dict[str, Any]:
    return {
        "stage": half.stage,
        "facts": (
            ("qubits", f"{half.qubits}"),
            ("inputs", f"{half.inputs}"),
            ("gates", f"{sum(half.gates.values())}"),
            ("on two qubits", f"{half.two_qubit_gates}"),
            ("depth", f"{half.depth}"),
            ("observables", f"{half.observables}"),
        ),
        "gates": _gates(half),
        "logical": _logical(half, number),
        "transpiled": _transpiled(half, number),
        "measured": [
            {
                "rung": measured.rung,
                "samples": measured.samples,
                "shots": measured.shots,
                "rows": [_row(one, measured.shots) for one in measured.observables],
                "left_out": half.observables - len(measured.observables),
                "has_sums": any(not one.is_string for one in measured.observables),
                "points": len(measured.points),
                "chart": _markup(expectation_chart(measured, f"expectations-{number}-{place}")),
            }
            for place, measured in enumerate(half.measured)
        ],
        "unmeasured": half.unmeasured,
    }


def _logical(half: QuantumHalf, number: int) -> dict[str, Any]:
    """The circuit drawn, or the reason why it is not."""
    if half.program is None:
        return {"svg": None, "reason": "nobody could read a drawing of that size"}
    return _drawing(half.program, f"circuit-{number}", f"The circuit {half.stage}", half)


def _transpiled(half: QuantumHalf, number: int) -> dict[str, Any] | None:
    """What a device made of it, drawn, or the reason why it is not; None where no device said it."""
    if half.transpiled is None:
        return None
    return _drawing(half.transpiled, f"transpiled-{number}", f"The circuit {half.stage} as a device runs it", half)


def _drawing(program: str, key: str, title: str, half: QuantumHalf) -> dict[str, Any]:
    try:
        drawn = circuit_drawing(program, key, title, f"{half.qubits} qubits; {_gates(half)}; depth {half.depth}")
    except UndrawableError as error:
        return {"svg": None, "reason": str(error)}
    return {"svg": Markup(drawn), "reason": None}


def _gates(half: QuantumHalf) -> str:
    """How many of each."""
    return ", ".join(f"{count} {name}" for name, count in half.gates.items()) or "no gate"


def _row(observable: MeasuredObservable, shots: int | None) -> tuple[str, ...]:
    # Without shots the errors are rounding.
    digits = ".1e" if shots is None else ".4f"
    limit = "" if observable.is_string else "≤ "
    return (
        observable.observable,
        f"{observable.mean_error:+{digits}}".replace("-", "−"),
        f"{observable.rms_error:{digits}}",
        "" if observable.shot_error is None else f"{limit}{observable.shot_error:{digits}}",
        f"{observable.largest_error:{digits}}",
    )


def _by_shots(report: Report) -> dict[str, Any] | None:
    found = report.accuracy_by_shots
    if found is None:
        return None
    return {
        "samples": found.samples,
        "exact": None if found.exact is None else f"{found.exact:.2%}",
        "unmeasured": found.unmeasured,
        "own": report.shots,
        "rows": [
            (f"{at.shots}", f"{at.accuracy:.2%}", f"{at.interval[0]:.2%} – {at.interval[1]:.2%}")
            for at in found.measured
        ],
        "chart": _markup(shots_chart(found, report.shots)),
    }


def _markup(chart: str | None) -> Markup | None:
    # What the charts write is escaped by the XML writer.
    return None if chart is None else Markup(chart)


SECTION = Section("quantum", "The quantum half", content)
