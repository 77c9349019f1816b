"""Netx files: what is in them, and what the format cannot hold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.errors import InputError
from spiq.hardware.loihi.formats import netx_file
from spiq.hardware.loihi.formats.netx_file import netx_differences, write_netx
from spiq.hardware.loihi.formats.storage import read_program
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse

NO_BIAS = np.zeros((1, 1, 1), np.int16)


def weights(*shape: int) -> np.ndarray:
    """Even weights of both signs, all different as far as they go."""
    size = int(np.prod(shape))
    return (((np.arange(size) * 37) % 251 - 125) * 2).astype(np.int16).reshape(shape)


def layer(name: str, source: int, synapse: Synapse, shape: tuple[int, ...] = (), **fields: Any) -> Layer:
    shape = shape or synapse.output_shape
    bias = np.zeros([1] * len(shape), np.int16)
    values = {"threshold": 100, "current_decay": 4096, "voltage_decay": 0, "bias_mantissa": bias, "bias_exponent": 6}
    return Layer(name, (Connection(source, synapse),), NeuronGroup(shape, **{**values, **fields}), 1.0)


def program(*layers: Layer, input_shape: tuple[int, ...] = (2, 6, 5)) -> LoihiProgram:
    return LoihiProgram(input_shape, layers)


CONV = ConvSynapse(weights(4, 2, 3, 2), (2, 6, 5), stride=(1, 2), padding=(2, 0), dilation=(2, 1))
POOL = ConvSynapse(np.full((4, 1, 2, 2), 64, np.int16), (4, 6, 2), stride=(2, 2), groups=4)


def whole() -> LoihiProgram:
    """Convolution, OR-pooling, matrix, and a matrix with recurrence."""
    spread = np.arange(4 * 6 * 2, dtype=np.int16).reshape(4, 6, 2)
    recurrent = layer("again", 2, DenseSynapse(weights(3, 5)), current_decay=1000, voltage_decay=77)
    recurrent = replace(recurrent, connections=(Connection(3, DenseSynapse(weights(3, 3))), *recurrent.connections))
    return program(
        layer("conv", INPUT, CONV, bias_mantissa=spread, bias_exponent=7),
        layer("pool", 0, POOL, threshold=32),
        layer(
            "dense", 1, DenseSynapse(weights(5, 12)), bias_mantissa=np.arange(5, dtype=np.int16) * 64, bias_exponent=0
        ),
        recurrent,
    )


def stored(path: Path) -> list[dict[str, Any]]:
    """Every layer's data sets by name, those of the neuron as neuron/…"""
    layers = []
    with h5py.File(path) as file:
        for index in range(len(file["layer"])):
            found: dict[str, Any] = {}
            file[f"layer/{index}"].visititems(
                lambda key, item, found=found: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
            layers.append(found)
    return layers


def test_the_file_holds_the_program_in_the_readers_words(tmp_path: Path) -> None:
    write_netx(tmp_path / "encoder.net", whole())
    entry, conv, pool, flatten, dense, again = stored(tmp_path / "encoder.net")
    assert [entry["type"][0], entry["shape"].tolist()] == [b"input", [2, 6, 5]]
    assert "neuron/type" not in entry
    assert conv["type"].shape == (1,)
    assert [found["type"][0] for found in (conv, pool, flatten, dense, again)] == [
        b"conv", b"conv", b"flatten", b"dense", b"dense_rec"
    ]  # fmt: skip
    assert [found["shape"].tolist() for found in (conv, pool, dense, again)] == [[4, 6, 2], [4, 3, 1], [5], [3]]
    assert [conv[key].tolist() for key in ("kernelSize", "stride", "padding", "dilation", "groups")] == [
        [3, 2], [1, 2], [2, 0], [2, 1], 1
    ]  # fmt: skip
    assert np.array_equal(conv["weight"], CONV.weight)
    # Neuron by neuron, and so as [width, height, channel], in units of 64: twice the mantissas of exponent 7.
    assert np.array_equal(conv["bias"], 2 * np.arange(48).reshape(4, 6, 2).transpose(2, 1, 0))
    assert pool["bias"].tolist() == [0, 0, 0, 0]
    assert pool["groups"] == 4
    assert dense["bias"].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(again["weight"], weights(3, 5))
    assert np.array_equal(again["weight_rec"], weights(3, 3))
    assert {key: value for key, value in again.items() if key.startswith("neuron/")} == {
        "neuron/type": b"CUBA", "neuron/iDecay": 1000, "neuron/vDecay": 77, "neuron/vThMant": 100,
        "neuron/refDelay": 1, "neuron/gradedSpike": False,
    }  # fmt: skip


def test_the_same_program_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.net", "second.net"):
        write_netx(tmp_path / name, whole())
    assert (tmp_path / "first.net").read_bytes() == (tmp_path / "second.net").read_bytes()


def test_a_bias_that_is_one_a_channel_is_stored_so(tmp_path: Path) -> None:
    bias = np.array([3, 1, 4, 1], np.int16).reshape(4, 1, 1)
    write_netx(tmp_path / "a.net", program(layer("conv", INPUT, CONV, bias_mantissa=bias)))
    assert stored(tmp_path / "a.net")[1]["bias"].tolist() == [3, 1, 4, 1]


def test_more_groups_than_lava_counts_become_fewer(tmp_path: Path) -> None:
    pool = ConvSynapse(weights(2 * 300, 1, 2, 2), (300, 2, 2), groups=300)
    write_netx(tmp_path / "a.net", program(layer("pool", INPUT, pool), input_shape=(300, 2, 2)))
    conv = stored(tmp_path / "a.net")[1]
    assert conv["groups"] == 100
    assert conv["weight"].shape == (600, 3, 2, 2)
    joined = ConvSynapse(conv["weight"], pool.input_shape, groups=100)
    spikes = (np.random.default_rng(0).random((3, 2, 300, 2, 2)) < 0.5).astype(np.uint8)
    ours, theirs = (program(layer("pool", INPUT, synapse), input_shape=(300, 2, 2)) for synapse in (pool, joined))
    assert np.array_equal(simulate(ours, spikes), simulate(theirs, spikes))


def test_the_identity_over_a_map_stays_a_convolution_and_over_a_vector_becomes_a_matrix(tmp_path: Path) -> None:
    def identity(size: int) -> ConvSynapse:
        return ConvSynapse(np.full((1, 1, 1, 1), 64, np.int16), (1, size, 1))

    write_netx(
        tmp_path / "a.net",
        program(
            layer("input", INPUT, identity(60), (2, 6, 5)),
            layer("conv", 0, CONV),
            layer("dense", 1, DenseSynapse(weights(3, 48))),
            layer("output", 2, identity(3), (3,)),
        ),
    )
    _, first, _, _, _, last = stored(tmp_path / "a.net")
    assert [first["type"][0], first["groups"], first["weight"].tolist()] == [b"conv", 2, [[[[64]]], [[[64]]]]]
    assert first["shape"].tolist() == [2, 6, 5]
    assert last["weight"].tolist() == [[64, 0, 0], [0, 64, 0], [0, 0, 64]]


def test_an_sqdr_cnn_encoder_fits(tiny_bundle: Bundle, tmp_path: Path) -> None:
    lowered = read_program(tiny_bundle.path / "encoder.loihi.npz")
    layers = []
    for one in lowered.layers:
        # The finest bias that the format has.
        bias = one.neuron.bias_mantissa.astype(int) << one.neuron.bias_exponent
        neuron = replace(one.neuron, bias_mantissa=np.rint(bias / 64).astype(np.int16), bias_exponent=6)
        layers.append(replace(one, neuron=neuron))
    write_netx(tmp_path / "encoder.net", LoihiProgram(lowered.input_shape, tuple(layers)))
    kinds = [found["type"][0].decode() for found in stored(tmp_path / "encoder.net")]
    assert kinds == ["input", *["conv"] * (len(layers) - 1), "flatten", "dense"]


def refused(case: str) -> tuple[LoihiProgram, str]:
    """A program, and what the error says."""
    size = CONV.output_shape[1] * CONV.output_shape[2] * 4
    first = layer("first", INPUT, CONV)
    match case:
        case "two sources":
            both = layer("both", 0, DenseSynapse(weights(2, size)))
            both = replace(both, connections=(*both.connections, Connection(1, DenseSynapse(weights(2, size)))))
            return program(
                first, layer("second", INPUT, CONV), both
            ), "layer 'second': in a netx .* 'first', once, .* got the input"
        case "the same twice":
            once = layer("twice", 0, DenseSynapse(weights(2, size)))
            return program(
                first, replace(once, connections=once.connections * 2)
            ), "'twice': in a netx file it must read .* got 'first', 'first'"
        case "itself twice":
            own = layer("own", 0, DenseSynapse(weights(2, size)))
            again = (Connection(1, DenseSynapse(weights(2, 2))),) * 2
            own = replace(own, connections=own.connections + again)
            return program(first, own), "layer 'own': .* and itself at most, got 'first', 'own', 'own'"
        case "fine bias":
            fine = layer("first", INPUT, CONV, bias_mantissa=NO_BIAS + np.int16(37), bias_exponent=3)
            return program(
                fine
            ), "layer 'first': its bias must hold multiples of 64 from -262144 to 262080, as a netx file does, got 296"
        case "large bias":
            large = layer("first", INPUT, CONV, bias_mantissa=NO_BIAS + np.int16(4000), bias_exponent=7)
            return program(large), "its bias must hold .*, got 512000"
        case "kernel":
            wide = ConvSynapse(weights(1, 1, 1, 128), (1, 1, 130))
            return program(
                layer("wide", INPUT, wide), input_shape=(1, 1, 130)
            ), r"'wide': its kernel size must be at most 127, .* got \[1, 128\]"
        case "stride":
            return program(
                layer("far", INPUT, replace(CONV, stride=(1, 128)))
            ), r"'far': its stride must be .* got \[1, 128\]"
        case "padding":
            return program(
                layer("far", INPUT, replace(CONV, padding=(128, 0)))
            ), r"'far': its padding must be .* got \[128, 0\]"
        case "dilation":
            spread = ConvSynapse(weights(1, 2, 1, 1), (2, 6, 5), dilation=(200, 1))
            return program(layer("far", INPUT, spread)), r"'far': its dilation must be .* got \[200, 1\]"
        case "only zeros":
            return program(
                layer("dead", INPUT, DenseSynapse(np.zeros((2, 60), np.int16)))
            ), "'dead': its weights must be such as lava-dl keeps .* got 0 to 0"
        case "a power of two at the end":
            down = -np.full((2, 60), 64, np.int16)
            return program(
                layer("down", INPUT, DenseSynapse(down))
            ), "'down': its weights must be such as lava-dl keeps .* got -64 to -64"
        case "odd and none above 0":
            down = -np.arange(120, dtype=np.int16).reshape(2, 60) * 2 - np.int16(1)
            down[0, 0] = 0
            return program(
                layer("down", INPUT, DenseSynapse(down))
            ), "'down': its weights must be such as lava-dl keeps .* got -239 to 0"
        case _:
            own = layer("own", INPUT, DenseSynapse(np.full((2, 60), 255, np.int16)))
            own = replace(own, connections=(*own.connections, Connection(0, DenseSynapse(weights(2, 2)))))
            return program(own), "'own': its weights must be such as lava-dl keeps .* got -250 to 255"


CASES = [
    "two sources", "the same twice", "itself twice", "fine bias", "large bias", "kernel", "stride", "padding",
    "dilation", "only zeros", "a power of two at the end", "odd and none above 0", "255 beside negative",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_format_cannot_hold_is_refused_before_anything_is_written(case: str, tmp_path: Path) -> None:
    unfit, message = refused(case)
    (tmp_path / "old.net").write_bytes(b"old")
    with pytest.raises(InputError, match=message):
        write_netx(tmp_path / "old.net", unfit)
    assert (tmp_path / "old.net").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["old.net"]


def test_a_matrix_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netx_file, "MATRIX_LIMIT", 8)
    identity = ConvSynapse(np.full((1, 1, 1, 1), 64, np.int16), (1, 3, 1))
    unfit = program(layer("dense", INPUT, DenseSynapse(weights(3, 60))), layer("next", 0, identity, (3,)))
    with pytest.raises(InputError, match=r"layer 'next': .* must have at most 8 values as a matrix, .* got \[3, 3\]"):
        write_netx(tmp_path / "a.net", unfit)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_netx(tmp_path / "file" / "a.net", whole())


def test_a_changed_file_differs_from_its_program(tmp_path):
    path = tmp_path / "encoder.net"
    rng = np.random.default_rng(3)
    neuron = NeuronGroup((4,), 20, 4096, 0, np.zeros(1, np.int16), 6)
    weight = (rng.integers(-30, 30, (4, 6)) * 2).astype(np.int16)
    program = LoihiProgram((6,), (Layer("a", (Connection(INPUT, DenseSynapse(weight)),), neuron, 1.0),))
    write_netx(path, program)
    assert netx_differences(path.read_bytes(), program) == 0
    other = replace(program, layers=(replace(program.layers[0], neuron=replace(neuron, threshold=21)),))
    assert netx_differences(path.read_bytes(), other) == 1
    with h5py.File(path, "a") as file:
        del file["layer/1/weight"]
        file["layer/9"] = 1
    assert netx_differences(path.read_bytes(), program) == 2
    with pytest.raises(InputError, match=r"encoder\.net: not readable as HDF5"):
        netx_differences(b"no", program)
