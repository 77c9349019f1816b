"""A small configuration, and the way to read one that a test has as text."""

from pathlib import Path

from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.schema import Config

SMALLEST = 'name = "a"\n[data]\nsource = "digits"\n'


def load(folder: Path, text: str) -> Config:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)
