"""The real environments, made by the real uv: what is in them, and that Lava and lava-dl's reader run."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from spiq.hardware.lava.environment import setup as lava


def test_every_package_is_pinned_and_netx_has_all_of_lavas() -> None:
    for name in ("lava", "netx"):
        pins = lava.pinned(name)
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pins)
        assert len({pin.partition("==")[0] for pin in pins}) == len(pins)
    assert "lava-nc==0.10.0" in lava.pinned("lava")
    assert set(lava.pinned("netx")) - set(lava.pinned("lava")) == {"h5py==3.16.0", "lava-dl==0.6.0"}


def ask_uv(*arguments: str, name: str) -> subprocess.CompletedProcess[str]:
    python = str(lava.required(name).python)
    return subprocess.run([find_uv_bin(), "pip", *arguments, "--python", python], capture_output=True, text=True)


@pytest.mark.lava
def test_the_real_environment_is_the_list_and_lacks_nothing() -> None:
    assert set(ask_uv("freeze", name="lava").stdout.split()) == set(lava.pinned("lava"))
    check = ask_uv("check", name="lava")
    assert check.returncode == 0, check.stderr


@pytest.mark.netx
def test_the_real_netx_environment_lacks_only_what_lava_dl_asks_for() -> None:
    assert set(ask_uv("freeze", name="netx").stdout.split()) == set(lava.pinned("netx"))
    check = ask_uv("check", name="netx")
    assert "torch" in check.stderr
    complaints = [line for line in check.stderr.splitlines() if line.startswith("The package ")]
    assert complaints
    assert all(line.startswith("The package `lava-dl` requires") for line in complaints)


NETX = """
import sys
sys.path.append(sys.argv[1])
if len(sys.argv) == 4:
    from slayer_stand_in import stand_in
    stand_in()
from lava.lib.dl import netx
import h5py, json
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

with h5py.File(sys.argv[2], "w") as file:
    layer = file.create_group("layer/0")
    layer["type"], layer["shape"], layer["inFeatures"], layer["outFeatures"] = np.array([b"dense"]), [3], 4, 3
    layer["weight"] = np.arange(12).reshape(3, 4) * 4 - 20
    neuron = layer.create_group("neuron")
    neuron["type"] = np.array([b"CUBA"])
    neuron["iDecay"], neuron["vDecay"], neuron["vThMant"], neuron["refDelay"] = 4096, 0, 20, 1
network, source, sink = netx.hdf5.Network(sys.argv[2]), Source(data=np.ones((4, 8), int)), Sink(shape=(3,), buffer=8)
source.s_out.connect(network.inp)
network.out.connect(sink.a_in)
network.run(RunSteps(8), Loihi2SimCfg(select_tag="fixed_pt"))
print(json.dumps([sink.data.get().astype(int).tolist(), "torch" in sys.modules]))
network.stop()
netx.hdf5.Network.get_neuron_params({"type": "RF", "vThMant": 1, "sinDecay": 1, "cosDecay": 1})
"""


@pytest.mark.netx
def test_the_netx_reader_runs_without_pytorch_by_the_stand_in_alone(tmp_path: Path) -> None:
    command = [
        str(lava.required("netx").python),
        "-I",
        "-c",
        NETX,
        str(lava.WORKER_FOLDER),
        str(tmp_path / "dense.net"),
    ]
    without = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "No module named 'torch'" in without.stderr
    done = subprocess.run([*command, "stand in"], capture_output=True, text=True, timeout=120)
    spikes, pytorch = json.loads(done.stdout)
    # The weights of each neuron add up to -56, 8 and 72 a step and arrive one step later; the threshold is 20.
    assert spikes == [[0] * 8, [0, 0, 0, 1, 0, 0, 1, 0], [0, 1, 1, 1, 1, 1, 1, 1]]
    assert not pytorch
    assert "NotImplementedError: a netx file with resonate-and-fire neurons" in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    "name", [pytest.param("lava", marks=pytest.mark.lava), pytest.param("netx", marks=pytest.mark.netx)]
)
def test_each_trial_needs_its_packages(name: str) -> None:
    command = [str(lava.required(name).python), "-I", "-c", lava.TRIALS[name], str(lava.WORKER_FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.lava
def test_the_trial_of_netx_fails_without_lava_dl() -> None:
    command = [str(lava.required("lava").python), "-I", "-c", lava.TRIALS["netx"], str(lava.WORKER_FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "No module named" in done.stderr


@pytest.mark.lava
def test_a_set_up_from_nothing(home: Path) -> None:
    steps: list[str] = []
    assert lava.set_up("lava", steps.append)
    made = lava.required("lava")
    program = (
        "import sys, lava.proc.lif.process, importlib.metadata as m; print(sys.version_info[:2], m.version('lava-nc'))"
    )
    done = subprocess.run([made.python, "-I", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "(3, 10) 0.10.0"
    assert not lava.set_up("lava", steps.append)
