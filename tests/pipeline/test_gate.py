"""The gate: what it asks of a ladder, and that its sentence names what failed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.bundle.epochs import Epochs
from spiq.pipeline.validation.gate import gate, judged, least_accuracy, verdict
from spiq.pipeline.validation.report import Gate, Report
from spiq.pipeline.validation.rung import Rung

FINISHED, STOPPED = Epochs(trained=40, planned=40), Epochs(trained=1, planned=40)


def rung(name: str, accuracy: float | None, samples: int = 100, **figures: int) -> Rung:
    if accuracy is None:
        return Rung(name=name, skipped="not here")
    return Rung(name=name, samples=samples, accuracy=accuracy, **figures)


def report(rungs: list[Rung], found: Gate, epochs: Epochs | None) -> Report:
    return Report(
        name="a", data="digits", parameters=1, steps=8, qubits=3, shots=64, seed=0, rungs=rungs, gate=found,
        training=[], versions={}, machine="", epochs=epochs,
    )  # fmt: skip


def judge(rungs: list[Rung], epochs: Epochs | None = FINISHED, least: float | None = 0.3) -> tuple[Gate, str]:
    found = gate(rungs, 0.03, least, epochs)
    return found, verdict(report(rungs, found, epochs))


LADDER = [rung("trained", 0.9), rung("nir", 0.9), rung("lava", 1.0, 5, spike_mismatches=0), rung("shots", 0.89)]


def test_a_good_ladder_passes_and_says_what_was_asked() -> None:
    found, words = judge(LADDER)
    assert found.passed
    assert found.accuracy_drop == pytest.approx(0.01)
    assert words == (
        "gate passed: shots lies 1.00 points under trained, a drop of 3.00 is allowed; shots, the last rung measured, "
        "is right on 89.00%, at least 30.00% is needed"
    )


@pytest.mark.parametrize(
    ("rungs", "epochs", "reason"),
    [
        (LADDER, STOPPED, "training is not finished, 1 of 40 epochs"),
        ([rung("trained", 0.3), rung("shots", 0.29)], FINISHED, "shots, the last rung measured, is right on 29.00%, "),
        ([*LADDER[:3], rung("shots", 0.8)], FINISHED, "shots lies 10.00 points under trained, a drop of 3.00 is"),
        ([*LADDER[:2], rung("lava", 1.0, 5, spike_mismatches=2)], FINISHED, "2 of Lava's spikes are not loihi's"),
        ([rung("trained", 0.9), rung("nir", None)], FINISHED, "only trained was measured on all images"),
        ([rung("trained", None)], FINISHED, "no rung was measured"),
        ([], FINISHED, "no rung was measured"),
    ],
)
def test_the_sentence_names_what_failed_and_nothing_else(rungs: list[Rung], epochs: Epochs | None, reason: str) -> None:
    found, words = judge(rungs, epochs)
    assert not found.passed
    assert words.startswith(f"gate NOT passed: {reason}")
    assert ";" not in words


def test_all_that_failed_is_named() -> None:
    rungs = [rung("trained", 0.9), rung("lava", 0.1, 5, spike_mismatches=7), rung("shots", 0.2)]
    _, words = judge(rungs, STOPPED)
    assert words.count(";") == 3
    for part in ("1 of 40 epochs", "7 of Lava's", "70.00 points under trained", "20.00%, at least 30.00%"):
        assert part in words


def test_lavas_few_samples_are_not_compared_with_all() -> None:
    found, words = judge([rung("trained", 0.9), rung("nir", 0.9), rung("lava", 0.2, 5, spike_mismatches=0)])
    assert found.passed
    assert "nir lies 0.00 points under trained" in words


def test_what_a_report_of_an_earlier_version_does_not_say_is_not_asked_for() -> None:
    stored = report(LADDER, gate(LADDER, 0.03), None).model_dump()
    for key in ("epochs", "pixel_range"):
        del stored[key]
    del stored["gate"]["min_accuracy"]
    old = Report.model_validate(stored)
    assert (old.epochs, old.pixel_range, old.gate.min_accuracy) == (None, None, None)
    assert verdict(old) == "gate passed: shots lies 1.00 points under trained, a drop of 3.00 is allowed"


@settings(deadline=None, max_examples=200)
@given(labels=st.lists(st.integers(0, 9), min_size=1, max_size=50))
def test_the_least_accuracy_lies_a_quarter_of_the_way_from_the_largest_class_to_1(labels: list[int]) -> None:
    share = max(labels.count(label) for label in set(labels)) / len(labels)
    assert least_accuracy(np.array(labels)) == pytest.approx(share + (1 - share) / 4)


ACCURACIES = st.none() | st.integers(0, 20).map(lambda right: right / 20)


@settings(deadline=None, max_examples=300)
@given(
    accuracies=st.lists(ACCURACIES, max_size=6),
    allowed=st.sampled_from([-1.0, 0.0, 0.05, 0.5, 1.0]),
    least=st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    trained=st.none() | st.integers(0, 3),
)
def test_any_subset_of_measured_rungs_has_its_gate(
    accuracies: list[float | None], allowed: float, least: float | None, trained: int | None
) -> None:
    names = ("trained", "nir", "loihi", "other", "qasm", "shots")
    rungs = [rung(name, accuracy) for name, accuracy in zip(names, accuracies, strict=False)]
    epochs = None if trained is None else Epochs(trained=trained, planned=2)
    found = gate(rungs, allowed, least, epochs)
    measured = [accuracy for accuracy in accuracies if accuracy is not None]
    assert [rung.accuracy for rung in judged(rungs)] == measured
    assert found.passed == (
        len(measured) > 1
        and measured[0] - measured[-1] <= allowed + 1e-9
        and (least is None or measured[-1] >= least)
        and (trained is None or trained >= 2)
    )
    words = verdict(report(rungs, found, epochs))
    assert words.startswith("gate passed: " if found.passed else "gate NOT passed: ")
    assert len(words) > 20
