"""A bundle with other content in some of its files, its hashes made anew: only the content is wrong."""

import hashlib
import json
from pathlib import Path

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import MANIFEST


def resealed(bundle: Bundle, folder: Path, changes: dict[str, bytes]) -> Path:
    """The bundle in the new folder, without any of its own checks."""
    folder.mkdir()
    content = bundle.content | changes
    for name, data in content.items():
        (folder / name).write_bytes(data)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    manifest = bundle.manifest.model_copy(update={"files": files})
    manifest = manifest.model_copy(update={"digest": manifest.content_digest()})
    (folder / MANIFEST).write_bytes(manifest.text().encode())
    assert json.loads(manifest.text())["files"] == files
    return folder
