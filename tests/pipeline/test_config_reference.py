"""The reference of the configuration, docs/configuration.md, held against what a file may really hold."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spiq.export.errors import InputError
from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.reference import COLUMNS, reference
from spiq.pipeline.config.schema import Config

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"

SMALLEST = 'name = "a"\ndata.source = "digits"\n'


def documented() -> dict[str, dict[str, str]]:
    """The document's rows by the dotted key, each as column → cell."""
    rows, table = {}, ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            table = line[4 : line.index("]")] + "." if line.startswith("## [") else ""
        elif line.startswith("| `"):
            cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
            rows[table + cells[0].strip("`")] = dict(zip(COLUMNS, cells, strict=True))
    return rows


ROWS = documented()


def test_the_document_is_what_the_command_prints() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), "run: spiq config > docs/configuration.md"


def test_every_key_has_its_row_and_no_other() -> None:
    config = Config.model_validate(tomllib.loads(SMALLEST)).model_dump()
    keys = {f"{name}.{key}" for name, table in config.items() if isinstance(table, dict) for key in table}
    assert set(ROWS) == keys | {"name", "seed"}
    for key, row in ROWS.items():
        assert all(row.values()), key
        assert row["meaning"].endswith("."), key


def test_the_documented_defaults_change_nothing() -> None:
    written = [
        f"{key} = {row['default'].strip('`')}"
        for key, row in ROWS.items()
        if row["default"] not in ("required", "–", "the run's `seed`")
    ]
    assert len(written) > 25
    whole = Config.model_validate(tomllib.loads(SMALLEST + "\n".join(written)))
    assert whole == Config.model_validate(tomllib.loads(SMALLEST))


def test_keys_without_a_default_are_required_or_left_out() -> None:
    assert {key for key, row in ROWS.items() if row["default"] == "required"} == {"name", "data.source"}
    config = Config.model_validate(tomllib.loads(SMALLEST)).model_dump(exclude_none=True)
    for key, row in ROWS.items():
        name, _, rest = key.partition(".")
        assert (row["default"] == "–") == (bool(rest) and rest not in config[name]), key


@pytest.mark.parametrize("key", ROWS)
def test_what_is_documented_as_allowed_is_what_a_refusal_says(tmp_path: Path, key: str) -> None:
    path = tmp_path / "run.toml"
    lines = [line for line in SMALLEST.splitlines() if not line.startswith(f"{key} ")]
    path.write_text("\n".join([*lines, f"{key} = {{}}"]))
    with pytest.raises(InputError) as caught:
        load_config(path)
    left_out = ", or be left out" if ROWS[key]["default"] == "–" else ""
    assert str(caught.value) == f"{path}: {key} must be {ROWS[key]['allowed']}{left_out}, got {{}}"


SAMPLES = {
    "string": '"?"',
    "integer": "-7",
    "float": "-7.5",
    "boolean": "true",
    "array of strings": '["8"]',
    "array of integers": "[7]",
}


@pytest.mark.parametrize("key", ROWS)
def test_a_value_of_the_documented_type_is_never_refused_for_its_type(key: str) -> None:
    kind = ROWS[key]["type"]
    values = tomllib.loads(SMALLEST)
    table, _, name = key.rpartition(".")
    (values.setdefault(table, {}) if table else values)[name] = tomllib.loads(f"x = {SAMPLES[kind]}")["x"]
    assert complaints(values) <= {"literal_error", "string_pattern_mismatch", "greater_than", "greater_than_equal"}


def complaints(values: dict[str, Any]) -> set[str]:
    """What pydantic has against the values."""
    try:
        Config.model_validate(values)
    except ValidationError as error:
        return {detail["type"] for detail in error.errors()}
    return set()
