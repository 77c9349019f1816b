"""Every rung can fail alone: what needs its spikes is skipped with its reason, all else is climbed."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import onnx
import pytest
from qiskit.exceptions import QiskitError

from shared.bundles import with_files
from spiq.export.bundle.bundle import Bundle
from spiq.export.circuit.circuit import Circuit
from spiq.export.nir.file import read_nir, write_nir
from spiq.hardware.devices import Estimate, QuantumDevice
from spiq.hardware.entries import SpikingEntry
from spiq.hardware.network.stages import Devices
from spiq.hardware.registry import devices, quantum_devices, spiking_entry
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.models.sqdr_cnn import SQDRCNN
from spiq.pipeline.report.page import render
from spiq.pipeline.report.table import print_report
from spiq.pipeline.training.checkpoint import load_model
from spiq.pipeline.validation import ladder
from spiq.pipeline.validation.ascent import Ascent
from spiq.pipeline.validation.gate import verdict
from spiq.pipeline.validation.ladder import climb
from spiq.pipeline.validation.report import Report
from spiq.pipeline.validation.rung import Rung

pytestmark = pytest.mark.usefixtures("no_lava")

MEASURED = ["trained", "nir", "loihi", "qasm", "shots"]
"""Every rung that is climbed where Lava is not set up."""


@pytest.fixture
def model(tiny_run: Path, tiny_config: Config) -> SQDRCNN:
    return load_model(tiny_run, tiny_config)[0]


@pytest.fixture
def climbed(
    tiny_config: Config, tiny_images: ImageSet, model: SQDRCNN
) -> Callable[[Bundle], tuple[Report, dict[str, Rung]]]:
    def of(bundle: Bundle) -> tuple[Report, dict[str, Rung]]:
        samples = (tiny_images.test_images, tiny_images.test_labels)
        report = climb(Ascent(bundle, *samples, tiny_config.ladder, tiny_config.gate, model))
        # The report can be printed, drawn, written and read, whatever failed.
        print_report(report)
        assert "The validation ladder" in render(report)
        assert Report.model_validate_json(report.text()) == report
        return report, {rung.name: rung for rung in report.rungs}

    return of


def overflowing(bundle: Bundle, folder: Path) -> bytes:
    """encoder.nir whose first weights are so large that its values leave the range of floating point."""
    graph = read_nir(bundle.content["encoder.nir"], "encoder.nir")
    first = next(node for node in graph.nodes.values() if isinstance(node, nir.Conv2d))
    first.weight = first.weight * 0 + 1e308
    write_nir(folder / "overflowing.nir", graph)
    return (folder / "overflowing.nir").read_bytes()


def unusable_readout(bundle: Bundle) -> bytes:
    """readout.onnx with the right inputs, outputs and shapes, that looks for a column far outside once it runs."""
    model = onnx.load_from_string(bundle.content["readout.onnx"])
    last = next(node for node in model.graph.node if "logits" in node.output)
    last.output[:] = ["almost"]
    far = onnx.numpy_helper.from_array(np.array(1e6, dtype=np.float32), "far")
    column = onnx.numpy_helper.from_array(np.array([1], dtype=np.int64), "column")
    model.graph.initializer.extend([far, column])
    make = onnx.helper.make_node
    model.graph.node.extend(
        [
            make("Abs", ["almost"], ["sizes"]),
            make("ReduceMax", ["sizes"], ["largest"], keepdims=0),
            make("Add", ["largest", "far"], ["place"]),
            make("Cast", ["place"], ["index"], to=onnx.TensorProto.INT64),
            make("Gather", ["almost", "index"], ["picked"], axis=1),
            make("Unsqueeze", ["picked", "column"], ["single"]),
            make("Add", ["almost", "single"], ["logits"]),
        ]
    )
    stream = io.BytesIO()
    onnx.save_model(model, stream)
    return stream.getvalue()


def assert_skipped(rungs: dict[str, Rung], *skipped: str) -> None:
    """Those rungs are skipped, besides Lava's, and all others measured."""
    assert [name for name in MEASURED if rungs[name].accuracy is None] == list(skipped)
    assert all((rung.skipped is None) == (rung.accuracy is not None) for rung in rungs.values())


