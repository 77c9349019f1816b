"""How sure an accuracy is."""

CONFIDENCE = 0.95
"""Of every interval in a report."""


def wilson(right: int, samples: int) -> tuple[float, float]:
    """The Wilson score interval of a fraction, at CONFIDENCE.

    Example:
        low, high = wilson(350, 360)
    """
    # SciPy takes a second to import; a report is also read by commands that must start fast.
    from scipy.stats import binomtest

    interval = binomtest(right, samples).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)
