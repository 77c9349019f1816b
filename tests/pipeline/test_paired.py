"""Paired statistics, held against the likelihood itself, published figures and simulated experiments."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from spiq.pipeline.validation.analysis.changes import confusion
from spiq.pipeline.validation.analysis.paired import mcnemar, paired, score_interval

Z = float(norm.ppf(0.975))


def score(gained: int, lost: int, samples: int, delta: float) -> float:
    """The score test's statistic, its nuisance parameter found by maximizing the multinomial likelihood itself."""

    def unlikely(probability: float) -> float:
        """Minus the logarithm of the likelihood where a sample is lost with this probability."""
        cells = (
            (lost, probability),
            (gained, probability + delta),
            (samples - gained - lost, 1 - 2 * probability - delta),
        )
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in cells if count)

    least, most = max(0.0, -delta), (1 - delta) / 2
    found = minimize_scalar(unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-13}).x
    return (gained - lost - samples * delta) / math.sqrt(samples * (2 * found + delta - delta**2))


@pytest.mark.parametrize(("gained", "lost", "samples"), [(12, 2, 50), (3, 7, 360), (90, 84, 10_000), (1, 0, 40)])
def test_the_ends_are_where_the_score_test_begins_to_reject(gained: int, lost: int, samples: int) -> None:
    low, high = score_interval(gained, lost, samples)
    assert score(gained, lost, samples, low) == pytest.approx(Z, abs=1e-3)
    assert score(gained, lost, samples, high) == pytest.approx(-Z, abs=1e-3)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2000))
@settings(max_examples=50, deadline=None)
def test_an_interval_holds_the_estimate_and_turns_with_it(gained: int, lost: int, equal: int) -> None:
    samples = gained + lost + equal
    if not samples:
        return
    low, high = score_interval(gained, lost, samples)
    assert -1 <= low <= (gained - lost) / samples <= high <= 1
    assert low < high
    assert score_interval(lost, gained, samples) == pytest.approx((-high, -low), abs=1e-9)


def test_no_discordant_sample_is_no_proof_of_equality() -> None:
    low, high = score_interval(0, 0, 20)
    # Where nothing is discordant, the score test rejects δ if n·δ² > z²·δ·(1 - δ).
    assert (low, high) == pytest.approx((-(Z**2) / (20 + Z**2), Z**2 / (20 + Z**2)))


def test_the_interval_covers_the_truth_in_simulated_experiments() -> None:
    random = np.random.default_rng(5)
    gained, lost, _ = random.multinomial(300, (0.05, 0.02, 0.93), 1000).T
    ends = [score_interval(int(one), int(other), 300) for one, other in zip(gained, lost, strict=True)]
    covered = np.mean([low <= 0.03 <= high for low, high in ends])
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    # 2·Σ_(k ≤ least) C(n, k)/2^n, at most 1.
    [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 2 * 11 / 1024), (0, 4, 2 / 16), (3, 1, 2 * 5 / 16)],
)
def test_p_is_mcnemars_exact_one(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)
    assert mcnemar(lost, gained) == pytest.approx(p)


def test_discordant_samples_are_counted() -> None:
    labels = np.array([0, 1, 2, 2, 1])
    found = paired("nir", np.array([0, 1, 0, 0, 0]), np.array([0, 0, 2, 1, 1]), labels)
    assert (found.against, found.samples, found.gained, found.lost) == ("nir", 5, 2, 1)
    assert found.difference == pytest.approx(0.2)


def test_confusion_counts_true_classes_in_rows() -> None:
    labels, predictions = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    assert confusion(labels, predictions, 3) == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
