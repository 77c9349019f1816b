"""Images of one's own, in NumPy's .npz archives.

Images are [sample, height, width] or [sample, channel, height, width], either uint8 from 0 to 255 or floating-point
numbers from 0 to 1; labels are whole numbers from 0 on. Arrays under other names than those told are not read.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from ...export.arrays import read_npz
from ...export.errors import InputError
from ..data_folder import data_folder
from .image_set import ImageSet, scaled

MAX_CLASSES = 10_000
"""The readout has a row for each class up to the highest label: a label beyond this is a mistake, not a class."""


MOST_COLOURS = 4
"""Grey, with transparency, red-green-blue, with transparency: so small a last axis, below both others, is no width."""


class EvaluationImages(NamedTuple):
    """Images in [0, 1] to run a finished network on, with their labels where the file has some."""

    images: Float32[np.ndarray, "sample channel height width"]
    labels: Int64[np.ndarray, " sample"] | None


def load_npz_set(path: Path) -> ImageSet:
    """The set in the arrays x_train, y_train, x_test and y_test; the classes go up to the highest training label.

    Raises InputError, naming the file and the array, when one is missing or not as the module says, when images and
    labels differ in number, when training and test images differ in shape, and for a test label that no training
    image has. The file may be a link to one where it lies below $SPIQ_DATA.
    """
    root = data_folder()
    below = root is not None and path.absolute().is_relative_to(root.absolute())
    arrays = read_npz(path, required=("x_train", "y_train", "x_test", "y_test"), may_be_link=below)
    train_images = _images(arrays["x_train"], f"{path}: x_train")
    test_images = _images(arrays["x_test"], f"{path}: x_test")
    if test_images.shape[1:] != train_images.shape[1:]:
        raise InputError(
            f"{path}: x_test has images of the shape {list(test_images.shape[1:])}, but x_train of "
            f"{list(train_images.shape[1:])}."
        )
    train_labels = _labels(arrays["y_train"], f"{path}: y_train", len(train_images))
    test_labels = _labels(arrays["y_test"], f"{path}: y_test", len(test_images))
    unknown = np.setdiff1d(test_labels, train_labels)
    if unknown.size:
        raise InputError(f"{path}: y_test has the unknown label {unknown[0]}, which never occurs in y_train.")
    return ImageSet(train_images, train_labels, test_images, test_labels, int(train_labels.max()) + 1, path.stem)


def load_npz_images(path: Path, shape: tuple[int, int, int], classes: int) -> EvaluationImages:
    """The images `x` and, where there are some, the labels `y`, for a network that reads images of `shape`.

    `shape` is [channel, height, width]. Raises InputError, naming the file and the array, when they are not as the
    module says or do not fit the network.
    """
    arrays = read_npz(path, required=("x",), optional=("y",))
    images = _images(arrays["x"], f"{path}: x")
    if images.shape[1:] != tuple(shape):
        raise InputError(
            f"{path}: x has images of the shape {list(images.shape[1:])}, but the network reads {list(shape)}."
        )
    if "y" not in arrays:
        return EvaluationImages(images, None)
    labels = _labels(arrays["y"], f"{path}: y", len(images))
    if labels.max() >= classes:
        raise InputError(f"{path}: y has the unknown label {labels.max()}; the network's are 0 to {classes - 1}.")
    return EvaluationImages(images, labels)


def _images(array: np.ndarray, where: str) -> Float32[np.ndarray, "sample channel height width"]:
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{where} must be uint8 (0 to 255) or floating point (0 to 1), but its type is {array.dtype}.")
    if array.ndim not in (3, 4):
        raise InputError(
            f"{where} must have the shape [sample, height, width] or [sample, channel, height, width], but has "
            f"{list(array.shape)}."
        )
    if array.size == 0:
        raise InputError(f"{where} is empty: its shape is {list(array.shape)}.")
    if array.ndim == 3:
        array = array[:, np.newaxis]
    if array.shape[3] <= MOST_COLOURS and array.shape[3] < min(array.shape[1:3]):
        raise InputError(
            f"{where} must have the shape [sample, channel, height, width], but has {list(array.shape)}, with the "
            "channel last."
        )
    if array.dtype == np.uint8:
        return scaled(array)
    if np.isnan(array).any():
        raise InputError(f"{where} holds NaN.")
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise InputError(f"{where} is floating point and must lie in [0, 1], but ranges from {low:g} to {high:g}.")
    return array.astype(np.float32)


def _labels(array: np.ndarray, where: str, count: int) -> Int64[np.ndarray, " sample"]:
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{where} must hold whole numbers, but its type is {array.dtype}.")
    if array.shape != (count,):
        raise InputError(f"{where} must have a label for each of {count} images, but its shape is {list(array.shape)}.")
    low, high = array.min(), array.max()
    if low < 0 or high >= MAX_CLASSES:
        raise InputError(f"{where} must have labels from 0 to {MAX_CLASSES - 1}, but they range from {low} to {high}.")
    return array.astype(np.int64)
