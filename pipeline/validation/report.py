"""The report of a climbed ladder: what stands in report.json, and all that the page shows."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ...export.bundle.epochs import Epochs
from ...export.errors import InputError
from ...export.files.plain import MOST_TEXT_BYTES, read_file
from .analysis.accuracy_by_shots import AccuracyByShots
from .analysis.costs import Costs
from .analysis.paired import Paired
from .analysis.quantum import QuantumHalf
from .analysis.spiking import SpikingHalf
from .rung import Rung

_NUMBERS = re.compile(r"\[[\d\s,.eE+-]+\]")


class Gate(BaseModel):
    """What was asked of the ladder, and whether it was passed (`gate` has the rules).

    Attributes:
        max_accuracy_drop: How much accuracy the last rung may lose.
        accuracy_drop: The first rung's accuracy minus the last one's; None where fewer than two can be compared.
        min_accuracy: The least accuracy of the last rung; None in a report of an earlier version.
        passed: Whether all holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_accuracy_drop: float
    accuracy_drop: float | None
    min_accuracy: float | None = None
    passed: bool


class Report(BaseModel):
    """The whole ladder; the rest says on what it was climbed.

    Attributes:
        name: The bundle's name.
        data: Where its samples come from.
        parameters: How many numbers were trained; None where only the bundle is known.
        steps: T of the longest spiking stage, 0 without one.
        qubits: Of all circuits.
        shots: Measurements of each basis per sample on the rungs that measure.
        seed: The bundle's.
        samples: sha256 of the samples and their labels; two reports with the same one can be compared sample by sample.
        labels: The true class of each sample.
        rungs: What each rung found.
        gate: What that comes to.
        whole: How the accuracy of the last rung measured on all samples differs from that of the first.
        training: Loss and accuracies of each epoch.
        configuration: The run's, by table and key; None where a bundle was climbed without a run.
        pixel_range: The value that means white where the images are integers; None where nobody has said it.
        epochs: How far the network was trained; None in a report of an earlier version.
        programmable: By layer, why the chip needs a programmable neuron for it.
        spiking: What each spiking stage did.
        circuits: What each circuit did.
        accuracy_by_shots: How many shots the accuracy needs; None without a circuit.
        costs: What each spiking stage costs, or why that is not known.
        thumbnails: Pictures of the samples that a page shows, PNGs as data URIs, by the sample's number.
        versions: Of the packages that took part.
        machine: What it was climbed on.
        made_of: sha256 of the run's configuration, of its checkpoint and of its bundle's manifest, by file; empty where
            it was climbed elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    data: str
    parameters: int | None
    steps: int
    qubits: int
    shots: int
    seed: int
    samples: str | None = None
    labels: list[int] = []
    rungs: list[Rung]
    gate: Gate
    whole: Paired | None = None
    training: list[dict[str, float | None]]
    configuration: dict[str, Any] | None = None
    pixel_range: int | None = None
    epochs: Epochs | None = None
    programmable: dict[str, list[str]] = {}
    spiking: list[SpikingHalf] = []
    circuits: list[QuantumHalf] = []
    accuracy_by_shots: AccuracyByShots | None = None
    costs: Costs = Costs()
    thumbnails: dict[int, str] = {}
    versions: dict[str, str]
    machine: str
    made_of: dict[str, str] = {}

    def text(self) -> str:
        """The report as JSON: the same report gives the same text. Lists of numbers stand on one line."""
        return (
            _NUMBERS.sub(lambda found: f"[{' '.join(found[0][1:-1].split())}]", json.dumps(self.model_dump(), indent=2))
            + "\n"
        )

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
