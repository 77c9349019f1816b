"""A package elsewhere adds a chip and a processor: commands, ladder and errors know them by themselves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.command import NO_LAVA, SPIQ

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "spiq-testchip"
version = "1.0"

[project.entry-points."spiq.spiking_devices"]
testchip = "spiq_testchip:CHIP"
broken = "spiq_testchip_that_is_not_there:CHIP"

[project.entry-points."spiq.quantum_devices"]
testqpu = "spiq_testchip:QPU"

[tool.setuptools]
py-modules = ["spiq_testchip"]
"""

MODULE = """
import json
import os
import uuid
from pathlib import Path

import numpy as np

from spiq.hardware.devices import Estimate
from spiq.hardware.entries import QuantumEntry, SpikingEntry
from spiq.hardware.loihi.device import LoihiDevice
from spiq.hardware.qpu.exact_device import ExactDevice


class TestQpu:
    # A queue in a folder: an answer is there for whoever has the handle.

    def __init__(self, part):
        self.circuit, self.exact = part.circuit, ExactDevice(part.circuit, part.seed)
        self.folder = Path(os.environ["TESTQPU_FOLDER"])

    def submit(self, inputs, shots):
        handle = uuid.uuid4().hex
        found = self.exact.run(inputs, None)
        (self.folder / handle).write_text(json.dumps([found.values.tolist(), shots]))
        return handle

    def fetch(self, handle):
        values, shots = json.loads((self.folder / handle).read_text())
        found = np.array(values)
        return Estimate(found, np.zeros_like(found), shots, {"job": handle})

    def run(self, inputs, shots):
        return self.fetch(self.submit(inputs, shots))


CHIP = SpikingEntry("testchip", "a chip of a test", lambda part: LoihiDevice(part.program), "loihi", True)
QPU = QuantumEntry("testqpu", "a processor of a test", TestQpu, is_exact=False)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The package, installed beside spiq."""
    folder = tmp_path_factory.mktemp("testchip")
    (folder / "source").mkdir()
    (folder / "source" / "pyproject.toml").write_text(PROJECT)
    (folder / "source" / "spiq_testchip.py").write_text(MODULE)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(folder / "site"), str(folder / "source")], check=True)
    (folder / "queue").mkdir()
    path = os.pathsep.join([str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **NO_LAVA, "PYTHONPATH": path, "TESTQPU_FOLDER": str(folder / "queue")}


def ran(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SPIQ, *map(str, arguments)], env=environment, capture_output=True, text=True)


def test_the_commands_list_them(environment: dict[str, str]) -> None:
    found = {device["device"]: device for device in json.loads(ran(environment, "devices", "--json").stdout)}
    assert found["testchip"]["summary"] == "a chip of a test"
    assert found["testchip"]["missing"] is None
    assert (found["testqpu"]["half"], found["testqpu"]["by"]) == ("quantum", "another package")
    assert "cannot be loaded: No module named 'spiq_testchip_that_is_not_there'" in found["broken"]["missing"]
    told = re.sub(r"[^a-z,]", "", ran(environment, "cosim", "--help").stdout)
    assert "nir,loihi,lava,netx,broken,testchip" in told
    assert "exact,pennylane,aer,testqpu" in told
    assert "spiking device testchip" in ran(environment, "doctor").stdout


def test_they_run(environment: dict[str, str], tiny_run: Path) -> None:
    done = ran(environment, "cosim", tiny_run, "--snn", "testchip", "--qpu", "testqpu", "--shots", 10, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["compared_with"], figures["spike_mismatches"], figures["agreement"]) == ("loihi", 0, 1.0)
    unknown = ran(environment, "cosim", tiny_run, "--snn", "brain")
    assert unknown.returncode == 2
    assert "must be one of nir, loihi, lava, netx, broken, testchip" in unknown.stderr


def test_the_ladder_has_a_rung_for_each(environment: dict[str, str], tiny_run: Path) -> None:
    done = ran(environment, "validate", tiny_run, "--limit", 20, "--shots", 32, "--json")
    rungs = {rung["name"]: rung for rung in json.loads(done.stdout)["rungs"]}
    assert list(rungs) == [
        "nir", "loihi", "lava", "broken", "testchip", "qasm", "shots", "testqpu", "device",
    ]  # fmt: skip
    assert (rungs["testchip"]["samples"], rungs["testchip"]["spike_mismatches"]) == (20, 0)
    assert rungs["testqpu"]["max_error"] is not None
    assert "cannot be loaded" in rungs["broken"]["skipped"]