def test_the_nir_file_alone(climbed, tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = with_files(tiny_bundle, tmp_path / "bundle", {"encoder.nir": overflowing(tiny_bundle, tmp_path)})
    report, rungs = climbed(bundle)
    assert_skipped(rungs, "nir")
    assert "leave the range" in (rungs["nir"].skipped or "")
    # loihi is held against the rung before nir.
    assert rungs["loihi"].agreement is not None
    assert rungs["loihi"].spike_mismatches is not None
    assert report.gate.passed


def test_the_fixed_point_program_and_all_that_need_its_spikes(climbed, tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = with_files(tiny_bundle, tmp_path / "bundle", {"encoder.loihi.npz": b"no program"})
    report, rungs = climbed(bundle)
    assert_skipped(rungs, "loihi", "qasm", "shots")
    reason = rungs["loihi"].skipped or ""
    assert "encoder.loihi.npz" in reason
    for name in ("qasm", "shots"):
        assert rungs[name].skipped == f"needs the spikes of loihi, which was skipped: {reason}"
    assert "nir lies 0.00 points under trained" in verdict(report)


def test_lava_needs_loihis_spikes_to_be_held_against(
    climbed, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ready(name: str) -> SpikingEntry:
        return replace(spiking_entry(name), missing=lambda: None)

    monkeypatch.setattr(ladder, "spiking_entry", ready)
    _, rungs = climbed(with_files(tiny_bundle, tmp_path / "bundle", {"encoder.loihi.npz": b"no program"}))
    assert (rungs["lava"].skipped or "").startswith("needs the spikes of loihi, which was skipped: ")


def test_the_circuits_file(climbed, tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = with_files(tiny_bundle, tmp_path / "bundle", {"head.qasm": b"OPENQASM 3.0;\nqubit[3] q;\nx q[7];\n"})
    report, rungs = climbed(bundle)
    assert_skipped(rungs, "qasm", "shots")
    assert "OpenQASM 3 program" in (rungs["qasm"].skipped or "")
    assert report.gate.accuracy_drop == rungs["trained"].accuracy - rungs["loihi"].accuracy


def test_pytorch_alone(climbed, model: SQDRCNN, tiny_bundle: Bundle) -> None:
    model.to("meta")
    report, rungs = climbed(tiny_bundle)
    assert_skipped(rungs, "trained")
    assert (rungs["trained"].skipped or "").startswith("RuntimeError: Tensor.item() cannot be called on meta")
    assert (rungs["nir"].agreement, rungs["nir"].spike_mismatches) == (None, None)
    assert rungs["loihi"].agreement is not None
    assert "under nir" in verdict(report) or "over nir" in verdict(report)


def test_the_readout_costs_all_rungs_of_the_bundle(climbed, tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = with_files(tiny_bundle, tmp_path / "bundle", {"readout.onnx": unusable_readout(tiny_bundle)})
    report, rungs = climbed(bundle)
    assert_skipped(rungs, "nir", "loihi", "qasm", "shots")
    assert not report.gate.passed
    assert report.gate.accuracy_drop is None
    assert "only trained was measured on all images" in verdict(report)


def test_all_of_them(climbed, model: SQDRCNN, tiny_bundle: Bundle, tmp_path: Path) -> None:
    model.to("meta")
    bundle = with_files(tiny_bundle, tmp_path / "bundle", {"readout.onnx": unusable_readout(tiny_bundle)})
    report, rungs = climbed(bundle)
    assert_skipped(rungs, *MEASURED)
    assert verdict(report) == "gate NOT passed: no rung was measured"


class Failing:
    """A spiking device that fails by what its libraries raise."""

    def __init__(self, failure: Callable[[], np.ndarray]) -> None:
        self.failure = failure

    def run(self, spikes: np.ndarray) -> np.ndarray:
        return self.failure()


class FailingShots:
    """A quantum device that is exact only."""

    def __init__(self, device: QuantumDevice, failure: Callable[[], np.ndarray]) -> None:
        self.device, self.failure = device, failure

    @property
    def circuit(self) -> Circuit:
        return self.device.circuit

    def run(self, inputs: np.ndarray, shots: int | None) -> Estimate:
        if shots is not None:
            self.failure()
        return self.device.run(inputs, shots)


def full_memory() -> np.ndarray:
    return np.empty(2**62, dtype=np.uint8)


def raising(error: Exception) -> Callable[[], np.ndarray]:
    def fail() -> np.ndarray:
        raise error

    return fail


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (full_memory, "MemoryError: Unable to allocate"),
        (raising(OSError(28, "No space left on device")), "OSError: [Errno 28] No space left on device"),
        (raising(RuntimeError("a C++ library\n  says " + "no " * 1000)), "RuntimeError: a C++ library says no no"),
        (raising(QiskitError("no such gate")), "QiskitError: 'no such gate'"),
    ],
    ids=["memory", "system", "library", "qiskit"],
)
@pytest.mark.parametrize("name", ["nir", "loihi", "shots"])
def test_whatever_a_device_fails_by(
    climbed, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, name: str, failure: Callable, reason: str
) -> None:
    def on(bundle: Bundle, snn: str, qpu: str) -> Devices:
        made = devices(bundle, snn, qpu)
        return made._replace(spiking={"encoder": Failing(failure)}) if snn == name else made

    def quantum(*given: Any) -> dict[str, QuantumDevice]:
        made = quantum_devices(*given)
        return {"head": FailingShots(made["head"], failure)} if name == "shots" else made

    monkeypatch.setattr(ladder, "devices", on)
    monkeypatch.setattr(ladder, "quantum_devices", quantum)
    _, rungs = climbed(tiny_bundle)
    assert_skipped(rungs, *({"loihi": ["loihi", "qasm", "shots"]}.get(name, [name])))
    assert reason in (rungs[name].skipped or "")
    assert "\n" not in (rungs[name].skipped or "")
    assert len(rungs[name].skipped or "") < 400


def test_a_fault_in_the_program_is_no_failing_device(
    climbed, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(bundle: Bundle, snn: str, qpu: str) -> Devices:
        return devices(bundle, snn, qpu)._replace(spiking={"encoder": Failing(raising(TypeError("a bug")))})

    monkeypatch.setattr(ladder, "devices", on)
    with pytest.raises(TypeError, match="a bug"):
        climbed(tiny_bundle)
