"""The manifest's one form: what earlier versions wrote keeps its bytes, and what is not known is left out."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.epochs import Epochs
from spiq.export.bundle.folder import open_bundle
from spiq.export.bundle.manifest import MANIFEST
from spiq.export.bundle.schema2 import Manifest2
from spiq.export.errors import InputError

KEYS = {
    "data", "digest", "files", "input", "left_out", "name", "output", "schema_version", "seed", "stages", "versions",
}  # fmt: skip
"""What always stands in a manifest."""


def sealed(bundle: Bundle, copy: Path, **changes: object) -> Path:
    """A copy of the bundle whose manifest says something else, with a digest made anew."""
    shutil.copytree(bundle.path, copy)
    manifest = bundle.manifest.model_copy(update=changes)
    manifest = manifest.model_copy(update={"digest": manifest.content_digest()})
    (copy / MANIFEST).write_text(manifest.text())
    return copy


def test_what_is_not_known_is_left_out(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = sealed(tiny_bundle, tmp_path / "bundle", pixel_range=None, epochs=None) / MANIFEST
    stored = json.loads(path.read_text())
    assert set(stored) == KEYS
    assert path.read_text() == json.dumps(stored, indent=2, sort_keys=True) + "\n"
    manifest = open_bundle(path.parent).manifest
    assert (manifest.pixel_range, manifest.epochs) == (None, None)
    assert manifest.text() == path.read_text()


# What the digest of a manifest without files was taken of in spiq 0.1.0.
FIRST = (
    '{"angle_scale": 1.5, "classes": 2, "coding": {"kind": "phase", "seed": 0, "steps": 8}, "data": "digits", '
    '"dt": 0.0001, "files": {}, "image_shape": [1, 8, 8], "left_out": {}, "name": "a", "qubits": 3, '
    '"schema_version": 2, "seed": 0, "versions": {"spiq": "0.1.0"}}'
)


def test_the_digest_of_an_earlier_manifest_is_the_one_it_had() -> None:
    manifest = Manifest2.model_validate(json.loads(FIRST))
    assert manifest.content_digest() == hashlib.sha256(FIRST.encode()).hexdigest()


def test_what_is_known_stands_in_the_manifest(tiny_bundle: Bundle, tmp_path: Path) -> None:
    assert tiny_bundle.manifest.pixel_range == 16
    assert tiny_bundle.manifest.epochs == Epochs(trained=3, planned=3)
    path = sealed(tiny_bundle, tmp_path / "bundle", epochs=Epochs(trained=1, planned=40))
    assert json.loads((path / MANIFEST).read_text())["epochs"] == {"planned": 40, "trained": 1}
    found = open_bundle(path).manifest.epochs
    assert found is not None
    assert not found.finished


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixel_range": 0}, "pixel_range"),
        ({"pixel_range": "16"}, "pixel_range"),
        ({"epochs": {"trained": -1, "planned": 3}}, r"epochs\.trained"),
        ({"epochs": {"trained": 1}}, r"epochs\.planned"),
        ({"epochs": {"trained": 1, "planned": 3, "more": 1}}, r"epochs\.more"),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_what_is_none_of_it_is_refused(tiny_bundle: Bundle, tmp_path: Path, changes: dict, message: str) -> None:
    path = sealed(tiny_bundle, tmp_path / "bundle", **changes)
    with pytest.raises(InputError, match=rf"manifest\.json: {message}"):
        open_bundle(path)


def test_a_key_that_is_null_is_not_the_one_form(tiny_bundle: Bundle, tmp_path: Path) -> None:
    path = sealed(tiny_bundle, tmp_path / "bundle", pixel_range=None) / MANIFEST
    stored = json.loads(path.read_text()) | {"pixel_range": None}
    path.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n")
    with pytest.raises(InputError, match="its digest is not that of its content"):
        open_bundle(path.parent)
