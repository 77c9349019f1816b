"""What two or more reports say side by side.

Each run is held against the first one. If both classified the very same samples, which the reports' hash of samples and
labels tells, the accuracies are compared sample by sample (`analysis.paired`). If not, they only stand side by side.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ...validation.analysis.paired import Paired, paired
from ...validation.report import Report


class RungAccuracy(BaseModel):
    """A rung's accuracy in one run, and how it differs from the first run's on the same rung.

    Attributes:
        samples: How many samples were run; None where the rung was not measured.
        accuracy: The fraction of right predictions.
        interval: Its 95% Wilson interval.
        against_first: The paired difference; None for the first run itself, and where the samples are others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    against_first: Paired | None = None


class Comparison(BaseModel):
    """Runs side by side. Each list has one entry for each run, in the order of `runs`.

    Attributes:
        runs: What each run is called: its folder.
        names: The name in its configuration.
        settings: The keys of the configurations that are not the same in all, with each run's value; None where a run
            does not have the key.
        sizes: Parameters, time steps, qubits and shots, by name.
        rungs: The accuracies of each rung, by the rung's name in the ladder's order.
        passed: Whether each gate is passed.
        same_samples: Whether each run classified the first run's samples.
        costs: What is known of the costs, by what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: list[str]
    names: list[str]
    settings: dict[str, list[Any]]
    sizes: dict[str, list[int | None]]
    rungs: dict[str, list[RungAccuracy]]
    passed: list[bool]
    same_samples: list[bool]
    costs: dict[str, list[float | None]]


def compared(reports: Mapping[str, Report]) -> Comparison:
    """Hold each report against the first one.

    Args:
        reports: At least two, by what the run is called.

    Example:
        compared({"runs/a": read_report(one), "runs/b": read_report(other)}).settings
    """
    found = list(reports.values())
    first = found[0]
    return Comparison(
        runs=list(reports),
        names=[report.name for report in found],
        settings=_settings([report.configuration for report in found]),
        sizes={
            "parameters": [report.parameters for report in found],
            "time steps T": [report.steps for report in found],
            "qubits": [report.qubits for report in found],
            "shots": [report.shots for report in found],
        },
        rungs=_rungs(reports),
        passed=[report.gate.passed for report in found],
        same_samples=[report.samples is not None and report.samples == first.samples for report in found],
        costs=_costs(found),
    )


def _settings(configurations: Sequence[dict[str, Any] | None]) -> dict[str, list[Any]]:
    flat = [_flat(one or {}) for one in configurations]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = {key: [one.get(key) for one in flat] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values[1:])}


def _flat(tables: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table, values in tables.items():
        if isinstance(values, dict):
            found |= {f"{table}.{key}": value for key, value in values.items()}
        else:
            found[table] = values
    return found


def _rungs(reports: Mapping[str, Report]) -> dict[str, list[RungAccuracy]]:
    names = dict.fromkeys(
        rung.name for report in reports.values() for rung in report.rungs if rung.accuracy is not None
    )
    return {name: [_accuracy(name, report, reports) for report in reports.values()] for name in names}


def _accuracy(name: str, report: Report, reports: Mapping[str, Report]) -> RungAccuracy:
    called, first = next(iter(reports.items()))
    rung, held = (
        next((rung for rung in one.rungs if rung.name == name and rung.accuracy is not None), None)
        for one in (report, first)
    )
    if rung is None:
        return RungAccuracy()
    against = None
    if report is not first and held is not None and report.samples is not None and report.samples == first.samples:
        count = min(len(rung.predictions), len(held.predictions))
        now, before, labels = (np.array(some[:count]) for some in (rung.predictions, held.predictions, report.labels))
        against = paired(called, before, now, labels) if count else None
    return RungAccuracy(samples=rung.samples, accuracy=rung.accuracy, interval=rung.interval, against_first=against)


def _costs(reports: Sequence[Report]) -> dict[str, list[float | None]]:
    """Cores, operations and energies of each run, all of its spiking stages together; each energy with its chip."""
    rows: dict[str, list[float | None]] = {}
    for number, report in enumerate(reports):
        for what, value in _run_costs(report).items():
            rows.setdefault(what, [None] * len(reports))[number] = value
    return rows


def _run_costs(report: Report) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in report.costs.stages:
        chip, metrics = stage["chip"] or {}, stage["neurobench"]
        parts = {
            "neuro-cores of a Loihi 2": chip.get("cores"),
            "synaptic memory of a Loihi 2, bytes": chip.get("synaptic_bytes"),
            "effective accumulates per sample": metrics["synaptic_operations"]["effective_acs"],
            "membrane updates per sample": metrics["membrane_updates"],
        }
        parts |= {
            f"nJ per sample: {one['model']} ({one['chip']})": one["energy_pj"] / 1000 for one in stage["estimates"]
        }
        for what, value in parts.items():
            if value is not None:
                found[what] = found.get(what, 0.0) + value
    return found
