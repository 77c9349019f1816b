"""Samples to run a finished network on: a user's own, or the test set that it names."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Shaped

from ...export.bundle.bundle import Bundle
from ...export.errors import InputError
from ...export.files.arrays import read_npz
from .npz import labels_of, load_npz_images
from .sources import load_images

IMAGE_AXES = 3


class Samples(NamedTuple):
    """What a network reads, with labels where they are known; `note` is what was decided and should be told."""

    values: Shaped[np.ndarray, "..."]
    labels: Int64[np.ndarray, " sample"] | None
    note: str | None = None


def load_samples(bundle: Bundle, path: Path | None, limit: int | None = None) -> Samples:
    """The arrays x and, where it is there, y of a user's .npz file, or the test set that the bundle names.

    Raises InputError where they do not fit the bundle, and where the bundle names no test set.
    """
    manifest, read = bundle.manifest, bundle.network.input
    if path is not None:
        if read.kind == "values" and len(read.shape) == IMAGE_AXES:
            channels, height, width = read.shape
            given = load_npz_images(path, (channels, height, width), bundle.classes, manifest.pixel_range)
            labels = None if given.labels is None else given.labels[:limit]
            return Samples(given.images[:limit], labels, given.note)
        return _plain(bundle, path, limit)
    if not manifest.data:
        raise InputError(f"{bundle.path}: names no test set; give samples of your own, an .npz file with x and y")
    data = load_images(manifest.data, manifest.pixel_range).limited(None, limit)
    if data.test_images.shape[1:] != read.shape:
        found = list(data.test_images.shape[1:])
        raise InputError(f"{manifest.data}: its images have the shape {found}, but the bundle reads {list(read.shape)}")
    return Samples(data.test_images, data.test_labels, data.note)


def _plain(bundle: Bundle, path: Path, limit: int | None) -> Samples:
    """Values [sample, *shape], or spikes [time, sample, *shape], as they are."""
    arrays = read_npz(path, required=("x",), optional=("y",))
    values, read = arrays["x"], bundle.network.input
    spikes = read.kind == "spikes"
    kinds = "iub" if spikes else "iuf"
    if values.dtype.kind not in kinds or not np.isfinite(values).all():
        wanted = "0 and 1" if spikes else "finite numbers"
        raise InputError(f"{path}: x must be {wanted}, got {values.dtype}")
    axis = 1 if spikes else 0
    if values.ndim <= axis or not values.shape[axis]:
        raise InputError(f"{path}: x must have the shape {read}, got {list(values.shape)}")
    labels = labels_of(arrays["y"], f"{path}: y", values.shape[axis], bundle.classes) if "y" in arrays else None
    cut = (values[:, :limit] if spikes else values[:limit]).astype(np.uint8 if spikes else np.float64)
    return Samples(cut, None if labels is None else labels[:limit])
