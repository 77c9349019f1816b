"""Images of one's own, in NumPy's .npz archives.

Images are [sample, height, width] or [sample, channel, height, width], either integers from 0 to the pixel range
(`pixels`) or floating-point numbers from 0 to 1; labels are integers from 0 on. Arrays under other names than
those told are not read.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, Num

from ...export.errors import InputError
from ...export.files.arrays import read_npz
from ..config.data_folder import data_folder
from .image_set import ImageSet
from .pixels import PixelRange, pixel_range, scaled

MAX_CLASSES = 10_000
"""The readout has a row for each class up to the highest label: a label beyond this is a mistake, not a class."""


MOST_COLOURS = 4
"""Grey, with transparency, red-green-blue, with transparency: so small a last axis, below both others, is no width."""

MOST_LABELS = 10
"""How many labels a sentence lists."""


class EvaluationImages(NamedTuple):
    """Images in [0, 1] to run a finished network on, with their labels where the file has some.

    `note` is what was decided about the pixels and should be told.
    """

    images: Float32[np.ndarray, "sample channel height width"]
    labels: Int64[np.ndarray, " sample"] | None
    note: str | None = None


def load_npz_set(path: Path, white: int | None = None) -> ImageSet:
    """The set in the arrays x_train, y_train, x_test and y_test; its classes are the training labels, 0 to n - 1.

    `white` is the value that means white in integer images, None where nobody has said it (`pixels.pixel_range`).
    Raises InputError, naming the file and the array, when one is missing or not as the module says, when images and
    labels differ in number, when training and test images differ in shape, for a test label that no training image
    has, and where the labels leave a class without a sample. The file may be a link to one where it lies below
    $SPIQ_DATA.
    """
    root = data_folder()
    below = root is not None and path.absolute().is_relative_to(root.absolute())
    arrays = read_npz(path, required=("x_train", "y_train", "x_test", "y_test"), may_be_link=below)
    parts = {name: _images(arrays[name], f"{path}: {name}") for name in ("x_train", "x_test")}
    shapes = [list(images.shape[1:]) for images in parts.values()]
    if shapes[0] != shapes[1]:
        raise InputError(f"{path}: x_test must have images of the shape {shapes[0]} as x_train, got {shapes[1]}")
    train_labels = _labels(arrays["y_train"], f"{path}: y_train", len(parts["x_train"]))
    test_labels = _labels(arrays["y_test"], f"{path}: y_test", len(parts["x_test"]))
    unknown = np.setdiff1d(test_labels, train_labels)
    if unknown.size:
        raise InputError(f"{path}: y_test has the unknown label {unknown[0]}, which never occurs in y_train")
    _check_classes(np.unique(train_labels), path)
    found = pixel_range(parts, str(path), white, "data.pixel_range must say which value means white")
    train_images, test_images = (_fractions(images, found) for images in parts.values())
    classes = int(train_labels.max()) + 1
    return ImageSet(
        train_images, train_labels, test_images, test_labels, classes, path.stem, found.white, found.note
    )  # fmt: skip


def load_npz_images(
    path: Path, shape: tuple[int, int, int], classes: int, white: int | None = None
) -> EvaluationImages:
    """The images `x` and, where there are some, the labels `y`, for a network that reads images of `shape`.

    `shape` is [channel, height, width]; `white` is the value that means white in the network's integer images, None
    where that is not known. Raises InputError, naming the file and the array, when they are not as the module says or
    do not fit the network.
    """
    arrays = read_npz(path, required=("x",), optional=("y",))
    images = _images(arrays["x"], f"{path}: x")
    if images.shape[1:] != tuple(shape):
        raise InputError(
            f"{path}: x must have images of the shape {list(shape)}, which the network reads, "
            f"got {list(images.shape[1:])}"
        )
    remedy = "the bundle does not say it either, so x must be floating-point numbers from 0 to 1"
    found = pixel_range({"x": images}, str(path), white, remedy)
    labels = labels_of(arrays["y"], f"{path}: y", len(images), classes) if "y" in arrays else None
    return EvaluationImages(_fractions(images, found), labels, found.note)


def labels_of(array: np.ndarray, where: str, count: int, classes: int) -> Int64[np.ndarray, " sample"]:
    """The labels of so many samples for a network of so many classes. Raises InputError where they are none."""
    labels = _labels(array, where, count)
    if labels.max() >= classes:
        raise InputError(f"{where} must have labels from 0 to {classes - 1}, got {labels.max()}")
    return labels


def _images(array: np.ndarray, where: str) -> Num[np.ndarray, "sample channel height width"]:
    """The array with an axis for its channels; floats lie in [0, 1], what integers mean is not looked at."""
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where} must be integers from 0 on or floating point (0 to 1), got {array.dtype}")
    if array.ndim not in (3, 4):
        raise InputError(
            f"{where} must have the shape [sample, height, width] or [sample, channel, height, width], got "
            f"{list(array.shape)}"
        )
    if array.size == 0:
        raise InputError(f"{where} is empty: its shape is {list(array.shape)}")
    if array.ndim == 3:
        array = array[:, np.newaxis]
    if array.shape[3] <= MOST_COLOURS and array.shape[3] < min(array.shape[1:3]):
        raise InputError(
            f"{where} must have the shape [sample, channel, height, width], got {list(array.shape)}, with the "
            "channel last"
        )
    if array.dtype.kind != "f":
        return array
    if np.isnan(array).any():
        raise InputError(f"{where} holds NaN")
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise InputError(f"{where} is floating point and must lie in [0, 1], got {low:g} to {high:g}")
    return array


def _fractions(
    images: Num[np.ndarray, "sample channel height width"], found: PixelRange
) -> Float32[np.ndarray, "sample channel height width"]:
    if images.dtype.kind == "f" or found.white is None:
        return images.astype(np.float32)
    return scaled(images, found.white)


def _labels(array: np.ndarray, where: str, count: int) -> Int64[np.ndarray, " sample"]:
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{where} must hold integers, got {array.dtype}")
    if array.shape != (count,):
        raise InputError(f"{where} must have a label for each of {count} images, got the shape {list(array.shape)}")
    low, high = array.min(), array.max()
    if low < 0 or high >= MAX_CLASSES:
        raise InputError(f"{where} must have labels from 0 to {MAX_CLASSES - 1}, got {low} to {high}")
    return array.astype(np.int64)


def _check_classes(labels: Int64[np.ndarray, " label"], path: Path) -> None:
    """Raise InputError where the labels, in order and each once, are not 0 to n - 1."""
    if labels[-1] + 1 == len(labels):
        return
    listed = ", ".join(map(str, labels[:MOST_LABELS])) + (", …" if len(labels) > MOST_LABELS else "")
    raise InputError(
        f"{path}: the labels of y_train and y_test must be 0 to {len(labels) - 1}, each of them there, got {listed}; "
        "`numpy.searchsorted(numpy.unique(y_train), y)` renumbers those of either array y"
    )
