"""Runs side by side."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.command import assert_refused, spiq
from spiq.pipeline.report.comparison.compared import compared
from spiq.pipeline.report.comparison.page import render
from spiq.pipeline.report.comparison.tables import tables
from spiq.pipeline.validation.analysis.paired import paired
from spiq.pipeline.validation.report import Gate, Report
from spiq.pipeline.validation.rung import Rung

LABELS = [0, 1, 1, 0, 1, 0]
CONFIGURATION = {"name": "a", "seed": 0, "training": {"epochs": 5, "threads": None}}


def rung(name: str, predictions: list[int]) -> Rung:
    right = sum(one == other for one, other in zip(predictions, LABELS, strict=False))
    count = len(predictions)
    return Rung(name=name, samples=count, accuracy=right / count, interval=(0.1, 0.9), predictions=predictions)


def report(rungs: list[Rung], configuration: dict[str, Any] | None = None, samples: str | None = "same") -> Report:
    return Report(
        name="a",
        data="digits",
        parameters=12,
        steps=8,
        qubits=3,
        shots=64,
        seed=0,
        samples=samples,
        labels=LABELS,
        rungs=rungs,
        gate=Gate(max_accuracy_drop=0.03, accuracy_drop=0.0, passed=True),
        training=[],
        configuration=configuration,
        versions={},
        machine="2 cores",
    )


FIRST = report([rung("trained", [0, 1, 1, 0, 1, 0]), rung("nir", [0, 1, 1, 0, 1, 1])], CONFIGURATION)
OTHER = report(
    [rung("trained", [0, 1, 0, 0, 1, 0]), rung("nir", [0, 0, 0, 0, 1, 0]), rung("lava", [0, 0])],
    {**CONFIGURATION, "training": {"epochs": 9, "threads": None}},
)


def test_the_same_samples_are_compared_one_by_one() -> None:
    found = compared({"one": FIRST, "other": OTHER}).rungs
    labels = np.array(LABELS)
    assert found["nir"][0].against_first is None
    assert found["nir"][1].against_first == paired(
        "one", np.array([0, 1, 1, 0, 1, 1]), np.array([0, 0, 0, 0, 1, 0]), labels
    )
    assert (found["nir"][1].against_first.gained, found["nir"][1].against_first.lost) == (1, 2)
    assert found["lava"][0].accuracy is None


def test_other_samples_are_not_compared_one_by_one() -> None:
    for samples in ("others", None):
        found = compared({"one": FIRST, "other": report(OTHER.rungs, samples=samples)})
        assert found.same_samples == [True, False]
        assert all(rungs[1].against_first is None for rungs in found.rungs.values())


def test_only_settings_that_differ_are_told() -> None:
    assert compared({"one": FIRST, "other": OTHER}).settings == {"training.epochs": [5, 9]}
    without = compared({"one": FIRST, "other": report([], None)}).settings
    assert without["seed"] == [0, None]
    # A key that is null is the same as one that is missing.
    assert "training.threads" not in without


def test_names_do_not_become_markup() -> None:
    page = render(compared({"<b>": FIRST, "</style>": OTHER}))
    assert "<b>" not in page
    assert page.count("</style>") == 1
    assert page == render(compared({"<b>": FIRST, "</style>": OTHER}))


def test_every_run_has_a_column_of_its_own() -> None:
    for table in tables(compared({"one": FIRST, "other": OTHER, "third": FIRST})):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_command_compares_folders(tmp_path: Path) -> None:
    for name, one in (("one", FIRST), ("other", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(one.text())
    found = spiq("compare", tmp_path / "one", tmp_path / "other", "--json", "--out", tmp_path / "page.html")
    assert json.loads(found.stdout)["settings"] == {"training.epochs": [5, 9]}
    assert "training.epochs" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("runs", "words"),
    [(["one"], "at least two runs"), (["one", "one"], "named twice"), (["one", "gone"], "gone/report.json")],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, runs: list[str], words: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "report.json").write_text(FIRST.text())
    assert words in assert_refused("compare", *(tmp_path / run for run in runs))
