"""What a ladder gave, for whoever asks where accuracy was lost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Shaped

from ....export.bundle.bundle import Bundle
from ....export.network.trace import Trace


@dataclass(frozen=True)
class Climbed:
    """A bundle with the samples of a ladder, and the values that each rung gave.

    Attributes:
        bundle: What was climbed.
        samples: As the network reads them: values `[sample, *shape]` or spikes `[time, sample, *shape]`.
        labels: The true classes, one per sample.
        traces: The values on every edge by the rung's name, in the ladder's order. A rung of some samples only has
            the first ones.
        shots: Measurements of each basis per sample on the rungs that measure.
    """

    bundle: Bundle
    samples: Shaped[np.ndarray, "..."]
    labels: Int64[np.ndarray, " sample"]
    traces: Mapping[str, Trace]
    shots: int
