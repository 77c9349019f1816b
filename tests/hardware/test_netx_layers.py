"""Netx files of strangers: what of them may come to lava-dl's reader."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.damage import damages
from shared.netx_program import small_program
from spiq.export.errors import InputError
from spiq.export.files.hdf5 import flattened, read_hdf5
from spiq.hardware.lava.netx_device import open_netx
from spiq.hardware.lava.netx_layers import NetxLayers, checked_layers
from spiq.hardware.loihi.formats.netx_file import netx_content, netx_differences, write_netx

UNREAD = ("inChannels", "outChannels", "kernelSize", "inFeatures", "outFeatures", "refDelay", "gradedSpike", "flatten")
"""What `write_netx` writes and lava-dl's reader does not look at."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_netx(tmp_path / "encoder.net", small_program())
    return tmp_path / "encoder.net"


def layers_of(path: Path) -> NetxLayers:
    return checked_layers(read_hdf5(path.read_bytes(), "encoder.net").root, "encoder.net")


def test_all_that_the_reader_looks_at_is_kept_and_nothing_else(file: Path) -> None:
    given = flattened(read_hdf5(file.read_bytes(), "encoder.net").root)
    kept = layers_of(file)
    assert (kept.input_size, kept.output_size) == (12, 5)
    missing = given.keys() - kept.entries.keys()
    assert missing == {key for key in given if key.endswith(UNREAD) or key == "layer/2/shape"}
    for key, value in kept.entries.items():
        # A text may stand alone or as the first of an array.
        assert np.array_equal(value, given[key][0] if key.endswith("/type") and np.ndim(given[key]) else given[key])


def test_the_content_that_runs_is_written_anew(file: Path) -> None:
    with h5py.File(file, "a") as stored:
        stored["layer/1/remark"] = "of the writer's own"
        stored["elsewhere"] = np.zeros(9)
    content = open_netx(file).content
    assert content == netx_content(layers_of(file).entries)
    assert b"remark" not in content
    assert b"elsewhere" not in content
    assert open_netx(content, "again").content == content


def test_a_file_of_lava_dls_training_is_taken(tmp_path: Path) -> None:
    """Weights as floats, a fifth axis of theirs, matrices in a row, numbers for pairs, an input with neurons."""
    neuron = {"neuron/type": np.bytes_("LOIHI"), "neuron/iDecay": 4096, "neuron/vDecay": 128, "neuron/vThMant": 80}
    entries: dict[str, Any] = {"layer/0/type": np.bytes_("input"), "layer/0/shape": np.array([2, 4, 4])}
    entries |= {f"layer/0/{key}": value for key, value in neuron.items()} | {"layer/0/weight": 64, "layer/0/bias": 2}
    entries |= {f"layer/1/{key}": value for key, value in neuron.items()}
    entries |= {"layer/1/type": np.bytes_("conv"), "layer/1/shape": np.array([3, 2, 2])}
    entries |= {"layer/1/weight": np.ones((3, 2, 3, 3, 1), np.float32), "layer/1/groups": 1}
    entries |= {"layer/1/stride": 1, "layer/1/padding": 0, "layer/1/dilation": 1}
    entries |= {"layer/2/type": np.bytes_("flatten")}
    entries |= {"layer/3/type": np.bytes_("dense"), "layer/3/shape": np.array([5])}
    entries |= {"layer/3/weight": np.ones(60, np.float32)}
    (tmp_path / "a.net").write_bytes(netx_content(entries))
    kept = layers_of(tmp_path / "a.net")
    assert (kept.input_size, kept.output_size) == (32, 5)
    assert np.shape(kept.entries["layer/1/weight"]) == (3, 2, 3, 3)
    assert np.shape(kept.entries["layer/3/weight"]) == (5, 12)


def instead(key: str, value: Any = None) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if key in file:
            del file[key]
        if value is not None:
            file[key] = value

    return change


