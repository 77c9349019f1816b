"""The documents' figures measured again: what is claimed is what they say, and what differs is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spiq.export.errors import DeviceError, InputError
from spiq.pipeline.benchmark.comparison import Times, compared
from spiq.pipeline.commands.main import app
from spiq.pipeline.reproduction import measurements, run
from spiq.pipeline.reproduction.claim import Bounds, Claim, Finding, Measurement, Skipped
from spiq.pipeline.reproduction.claims import CLAIMS
from spiq.pipeline.reproduction.measurements import MEASUREMENTS, Ladder, campaign, circuit_difference, numbers
from spiq.pipeline.reproduction.run import claims_of, found
from spiq.pipeline.validation.report import Gate, Report
from spiq.pipeline.validation.rung import Rung

ROOT = Path(__file__).parents[2]

BY_NAME = {claim.name: claim for claim in CLAIMS}

NO_LAVA = "Lava is not set up"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_is_what_its_document_says(claim: Claim) -> None:
    lines = (ROOT / claim.where).read_text(encoding="utf-8").splitlines()
    assert any(all(part in line for part in claim.quote) for line in lines), claim.quote
    assert claim.bounds.hold(claim.stated)


def test_every_claim_has_a_name_of_its_own_and_work_that_decides_it() -> None:
    assert len(BY_NAME) == len(CLAIMS)
    decided = [claim for measurement in MEASUREMENTS for claim in claims_of(measurement)]
    assert decided == list(CLAIMS)
    assert all(claims_of(measurement) for measurement in MEASUREMENTS)
    assert sum(measurement.quick_seconds or 0 for measurement in MEASUREMENTS) < 300


def ladder(**changed: dict[str, Any]) -> Ladder:
    """What the README's first table says, but for these fields of these rungs."""
    rungs: dict[str, dict[str, Any]] = {
        "trained": {"accuracy": 0.9722},
        "nir": {"accuracy": 0.9722, "spike_mismatches": 0, "agreement": 1.0},
        "loihi": {"accuracy": 0.9722, "spike_mismatches": 1944},
        "lava": {"spike_mismatches": 0},
        "qasm": {"max_error": 3.1e-15},
        "shots": {"accuracy": 0.9722, "max_error": 0.087},
    }
    report = Report(
        name="digits", data="digits", parameters=16093, steps=8, qubits=9, shots=1024, seed=0, training=[],
        rungs=[Rung(name=name, **(figures | changed.get(name, {}))) for name, figures in rungs.items()],
        gate=Gate(max_accuracy_drop=0.03, accuracy_drop=0.0, passed=True), versions={}, machine="",
    )  # fmt: skip
    return Ladder(report, 60.0)


def verdicts(given: Ladder) -> dict[str, Finding]:
    return {claim.name: found(claim, given) for claim in CLAIMS if claim.by == "digits"}


def test_the_stated_ladder_holds_in_every_figure() -> None:
    assert {finding.verdict for finding in verdicts(ladder()).values()} == {"holds"}


@pytest.mark.parametrize(
    ("rung", "field", "value", "counts"),
    [
        ("trained", "accuracy", 0.9, False),
        ("nir", "spike_mismatches", 1, True),
        ("nir", "agreement", 0.997, True),
        ("loihi", "spike_mismatches", 5000, False),
        ("lava", "spike_mismatches", 2, True),
        ("qasm", "max_error", 1e-9, True),
    ],
)
def test_a_figure_that_differs_is_an_error_where_it_must_hold_everywhere(
    rung: str, field: str, value: float, counts: bool
) -> None:
    all_found = verdicts(ladder(**{rung: {field: value}}))
    finding = all_found.pop(f"digits.{rung}.{field}")
    assert (finding.verdict, finding.found, finding.counts) == ("differs", value, counts)
    assert {other.verdict for other in all_found.values()} == {"holds"}


@pytest.mark.parametrize("missing", [None, NO_LAVA])
def test_a_rung_that_was_not_climbed_is_skipped_only_where_lava_is_not_set_up(
    monkeypatch: pytest.MonkeyPatch, missing: str | None
) -> None:
    monkeypatch.setattr("spiq.pipeline.reproduction.claims.lava_is_missing", lambda: missing)
    all_found = verdicts(ladder(lava={"skipped": "why not"}, qasm={"skipped": "a fault"}))
    lava, qasm = all_found["digits.lava.spike_mismatches"], all_found["digits.qasm.max_error"]
    assert (lava.verdict, lava.reason) == ("skipped" if missing else "failed", "why not")
    assert (qasm.verdict, qasm.reason, qasm.counts) == ("failed", "a fault", True)


