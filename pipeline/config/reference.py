"""The reference of a configuration, in Markdown: every table and key, from the models and nothing else.

docs/configuration.md is this text.
"""

from collections.abc import Iterator

from .schema import Config
from .words import Schema, allowed, schema_at, shown

INTRODUCTION = """\
# Configuration

`spiq run` and `spiq train` take a configuration: one TOML file. It needs a `name` and a source of images; all else has
a default:

```toml
name = "mine"

[data]
source = "npz:mine.npz"
```

A key that is not listed here is refused, and so is a value of another type, such as `8.0` or `"8"` for an integer.
An integer may stand for a float. In the column of defaults, "–" means that the key is left out.

`spiq config` prints this text, for the version that is installed; `spiq config --json` prints the JSON schema.
"""

COLUMNS = ("key", "type", "default", "allowed", "meaning")

TYPES = {"string": "string", "integer": "integer", "number": "float", "boolean": "boolean"}
"""TOML's name of each of JSON's types."""


def reference() -> str:
    """The whole text."""
    whole = Config.model_json_schema()
    tables = {name: schema_at(whole, (name,)) for name in whole["properties"]}
    tables = {name: schema for name, schema in tables.items() if schema["type"] == "object"}
    top = {name: schema for name, schema in whole["properties"].items() if name not in tables}
    parts = [INTRODUCTION, "## At the top of the file\n", _table(top, whole)]
    for schema in tables.values():
        title, _, text = schema["description"].partition("\n")
        parts += [f"## {_escaped(title.removesuffix('.'))}\n"]
        parts += [f"{_escaped(text.strip())}\n"] if text else []
        parts += [_table(schema["properties"], schema)]
    return "\n".join(parts)


def _table(keys: dict[str, Schema], table: Schema) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [tuple(_cells(name, schema, name in table.get("required", ()))) for name, schema in keys.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(name: str, schema: Schema, required: bool) -> Iterator[str]:
    value = schema["anyOf"][0] if "anyOf" in schema else schema
    yield f"`{name}`"
    yield f"array of {TYPES[value['items']['type']]}s" if value["type"] == "array" else TYPES[value["type"]]
    if required:
        yield "required"
    elif schema["default"] is None:
        yield "–"
    else:
        yield schema.get("default_in_words", f"`{shown(schema['default'])}`")
    yield _escaped(allowed(value))
    yield _escaped(schema["description"])


def _escaped(text: str) -> str:
    """Markdown would read a tag out of <Z>."""
    return text.replace("<", "\\<")
