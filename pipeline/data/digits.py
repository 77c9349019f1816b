"""The 8x8 digits that come with scikit-learn: a data set that is there without a download.

They are the test part of the "Optical Recognition of Handwritten Digits" set (UCI, Alpaydin and Kaynak 1998), 1,797
images of 16 grey levels above black.
"""

import numpy as np

from .image_set import ImageSet

TEST_SAMPLES = 360

# Not the run's seed: accuracies of different runs compare only on the same test images.
_SPLIT_SEED = 0

WHITE = 16
"""The value that means white in the set's own numbers."""


def load_digits() -> ImageSet:
    """1,437 training and 360 test images of shape [1, 8, 8], every class with its share in both, the same each time."""
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    pixels, labels = load(return_X_y=True)
    images = (pixels / WHITE).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(
        images, labels.astype(np.int64), test_size=TEST_SAMPLES, stratify=labels, random_state=_SPLIT_SEED
    )
    train_images, test_images, train_labels, test_labels = map(np.asarray, parts)
    return ImageSet(train_images, train_labels, test_images, test_labels, classes=10, name="digits", pixel_range=WHITE)
