"""Whether the accuracy survived deployment: what may be said of it, and what may not.

"Survived" is said only where the whole 95% interval of the paired difference between the last rung and the first lies
within `gate.max_accuracy_drop`. That no difference was found is not enough: with few samples none can be found.
"""

from typing import Literal, NamedTuple

from .report import Report

Word = Literal["survived", "not shown", "lost"]


class Survival(NamedTuple):
    """The word for it, and a sentence that says why."""

    word: Word
    sentence: str


def survival(report: Report) -> Survival | None:
    """What a report says of the accuracy; None where no two rungs can be compared."""
    whole, allowed = report.whole, report.gate.max_accuracy_drop
    if whole is None:
        return None
    last = [rung.name for rung in report.rungs if rung.samples == whole.samples and rung.accuracy is not None][-1]
    low, high = (points(end) for end in whole.interval)
    between = f"the accuracy of {last} is between {low} and {high} points of that of {whole.against} (95%, paired)"
    if whole.interval[0] >= -allowed:
        return Survival("survived", f"survived: {between}, and a drop of {allowed * 100:.2f} is allowed")
    if whole.interval[1] < -allowed:
        return Survival("lost", f"lost: {between}, and a drop of only {allowed * 100:.2f} is allowed")
    return Survival(
        "not shown",
        f"not shown to have survived: {between}, and a drop of {allowed * 100:.2f} is allowed; more samples narrow it",
    )


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign."""
    # Rounding must not leave a "-0.00"; a hyphen is no minus.
    return f"{round(difference * 100, 2) + 0.0:+.2f}".replace("-", "−")
