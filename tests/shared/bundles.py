"""Bundles with other content, for tests."""

from collections.abc import Mapping
from pathlib import Path

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import LeftOut, write_bundle


def with_files(bundle: Bundle, path: Path, content: Mapping[str, bytes]) -> Bundle:
    """The bundle with other content in some files, its hashes made anew."""

    def fill(folder: Path) -> LeftOut:
        for name, stored in bundle.content.items():
            (folder / name).write_bytes(content.get(name, stored))
        return bundle.manifest.left_out

    return write_bundle(path, bundle.manifest, fill)
