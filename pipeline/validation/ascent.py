"""What a ladder is climbed with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.epochs import Epochs
from ..config.schema import Gate, Ladder
from ..models.tracing import TrainedNetwork
from .rungs import RungKind


@dataclass(frozen=True)
class Ascent:
    """What is climbed: a bundle with test samples and their labels, and how.

    `trained` is the network in its own framework, for the first rung; without it the ladder begins with the next one.
    `training` is how each epoch went, `epochs` how far it was trained, `configuration` the run's, by table and key.
    """

    bundle: Bundle
    samples: Shaped[np.ndarray, "..."]
    labels: Int64[np.ndarray, " sample"]
    ladder: Ladder
    limits: Gate
    trained: TrainedNetwork | None = None
    training: tuple[dict[str, float | None], ...] = ()
    epochs: Epochs | None = None
    configuration: dict[str, Any] | None = None

    @property
    def total(self) -> int:
        return len(self.labels)

    def count(self, kind: RungKind) -> int:
        """How many samples a rung runs."""
        return min(self.ladder.lava_samples, self.total) if kind.is_slow else self.total
