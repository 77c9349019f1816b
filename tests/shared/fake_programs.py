"""Programs that are small scripts, so that nothing depends on the machine."""

from pathlib import Path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_python(path: Path, what: str = "CPython 3.10", itself: str = "$0") -> Path:
    return script(path, f'#!/bin/sh\necho "{what} {itself}"\n')
