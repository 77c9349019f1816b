"""One rung of the validation ladder, and what is measured on it."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64
from pydantic import BaseModel, ConfigDict

from ...export.network.trace import Trace
from .analysis.changes import Change, changes, confusion
from .analysis.confidence import wilson
from .analysis.paired import Paired, paired
from .rungs import RungKind


class Rung(BaseModel):
    """What a step of deployment did to the network, measured against the rung before; None where it does not apply.

    The rung before is the last one that was measured on all samples.

    Attributes:
        name: The rung's name (`rungs`).
        samples: How many samples were run.
        accuracy: The fraction of right predictions.
        interval: Its 95% Wilson interval.
        agreement: The fraction of samples with the same prediction as on the rung before.
        paired: How the accuracy differs from that of the rung before, on the same samples.
        spike_mismatches: Output spikes of the spiking stages that differ from it.
        max_error: The largest difference of an expectation value from it.
        predictions: The predicted class of each sample.
        confusion: How many samples of each true class (row) were taken for each class (column).
        changed: Samples whose prediction differs from the rung before; a long list is cut (`analysis.changes`).
        seconds: How long the rung took.
        skipped: Why it was not climbed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    samples: int | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    agreement: float | None = None
    paired: Paired | None = None
    spike_mismatches: int | None = None
    max_error: float | None = None
    predictions: list[int] = []
    confusion: list[list[int]] | None = None
    changed: list[Change] = []
    seconds: float | None = None
    skipped: str | None = None


class Before(NamedTuple):
    """What a rung is held against: the rung before, and what it gave for the same samples."""

    name: str
    trace: Trace


def measured(
    kind: RungKind, trace: Trace, labels: Int64[np.ndarray, " sample"], before: Before | None, seconds: float
) -> Rung:
    """The rung's figures, held against what the rung before gave for the same samples."""
    predictions = trace.predictions
    right = int((predictions == labels).sum())
    figures: dict[str, Any] = {}
    if before is not None:
        figures["agreement"] = float((predictions == before.trace.predictions).mean())
        figures["paired"] = paired(before.name, before.trace.predictions, predictions, labels)
        figures["changed"] = changes(before.trace, trace, labels)
        if kind.compares == "spikes":
            figures["spike_mismatches"] = sum(
                int((trace[name] != before.trace[name]).sum()) for name in trace.network.spiking
            )
        if kind.compares == "expectations":
            figures["max_error"] = max(
                float(np.abs(trace[name] - before.trace[name]).max()) for name in trace.network.quantum
            )
    return Rung(
        name=kind.name,
        samples=len(labels),
        accuracy=right / len(labels),
        interval=wilson(right, len(labels)),
        predictions=predictions.tolist(),
        confusion=confusion(labels, predictions, max(2, trace.output.shape[1])),
        seconds=round(seconds, 3),
        **figures,
    )