def many_layers(file: h5py.File) -> None:
    for index in range(4, 200):
        file[f"layer/{index}/type"] = np.bytes_("flatten")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (instead("layer/2"), "not a well-formed netx file: it has no group 'layer' whose members are 0, 1, 2"),
        (instead("layer", 1), "not a well-formed netx file: it has no group 'layer'"),
        (instead("layer/1", 1), "layer 1: has no text 'type'"),
        (many_layers, "must have at most 128 layers, got 200"),
        (
            instead("layer/1/type", np.bytes_("pool")),
            "layer 1: its type must be input, conv, flatten, dense or dense_rec, got 'pool'",
        ),
        (instead("layer/1/type", 4), "layer 1: has no text 'type'"),
        (
            instead("layer/3/type", np.bytes_("flatten")),
            "its layers must be an input and .*, got input, conv, flatten, flatten",
        ),
        (instead("layer/2/type", np.bytes_("input")), "its layers must be .*, got input, conv, input, dense_rec"),
        (
            instead("layer/0/shape", np.array([10**9, 4, 3])),
            "layer 0: must read at most .* spikes, got .1000000000, 4, 3.",
        ),
        (
            instead("layer/0/shape", np.array([1, -4, 3])),
            "layer 0: shape must be .* from 1 to .*, got .3., from -4 to 3",
        ),
        (instead("layer/0/shape", np.ones(9)), r"layer 0: shape must be .*, got \[9\]"),
        (
            instead("layer/1/shape", np.array([2, 4, 10**9])),
            "layer 1: shape must be .2, 4, 3., which .*, got .2, 4, 1000000000.",
        ),
        (
            instead("layer/1/padding", np.array([10**6, 1])),
            "layer 1: padding must be .*, from 0 to 127, got .2., from 1 to 1000000",
        ),
        (
            instead("layer/1/stride", np.array([0, 1])),
            "layer 1: stride must be .*, from 1 to 127, got .2., from 0 to 1",
        ),
        (instead("layer/1/groups", 2), r"layer 1: weight must fit 2 groups and an input .*, got \[2, 1, 3, 3\]"),
        (instead("layer/1/weight"), "layer 1: has no 'weight'"),
        (
            instead("layer/1/weight", np.full((2, 1, 3, 3), np.nan)),
            "layer 1: weight must be made of integers .*, got float64",
        ),
        (
            instead("layer/1/weight", np.full((2, 1, 3, 3), 0.5)),
            "layer 1: weight must be made of integers .*, got float64",
        ),
        (
            instead("layer/1/weight", np.ones((2, 1))),
            r"layer 1: weight must have the shape .* what comes to it .*, got \[2, 1\] and \[",
        ),
        (
            instead("layer/1/weight", np.ones((2, 1, 128, 3))),
            "layer 1: weight must .* kernel of at most 127, got .2, 1, 128, 3.",
        ),
        (instead("layer/1/bias", np.ones((2, 1))), r"layer 1: bias must be \[2\] or \[3, 4, 2\], .*, got \[2, 1\]"),
        (
            instead("layer/1/neuron/iDecay", np.ones((24, 1))),
            r"layer 1: neuron/iDecay must be one number, .*, got \[24, 1\]",
        ),
        (
            instead("layer/1/neuron/iDecay", 4097),
            "layer 1: neuron/iDecay must be one number, from 0 to 4096, got one number, from 4097",
        ),
        (instead("layer/1/neuron/type", np.bytes_("SDNN")), "layer 1: its neuron must be CUBA or LOIHI, got 'SDNN'"),
        (instead("layer/1/neuron/messageBits", 8), "layer 1: has neuron/messageBits; graded spikes are not supported"),
        (instead("layer/3/delay", np.zeros(5)), "layer 3: has delay; delays, which leak from one sample"),
        (
            instead("layer/3/weight", np.ones((5, 23))),
            r"layer 3: weight must have the shape \[5, 24\] here, got \[5, 23\]",
        ),
        (
            instead("layer/3/weight_rec", np.ones((5, 4))),
            r"layer 3: weight_rec must have the shape \[5, 5\] here, got \[5, 4\]",
        ),
        (
            instead("layer/3/shape", np.array([10**9])),
            r"layer 3: weight must have the shape \[1000000000, 24\] here, got \[5, 24\]",
        ),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit_are_refused(file: Path, change: Callable[[h5py.File], None], message: str) -> None:
    with h5py.File(file, "a") as stored:
        change(stored)
    with pytest.raises(InputError, match=f"^{file}: .*{message}|^{file}: {message}"):
        open_netx(file)


def test_more_neurons_than_lava_can_hold_are_refused() -> None:
    """A small kernel of many channels on a wide input: each layer is allowed alone."""
    neuron = {"neuron/type": np.bytes_("CUBA"), "neuron/iDecay": 0, "neuron/vDecay": 0, "neuron/vThMant": 1}
    conv = {"type": np.bytes_("conv"), "weight": np.ones((40, 1, 1, 1)), "groups": 1}
    conv |= {"stride": 1, "padding": 0, "dilation": 1, "shape": np.array([40, 500, 500])} | neuron
    entries = {"layer/0/type": np.bytes_("input"), "layer/0/shape": np.array([1, 500, 500])}
    entries |= {f"layer/1/{key}": value for key, value in conv.items()}
    with pytest.raises(InputError, match=r"a\.net: must have at most 4194304 neurons, got 10000000 or more"):
        open_netx(netx_content(entries), "a.net")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "sound.net"
    write_netx(path, small_program())
    content = data.draw(damages(path.read_bytes()))
    for read in (lambda: open_netx(content), lambda: netx_differences(content, small_program())):
        message = "encoder.net"
        try:
            read()
        except InputError as error:
            message = str(error)
        assert message.startswith("encoder.net")


def test_a_hostile_layout_of_hdf5_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as stored:
        stored["layer/0/type"] = np.bytes_("input")
        stored["layer/0"].create_dataset("shape", (3,), "i8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
        stored["layer/1"] = stored["layer/0"]
    for read in (open_netx, lambda given: netx_differences(given, small_program())):
        with pytest.raises(InputError, match=r"'layer/0/shape' must have its values in this file|as a second one"):
            read(content.getvalue())
