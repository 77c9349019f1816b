"""One rung of the validation ladder, and the report that holds them all: what stands in report.json."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from pydantic import BaseModel, ConfigDict, ValidationError

from ...export.bundle.epochs import Epochs
from ...export.errors import InputError
from ...export.files.plain import MOST_TEXT_BYTES, read_file
from ...export.network.trace import Trace
from .rungs import RungKind

CONFIDENCE = 0.95


class Rung(BaseModel):
    """What a step of deployment did to the network, measured against the rung before; None where it does not apply.

    The rung before is the last one that was measured on all images. accuracy, agreement: shares in [0, 1]; interval:
    the accuracy's 95% Wilson interval; agreement: samples with the same prediction as on the rung before;
    spike_mismatches: spikes of the spiking stages that differ from it; max_error: the largest difference of an
    expectation value from it; seconds: how long the rung took; skipped: why it was not climbed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    samples: int | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    agreement: float | None = None
    spike_mismatches: int | None = None
    max_error: float | None = None
    seconds: float | None = None
    skipped: str | None = None


class Gate(BaseModel):
    """What was asked of the ladder, and whether it was passed (`gate` has the rules).

    max_accuracy_drop, min_accuracy: what is allowed (min_accuracy: None in a report of an earlier version);
    accuracy_drop: the first rung's accuracy minus the last one's, None where fewer than two rungs can be compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_accuracy_drop: float
    accuracy_drop: float | None
    min_accuracy: float | None = None
    passed: bool


class Report(BaseModel):
    """The whole ladder; the rest says on what it was climbed.

    parameters: how many numbers were trained, None where only the bundle is known; steps: T of the longest spiking
    stage, 0 without one; qubits: of all circuits;
    pixel_range: the value that means white where the images are integers, None where nobody has said it; epochs: how
    far the network was trained, None in a report of an earlier version; programmable: by layer, why the chip needs a
    programmable neuron for it;
    made_of: sha256 of the run's configuration, of its checkpoint and of its bundle's manifest, by file; empty where it
      was climbed elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    data: str
    parameters: int | None
    steps: int
    qubits: int
    shots: int
    seed: int
    rungs: list[Rung]
    gate: Gate
    training: list[dict[str, float | None]]
    pixel_range: int | None = None
    epochs: Epochs | None = None
    programmable: dict[str, list[str]] = {}
    versions: dict[str, str]
    machine: str
    made_of: dict[str, str] = {}

    def text(self) -> str:
        return json.dumps(self.model_dump(), indent=2) + "\n"

    def programmable_in_words(self) -> str:
        """The layers that need a programmable neuron, with the reasons; "" where none does."""
        return "; ".join(f"{layer} ({', '.join(reasons)})" for layer, reasons in self.programmable.items())


def read_report(path: Path) -> Report:
    """Read a report.json. Raises InputError where it is missing or not one."""
    content = read_file(path, "a report.json", most=MOST_TEXT_BYTES)
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: not a report: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def measured(
    kind: RungKind, trace: Trace, labels: Int64[np.ndarray, " sample"], before: Trace | None, seconds: float
) -> Rung:
    """The rung's figures, held against what the rung before gave for the same samples."""
    predictions = trace.predictions
    right = int((predictions == labels).sum())
    figures: dict[str, Any] = {}
    if before is not None:
        figures["agreement"] = float((predictions == before.predictions).mean())
        if kind.compares == "spikes":
            figures["spike_mismatches"] = sum(
                int((trace[name] != before[name]).sum()) for name in trace.network.spiking
            )
        if kind.compares == "expectations":
            figures["max_error"] = max(
                float(np.abs(trace[name] - before[name]).max()) for name in trace.network.quantum
            )
    return Rung(
        name=kind.name,
        samples=len(labels),
        accuracy=right / len(labels),
        interval=wilson(right, len(labels)),
        seconds=round(seconds, 3),
        **figures,
    )


def wilson(right: int, samples: int) -> tuple[float, float]:
    """The Wilson score interval of a share, at 95%."""
    # SciPy takes a second to import; a report is also read by commands that must start fast.
    from scipy.stats import binomtest

    interval = binomtest(right, samples).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)
