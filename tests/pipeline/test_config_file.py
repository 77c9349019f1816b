"""A configuration's file: Python's own tomllib judges what is written, and what is no configuration is one sentence."""

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.configuration import SMALLEST, load
from spiq.export.errors import InputError
from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.schema import Config

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b'name = "a"\nseed == 3\n', r"this is not TOML: .*line 2, column 7"),
        (b'name = "a"\nx = [1,\n', r"this is not TOML: .*line 3, the end of the file"),
        (b"name = 'a'\nname = 'b'\n", "this is not TOML: .*line 2"),
        (b"name = 'a'\n# \xff\n", "line 2 is not UTF-8"),
        (b"x = " + b"[" * 100_000, "nested too deeply"),
        (b"x = " + b"1" * 10_000, "this is not TOML"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=match):
        load_config(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: must be a configuration \(TOML\), got no such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"must be a configuration \(TOML\), got a folder"):
        load_config(tmp_path)


def test_an_npz_path_starts_at_the_configurations_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    text = 'name = "a"\n[data]\nsource = "npz:../images é.npz"\n'
    expected = f"npz:{tmp_path / 'a' / 'images é.npz'}"
    config = load(tmp_path / "a" / "b", text)
    assert config.data.source == expected
    assert load(tmp_path / "other", config.to_toml()) == config
    monkeypatch.chdir(tmp_path / "a")
    (tmp_path / "a" / "b" / "run.toml").write_text(text, encoding="utf-8")
    assert load_config("b/run.toml").data.source == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(tmp_path / "a", text.replace("../", "~/")).data.source == f"npz:{tmp_path / 'images é.npz'}"


counts = st.integers(1, 10**9)
positives = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
paths = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
configurations = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"\A[a-zß_0-9][a-z0-9_. -]{0,10}\Z"),
        "data": st.fixed_dictionaries(
            {"source": st.sampled_from(["digits", "mnist", "kmnist"]) | paths.map(lambda path: f"npz:/{path}")},
            optional={
                "validation_fraction": st.floats(0, 1, exclude_max=True),
                "pixel_range": counts,
                "train_limit": counts,
                "test_limit": counts,
            },
        ),
    },
    optional={
        "seed": st.integers(0, 2**32 - 1),
        "coding": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(["phase", "rate", "latency"]),
                "steps": st.integers(1, 256),
                "seed": st.integers(0, 2**32 - 1),
            },
        ),
        "encoder": st.fixed_dictionaries(
            {},
            optional={
                "channels": st.lists(st.integers(1, 4096), min_size=1, max_size=4),
                "beta": st.floats(0, 1, exclude_min=True),
                "threshold": positives,
                "output": st.sampled_from(["flatten", "average"]),
            },
        ),
        "circuit": st.fixed_dictionaries({}, optional={"angle_scale": positives, "qubits": st.integers(1, 16)}),
        "training": st.fixed_dictionaries({}, optional={"learning_rate": positives, "threads": counts}),
        "gate": st.fixed_dictionaries(
            {}, optional={"max_accuracy_drop": st.floats(-1, 1), "min_accuracy": st.floats(0, 1)}
        ),
    },
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=configurations)
def test_what_is_written_reads_back_exactly(tmp_path: Path, values: dict[str, Any]) -> None:
    config = Config.model_validate(values)
    text = config.to_toml()
    written = tomllib.loads(text)
    assert Config.model_validate(written) == config
    assert written == config.model_dump(mode="json", exclude_none=True)
    loaded = load(tmp_path, text)
    if config.data.source.startswith("npz:"):
        assert loaded.model_copy(update={"data": config.data}) == config
    else:
        assert loaded == config


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(st.sampled_from("[]{}=.\"'\n1ea_#x-:T"), max_size=60).map(str.encode))
@example(content=b"")
def test_any_bytes_are_a_configuration_or_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(SMALLEST.encode() + content)
    message = str(path)
    try:
        load_config(path)
    except InputError as error:
        message = str(error)
    assert message.startswith(str(path))


@pytest.mark.parametrize("name", ["digits", "paper-mnist", "mnist", "fashion-mnist"])
def test_the_examples_are_configurations(name: str) -> None:
    path = EXAMPLES / f"{name}.toml"
    config = load_config(path)
    assert config.name == name
    assert f"spiq run examples/{name}.toml" in path.read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize(("name", "parameters"), [("paper-mnist", 803), ("mnist", 7_677), ("fashion-mnist", 7_677)])
def test_the_examples_have_the_parameters_they_tell(name: str, parameters: int) -> None:
    config = load_config(EXAMPLES / f"{name}.toml")
    widths = (1, *config.encoder.channels)
    convolutions = sum(9 * before * after for before, after in pairwise(widths))
    side = 28 >> len(config.encoder.channels)
    features = widths[-1] * (side * side if config.encoder.output == "flatten" else 1)
    angles = 3 * config.circuit.qubits
    total = convolutions + 2 * sum(widths[1:]) + (features + 1) * angles + config.circuit.blocks * angles
    assert total + (config.circuit.qubits + 1) * 10 == parameters
    assert f" {parameters:,} parameters" in (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
