"""A configuration's file: TOML, read whole, and told in one sentence if it is none."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...export.errors import InputError
from ...export.files.plain import read_file
from ...export.wording import without_surrogates
from .schema import NPZ_PREFIX, Config
from .words import describe

MOST_BYTES = 2**20
"""Of a configuration's file."""


def load_config(path: str | Path, changes: Mapping[str, Any] | None = None) -> Config:
    """The configuration in the TOML file `path`, with the path of an npz source made absolute.

    `changes` has values that stand in for those of the file, by dotted keys such as "training.epochs".

    Raises InputError when the file cannot be read, is not TOML, or has a key or value that is not allowed: one sentence
    with the key, what is allowed and what was given. Of several wrong keys it tells the first and counts the others.
    """
    values = _read_toml(Path(path))
    for key, value in (changes or {}).items():
        _set(values, key, value)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        where = f"{path} with {', '.join(changes)} set" if changes else path
        raise InputError(f"{where}: {describe(error, Config.model_json_schema())}") from None
    source = config.data.source
    if not source.startswith(NPZ_PREFIX):
        return config
    archive = os.path.join(Path(path).parent, os.path.expanduser(source.removeprefix(NPZ_PREFIX)))
    archive = os.path.abspath(archive)
    if without_surrogates(archive) != archive:
        raise InputError(f"{path}: data.source must be a path in UTF-8, as a configuration is, got {archive}")
    data = config.data.model_copy(update={"source": NPZ_PREFIX + archive})
    return config.model_copy(update={"data": data})


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at a dotted key; whether there is such a key is for the schema to say."""
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise InputError(f"{key}: {section} is a value and no section of the configuration")
    values[last] = value


def _read_toml(path: Path) -> dict[str, Any]:
    content = read_file(path, "a configuration (TOML)", most=MOST_BYTES)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8 text, as TOML must be.") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{path}: this is no usable TOML: its values are nested too deeply.") from None
    except ValueError as error:
        reason = str(error).replace("end of document", f"line {text.count(chr(10)) + 1}, the end of the file")
        raise InputError(f"{path}: this is not TOML: {reason}.") from None
