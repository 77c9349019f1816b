"""The bundle: one folder with all that it takes to run the network anywhere, and to check that it runs right.

    manifest.json   schema, versions of what wrote it, shapes, coding, T, angle_scale, dt, seed, sha256 of every file
    encoder.nir     the spiking half as a NIR graph
    encoder.onnx    the same from spikes to counts, for onnxruntime
    loihi.npz       the same in Loihi's fixed point
    encoder.net     the same program in lava-dl's exchange format, where that can hold it
    head.json       the circuit
    head.qasm       the circuit in OpenQASM 3, its angles as inputs
    readout.onnx    expectations to logits
    model.onnx      the whole twin in one file, from spikes to logits
    golden.npz      a few samples with every value on their way

Nothing else lies in the folder. The manifest, written in one fixed form, has the hash of every file and of its own
content: a bundle in which a byte differs from what was written is refused. The hashes are no signature, so whoever can
write the folder can also write a whole bundle of their own. Arrays are stored without Python objects.
"""

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int64, UInt8
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..circuit.reupload import ReuploadCircuit
from ..coding import Coding
from ..errors import InputError
from ..files.arrays import read_npz, write_npz
from ..files.atomic import new_folder
from ..files.plain import MOST_TEXT_BYTES, read_file
from ..nir.file import read_nir
from ..nir.graph import PlacedGraph, place
from ..nir.time_step import Integration
from .epochs import Epochs

SCHEMA = 2
"""Version of the folder's layout; a newer one is refused."""

MANIFEST = "manifest.json"
FILES = (
    "encoder.nir",
    "encoder.onnx",
    "loihi.npz",
    "encoder.net",
    "head.json",
    "head.qasm",
    "readout.onnx",
    "model.onnx",
    "golden.npz",
)
"""Every file beside the manifest."""

OPTIONAL_FILES = ("encoder.net",)
"""Those that some networks have no form for; the manifest then says why."""

MOST_BYTES = 2**30
"""Of all files together, which stand in memory while the bundle is open."""

MOST_FILE_BYTES = {"head.json": MOST_TEXT_BYTES, "head.qasm": MOST_TEXT_BYTES}
"""Of the files that are text."""

MOST_GOLDEN_BYTES = 2**29
"""Of the golden samples' arrays once they are inflated."""

WRITERS = ("spiq", "torch", "snntorch", "nir", "pennylane", "onnx", "numpy")
"""Packages whose versions the manifest records."""

Positive = Annotated[int, Field(ge=1)]


class Manifest(BaseModel):
    """What the files of a bundle do not say themselves.

    `left_out` names each optional file that is not there, with the reason. `integration` is how the r of an IF is meant
    (`neurons.integration_of`), `pixel_range` the value that means white in integer images; `epochs` says how far the
    network was trained. These three may be None, not known, as they are in every bundle of an earlier version. `digest`
    is the sha256 of all the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: int
    name: str
    versions: dict[str, str]
    image_shape: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    classes: Positive
    qubits: Positive
    coding: dict[str, Any]
    angle_scale: Annotated[float, Field(allow_inf_nan=False)]
    dt: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    integration: Integration | None = None
    data: str
    seed: int
    files: dict[str, str]
    left_out: dict[str, str] = {}
    pixel_range: Positive | None = None
    epochs: Epochs | None = None
    digest: str = ""

    def text(self) -> str:
        """The file's one form."""
        return json.dumps(self._content(), indent=2, sort_keys=True) + "\n"

    def content_digest(self) -> str:
        """The sha256 of all but `digest`, which must be this."""
        content = {key: value for key, value in self._content().items() if key != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _content(self) -> dict[str, Any]:
        """What stands in the file: a field that is None does not, so that earlier versions' bundles keep their form."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


@dataclass(frozen=True)
class Golden:
    """A few samples with every value on their way, through PyTorch in float64 and through Loihi's fixed point.

    Images lie in [0, 1], labels in 0 .. classes - 1; angles are in radians.
    """

    images: Float[np.ndarray, "sample channel height width"]
    labels: Int64[np.ndarray, " sample"]
    spikes: UInt8[np.ndarray, "time sample channel height width"]
    encoded: UInt8[np.ndarray, "time sample feature"]
    angles: Float[np.ndarray, "sample qubit 3"]
    expectations: Float[np.ndarray, "sample qubit"]
    logits: Float[np.ndarray, "sample class"]
    loihi_encoded: UInt8[np.ndarray, "time sample feature"]
    loihi_angles: Float[np.ndarray, "sample qubit 3"]
    loihi_expectations: Float[np.ndarray, "sample qubit"]
    loihi_logits: Float[np.ndarray, "sample class"]


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: `content` holds every file as it was then, and the rest is made from it.

    The hashes and the schema were right, and what `fit` looks at fits: the graph, the circuit, the golden
    samples and the ONNX models. The other files are for the devices that run them to judge.
    """

    path: Path
    manifest: Manifest
    content: dict[str, bytes]
    coding: Coding
    graph: PlacedGraph
    circuit: ReuploadCircuit
    golden: Golden

    @property
    def image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.manifest.image_shape
        return channels, height, width

    @property
    def program(self) -> str:
        """The circuit in OpenQASM 3, as it stands in the bundle."""
        return self.content["head.qasm"].decode()


LeftOut = dict[str, str]
"""Optional files that were not written, and why."""


def write_bundle(path: Path, manifest: Manifest, fill: Callable[[Path], LeftOut], may_replace: bool = False) -> Bundle:
    """Let `fill` write the files into a new folder, seal it with the manifest, and put it in its place when whole.

    `versions`, `files`, `left_out` and `digest` of the manifest are filled in here. Raises InputError where the path
    is taken, unless it may be replaced, and where it cannot be written; the old bundle is then as it was.
    """
    if path.exists() and may_replace and not (path / MANIFEST).is_file():
        raise InputError(f"{path}: exists and is not a bundle, so it is not replaced")
    with new_folder(path, may_replace) as folder:
        left_out = fill(folder)
        sealed = manifest.model_copy(
            update={
                "versions": {package: importlib.metadata.version(package) for package in WRITERS},
                "files": {name: _hash((folder / name).read_bytes()) for name in FILES if name not in left_out},
                "left_out": left_out,
            }
        )
        sealed = sealed.model_copy(update={"digest": sealed.content_digest()})
        (folder / MANIFEST).write_bytes(sealed.text().encode())
        try:
            bundle = open_bundle(folder)
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(path))) from error
    return replace(bundle, path=path, graph=bundle.graph._replace(name=str(path / "encoder.nir")))


