"""The bundle: one folder with all that it takes to run a network anywhere, and to check that it runs right.

    manifest.json     the graph of stages, versions of what wrote it, seed, sha256 of every file
    NAME.nir …        one set of files a stage (`entries`)
    model.onnx        the whole network but for its encoding in one file, where every stage has a form in it
    golden.npz        a few samples with every value on their way
    calibration.npz   the inputs of each circuit for some training samples

Nothing else lies in the folder. The manifest, written in one fixed form, has the hash of every file and of its own
content: a bundle in which a byte differs from what was written is refused. The hashes are no signature, so whoever can
write the folder can also write a whole bundle of their own. Arrays are stored without Python objects.
"""

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files.atomic import new_folder
from ..files.plain import MOST_TEXT_BYTES, read_file
from ..network.network import HybridNetwork
from ..network.signals import Signal
from . import schema2
from .bundle import Bundle
from .entries import stage_of
from .golden import golden_of, read_arrays
from .manifest import (
    CALIBRATION,
    GOLDEN,
    MANIFEST,
    RUN_BUNDLE,
    SCHEMA,
    Manifest,
    check_files,
    checked_manifest,
    is_text,
    read_manifest_file,
)

MOST_BYTES = 2**30
"""Of all files together, which stand in memory while the bundle is open."""

WRITERS = ("spiq", "torch", "snntorch", "nir", "pennylane", "onnx", "numpy")
"""Packages whose versions the manifest records."""


LeftOut = dict[str, str]
"""Optional files that were not written, and why."""


def write_bundle(
    path: Path | str, manifest: Manifest, fill: Callable[[Path], LeftOut], may_replace: bool = False
) -> Bundle:
    """Let `fill` write the files into a new folder, seal it with the manifest, and put it in its place when whole.

    `versions`, `files`, `left_out` and `digest` of the manifest are filled in here. Raises InputError where the path
    is taken, unless it may be replaced, and where it cannot be written; the old bundle is then as it was.
    """
    path = Path(path)
    if path.exists() and may_replace and not (path / MANIFEST).is_file():
        raise InputError(f"{path}: exists and is not a bundle, so it is not replaced")
    with new_folder(path, may_replace) as folder:
        left_out = fill(folder)
        names = [name for name in manifest.wanted_files if name not in left_out]
        sealed = manifest.model_copy(
            update={
                "versions": {package: importlib.metadata.version(package) for package in WRITERS},
                "files": {name: _hash((folder / name).read_bytes()) for name in names},
                "left_out": left_out,
            }
        )
        sealed = sealed.model_copy(update={"digest": sealed.content_digest()})
        (folder / MANIFEST).write_bytes(sealed.text().encode())
        try:
            open_bundle(folder)
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(path))) from error
    return open_bundle(path)


def open_bundle(path: Path | str) -> Bundle:
    """Read and check a bundle.

    Args:
        path: The folder of a bundle, or of a run.

    Returns:
        The bundle, with every file as it is now.

    Raises:
        InputError: The folder is no bundle, or a file is missing, changed or does not fit; it is named.

    Example:
        spiq.open_bundle("mine/bundle").classes
    """
    # It imports onnx, for which what only needs a type or a name must not wait.
    from .fit import check_arrays, check_fit

    path = bundle_path(path)
    file = path / MANIFEST
    stored, text = read_manifest_file(path)
    if stored["schema_version"] == SCHEMA:
        manifest = checked_manifest(Manifest, stored, text, file)
        check_files(manifest, manifest.wanted_files, manifest.optional_files, file)
    else:
        first = checked_manifest(schema2.Manifest2, stored, text, file)
        check_files(first, schema2.FILES, schema2.OPTIONAL_FILES, file)
        manifest = first.today()
    _check_names(path, manifest)
    content = _read_files(path, manifest)
    network = _network(path, manifest, content)
    arrays = read_arrays(content[GOLDEN], str(path / GOLDEN))
    if manifest.schema_version != SCHEMA:
        arrays = _renamed(arrays, path / GOLDEN)
    check_arrays(network, arrays, str(path / GOLDEN))
    calibration = read_arrays(content[CALIBRATION], str(path / CALIBRATION)) if CALIBRATION in content else {}
    bundle = Bundle(path, manifest, content, network, golden_of(network, arrays), calibration)
    check_fit(bundle)
    return bundle


def bundle_path(path: Path | str) -> Path:
    """The bundle that a path means: the folder itself, or the one in a run's folder."""
    folder = Path(path)
    return folder if (folder / MANIFEST).exists() or not (folder / RUN_BUNDLE).is_dir() else folder / RUN_BUNDLE


def _read_files(path: Path, manifest: Manifest) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    left = MOST_BYTES
    for name in manifest.files:
        most = min(left, MOST_TEXT_BYTES) if is_text(name) else left
        content[name] = read_file(path / name, "a whole bundle", most=most)
        left -= len(content[name])
        if _hash(content[name]) != manifest.files[name]:
            raise InputError(f"{path / name}: its sha256 is not the manifest's; the file was changed or damaged")
    return content


def _network(path: Path, manifest: Manifest, content: Mapping[str, bytes]) -> HybridNetwork:
    stages = {}
    for name, entry in manifest.stages.items():

        def part(end: str, name: str = name) -> bytes:
            return content[f"{name}{end}"]

        def where(end: str, name: str = name) -> str:
            return str(path / f"{name}{end}")

        try:
            stages[name] = stage_of(name, entry, part, where)
        except InputError as error:
            # What stands in a file is named by it already.
            named = str(error).startswith(str(path))
            raise InputError(str(error) if named else f"{path / MANIFEST}: stage {name!r}: {error}") from error
    given = manifest.input
    try:
        return HybridNetwork(
            Signal(given.kind, tuple(given.shape), given.steps),
            stages,
            {name: tuple(entry.reads) for name, entry in manifest.stages.items()},
            manifest.output,
        )
    except InputError as error:
        raise InputError(f"{path / MANIFEST}: {error}") from error


def _renamed(arrays: dict[str, np.ndarray], file: Path) -> dict[str, np.ndarray]:
    """The golden arrays of schema 2 by the names of today."""
    missing = set(schema2.GOLDEN_ARRAYS) - set(arrays)
    if missing:
        raise InputError(f"{file}: must have the array {min(missing)}, got {', '.join(arrays) or 'no arrays'}")
    return {
        today: arrays[name].reshape(len(arrays[name]), -1)
        if name in schema2.FLATTENED and arrays[name].ndim > 1
        else arrays[name]
        for name, today in schema2.GOLDEN_ARRAYS.items()
    }


def _check_names(path: Path, manifest: Manifest) -> None:
    """Raise InputError where the folder holds what is no file of the bundle: no hash would vouch for it."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise InputError(f"{path}: cannot be listed: {error.strerror}") from error
    odd = sorted(names - {MANIFEST, *manifest.files})
    if odd:
        raise InputError(f"{path}: must hold only {MANIFEST} and the files that it lists, got {', '.join(odd)}")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
