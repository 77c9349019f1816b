"""From the name of a source to its images.

The files of mnist, fashion-mnist and kmnist are taken from $SPIQ_DATA, laid out as torchvision lays them out; else from
the cache, $SPIQ_CACHE or the user's cache folder; else they are downloaded into the cache. Folders, addresses and MD5s
are those of torchvision/datasets/mnist.py, with a second mirror for each that serves the same files.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from ...export.errors import InputError
from ...export.files.cache import cache_folder
from ..config.data_folder import DATA_VARIABLE, data_folder
from ..config.schema import ALLOWED_SOURCES, DIGITS, NPZ_PREFIX
from .digits import WHITE, load_digits
from .download import download
from .idx import read_idx
from .image_set import ImageSet
from .npz import load_npz_set
from .pixels import EIGHT_BIT, scaled

CLASSES = 10
"""Each of the IDX sets has the labels 0 to 9."""


class SetFiles(NamedTuple):
    """One thing for each of the four files of an IDX set: a path, or an MD5."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str


FILES = SetFiles(
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
)


class IdxSet(NamedTuple):
    """Where an IDX set lies under $SPIQ_DATA, where it is downloaded from, and the MD5s of its .gz files."""

    folder: str
    mirrors: tuple[str, ...]
    md5s: SetFiles


IDX_SETS = {
    "mnist": IdxSet(
        "MNIST/raw",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        SetFiles(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    "fashion-mnist": IdxSet(
        "FashionMNIST/raw",
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        SetFiles(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "kmnist": IdxSet(
        "KMNIST/raw",
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        SetFiles(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}


def load_images(source: str, pixel_range: int | None = None) -> ImageSet:
    """The images of `source`: "digits", "mnist", "fashion-mnist", "kmnist" or "npz:PATH".

    `pixel_range` is the value that means white in integer images of "npz:PATH", None where nobody has said it; the
    other sets have their own. Nothing about them is random: the same source gives the same images in the same order.
    Raises InputError for another source, for another pixel range than a set's own, for files that are damaged or do
    not fit each other, and for files that are nowhere to be had.
    """
    own = {DIGITS: WHITE, **dict.fromkeys(IDX_SETS, EIGHT_BIT)}.get(source)
    if own is not None and pixel_range not in (None, own):
        raise InputError(
            f"data.pixel_range must be left out for the source {source!r}, whose white is {own}, got {pixel_range}"
        )
    if source == DIGITS:
        return load_digits()
    if source in IDX_SETS:
        return _load_idx_set(source)
    if source.startswith(NPZ_PREFIX):
        return load_npz_set(Path(source.removeprefix(NPZ_PREFIX)), pixel_range)
    raise InputError(f"data.source must be {ALLOWED_SOURCES}, got {source!r}")


def _load_idx_set(name: str) -> ImageSet:
    paths = _local_files(name) or _cached_files(name)
    train_images, train_labels = _read_part(paths.train_images, paths.train_labels)
    test_images, test_labels = _read_part(paths.test_images, paths.test_labels)
    if test_images.shape[1:] != train_images.shape[1:]:
        raise InputError(
            f"{paths.test_images}: its images must have the shape {list(train_images.shape[1:])}, as those of "
            f"{paths.train_images}, got {list(test_images.shape[1:])}"
        )
    return ImageSet(train_images, train_labels, test_images, test_labels, CLASSES, name, EIGHT_BIT)


def _read_part(
    images_path: str, labels_path: str
) -> tuple[Float32[np.ndarray, "sample 1 height width"], Int64[np.ndarray, " sample"]]:
    images = read_idx(Path(images_path), dimensions=3)
    labels = read_idx(Path(labels_path), dimensions=1)
    if images.size == 0:
        raise InputError(f"{images_path}: the file holds no images: its shape is {list(images.shape)}")
    if len(images) != len(labels):
        raise InputError(f"{labels_path}: {len(labels)} labels do not fit the {len(images)} images of {images_path}")
    if labels.max() >= CLASSES:
        raise InputError(f"{labels_path}: labels must lie from 0 to {CLASSES - 1}, got {labels.max()}")
    return scaled(images[:, np.newaxis], EIGHT_BIT), labels.astype(np.int64)


def _local_files(name: str) -> SetFiles | None:
    """The four files under $SPIQ_DATA, unpacked or not; None when it is not set or has nothing of this set."""
    root = data_folder()
    if root is None:
        return None
    if not root.is_dir():
        raise InputError(f"{DATA_VARIABLE} must name a folder with data sets, got {root}, which is no folder")
    folder = root / IDX_SETS[name].folder
    found, missing = [], []
    for file in FILES:
        there = [path for path in (folder / file, folder / f"{file}.gz") if path.exists()]
        found += [str(path) for path in there[:1]]
        missing += [] if there else [file]
    if found and missing:
        raise InputError(f"{folder}: {missing[0]} (or {missing[0]}.gz) is missing beside the other files of {name}")
    return SetFiles(*found) if found else None


def _cached_files(name: str) -> SetFiles:
    """The four files in the cache, downloaded where they are not there yet."""
    idx_set = IDX_SETS[name]
    folder = cache_folder() / idx_set.folder
    try:
        return SetFiles(
            *(
                str(download(f"{file}.gz", idx_set.mirrors, md5, folder))
                for file, md5 in zip(FILES, idx_set.md5s, strict=True)
            )
        )
    except InputError as error:
        root = data_folder()
        local = f"{root / idx_set.folder} has none of it" if root else f"{DATA_VARIABLE} is not set"
        raise InputError(
            f"{name} is not to be had: {local}, {error}; put its four files into FOLDER/{idx_set.folder} and set "
            f"{DATA_VARIABLE} to FOLDER"
        ) from None
