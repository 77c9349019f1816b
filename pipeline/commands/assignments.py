"""Values for keys of a configuration, as they are typed: `training.epochs=5`."""

import tomllib
from collections.abc import Sequence
from typing import Any

from ...export.errors import InputError


def assigned(texts: Sequence[str]) -> dict[str, Any]:
    """The values by dotted key, of texts KEY=VALUE; of a key that is named twice the last one.

    A value is written as in TOML: 5, 0.1, true, [8, 16]. What is not TOML is a string as it stands, so that a word
    needs no quotation marks. Whether the key is there and the value allowed is for `file.load_config` to say.

    Raises InputError for a text without key or equals sign.

    Example:
        assigned(["training.epochs=5", "data.source=digits"]) == {"training.epochs": 5, "data.source": "digits"}
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise InputError(f"--set must be KEY=VALUE, such as training.epochs=5, got {text!r}")
        found[".".join(part.strip() for part in key.split("."))] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A line break would let a text hold more than its value.
    return read["value"] if len(read) == 1 else text
