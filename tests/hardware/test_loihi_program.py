"""Programs: what the chip cannot hold is refused, and a file gives back the program it was written from."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.programmable import programmable
from spiq.export.errors import InputError
from spiq.hardware.devices import SpikingDevice
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.loihi.neuron_group import NeuronGroup, ResetTo, TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram
from spiq.hardware.loihi.simulate import simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse


def random_program(seed: int) -> LoihiProgram:
    random = np.random.default_rng(seed)
    groups = int(random.integers(1, 3))
    size = (groups, int(random.integers(4, 8)), int(random.integers(4, 8)))
    weight = random.integers(-128, 128, (2 * groups, 1, 3, 2)) * 2
    conv = ConvSynapse(weight, size, (1, 2), (1, 0), (1, 1), groups)
    bias = random.integers(-4096, 4096, (2 * groups, 1, 1))
    first = NeuronGroup(conv.output_shape, int(random.integers(2**17)), 4096, 0, bias, int(random.integers(8)))
    dense, again = (DenseSynapse(random.integers(0, 256, (5, first.size))) for _ in range(2))
    loop = DenseSynapse(-random.integers(0, 256, (5, 5)))
    second = NeuronGroup((5,), 3000, int(random.integers(1, 4097)), 17, random.integers(-9, 9, 5), 3)
    # Two from the layer before, the last from the layer itself.
    connections = (Connection(0, dense), Connection(0, again), Connection(1, loop))
    layers = (
        Layer("größe/1", (Connection(INPUT, conv),), first, 12.5),
        Layer("", connections, second, random.random() + 1e-9),
    )
    return LoihiProgram(size, layers)


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
    program.save(path)
    loaded = LoihiProgram.load(path)
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
    program.save(path)
    loaded = LoihiProgram.load(path)
    content = entries(path)
    assert content["version"] == 4
    for index, (one, other) in enumerate(zip(program.layers, loaded.layers, strict=True)):
        assert one.neuron.beyond_stock == other.neuron.beyond_stock
        assert (f"{index}.reset" in content) == (not one.neuron.is_stock)
    spikes = np.random.default_rng(seed).integers(0, 2, (4, 3, *program.input_shape)).astype(np.uint8)
    assert np.array_equal(simulate(program, spikes), simulate(loaded, spikes))
    loaded.save(path.with_name("again.npz"))
    assert path.read_bytes() == path.with_name("again.npz").read_bytes()


OWN = replace(random_program(5).layers[1].neuron, threshold=np.arange(-2, 3), reset=TakeOff(np.arange(5)))


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("1.reset", np.array("none"), "1.reset is 'none'; 'voltage', 'amount' and 'amount at once' are allowed"),
        ("1.reset", np.int64(1), "1.reset is 1; a text is needed"),
        ("1.reset_by", np.zeros(5, np.int16), r"1.reset_by is int16 \[5\]; a whole number \(int64\), or one for each"),
        ("1.reset_by", np.float64(2), "1.reset_by is 2.0; a whole number"),
        ("1.reset_by", np.int64(2**17), "1.reset amount holds 131072; -131071 to 131071"),
        ("1.reset_by", np.zeros(6, np.int32), r"1.reset amount has the shape \[6\], which does not broadcast"),
        ("1.reset_by", np.zeros(0, np.int32), r"1.reset amount has the shape \[0\], which does not broadcast"),
        ("1.reset_by", None, "the key 1.reset_by is missing"),
        ("1.reset", None, "1.threshold is int32|the key 1.reset_by is not known"),
        ("1.threshold", np.arange(6, dtype=np.int32), r"1.threshold has the shape \[6\]"),
        ("1.threshold", np.full(5, 2**17, np.int32), "1.threshold holds 131072; -131071 to 131071"),
        ("1.current_decay", np.int64(4097), "1.current_decay holds 4097; 0 to 4096"),
        ("0.threshold", np.int64(-1), "0.threshold holds -1; 0 to 131071"),
        ("0.threshold", np.zeros(4, np.int32), "0.threshold is int32"),
        ("version", np.int64(3), "1.threshold is int32"),
    ],
)
def test_value_that_is_not_allowed_of_programmable_neurons(tmp_path, key, value, match):
    program = random_program(5)
    first, second = program.layers
    path = tmp_path / "loihi.npz"
    replace(program, layers=(first, replace(second, neuron=OWN))).save(path)
    content = entries(path) | {key: value}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        LoihiProgram.load(path)


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
        random_program(3).save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loihi.npz"
    random_program(5).save(path)
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
        changed.save(path)
        found = entries(path)
        assert found["version"] == version
        assert set(found) - set(KEYS) == new
        if new:
            np.savez(path, **(found | {"version": np.int64(3)}))
            with pytest.raises(InputError, match=r"the key [\w.]+ is not known"):
                LoihiProgram.load(path)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("largest_input", np.int64(0), "largest_input holds 0; 1 to 255 are allowed"),
        ("largest_input", np.int64(256), "largest_input holds 256; 1 to 255 are allowed"),
        ("largest_input", np.uint8(9), "largest_input is 9; a whole number"),
        ("1.2.delays", np.uint8(64), "1.2.delays holds 64; 0 to 63 are allowed"),
        ("1.2.delays", np.int64(3), "1.2.delays is 3; uint8 is needed"),
        ("1.2.delays", np.zeros(4, np.uint8), r"1.2.delays has the shape \[4\]; one number, or \[5\], is needed"),
        ("1.2.delays", np.zeros((5, 1), np.uint8), r"1.2.delays has the shape \[5, 1\]"),
        ("1.2.delays", np.zeros(0, np.uint8), r"1.2.delays has the shape \[0\]"),
    ],
)
def test_new_value_that_is_not_allowed(file, key, value, match):
    delayed_and_graded(5).save(file)
    np.savez(file, **(entries(file) | {key: value}))
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        LoihiProgram.load(file)


@pytest.mark.parametrize("key", KEYS)
def test_missing_key(file, key: str):
    content = entries(file)
    del content[key]
    np.savez(file, **content)
    with pytest.raises(InputError, match=rf"loihi\.npz: the key {key} is missing"):
        LoihiProgram.load(file)


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
        LoihiProgram.load(file)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("version", np.int64(1), "version is 1; 2, 3 and 4 are allowed"),
        ("format", np.array("npz"), "format is 'npz'"),
        ("0.0.kind", np.array("sparse"), "0.0.kind is 'sparse'"),
        ("0.0.weight", np.full((1, 1, 1, 1), 300, np.int16), "0.0.groups is|0.0.weight holds 300"),
        ("1.0.source", np.int64(2), "layer '': source is 2; -1 to 1 are allowed"),
        ("1.0.source", np.int64(-2), "layer '': source is -2; -1 to 1 are allowed"),
        ("1.connections", np.int64(0), "1.connections are none"),
        ("1.connections", np.int64(2), "the key 1.2.source is not known"),
        ("1.scale", np.float64("nan"), "1.scale is nan"),
        ("1.current_decay", np.int64(0), "1.current_decay holds 0; 1 to 4096"),
        ("1.voltage_decay", np.int64(4096), "1.voltage_decay holds 4096; 0 to 4095"),
        ("1.threshold", np.int64(2**17), "1.threshold holds 131072; 0 to 131071"),
        ("1.bias_exponent", np.int64(8), "1.bias_exponent holds 8; 0 to 7"),
        ("1.bias_mantissa", np.full(5, 4096, np.int16), "1.bias_mantissa holds 4096; -4096 to 4095"),
        ("1.bias_mantissa", np.zeros(4, np.int16), r"1.bias_mantissa has the shape \[4\]"),
        ("0.0.groups", np.int64(7), "0.0.groups is 7"),
        ("0.0.stride", np.array([1, 0]), r"0.0.stride is \[1, 0\]"),
        ("0.shape", np.array([1, 1, 1]), r"0.shape is \[1, 1, 1\], but|0.bias_mantissa"),
        ("input_shape", np.array([9]), r"layer 'größe/1': its synapse reads .* what comes to it is \[9\]"),
        ("layers", np.int64(1), "the key 1.name is not known"),
        ("layers", np.int64(0), "the key 0.name is not known"),
    ],
)
def test_value_that_is_not_allowed(file, key, value, match):
    np.savez(file, **(entries(file) | {key: value}))
    with pytest.raises(InputError, match=rf"loihi\.npz: {match}"):
        LoihiProgram.load(file)


def test_unknown_key(file):
    np.savez(file, **entries(file), extra=1)
    with pytest.raises(InputError, match="the key extra is not known"):
        LoihiProgram.load(file)


def test_doubled_key(file):
    content = io.BytesIO()
    np.save(content, np.int64(2))
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("layers.npy", content.getvalue())
    with pytest.raises(InputError, match="the key layers is there more than once"):
        LoihiProgram.load(file)


def test_pickle_is_not_read(file):
    content = io.BytesIO()
    np.save(content, np.array([{"a": 1}], object), allow_pickle=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("format.npy", content.getvalue())
    with pytest.raises(InputError, match="the key format: not readable"):
        LoihiProgram.load(file)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        LoihiProgram.load(tmp_path / "none.npz")


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 3), cut=st.booleans())
def test_damaged_bytes(tmp_path_factory, seed: int, count: int, cut: bool):
    path = tmp_path_factory.mktemp("damaged") / "loihi.npz"
    random_program(5).save(path)
    whole = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    if cut:
        del whole[int(random.integers(len(whole))) :]
    else:
        for position in random.integers(len(whole), size=count):
            whole[position] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(whole))
    try:
        loaded = LoihiProgram.load(path)
    except InputError:
        return
    # A zip has bytes without meaning; then nothing else may have changed.
    loaded.save(path)
    other = path.with_name("other.npz")
    random_program(5).save(other)
    assert path.read_bytes() == other.read_bytes()


def layer_of(weight, **changes) -> Layer:
    weight = np.asarray(weight)
    fields = {
        "shape": (len(weight),),
        "threshold": 5,
        "current_decay": 4096,
        "voltage_decay": 0,
        "bias_mantissa": np.zeros(len(weight), int),
        "bias_exponent": 0,
    }
    return Layer("neurons", (Connection(INPUT, DenseSynapse(weight)),), NeuronGroup(**(fields | changes)), 1.0)


@pytest.mark.parametrize("weight", [[[-256, 254]], [[0, 255]], [[-255, 0]], [[0, 0]], [[3, 1]], [[-3, -1]]])
def test_weights_on_the_grid(weight):
    assert layer_of(weight).connections[0].synapse.weight.tolist() == weight


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        ([[-256, 256]], "weight holds 256; -256 to 254"),
        ([[-258, 2]], "weight holds -258"),
        ([[-3, 2]], "weight holds -3; weights of both signs must be even"),
        ([[0, 256]], "weight holds 256; 0 to 255"),
        ([[-256, 0]], "weight holds -256; -255 to 0"),
        ([[0.5, 1]], "weight is float64; whole numbers"),
        (np.full((1, 33000), 255), "weight sums up to 8415000"),
    ],
)
def test_weights_off_the_grid(weight, match):
    with pytest.raises(InputError, match=match):
        layer_of(weight)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"threshold": -(2**17)}, "threshold holds -131072"),
        ({"threshold": 1.5}, "threshold is float64"),
        ({"current_decay": 4097}, "current_decay holds 4097"),
        ({"voltage_decay": -1}, "voltage_decay holds -1"),
        ({"voltage_decay": np.array([1, 2])}, r"voltage_decay has the shape \[2\]"),
        ({"reset": ResetTo(2**23)}, "reset voltage holds 8388608; -8388607 to 8388607"),
        ({"reset": TakeOff(np.array([-(2**17)]))}, "reset amount holds -131072; -131071 to 131071"),
        ({"reset": TakeOff(np.array([0.5]))}, "reset amount is float64"),
        ({"bias_exponent": -1}, "bias_exponent holds -1"),
        ({"bias_mantissa": np.array([-4097])}, "bias_mantissa holds -4097"),
        ({"bias_mantissa": np.zeros((1, 1), int)}, "bias_mantissa has the shape"),
        ({"shape": ()}, r"shape is \[\]"),
        ({"shape": (2,)}, r"shape is \[2\], but the synapse feeds \[1\]"),
    ],
)
def test_group_that_the_chip_cannot_hold(changes, match):
    with pytest.raises(InputError, match=match):
        layer_of([[1, 2]], **changes)


def test_program_is_read_only():
    layer = layer_of([[1, 2]])
    own = layer_of([[1, 2], [2, 1]], threshold=np.array([1, 2]), reset=ResetTo(np.array([0, 1]))).neuron
    late = Connection(INPUT, layer.connections[0].synapse, np.array([1, 2]))
    numbers = (own.threshold, own.reset.voltage, late.delays)  # type: ignore[union-attr]
    for array in (layer.connections[0].synapse.weight, layer.neuron.bias_mantissa, *numbers):
        assert isinstance(array, np.ndarray)
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1


def test_layers_that_do_not_fit():
    with pytest.raises(InputError, match=r"layer 'neurons': its synapse reads \[2\], but what comes to it is \[3\]"):
        LoihiProgram((3,), (layer_of([[1, 2]]),))
    with pytest.raises(InputError, match="layers are none"):
        LoihiProgram((2,), ())
    with pytest.raises(InputError, match="scale is 0"):
        replace(layer_of([[1, 2]]), scale=0.0)
    with pytest.raises(InputError, match="connections are none"):
        replace(layer_of([[1, 2]]), connections=())
    with pytest.raises(InputError, match="two layers are called 'neurons'"):
        LoihiProgram((2,), (layer_of([[1, 2]]), layer_of([[1, 2]])))


def test_sums_of_several_connections_have_one_limit():
    half = Connection(INPUT, DenseSynapse(np.full((1, 16500), 255)))
    layer = layer_of(half.synapse.weight)
    with pytest.raises(InputError, match="weight sums up to 8415000"):
        replace(layer, connections=(half, half))


def reading(name: str, *sources: int) -> Layer:
    connections = tuple(Connection(source, DenseSynapse(np.ones((1, 1), int))) for source in sources)
    return replace(layer_of([[1]]), name=name, connections=connections)


def test_depths():
    layers = (reading("a", INPUT, 0), reading("b", INPUT), reading("c", 1, 0), reading("d", 2, 3, 2))
    program = LoihiProgram((1,), layers)
    assert program.depths == (1, 1, 2, 3)
    assert program.is_recurrent
    assert not LoihiProgram((1,), (reading("a", INPUT), reading("b", 0))).is_recurrent


def test_ways_of_different_lengths():
    with pytest.raises(InputError, match=r"layer 'b': what comes to it has passed 0 synapses on one way and 1 on anot"):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", INPUT, 0)))
    with pytest.raises(InputError, match="layer 'b': it reads nothing but itself"):
        LoihiProgram((1,), (reading("a", INPUT), reading("b", 1)))


def test_device_and_layers():
    program = random_program(11)
    device: SpikingDevice = LoihiDevice(program)
    spikes = np.random.default_rng(1).integers(0, 2, (5, 4, *program.input_shape)).astype(np.uint8)
    found = device.run(spikes)
    layers = simulate_layers(program, spikes)
    assert found.dtype == np.uint8
    assert [layer.shape[2:] for layer in layers] == [layer.neuron.shape for layer in program.layers]
    assert np.array_equal(found, layers[-1])
    # Each sample is alone with the chip.
    for sample in range(4):
        assert np.array_equal(device.run(spikes[:, sample : sample + 1]), found[:, sample : sample + 1])
    assert device.run(spikes[:, :0]).shape == (5, 0, 5)


def test_many_samples_are_split(monkeypatch):
    program = random_program(11)
    spikes = np.random.default_rng(1).integers(0, 2, (3, 20, *program.input_shape)).astype(np.uint8)
    whole = simulate(program, spikes)
    monkeypatch.setattr("spiq.hardware.loihi.simulate.CHUNK_VALUES", 500)
    assert np.array_equal(simulate(program, spikes), whole)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda spikes: spikes.astype(np.float32), "float32; uint8 is needed"),
        (lambda spikes: spikes[0], "have the shape"),
        (lambda spikes: spikes[..., :-1], "have the shape"),
        (lambda spikes: spikes + 1, "hold the value 2"),
    ],
)
def test_spikes_that_do_not_fit(change, match):
    program = random_program(2)
    spikes = np.ones((3, 2, *program.input_shape), np.uint8)
    for run in (LoihiDevice(program).run, lambda x: simulate_layers(program, x)):
        with pytest.raises(InputError, match=match):
            run(change(spikes))