def open_bundle(path: Path | str) -> Bundle:
    """Read and check a bundle. Raises InputError, naming the file and what is wrong with it."""
    # It imports onnx, for which what only needs a type or a name must not wait.
    from .fit import check_fit

    path = Path(path)
    manifest = _manifest(path)
    _check_names(path, manifest)
    content: dict[str, bytes] = {}
    left = MOST_BYTES
    for name in manifest.files:
        content[name] = read_file(path / name, "a whole bundle", most=min(left, MOST_FILE_BYTES.get(name, left)))
        left -= len(content[name])
        if _hash(content[name]) != manifest.files[name]:
            raise InputError(f"{path / name}: its sha256 is not the manifest's; the file was changed or damaged")
    try:
        coding = Coding.from_dict(manifest.coding)
    except InputError as error:
        raise InputError(f"{path / MANIFEST}: {error}") from error
    where = str(path / "encoder.nir")
    graph = place(read_nir(content["encoder.nir"], where), where, manifest.dt, manifest.integration)
    circuit = ReuploadCircuit.from_json(content["head.json"].decode(errors="replace"), str(path / "head.json"))
    golden = _golden(content["golden.npz"], path / "golden.npz")
    bundle = Bundle(path, manifest, content, coding, graph, circuit, golden)
    check_fit(bundle)
    return bundle


def save_golden(path: Path, golden: Golden) -> None:
    """Write the golden samples so that the same samples give the same bytes."""
    write_npz(path, {field.name: getattr(golden, field.name) for field in fields(golden)})


def _manifest(path: Path) -> Manifest:
    file = path / MANIFEST
    if not path.is_dir():
        raise InputError(f"{path}: there is no such bundle; a folder that `spiq export` or `spiq run` wrote is needed")
    if not os.path.lexists(file):
        raise InputError(f"{path}: not a bundle, for it holds no {MANIFEST}")
    content = read_file(file, "a manifest", most=MOST_TEXT_BYTES)
    try:
        stored = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not JSON: {error}") from error
    found = stored.get("schema_version") if isinstance(stored, dict) else None
    if found != SCHEMA:
        raise InputError(f"{file}: its schema_version is {found!r}; this version of spiq reads {SCHEMA}")
    try:
        manifest = Manifest.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"{file}: {key}: {first['msg']}, found {str(first['input'])[:80]!r}") from error
    if manifest.text().encode() != content or manifest.digest != manifest.content_digest():
        raise InputError(f"{file}: its digest is not that of its content; the file was changed or damaged")
    if not set(manifest.left_out) <= set(OPTIONAL_FILES):
        odd = sorted(set(manifest.left_out) - set(OPTIONAL_FILES))
        raise InputError(f"{file}: left_out holds {', '.join(odd)}; {', '.join(OPTIONAL_FILES)} is allowed")
    wanted = set(FILES) - set(manifest.left_out)
    if set(manifest.files) != wanted:
        odd = sorted(set(manifest.files) ^ wanted)
        raise InputError(f"{file}: files must list {', '.join(FILES)}; missing or unknown: {', '.join(odd)}")
    return manifest


def _check_names(path: Path, manifest: Manifest) -> None:
    """Raise InputError where the folder holds what is no file of the bundle: no hash would vouch for it."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise InputError(f"{path}: cannot be listed: {error.strerror}") from error
    odd = sorted(names - {MANIFEST, *manifest.files})
    if odd:
        raise InputError(f"{path}: holds {', '.join(odd)}; only {MANIFEST} and the files that it lists are allowed")


def _golden(content: bytes, path: Path) -> Golden:
    return Golden(**read_npz(content, [field.name for field in fields(Golden)], name=str(path), most=MOST_GOLDEN_BYTES))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
