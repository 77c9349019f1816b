"""A program's file that asks for more than its bytes hold is refused before anything of that size is made."""

import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spiq.export.errors import InputError
from spiq.export.files.arrays import write_npz
from spiq.hardware.loihi.formats.limits import MOST_NEURONS, MOST_TAPS, MOST_WAITING, ProgramSize
from spiq.hardware.loihi.formats.storage import read_program, write_program
from spiq.hardware.loihi.neuron_group import TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse

DENSE = Connection(INPUT, DenseSynapse(np.ones((5, 6), np.int16)))
CONV = Connection(INPUT, ConvSynapse(np.ones((1, 1, 2, 3), np.int16), (1, 2, 3)))


def group(*shape: int, **fields: Any) -> NeuronGroup:
    stock = NeuronGroup(shape, 2, 4096, 0, np.zeros((1,) * len(shape), np.int16), 0)
    return replace(stock, **fields)


def file(tmp_path: Path, program: LoihiProgram, changes: dict[str, object]) -> Path:
    """The program's file with other values."""
    path = tmp_path / "loihi.npz"
    write_program(path, program)
    with np.load(path) as archive:
        arrays = dict(archive)
    write_npz(path, arrays | {key: np.asarray(value) for key, value in changes.items()})
    return path


def program(connection: Connection, *shape: int, **fields: Any) -> LoihiProgram:
    return LoihiProgram((1, 2, 3), (Layer("a", (connection,), group(*shape, **fields), 1.0),))


PROGRAMMED = program(DENSE, 5, threshold=np.arange(5), reset=TakeOff(2))


@pytest.mark.parametrize(
    ("made", "changes", "message"),
    [
        (
            program(DENSE, 5), {"0.shape": [2**40]},
            r"0\.shape must keep the program to .* got \[1099511627776\], with which it has",
        ),
        (program(DENSE, 5), {"0.shape": [2**62] * 32}, "0.shape must keep the program to at most 8388608 neurons, got"),
        (program(DENSE, 5), {"0.shape": [2] * 33}, r"0.shape must be at most 32 integers \(int64\), got int64 \[33\]"),
        (
            program(DENSE, 5), {"input_shape": [2**40]},
            "input_shape must keep the program to at most 8388608 neurons, got",
        ),
        (program(DENSE, 5), {"input_shape": [-(2**40)], "0.shape": [2**40]}, "at most 8388608 neurons, got"),
        (
            PROGRAMMED, {"0.shape": [2**40]},
            r"0\.shape must keep the program to .* got \[1099511627776\], with which it has",
        ),
        (PROGRAMMED, {"0.threshold": np.zeros(2**26, np.int32)}, "take at most 134217728 bytes, got"),
        (PROGRAMMED, {"0.reset_by": np.zeros(2**14, np.int32)}, r"0\.reset amount must have a shape .*, got \[16384\]"),
        (program(DENSE, 5), {"layers": 10**9}, "layers must be at most 10000, got 1000000000"),
        (program(DENSE, 5), {"layers": -1}, "the key 0.name is not known"),
        (program(DENSE, 5), {"0.connections": 10**9}, "the key 0.1.source is missing"),
        (program(DENSE, 5), {"0.0.weight": np.zeros((10_000, 10_000), np.int16)}, "take at most 134217728 bytes, got"),
        (
            program(CONV, 1, 1, 1),
            {"0.0.input_shape": [1, 10**9, 10**9]},
            r"0\.weight \[1, 1, 2, 3\] over input_shape \[1, 1000000000, 1000000000\]: .* at most 8388608 taps",
        ),
        (program(CONV, 1, 1, 1), {"0.0.padding": [10**9, 10**9]}, "must have at most .* taps at their positions, got"),
        (
            program(CONV, 1, 1, 1), {"0.0.dilation": [2**62, 1], "0.0.padding": [2**61, 0]},
            "must be at most 2147483647, got",
        ),
    ],
)  # fmt: skip
def test_what_a_file_claims_is_counted_before_it_is_made(
    tmp_path: Path, made: LoihiProgram, changes: dict[str, object], message: str
) -> None:
    path = file(tmp_path, made, changes)
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(InputError, match=rf"loihi\.npz: .*{message}"):
            read_program(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 10


def test_a_deep_program_with_much_in_each_layer_is_counted_over_all_layers(tmp_path: Path) -> None:
    size = MOST_NEURONS // 4
    one = ConvSynapse(np.ones((1, 1, 1, 1), np.int16), (1, size, 1))
    layers = [Layer(str(index), (Connection(index - 1, one),), group(1, size, 1), 1.0) for index in range(4)]
    whole = LoihiProgram((1, size, 1), tuple(layers[:3]))
    write_program(tmp_path / "loihi.npz", whole)
    assert len(read_program(tmp_path / "loihi.npz").layers) == 3
    write_program(tmp_path / "loihi.npz", LoihiProgram((1, size, 1), tuple(layers)))
    with pytest.raises(
        InputError, match=rf"loihi\.npz: 3\.shape must .* at most {MOST_NEURONS} neurons, .* has {5 * size}"
    ):
        read_program(tmp_path / "loihi.npz")


def test_the_spikes_that_delays_keep_are_counted_over_all_layers(tmp_path: Path) -> None:
    size = MOST_WAITING // 64 // 2
    one = ConvSynapse(np.ones((1, 1, 1, 1), np.int16), (1, size, 1))
    layers = [Layer(str(index), (Connection(index - 1, one, 63),), group(1, size, 1), 1.0) for index in range(3)]
    write_program(tmp_path / "loihi.npz", LoihiProgram((1, size, 1), tuple(layers[:2])))
    assert read_program(tmp_path / "loihi.npz").is_delayed
    write_program(tmp_path / "loihi.npz", LoihiProgram((1, size, 1), tuple(layers)))
    with pytest.raises(InputError, match=rf"loihi\.npz: 2\.0\.delays must keep at most {MOST_WAITING} .* up to 63"):
        read_program(tmp_path / "loihi.npz")


def test_kernels_that_do_not_suit_each_other_count_for_each_of_their_channels() -> None:
    wide = ConvSynapse(np.ones((16, 1, 3, 3), np.int16), (1, 256, 256), padding=(1, 1))
    long = ConvSynapse(np.ones((8, 1, 3, 3), np.int16), (1, 256, 512), padding=(1, 1))
    size = ProgramSize()
    size.add_synapses([wide, wide])
    assert size.taps == 2 * 256 * 256 * 9
    with pytest.raises(InputError, match=f"at most {MOST_TAPS} taps .*, got {size.taps + 16 * 256 * 256 * 9}"):
        size.add_synapses([wide, long])


def test_a_deep_program_is_laid_out_in_a_time_that_grows_with_its_layers() -> None:
    one = DenseSynapse(np.full((1, 1), 3, np.int16))
    layers = tuple(Layer(str(index), (Connection(index - 1, one),), group(1), 1.0) for index in range(3000))
    started = time.monotonic()
    assert simulate(LoihiProgram((1,), layers), np.ones((2, 1, 1), np.uint8)).all()
    assert time.monotonic() - started < 60