def test_a_promise_holds_from_its_ratio_on() -> None:
    for ratio, verdict in ((70.0, "holds"), (69.0, "differs")):
        rows = {"head.train": compared("head.train", "", "", Times([1.0], [ratio]))}
        assert found(BY_NAME["bench.head.train"], rows).verdict == verdict
    assert found(BY_NAME["bench.loihi.sim"], {}).verdict == "skipped"


def test_what_the_campaigns_print_is_read() -> None:
    hybrid = (
        "nir and aer, expectations: largest difference 2e-15\nnir and exact, expectations: largest difference 3e-9\n"
    )
    finding = found(BY_NAME["hybrid.expectations"], hybrid)
    assert (finding.verdict, finding.found) == ("differs", 3e-9)
    assert found(BY_NAME["hybrid.spikes"], hybrid).verdict == "failed"
    printed = "10 networks, 1 spikes; different from snnTorch: 3; counts of onnxruntime that differ: 0"
    assert found(BY_NAME["snntorch.spikes"], printed).found == 3
    assert found(BY_NAME["snntorch.onnx"], printed).verdict == "holds"
    assert found(BY_NAME["snntorch.lava"], printed).verdict == "skipped"
    with pytest.raises(DeviceError, match="printed nothing like"):
        numbers(r"(\d+) wrong", printed)


def test_a_campaign_runs_and_says_what_is_claimed() -> None:
    finding = found(BY_NAME["scaled.programs"], campaign("scaled_networks", 1, 1000)(True))
    assert (finding.verdict, finding.found) == ("holds", 0)


def test_the_light_cone_gives_pennylanes_values() -> None:
    difference = circuit_difference(True)
    assert 0 < difference < 1e-12


def test_what_needs_a_checkout_or_data_is_skipped_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPIQ_DATA", raising=False)
    with pytest.raises(Skipped, match=r"\$SPIQ_DATA does not name a folder with MNIST"):
        measurements.mnist_ladder(False)
    monkeypatch.setattr(measurements, "ROOT", tmp_path)
    for measure in (measurements.digits_ladder, campaign("hybrid_networks", 1, 1)):
        with pytest.raises(Skipped, match="is no part of the installed package; a checkout of spiq has it"):
            measure(True)


def refuse(_: bool) -> float:
    raise InputError("it broke")


def reproduced(monkeypatch: pytest.MonkeyPatch, *options: str, value: float = 0.0, broken: bool = False) -> Any:
    """The command, with two small measurements in place of the true ones."""
    works = (
        Measurement("small", "spiq small", 30, 60, refuse if broken else lambda quick: value),
        Measurement("large", "spiq large", None, 600, lambda quick: 7.0),
    )
    exact = Claim("small.exact", "README.md", (), 0, ",.0f", Bounds(0, 0), True, "small", lambda given: given)
    claims = (
        exact,
        exact._replace(name="small.speed", everywhere=False, bounds=Bounds(None, 1)),
        exact._replace(name="large.speed", everywhere=False, bounds=Bounds(None, 5), by="large"),
    )
    monkeypatch.setattr(run, "MEASUREMENTS", works)
    monkeypatch.setattr(run, "CLAIMS", claims)
    return CliRunner().invoke(app, ["reproduce", *options])


def test_the_command_says_what_it_will_do_and_then_what_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    done = reproduced(monkeypatch)
    assert done.exit_code == 0
    plan, table = done.stdout.split("the documents' figures")
    assert "spiq small" in plan
    assert "30 s" in plan
    assert "spiq large" not in plan
    assert table.count("holds") == 2
    assert "skipped: only with --all; about 10 min (large.speed)" in table
    everything = reproduced(monkeypatch, "--all")
    assert everything.stdout.count("holds") == 2
    assert "600 s" in everything.stdout


def test_a_figure_that_must_hold_everywhere_decides_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    done = reproduced(monkeypatch, "--json", value=1.0)
    assert done.exit_code == 1
    exact, speed, large = json.loads(done.stdout)
    assert (exact["verdict"], exact["found"], exact["every_machine"]) == ("differs", 1.0, True)
    assert (speed["verdict"], large["verdict"]) == ("holds", "skipped")
    broken = reproduced(monkeypatch, broken=True)
    assert broken.exit_code == 1
    assert "failed: it broke (small.exact, small.speed)" in broken.stdout


def test_a_figure_that_depends_on_the_machine_is_told_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    done = reproduced(monkeypatch, "--all")
    assert done.exit_code == 0
    (line,) = [line for line in done.stdout.splitlines() if "large.speed" in line]
    assert "at most 5" in line
    assert "differs, by machine" in line


def test_the_two_ways_are_not_given_together() -> None:
    done = CliRunner().invoke(app, ["reproduce", "--all", "--quick"])
    assert str(done.exception) == "--quick and --all are two ways; give one of them"
