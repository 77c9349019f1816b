"""Devices are made from what a bundle held when it was opened, and only if that fits the bundle."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.export.errors import InputError
from spiq.hardware.devices import SpikingDevice
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.lava.environment import setup as environment
from spiq.hardware.lava.netx_device import NetxDevice, open_netx
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.formats.storage import write_program
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import DenseSynapse
from spiq.hardware.parts import BundlePart
from spiq.hardware.registry import quantum_devices, spiking_devices, spiking_entry


@pytest.fixture
def lava_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "required", lambda name: SimpleNamespace(python=Path(sys.executable)))


def device(name: str, bundle: Bundle) -> SpikingDevice:
    """The device of that name for the bundle's one spiking stage."""
    return spiking_devices(name, bundle)["encoder"]


def program(inputs: tuple[int, ...], outputs: int) -> LoihiProgram:
    synapse = DenseSynapse(np.full((outputs, int(np.prod(inputs))), 2, np.int16))
    group = NeuronGroup((outputs,), 0, 4096, 0, np.zeros(1, np.int16), 6)
    return LoihiProgram(inputs, (Layer("only", (Connection(INPUT, synapse),), group, 1.0),))


def with_files(bundle: Bundle, folder: Path, inputs: tuple[int, ...], outputs: int) -> Bundle:
    """The bundle with a program and a netx file of other sizes."""
    write_program(folder / "encoder.loihi.npz", program(inputs, outputs))
    write_netx(folder / "encoder.net", program(inputs, outputs))
    content = {name: (folder / name).read_bytes() for name in ("encoder.loihi.npz", "encoder.net")}
    return replace(bundle, content={**bundle.content, **content})


@pytest.mark.usefixtures("lava_is_set_up")
def test_devices_run_what_was_there_when_the_bundle_was_opened(tiny_bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle.path, tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    for name in ("encoder.nir", "encoder.loihi.npz", "encoder.net"):
        (tmp_path / "bundle" / name).unlink()
    golden = opened.golden
    assert golden.loihi is not None
    spikes = golden.trace["spikes"]
    assert np.array_equal(device("nir", opened).run(spikes), golden.trace["encoder"])
    assert np.array_equal(device("loihi", opened).run(spikes), golden.loihi["encoder"])
    lava, netx = device("lava", opened), device("netx", opened)
    assert isinstance(lava, LavaDevice)
    assert lava.program.layers[0].neuron.threshold == BundlePart(opened, "encoder").program.layers[0].neuron.threshold
    assert isinstance(netx, NetxDevice)
    assert netx.file == open_netx(opened.content["encoder.net"], netx.file.name)
    assert netx.file.name == str(tmp_path / "bundle" / "encoder.net")


@pytest.mark.usefixtures("lava_is_set_up")
def test_files_that_read_or_give_something_else_than_the_encoder_make_no_device(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    other = with_files(tiny_bundle, tmp_path, (1, 4, 4), 9)
    for name in ("loihi", "lava"):
        with pytest.raises(
            InputError, match=r"bundle/encoder\.loihi\.npz: must read \[1, 8, 8\], as encoder.nir does, got \[1, 4, 4\]"
        ):
            device(name, other)
    with pytest.raises(
        InputError, match=r"bundle/encoder\.net: must read \[1, 8, 8\] spikes a step, which come to it, got 16"
    ):
        device("netx", other)
    other = with_files(tiny_bundle, tmp_path, (1, 8, 8), 5)
    for name, file in (
        ("loihi", "encoder.loihi.npz"), ("lava", "encoder.loihi.npz"), ("netx", "encoder.net"),
    ):  # fmt: skip
        with pytest.raises(
            InputError, match=rf"bundle/{file}: must give 9 features, as (encoder\.nir|the graph) does, got 5"
        ):
            device(name, other)


@pytest.mark.parametrize(
    ("name", "file"), [("loihi", "encoder.loihi.npz"), ("lava", "encoder.loihi.npz"), ("netx", "encoder.net")]
)
def test_a_damaged_file_is_named_where_the_bundle_lies(tiny_bundle: Bundle, name: str, file: str) -> None:
    damaged = replace(tiny_bundle, content={**tiny_bundle.content, file: b"no"})
    with pytest.raises(InputError, match=rf"^{tiny_bundle.path}/{file}: not (readable|a well-formed)"):
        device(name, damaged)


def test_unknown_devices_are_refused_with_those_there_are(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="the spiking device must be one of nir, loihi, lava, netx, got 'brain'"):
        spiking_devices("brain", tiny_bundle)
    with pytest.raises(InputError, match=r"the quantum device must be one of exact, pennylane, aer, .*got 'abacus'"):
        quantum_devices("abacus", tiny_bundle, 0)


def test_only_lava_runs_on_hardware_of_its_own(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="the device nir runs on no hardware of its own; lava can"):
        spiking_devices("nir", tiny_bundle, on_hardware=True)


def test_what_a_device_is_held_against_is_a_device() -> None:
    assert [spiking_entry(name).reference for name in ("nir", "loihi", "lava", "netx")] == [
        None,
        "nir",
        "loihi",
        "loihi",
    ]
    assert [spiking_entry(name).must_be_equal for name in ("nir", "loihi", "lava", "netx")] == [
        False,
        False,
        True,
        True,
    ]
