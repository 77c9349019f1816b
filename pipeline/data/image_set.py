"""A labelled set of images, split into a training and a test part."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(frozen=True)
class ImageSet:
    """Images in [0, 1] with labels 0 .. classes - 1; the test images are for the last judgement only.

    `pixel_range` is the value that means white where such images are integers, None where nobody has said it; `note`
    is what was decided about the pixels and should be told.
    """

    train_images: Float32[np.ndarray, "train channel height width"]
    train_labels: Int64[np.ndarray, " train"]
    test_images: Float32[np.ndarray, "test channel height width"]
    test_labels: Int64[np.ndarray, " test"]
    classes: int
    name: str
    pixel_range: int | None = None
    note: str | None = None

    def limited(self, train: int | None, test: int | None) -> "ImageSet":
        """Only the first images of each part; None keeps them all."""
        return replace(
            self,
            train_images=self.train_images[:train],
            train_labels=self.train_labels[:train],
            test_images=self.test_images[:test],
            test_labels=self.test_labels[:test],
        )
