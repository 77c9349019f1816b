"""Two rungs on the same samples: how the accuracy differs, and how sure that is.

Since both rungs see the same samples, only those count on which one is right and the other wrong: the discordant ones.
With `gained` samples that only the later rung has right, `lost` ones that only the earlier one has, of n in all,

    difference = (gained - lost) / n

Its interval is Tango's score interval for paired proportions: all differences δ that the score test does not reject,

    |gained - lost - n·δ| ≤ z · √(n · (2·q(δ) + δ·(1 - δ)))

where q(δ) is the likeliest probability of a lost sample if the difference is δ: the larger root of
2n·q² + ((2n - gained + lost)·δ - gained - lost)·q - lost·δ·(1 - δ) = 0. (T. Tango, "Equivalence test and confidence
interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17, 1998, pages
891-908.) It is not empty where no sample is discordant, and it never leaves [-1, 1].

The p-value is McNemar's, exact: how likely it is that the discordant samples divide at least as unevenly if each goes
either way with probability 1/2. A large p does not say that two rungs are equal; the interval says how far apart they
may be.
"""

import math

import numpy as np
from jaxtyping import Int64
from pydantic import BaseModel, ConfigDict

from .confidence import CONFIDENCE

BESIDE = 1e-12
"""How far beside the estimate the ends are looked for: where no sample is discordant the estimate itself is no end."""


class Paired(BaseModel):
    """How the accuracy of one rung differs from that of another on the same samples.

    Attributes:
        against: The other rung's name.
        samples: How many samples both have.
        gained: Samples that this rung has right and the other wrong.
        lost: Samples that the other has right and this rung wrong.
        difference: This rung's accuracy minus the other's, on these samples.
        interval: Its 95% interval.
        p: McNemar's exact p-value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    against: str
    samples: int
    gained: int
    lost: int
    difference: float
    interval: tuple[float, float]
    p: float


def paired(
    against: str,
    before: Int64[np.ndarray, " sample"],
    now: Int64[np.ndarray, " sample"],
    labels: Int64[np.ndarray, " sample"],
) -> Paired:
    """Compare the predictions of two rungs, of which the earlier is called `against`.

    Example:
        paired("nir", np.array([1, 1]), np.array([1, 0]), np.array([1, 1])).lost == 1
    """
    was, is_right = before == labels, now == labels
    gained, lost, samples = int((is_right & ~was).sum()), int((was & ~is_right).sum()), len(labels)
    return Paired(
        against=against,
        samples=samples,
        gained=gained,
        lost=lost,
        difference=(gained - lost) / samples,
        interval=score_interval(gained, lost, samples),
        p=mcnemar(gained, lost),
    )


def score_interval(gained: int, lost: int, samples: int) -> tuple[float, float]:
    """Tango's interval of (gained - lost) / samples at CONFIDENCE."""
    from scipy.optimize import root_scalar
    from scipy.stats import norm

    z = float(norm.ppf((1 + CONFIDENCE) / 2))

    def beyond(delta: float, side: int) -> float:
        """Above 0 where the score test rejects δ, which lies on that side of the estimate."""
        distance = side * (samples * delta - (gained - lost))
        return distance - z * math.sqrt(samples * _variance(gained, lost, samples, delta))

    estimate = (gained - lost) / samples
    # Where every sample went the same way, the interval reaches the end of what is possible.
    low = -1.0 if lost == samples else root_scalar(beyond, args=(-1,), bracket=(-1.0, estimate - BESIDE)).root
    high = 1.0 if gained == samples else root_scalar(beyond, args=(1,), bracket=(estimate + BESIDE, 1.0)).root
    return float(low), float(high)


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact p-value, two-sided; 1 where no sample is discordant."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def _variance(gained: int, lost: int, samples: int, delta: float) -> float:
    """Of one sample, at the likeliest probabilities with the difference δ."""
    linear = (2 * samples - gained + lost) * delta - gained - lost
    constant = -lost * delta * (1 - delta)
    likeliest = (math.sqrt(max(linear**2 - 8 * samples * constant, 0.0)) - linear) / (4 * samples)
    return max(2 * likeliest + delta * (1 - delta), 0.0)
