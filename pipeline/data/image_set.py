"""A labelled set of images, split into a training and a test part."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int64, UInt8


@dataclass(frozen=True)
class ImageSet:
    """Images in [0, 1] with labels 0 .. classes - 1; the test images are for the last judgement only."""

    train_images: Float32[np.ndarray, "train channel height width"]
    train_labels: Int64[np.ndarray, " train"]
    test_images: Float32[np.ndarray, "test channel height width"]
    test_labels: Int64[np.ndarray, " test"]
    classes: int
    name: str

    def limited(self, train: int | None, test: int | None) -> "ImageSet":
        """Only the first images of each part; None keeps them all."""
        return replace(
            self,
            train_images=self.train_images[:train],
            train_labels=self.train_labels[:train],
            test_images=self.test_images[:test],
            test_labels=self.test_labels[:test],
        )


def scaled(pixels: UInt8[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """8-bit pixels as fractions of 255."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)
