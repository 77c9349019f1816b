"""The images that a training sees: which are held out, and in what order the others come.

Every random choice follows from a seed.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64


class Part(NamedTuple):
    """Images with their labels."""

    images: Float32[np.ndarray, "sample channel height width"]
    labels: Int64[np.ndarray, " sample"]

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Part":
        """The images and labels at these places."""
        return Part(self.images[index], self.labels[index])


def split(part: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """Training and validation: of each class, in random order, that fraction is held out, but never all of it."""
    random = np.random.default_rng(seed)
    held = np.zeros(len(part.labels), dtype=bool)
    for label in np.unique(part.labels):
        members = random.permutation(np.flatnonzero(part.labels == label))
        held[members[: min(round(fraction * len(members)), len(members) - 1)]] = True
    return part.take(np.flatnonzero(~held)), part.take(np.flatnonzero(held))


def batch_count(part: Part, size: int) -> int:
    """How many batches of so many images an epoch has; the last one may be smaller."""
    return math.ceil(len(part.labels) / size)


def batches(part: Part, size: int, seed: tuple[int, int]) -> Iterator[Part]:
    """All images once, in the order of the seed, so many at a time."""
    order = np.random.default_rng(seed).permutation(len(part.labels))
    for start in range(0, len(order), size):
        yield part.take(order[start : start + size])
