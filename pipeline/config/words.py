"""A configuration in words: what a key may hold, and what is wrong with a file.

Both are read from the models' JSON schema, so that no limit is written a second time.
"""

import difflib
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Schema = dict[str, Any]
"""What pydantic says of a model or a key."""


def describe(error: ValidationError, whole: Schema) -> str:
    """One sentence on the first wrong key; an unknown key comes first, since a missing one may be that key misspelt."""
    # Pydantic tells a wrong item of a list twice: at the item, and as a list then too short.
    details = error.errors()
    inner = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    details = [detail for detail in details if detail["loc"] not in inner]
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    sentence = _describe_key(details[0], whole)
    match len(details) - 1:
        case 0:
            return sentence
        case 1:
            return f"{sentence} (1 more key is wrong)"
        case more:
            return f"{sentence} ({more} more keys are wrong)"


def allowed(schema: Schema) -> str:
    """What a key may hold, as it stands behind "must be"."""
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return "one of " + ", ".join(shown(value) for value in schema["enum"])
    if "anyOf" in schema:
        return f"{allowed(schema['anyOf'][0])}, or be left out"
    match schema["type"]:
        case "object":
            return "a table with the keys " + ", ".join(schema["properties"])
        case "array":
            least = f" of at least {schema['minItems']}" if "minItems" in schema else ""
            return f"a list{least}, each {allowed(schema['items'])}"
        case "boolean":
            return "true or false"
        case "integer":
            return f"an integer {_range(schema)}"
        case _:
            return f"a number {_range(schema)}"


def shown(value: object) -> str:
    """A value as TOML and JSON write it; a long one in part."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:
        # Python refuses to write a number of thousands of digits.
        text = "a number beyond all limits"
    return text if len(text) <= 60 else f"{text[:60]}..."


def schema_at(whole: Schema, location: tuple[int | str, ...]) -> Schema:
    """The schema of one key; a number in its location is a place in a list."""
    node = whole
    for part in location:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        if "$ref" in node:
            node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _describe_key(detail: ErrorDetails, whole: Schema) -> str:
    location = detail["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    # A key in quotation marks may hold anything, a new line too.
    key = key if key.isprintable() else repr(key)
    if detail["type"] == "extra_forbidden":
        keys = list(schema_at(whole, location[:-1])["properties"])
        near = difflib.get_close_matches(str(location[-1]), keys, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{key} is not a key{hint}; allowed here are {', '.join(keys)}"
    if detail["type"] == "missing":
        return f"the key {key} is missing; it must be {allowed(schema_at(whole, location))}"
    return f"{key} must be {allowed(schema_at(whole, location))}, got {shown(detail['input'])}"


def _range(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"from {schema['minimum']} to {schema['maximum']}"
    words = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return " and ".join(f"{word} {schema[limit]}" for limit, word in words.items() if limit in schema)
