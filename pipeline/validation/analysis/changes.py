"""Which samples changed from one rung to the next, and which classes are taken for which."""

import numpy as np
from jaxtyping import Int64
from pydantic import BaseModel, ConfigDict

from ....export.network.trace import Trace

MOST_CHANGES = 200
"""Samples that a report lists per rung; the rest is only counted."""

MOST_PICTURED = 12
"""Of these, samples that a page shows with a picture, per rung."""


class Change(BaseModel):
    """A sample whose prediction is another than on the rung before.

    Attributes:
        sample: Its number among the ladder's samples, from 0 on.
        label: Its true class.
        before: The class predicted on the rung before.
        now: The class predicted on this rung.
        margin_before: The margin on the rung before.
        margin_now: The margin on this rung.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: int
    label: int
    before: int
    now: int
    margin_before: float
    margin_now: float


def changes(before: Trace, now: Trace, labels: Int64[np.ndarray, " sample"]) -> list[Change]:
    """The samples whose prediction changed: those that became wrong first, the widest margins first among equals.

    Args:
        before: What the rung before gave for these samples.
        now: What this rung gave.
        labels: The true classes.

    Returns:
        At most MOST_CHANGES samples.
    """
    was, found = before.predictions, now.predictions
    margins = before.margins, now.margins
    changed = np.flatnonzero(was != found)
    # What was surely right and is now surely wrong tells most.
    order = sorted(
        changed,
        key=lambda at: (was[at] != labels[at], found[at] == labels[at], -margins[0][at] - margins[1][at], at),
    )
    return [
        Change(
            sample=int(at),
            label=int(labels[at]),
            before=int(was[at]),
            now=int(found[at]),
            margin_before=float(margins[0][at]),
            margin_now=float(margins[1][at]),
        )
        for at in order[:MOST_CHANGES]
    ]


def confusion(
    labels: Int64[np.ndarray, " sample"], predictions: Int64[np.ndarray, " sample"], classes: int
) -> list[list[int]]:
    """How many samples of each true class (row) were taken for each class (column)."""
    counts = np.bincount(labels * classes + predictions, minlength=classes**2)
    return counts.reshape(classes, classes).tolist()


def pictured(changed: list[Change]) -> list[Change]:
    """Those of a rung's changes that a page shows with a picture."""
    return changed[:MOST_PICTURED]
