"""The gate: what a ladder must show for a run to count as proved. It decides the exit status.

It is passed where

- the network's training is finished;
- at least two rungs were measured on all images, and the last of them lies no further below the first than
  `gate.max_accuracy_drop`;
- the last of them is right on at least `gate.min_accuracy` of the images;
- a device that must give another one's spikes, as real Lava those of loihi, gave them if its rung was climbed.

A skipped rung does not count. Where it is not known how far the training went, or what accuracy was needed, as in a
report of an earlier version, that is not asked for.
"""

import numpy as np
from jaxtyping import Int64

from ...export.bundle.epochs import Epochs
from .report import Gate, Report
from .rung import Rung
from .rungs import rung_kind

ROUNDING = 1e-12
"""A fraction of whole samples is not exact in binary: 0.95 - 0.94 must pass a gate of 0.01."""


def least_accuracy(labels: Int64[np.ndarray, " sample"]) -> float:
    """`gate.min_accuracy` where it is left out: a quarter of the way from always naming the largest class to 1."""
    largest = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    return largest + (1 - largest) / 4


def gate(
    rungs: list[Rung], max_accuracy_drop: float, min_accuracy: float | None = None, epochs: Epochs | None = None
) -> Gate:
    """What these rungs come to; without `min_accuracy` or `epochs` these are not asked for."""
    ends = judged(rungs)
    drop = _accuracy(ends[0]) - _accuracy(ends[-1]) if len(ends) > 1 else None
    found = Gate(max_accuracy_drop=max_accuracy_drop, accuracy_drop=drop, min_accuracy=min_accuracy, passed=True)
    return found.model_copy(update={"passed": not _failures(rungs, found, epochs)})


def judged(rungs: list[Rung]) -> list[Rung]:
    """The rungs that the gate compares: those that were measured on all images. Lava's often runs only some."""
    measured = [rung for rung in rungs if rung.accuracy is not None]
    most = max((rung.samples or 0 for rung in measured), default=0)
    return [rung for rung in measured if (rung.samples or 0) == most]


def least_allowed(report: Report) -> float | None:
    """The accuracy below which the last rung fails the gate; None where no rung was measured."""
    ends = judged(report.rungs)
    if not ends:
        return None
    return max(_accuracy(ends[0]) - report.gate.max_accuracy_drop, report.gate.min_accuracy or 0.0)


def verdict(report: Report) -> str:
    """The gate in one sentence; where it is not passed, with all that failed."""
    passed = "passed" if report.gate.passed else "NOT passed"
    reasons = _failures(report.rungs, report.gate, report.epochs) if not report.gate.passed else []
    return f"gate {passed}: {'; '.join(reasons or _findings(report.rungs, report.gate))}"


def _failures(rungs: list[Rung], gate: Gate, epochs: Epochs | None) -> list[str]:
    """What keeps the gate from being passed, each in a few words."""
    reasons = []
    if epochs is not None and not epochs.finished:
        reasons.append(f"training is not finished, {epochs.trained} of {epochs.planned} epochs")
    reasons += _unequal(rungs)
    ends = judged(rungs)
    if not ends:
        return [*reasons, "no rung was measured"]
    if len(ends) == 1:
        reasons.append(f"only {ends[0].name} was measured on all images, so no drop can be told")
    elif gate.accuracy_drop is not None and gate.accuracy_drop > gate.max_accuracy_drop + ROUNDING:
        reasons.append(_drop_in_words(ends, gate.accuracy_drop, gate.max_accuracy_drop))
    if gate.min_accuracy is not None and _accuracy(ends[-1]) < gate.min_accuracy - ROUNDING:
        reasons.append(_accuracy_in_words(ends[-1], gate.min_accuracy))
    return reasons


def _findings(rungs: list[Rung], gate: Gate) -> list[str]:
    """What the gate found, passed or not."""
    ends = judged(rungs)
    if not ends:
        return ["no rung was measured"]
    found = []
    if gate.accuracy_drop is not None:
        found.append(_drop_in_words(ends, gate.accuracy_drop, gate.max_accuracy_drop))
    if gate.min_accuracy:
        found.append(_accuracy_in_words(ends[-1], gate.min_accuracy))
    return found or [f"only {ends[-1].name} was measured on all images"]


def _drop_in_words(ends: list[Rung], drop: float, allowed: float) -> str:
    # A gain is no drop below zero to a reader, and rounding must not leave a "-0.00".
    points = round(drop * 100, 2)
    side = "over" if points < 0 else "under"
    return (
        f"{ends[-1].name} lies {abs(points):.2f} points {side} {ends[0].name}, a drop of {allowed * 100:.2f} is allowed"
    )


def _accuracy_in_words(last: Rung, needed: float) -> str:
    return f"{last.name}, the last rung measured, is right on {_accuracy(last):.2%}, at least {needed:.2%} is needed"


def _unequal(rungs: list[Rung]) -> list[str]:
    """The rungs that were climbed on a device whose spikes must be its reference's, and are not, in words."""
    kinds = ((rung, rung_kind(rung.name)) for rung in rungs if rung.spike_mismatches)
    return [
        f"{rung.spike_mismatches} of {rung.name.capitalize()}'s spikes are not {kind.reference}'s"
        for rung, kind in kinds
        if kind is not None and kind.must_be_equal
    ]


def _accuracy(rung: Rung) -> float:
    return 0.0 if rung.accuracy is None else rung.accuracy
