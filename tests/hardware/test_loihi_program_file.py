"""A program's file gives back the program it was written from; a damaged one is refused in one sentence."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.loihi_programs import random_program
from shared.programmable import programmable
from spiq.export.errors import InputError
from spiq.hardware.loihi.formats.storage import read_program, write_program
from spiq.hardware.loihi.neuron_group import ResetTo, TakeOff
from spiq.hardware.loihi.program import LoihiProgram
from spiq.hardware.loihi.simulator.simulate import simulate


def delayed_and_graded(seed: int) -> LoihiProgram:
    """The same with a delay for each neuron that the second layer reads, one for its own, and graded spikes."""
    program = random_program(seed)
    first, second = program.layers
    each = np.random.default_rng(seed).integers(0, 64, first.neuron.size)
    connections = tuple(
        replace(one, delays=delays) for one, delays in zip(second.connections, (each, 0, 7), strict=True)
    )
    return replace(program, layers=(first, replace(second, connections=connections)), largest_input=9)


def entries(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), make=st.sampled_from([random_program, delayed_and_graded]))
def test_file_gives_the_program_back(tmp_path_factory, seed: int, make: Callable[[int], LoihiProgram]):
    path = tmp_path_factory.mktemp("program") / "loihi.npz"
    program = make(seed)
    write_program(path, program)
    loaded = read_program(path)
    assert (loaded.input_shape, loaded.largest_input) == (program.input_shape, program.largest_input)
    for one, other in zip(program.layers, loaded.layers, strict=True):
        assert (one.name, one.scale) == (other.name, other.scale)
        parts = [(one.neuron, other.neuron)]
        for mine, read in zip(one.connections, other.connections, strict=True):
            assert (mine.source, type(mine.synapse)) == (read.source, type(read.synapse))
            assert np.array_equal(mine.delays, read.delays)
            parts.append((mine.synapse, read.synapse))
        for mine, read in parts:
            for key, value in vars(mine).items():
                assert np.array_equal(value, getattr(read, key)), key
    spikes = np.random.default_rng(seed).integers(0, 2, (4, 3, *program.input_shape)).astype(np.uint8)
    assert np.array_equal(simulate(program, spikes), simulate(loaded, spikes))


def programmed(seed: int) -> LoihiProgram:
    """A random program, of which at least one layer is programmable."""
    program, random = random_program(seed), np.random.default_rng(seed)
    chosen = random.permutation(2)[: random.integers(1, 3)]
    layers = [
        replace(layer, neuron=programmable(random, layer.neuron)) if index in chosen else layer
        for index, layer in enumerate(program.layers)
    ]
    assert not all(layer.neuron.is_stock for layer in layers)
    return replace(program, layers=tuple(layers))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_file_gives_a_program_with_programmable_neurons_back(tmp_path_factory, seed: int):
    path = tmp_path_factory.mktemp("program") / "loihi.npz"
    program = programmed(seed)
    write_program(path, program)
    loaded = read_program(path)
    content = entries(path)
    assert content["version"] == 4
    for index, (one, other) in enumerate(zip(program.layers, loaded.layers, strict=True)):
        assert one.neuron.beyond_stock == other.neuron.beyond_stock
        assert (f"{index}.reset" in content) == (not one.neuron.is_stock)
    spikes = np.random.default_rng(seed).integers(0, 2, (4, 3, *program.input_shape)).astype(np.uint8)
    assert np.array_equal(simulate(program, spikes), simulate(loaded, spikes))
    write_program(path.with_name("again.npz"), loaded)
    assert path.read_bytes() == path.with_name("again.npz").read_bytes()


OWN = replace(random_program(5).layers[1].neuron, threshold=np.arange(-2, 3), reset=TakeOff(np.arange(5)))


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("1.reset", np.array("none"), "1.reset must be 'voltage', 'amount' or 'amount at once', got 'none'"),
        ("1.reset", np.int64(1), "1.reset must be a text, got 1"),
        (
            "1.reset_by",
            np.zeros(5, np.int16),
            r"1.reset_by must be an integer \(int64\), or one for each .*, got int16 \[5\]",
        ),
        ("1.reset_by", np.float64(2), "1.reset_by must be an integer .*, got 2.0"),
        ("1.reset_by", np.int64(2**17), "1.reset amount must lie from -131071 to 131071, got 131072"),
        ("1.reset_by", np.zeros(6, np.int32), r"1.reset amount must have a shape that broadcasts .*, got \[6\]"),
        ("1.reset_by", np.zeros(0, np.int32), r"1.reset amount must have a shape that broadcasts .*, got \[0\]"),
        ("1.reset_by", None, "the key 1.reset_by is missing"),
        ("1.reset", None, "1.threshold must be an .*, got int32|the key 1.reset_by is not known"),
        ("1.threshold", np.arange(6, dtype=np.int32), r"1.threshold must have a shape .*, got \[6\]"),
        ("1.threshold", np.full(5, 2**17, np.int32), "1.threshold must lie from -131071 to 131071, got 131072"),
        ("1.current_decay", np.int64(4097), "1.current_decay must lie from 0 to 4096, got 4097"),
        ("0.threshold", np.int64(-1), "0.threshold must lie from 0 to 131071, got -1"),
        ("0.threshold", np.zeros(4, np.int32), "0.threshold must be an .*, got int32"),
        ("version", np.int64(3), "1.threshold must be an .*, got int32"),
    ],
)
def test_value_that_is_not_allowed_of_programmable_neurons(tmp_path, key, value, match):
    program = random_program(5)
    first, second = program.layers
    path = tmp_path / "loihi.npz"
    write_program(path, replace(program, layers=(first, replace(second, neuron=OWN))))
    content = entries(path) | {key: value}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        read_program(path)


def test_numbers_that_are_the_same_for_all_neurons_are_one():
    same = replace(OWN, threshold=np.full(5, 7), voltage_decay=np.full((1,), 17), reset=ResetTo(np.zeros(5, int)))
    assert (same.threshold, same.voltage_decay, same.is_stock, same.differing) == (7, 17, True, 0)
    assert (OWN.differing, OWN.beyond_stock) == (
        2,
        ("reset by subtraction", "threshold below rest", "threshold differs"),
    )
    for changes, reason in (
        ({"voltage_decay": 4096}, "potential fades within a step"),
        ({"voltage_decay": np.arange(5)}, "tau differs"),
        ({"current_decay": 0}, "current does not fade"),
        ({"current_decay": np.arange(1, 6)}, "tau_syn differs"),
        ({"reset": ResetTo(-1)}, "v_reset is not at rest"),
    ):
        assert replace(same, **changes).beyond_stock == (reason,)


def test_same_program_gives_the_same_bytes(tmp_path):
    for name in ("one.npz", "other.npz"):
        write_program(tmp_path / name, random_program(3))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loihi.npz"
    write_program(path, random_program(5))
    return path


KEYS = sorted(
    ["format", "version", "input_shape", "layers"]
    + [
        f"{layer}.{key}"
        for layer in (0, 1)
        for key in (
            "name",
            "shape",
            "threshold",
            "current_decay",
            "voltage_decay",
            "bias_mantissa",
            "bias_exponent",
            "scale",
            "connections",
        )
    ]
    + [f"{connection}.{key}" for connection in ("0.0", "1.0", "1.1", "1.2") for key in ("source", "kind", "weight")]
    + [f"0.0.{key}" for key in ("input_shape", "stride", "padding", "dilation", "groups")]
)


def test_keys_are_as_documented(file):
    assert sorted(entries(file)) == KEYS


def test_version_4_only_where_it_is_needed(tmp_path):
    path = tmp_path / "loihi.npz"
    program = delayed_and_graded(5)
    for changed, version, new in (
        (random_program(5), 3, set()),
        (program, 4, {"largest_input", "1.0.delays", "1.2.delays"}),
        (replace(program, largest_input=1), 4, {"1.0.delays", "1.2.delays"}),
        (replace(program, layers=random_program(5).layers), 4, {"largest_input"}),
    ):
        write_program(path, changed)
        found = entries(path)
        assert found["version"] == version
        assert set(found) - set(KEYS) == new
        if new:
            np.savez(path, **(found | {"version": np.int64(3)}))
            with pytest.raises(InputError, match=r"the key [\w.]+ is not known"):
                read_program(path)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("largest_input", np.int64(0), "largest_input must lie from 1 to 255, got 0"),
        ("largest_input", np.int64(256), "largest_input must lie from 1 to 255, got 256"),
        ("largest_input", np.uint8(9), "largest_input must be an integer .*, got 9"),
        ("1.2.delays", np.uint8(64), "1.2.delays must lie from 0 to 63, got 64"),
        ("1.2.delays", np.int64(3), "1.2.delays must be uint8, got 3"),
        ("1.2.delays", np.zeros(4, np.uint8), r"1.2.delays must be one number, or have the shape \[5\], got \[4\]"),
        ("1.2.delays", np.zeros((5, 1), np.uint8), r"1.2.delays must be .*, got \[5, 1\]"),
        ("1.2.delays", np.zeros(0, np.uint8), r"1.2.delays must be .*, got \[0\]"),
    ],
)
def test_new_value_that_is_not_allowed(file, key, value, match):
    write_program(file, delayed_and_graded(5))
    np.savez(file, **(entries(file) | {key: value}))
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        read_program(file)


@pytest.mark.parametrize("key", KEYS)
def test_missing_key(file, key: str):
    content = entries(file)
    del content[key]
    np.savez(file, **content)
    with pytest.raises(InputError, match=rf"loihi\.npz: the key {key} is missing"):
        read_program(file)


DAMAGES = {
    "cube": np.zeros((2, 2, 2, 2, 2)),
    "empty": np.zeros(0, np.int64),
    "negative": np.int64(-9),
    "text": np.array("x" * 9),
}


# Any text is a name.
@pytest.mark.parametrize(
    ("key", "damage"), [(key, d) for key in KEYS for d in DAMAGES if not (key.endswith("name") and d == "text")]
)
def test_damaged_key(file, key: str, damage: str):
    content = entries(file)
    content[key] = DAMAGES[damage]
    np.savez(file, **content)
    with pytest.raises(InputError, match=r"loihi\.npz: .*"):
        read_program(file)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("version", np.int64(1), "version must be 2, 3 or 4, got 1"),
        ("format", np.array("npz"), "format must be '.*', got 'npz'"),
        ("0.0.kind", np.array("sparse"), "0.0.kind must be 'conv' or 'dense', got 'sparse'"),
        (
            "0.0.weight",
            np.full((1, 1, 1, 1), 300, np.int16),
            "0.0.groups must fit|0.0.weight must lie from 0 to 255, got 300",
        ),
        ("1.0.source", np.int64(2), "layer '': source must lie from -1 to 1, got 2"),
        ("1.0.source", np.int64(-2), "layer '': source must lie from -1 to 1, got -2"),
        ("1.connections", np.int64(0), "1.connections must be at least one, got none"),
        ("1.connections", np.int64(2), "the key 1.2.source is not known"),
        ("1.scale", np.float64("nan"), "1.scale must be a positive number, got nan"),
        ("1.current_decay", np.int64(0), "1.current_decay must lie from 1 to 4096, got 0"),
        ("1.voltage_decay", np.int64(4096), "1.voltage_decay must lie from 0 to 4095, got 4096"),
        ("1.threshold", np.int64(2**17), "1.threshold must lie from 0 to 131071, got 131072"),
        ("1.bias_exponent", np.int64(8), "1.bias_exponent must lie from 0 to 7, got 8"),
        ("1.bias_mantissa", np.full(5, 4096, np.int16), "1.bias_mantissa must lie from -4096 to 4095, got 4096"),
        ("1.bias_mantissa", np.zeros(4, np.int16), r"1.bias_mantissa must have a shape .*, got \[4\]"),
        ("0.0.groups", np.int64(7), "0.0.groups must fit .*, got 7"),
        ("0.0.stride", np.array([1, 0]), r"0.0.stride must be two integers of at least 1, got \[1, 0\]"),
        ("0.shape", np.array([1, 1, 1]), r"0.shape must fit .*, got \[1, 1, 1\]|0.bias_mantissa"),
        ("input_shape", np.array([9]), r"layer 'größe/1': its synapse must read \[9\], which comes to it, got"),
        ("layers", np.int64(1), "the key 1.name is not known"),
        ("layers", np.int64(0), "the key 0.name is not known"),
    ],
)
def test_value_that_is_not_allowed(file, key, value, match):
    np.savez(file, **(entries(file) | {key: value}))
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        read_program(file)


def test_unknown_key(file):
    np.savez(file, **entries(file), extra=1)
    with pytest.raises(InputError, match="the key extra is not known"):
        read_program(file)


def test_doubled_key(file):
    content = io.BytesIO()
    np.save(content, np.int64(2))
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("layers.npy", content.getvalue())
    with pytest.raises(InputError, match="the key layers is there more than once"):
        read_program(file)


def test_pickle_is_not_read(file):
    content = io.BytesIO()
    np.save(content, np.array([{"a": 1}], object), allow_pickle=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("format.npy", content.getvalue())
    with pytest.raises(InputError, match="the key format: not readable"):
        read_program(file)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: must be a Loihi program \(\.npz\), got no such file"):
        read_program(tmp_path / "none.npz")


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 3), cut=st.booleans())
def test_damaged_bytes(tmp_path_factory, seed: int, count: int, cut: bool):
    path = tmp_path_factory.mktemp("damaged") / "loihi.npz"
    write_program(path, random_program(5))
    whole = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    if cut:
        del whole[int(random.integers(len(whole))) :]
    else:
        for position in random.integers(len(whole), size=count):
            whole[position] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(whole))
    try:
        loaded = read_program(path)
    except InputError:
        return
    # A zip has bytes without meaning; then nothing else may have changed.
    write_program(path, loaded)
    other = path.with_name("other.npz")
    write_program(other, random_program(5))
    assert path.read_bytes() == other.read_bytes()
