"""Devices are made from what a bundle held when it was opened, and only if that fits the bundle."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spiq.export.bundle.folder import Bundle, open_bundle
from spiq.export.errors import InputError
from spiq.hardware.catalogue import loihi_program, spiking_device
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.lava.environment import setup as environment
from spiq.hardware.lava.netx_device import NetxDevice, open_netx
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import DenseSynapse


@pytest.fixture
def lava_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "required", lambda name: SimpleNamespace(python=Path(sys.executable)))


def program(inputs: tuple[int, ...], outputs: int) -> LoihiProgram:
    synapse = DenseSynapse(np.full((outputs, int(np.prod(inputs))), 2, np.int16))
    group = NeuronGroup((outputs,), 0, 4096, 0, np.zeros(1, np.int16), 6)
    return LoihiProgram(inputs, (Layer("only", (Connection(INPUT, synapse),), group, 1.0),))


def with_files(bundle: Bundle, folder: Path, inputs: tuple[int, ...], outputs: int) -> Bundle:
    """The bundle with a loihi.npz and an encoder.net of other sizes."""
    program(inputs, outputs).save(folder / "loihi.npz")
    write_netx(folder / "encoder.net", program(inputs, outputs))
    content = {name: (folder / name).read_bytes() for name in ("loihi.npz", "encoder.net")}
    return replace(bundle, content=bundle.content | content)


@pytest.mark.usefixtures("lava_is_set_up")
def test_devices_run_what_was_there_when_the_bundle_was_opened(tiny_bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle.path, tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    for name in ("encoder.nir", "loihi.npz", "encoder.net"):
        (tmp_path / "bundle" / name).unlink()
    golden = opened.golden
    assert np.array_equal(spiking_device("nir", opened).run(golden.spikes), golden.encoded)
    assert np.array_equal(spiking_device("loihi", opened).run(golden.spikes), golden.loihi_encoded)
    lava, netx = spiking_device("lava", opened), spiking_device("netx", opened)
    assert isinstance(lava, LavaDevice)
    assert lava.program.layers[0].neuron.threshold == loihi_program(opened).layers[0].neuron.threshold
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
            InputError, match=r"bundle/loihi\.npz: reads \[1, 4, 4\], but encoder.nir reads \[1, 8, 8\]"
        ):
            spiking_device(name, other)
    with pytest.raises(InputError, match=r"bundle/encoder\.net: reads 16 spikes a step; \[1, 8, 8\] is what comes"):
        spiking_device("netx", other)
    other = with_files(tiny_bundle, tmp_path, (1, 8, 8), 5)
    for device, file in (("loihi", "loihi.npz"), ("lava", "loihi.npz"), ("netx", "encoder.net")):
        with pytest.raises(InputError, match=rf"bundle/{file}: gives 5 features, but encoder\.nir gives 9"):
            spiking_device(device, other)


@pytest.mark.parametrize(("device", "file"), [("loihi", "loihi.npz"), ("lava", "loihi.npz"), ("netx", "encoder.net")])
def test_a_damaged_file_is_named_where_the_bundle_lies(tiny_bundle: Bundle, device: str, file: str) -> None:
    damaged = replace(tiny_bundle, content=tiny_bundle.content | {file: b"no"})
    with pytest.raises(InputError, match=rf"^{tiny_bundle.path}/{file}: not (readable|a well-formed)"):
        spiking_device(device, damaged)
