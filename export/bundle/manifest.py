"""The manifest: what the files of a bundle do not say themselves, and the hash of each."""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..files.plain import MOST_TEXT_BYTES, read_file
from .entries import JSON, QASM, Entry, InputEntry, Positive, optional_files, stage_files
from .epochs import Epochs

SCHEMA = 3
"""Version of the folder's layout; a newer one is refused, and of the older ones 2 is read (`schema2`)."""

SCHEMA_2 = 2

MANIFEST = "manifest.json"
RUN_BUNDLE = "bundle"
"""Where a run's folder has its bundle."""

TWIN = "model.onnx"
GOLDEN = "golden.npz"
CALIBRATION = "calibration.npz"


class Sealed(BaseModel):
    """What every schema's manifest has: a digest, the sha256 of all the rest, and one form as a text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: int
    name: str
    versions: dict[str, str]
    files: dict[str, str]
    left_out: dict[str, str] = {}
    pixel_range: Positive | None = None
    epochs: Epochs | None = None
    data: str
    seed: int
    digest: str = ""

    def text(self) -> str:
        """The file's one form."""
        return json.dumps(self._content(), indent=2, sort_keys=True) + "\n"

    def content_digest(self) -> str:
        """The sha256 of all but `digest`, which must be this."""
        content = {key: value for key, value in self._content().items() if key != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _content(self) -> dict[str, Any]:
        """What stands in the file: a field that is None does not."""
        return _without_none(self.model_dump())


class Manifest(Sealed):
    """The network's graph, and where it comes from.

    `input` is what a sample looks like, `stages` the graph, `output` the stage that answers. `data` names the images
    that it was trained with, "" where that is not known; `seed` is that of shots and random codings. `left_out` names
    each optional file that is not there, with the reason. `pixel_range` is the value that means white in integer
    images, and `epochs` how far the network was trained; both may be None, not known.
    """

    input: InputEntry
    stages: Annotated[dict[str, Entry], Field(min_length=1)]
    output: str

    @property
    def wanted_files(self) -> tuple[str, ...]:
        """Every file beside the manifest, those that may be left out too."""
        return (*stage_files(self.stages), TWIN, GOLDEN, CALIBRATION)

    @property
    def optional_files(self) -> tuple[str, ...]:
        return (*optional_files(self.stages), TWIN, CALIBRATION)


def read_manifest_file(path: Path) -> tuple[dict[str, Any], bytes]:
    """A bundle's manifest as JSON, and the file's content. Raises InputError where it is none of a schema we read."""
    file = path / MANIFEST
    if not path.is_dir():
        raise InputError(f"{path}: must be a folder that `spiq export` or `spiq run` wrote, got no such folder")
    if not os.path.lexists(file):
        raise InputError(f"{path}: must be a bundle, got a folder without {MANIFEST}")
    content = read_file(file, "a manifest", most=MOST_TEXT_BYTES)
    try:
        stored = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not JSON: {error}") from error
    found = stored.get("schema_version") if isinstance(stored, dict) else None
    if type(found) is not int or found not in (SCHEMA_2, SCHEMA):
        raise InputError(
            f"{file}: schema_version must be {SCHEMA_2} or {SCHEMA} for this version of spiq, got {found!r}"
        )
    return stored, content


Kind = TypeVar("Kind", bound=Sealed)


def checked_manifest(kind: type[Kind], stored: dict[str, Any], content: bytes, file: Path) -> Kind:
    """The manifest of that schema. Raises InputError where a key is wrong or the digest is not that of the content."""
    try:
        manifest = kind.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"{file}: {key}: {first['msg']}, got {str(first['input'])[:80]!r}") from error
    if manifest.text().encode() != content or manifest.digest != manifest.content_digest():
        raise InputError(f"{file}: its digest is not that of its content; the file was changed or damaged")
    return manifest


def check_files(manifest: Sealed, wanted: tuple[str, ...], optional: tuple[str, ...], file: Path) -> None:
    """Raise InputError where the manifest lists other files than wanted, or leaves one out that must be there."""
    if not set(manifest.left_out) <= set(optional):
        odd = sorted(set(manifest.left_out) - set(optional))
        raise InputError(f"{file}: left_out must hold only {', '.join(optional)}, got {', '.join(odd)}")
    needed = set(wanted) - set(manifest.left_out)
    if set(manifest.files) != needed:
        odd = sorted(set(manifest.files) ^ needed)
        raise InputError(f"{file}: files must list {', '.join(wanted)}, got missing or unknown ones: {', '.join(odd)}")


def is_text(name: str) -> bool:
    """Whether a file of a bundle is text, which may be no longer than `MOST_TEXT_BYTES`."""
    return name.endswith((JSON, QASM))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return value
