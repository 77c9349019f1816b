"""`--set KEY=VALUE`: typed as TOML, and what is not TOML is a word."""

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from shared.command import invoked
from spiq.export.errors import InputError
from spiq.pipeline.commands.assignments import assigned
from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.schema import Config

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text("abc xyz0_-", max_size=12),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_written_as_toml_is_that_value(value: object) -> None:
    found = assigned([f"a.b={tomlkit.item(value).as_string()}"])["a.b"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data.source=digits", "digits"),
        ("data.source=npz:a=b.npz", "npz:a=b.npz"),
        ("training.epochs = 5", 5),
        ("training.learning_rate=1e-3", 1e-3),
        ("encoder.channels=[8,16]", [8, 16]),
        ("readout.relu=true", True),
        ("name=1\nb=2", "1\nb=2"),
        ("name=", ""),
    ],
)
def test_what_is_typed_in_a_shell(text: str, value: object) -> None:
    (found,) = assigned([text]).values()
    assert found == value
    assert type(found) is type(value)


def test_of_a_key_named_twice_the_last_one_counts() -> None:
    assert assigned(["seed=1", "name=a", "seed=2"]) == {"seed": 2, "name": "a"}


@pytest.mark.parametrize("text", ["training.epochs", "=5", "training.=5", ".epochs=5", ""])
def test_a_text_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--set must be KEY=VALUE"):
        assigned([text])


def test_a_key_that_is_not_there_and_a_value_that_is_not_allowed(tiny_config: Config, tmp_path) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(tiny_config.to_toml())
    for text, sentence in (
        ("training.epoch=5", r"training\.epoch is not a key \(did you mean epochs\?\)"),
        ("training.epochs=many", r'training\.epochs must be an integer .* got "many"'),
        ("training.epochs=1.5", r"training\.epochs must be an integer .* got 1\.5"),
        ("wrong.epochs=1", "wrong is not a key"),
    ):
        with pytest.raises(InputError, match=sentence):
            invoked("train", config, "--out", tmp_path / "run", "--set", text)
    assert not (tmp_path / "run").exists()
    assert load_config(config, {"training.epochs": 7}).training.epochs == 7
