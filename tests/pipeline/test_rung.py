"""The figures of a rung, and the gate, on answers made by hand."""

import numpy as np
import pytest

from spiq.export.errors import InputError
from spiq.pipeline.validation.ladder import gate
from spiq.pipeline.validation.rung import Climbed, Rung, measured, read_report, wilson


def climbed(predictions: list[int], spikes: list[int], expectations: list[float]) -> Climbed:
    return Climbed(
        np.array(spikes, dtype=np.uint8).reshape(1, -1, 1), np.array(expectations)[:, None], np.array(predictions)
    )


BEFORE = climbed([0, 1, 2, 3], [1, 0, 1, 0], [0.5, -0.5, 0.0, 1.0])
HERE = climbed([0, 1, 2, 2], [1, 1, 0, 0], [0.5, -0.5, 0.25, 0.9])
LABELS = np.array([0, 1, 0, 2])


def test_a_rung_counts_what_differs_from_the_one_before() -> None:
    rung = measured("loihi", HERE, LABELS, BEFORE, 1.23456, "spikes")
    assert rung.samples == 4
    assert rung.accuracy == 0.75
    assert rung.agreement == 0.75
    assert rung.spike_mismatches == 2
    assert rung.max_error is None
    assert rung.seconds == 1.235
    assert measured("qasm", HERE, LABELS, BEFORE, 0, "expectations").max_error == 0.25


def test_the_first_rung_has_nothing_to_be_compared_with() -> None:
    rung = measured("trained", BEFORE, LABELS, None, 0)
    assert rung.accuracy == 0.5
    assert (rung.agreement, rung.spike_mismatches, rung.max_error) == (None, None, None)


@pytest.mark.parametrize(("right", "samples"), [(0, 10), (7, 10), (10, 10), (350, 360), (9802, 10_000)])
def test_the_interval_is_wilsons(right: int, samples: int) -> None:
    # E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927), z for 95%.
    z, share = 1.959963984540054, right / samples
    middle = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z / (1 + z * z / samples) * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2))
    assert wilson(right, samples) == pytest.approx((middle - half, middle + half), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "last", "allowed", "passed"),
    [(0.95, 0.94, 0.01, True), (0.95, 0.94, 0.0099, False), (0.9, 0.95, 0.0, True), (0.9, 0.9, -0.01, False)],
)
def test_the_gate_compares_the_last_rung_that_was_climbed_with_the_first(
    first: float, last: float, allowed: float, passed: bool
) -> None:
    rungs = [
        Rung(name="trained", accuracy=first),
        Rung(name="loihi", accuracy=0.1),
        Rung(name="shots", accuracy=last),
        Rung(name="device", skipped="not here"),
    ]
    found = gate(rungs, allowed)
    assert found.passed == passed
    assert found.accuracy_drop == pytest.approx(first - last)


def test_a_report_that_is_none_is_refused(tmp_path) -> None:
    path = tmp_path / "report.json"
    with pytest.raises(InputError, match=r"report\.json: there is no such file"):
        read_report(path)
    for text in ("", "{}", "[1]", '{"name": 3}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"report\.json: not a report"):
            read_report(path)
