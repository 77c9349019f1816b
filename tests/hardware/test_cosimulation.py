"""The co-simulation against the parts by hand: snnTorch's spikes, PennyLane's circuit, the readout's matrix."""

from collections.abc import Callable
from threading import Event
from typing import cast

import numpy as np
import onnx
import pennylane as qml
import pytest
from onnx import numpy_helper

from spiq.export.bundle.bundle import Bundle
from spiq.export.circuit.circuit import Circuit
from spiq.export.circuit.reupload import as_reupload
from spiq.export.errors import DeviceError, InputError
from spiq.export.network.network import INPUT
from spiq.export.onnx.stages.classical import read_classical
from spiq.hardware.devices import Estimate, QuantumDevice, SampleWatch, SpikingDevice
from spiq.hardware.network import cosimulation
from spiq.hardware.network.cosimulation import cosimulate
from spiq.hardware.network.stages import Devices, run_classical
from spiq.hardware.registry import devices, quantum_devices, spiking_devices


def circuit_of(bundle: Bundle) -> Circuit:
    return bundle.network.quantum["head"].circuit


def random_images(bundle: Bundle, samples: int) -> np.ndarray:
    return np.random.default_rng(samples).random((samples, *bundle.network.signals[INPUT].shape))


def both(snn: SpikingDevice, qpu: QuantumDevice) -> Devices:
    return Devices({"encoder": snn}, {"head": qpu})


def zeros(inputs: np.ndarray, shots: int | None) -> Estimate:
    values = np.zeros((len(inputs), 3))
    return Estimate(values, values, shots, {})


def expected_logits(bundle: Bundle, encoded: np.ndarray) -> np.ndarray:
    """From the encoder's spikes to the logits without any of spiq's runtimes."""
    made_of = as_reupload(circuit_of(bundle))
    assert made_of is not None
    weights, qubits = made_of.weights, circuit_of(bundle).n_qubits
    constants = {
        part.name: numpy_helper.to_array(part)
        for part in onnx.load_from_string(bundle.content["readout.onnx"]).graph.initializer
    }
    weight = next(value for value in constants.values() if value.ndim == 2)
    bias = next(value for value in constants.values() if value.ndim == 1)

    @qml.qnode(qml.device("default.qubit", wires=qubits))
    def circuit(angles: np.ndarray) -> list:
        for block in range(len(weights)):
            for qubit in range(qubits):
                qml.Rot(*angles[3 * qubit : 3 * qubit + 3], wires=qubit)
                qml.Rot(*weights[block, qubit], wires=qubit)
            for qubit in range(qubits):
                qml.CZ([qubit, (qubit + 1) % qubits])
        return [qml.expval(qml.Z(qubit)) for qubit in range(qubits)]

    rates = encoded.astype(float).sum(0) / len(encoded)
    expectations = np.array([circuit(bundle.network.decodes["angles"].scale * rate) for rate in rates])
    return expectations @ (weight if weight.shape[0] == qubits else weight.T) + bias


@pytest.mark.parametrize(("snn", "qpu"), [("nir", "exact"), ("loihi", "exact"), ("loihi", "aer")])
def test_the_logits_are_those_of_the_parts(tiny_bundle: Bundle, snn: str, qpu: str) -> None:
    golden = tiny_bundle.golden
    assert golden.loihi is not None
    result = cosimulate(tiny_bundle.network, devices(tiny_bundle, snn, qpu), golden.input)
    assert np.array_equal(result["encoder"], (golden.trace if snn == "nir" else golden.loihi)["encoder"])
    expected = expected_logits(tiny_bundle, result["encoder"])
    assert np.abs(result.output - expected).max() < 1e-5
    assert np.array_equal(result.predictions, expected.argmax(-1))
    assert set(result) == {"encoder", "angles", "head", "readout"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_no_answer(tiny_bundle: Bundle, value: float) -> None:
    model = onnx.load_from_string(tiny_bundle.content["readout.onnx"])
    bias = next(part for part in model.graph.initializer if len(part.dims) == 1)
    changed = numpy_helper.to_array(bias).copy()
    changed[2] = value
    bias.CopyFrom(numpy_helper.from_array(changed, bias.name))
    stage = read_classical(model.SerializeToString(), "r.onnx")
    with pytest.raises(
        InputError, match=rf"r\.onnx: every value must be finite, got {value} at \[sample, …\] = \[0, 2\]"
    ):
        run_classical(stage, [np.zeros((3, 3))], "r.onnx")


def test_the_answer_does_not_depend_on_the_batches(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    images = random_images(tiny_bundle, 7)
    on = devices(tiny_bundle, "loihi", "exact")
    whole = cosimulate(tiny_bundle.network, on, images)
    monkeypatch.setattr(cosimulation, "BATCH", 3)
    told: list[int] = []
    parts = cosimulate(tiny_bundle.network, on, images, watch=told.append)
    assert told == [3, 6, 7]
    assert all(np.allclose(whole[name], parts[name], rtol=0, atol=1e-6) for name in whole)
    assert np.array_equal(whole["encoder"], parts["encoder"])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 1, 9, 8)), r"the samples must have the shape \[sample, 1, 8, 8\], which .*, got \[2, 1, 9, 8\]"),
        (np.zeros((0, 1, 8, 8)), "there must be at least one sample, got none"),
        (np.full((1, 1, 8, 8), np.nan), "images must lie in .0, 1., got NaN"),
        (np.full((1, 1, 8, 8), 2.0), "images must lie in .0, 1., got 2 to 2"),
    ],
)
def test_images_that_do_not_fit_are_refused(tiny_bundle: Bundle, images: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cosimulate(tiny_bundle.network, devices(tiny_bundle, "nir", "exact"), images)


WAIT = 30
"""Seconds after which a test gives up on the other device."""


class FakeSpiking:
    """Spikes by rule; hands over batch 2 only when the quantum device has begun with batch 1."""

    def __init__(self, features: int, quantum_begins: Event, spiking_is_done: Event) -> None:
        self.features, self.quantum_begins, self.spiking_is_done = features, quantum_begins, spiking_is_done
        self.calls = 0

    def run(self, spikes: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == 2:
            assert self.quantum_begins.wait(WAIT)
            self.spiking_is_done.set()
        return spikes.reshape(*spikes.shape[:2], -1)[:, :, : self.features]


class FakeQuantum:
    """Gives zeros; answers batch 1 only when the spiking device has worked on batch 2."""

    def __init__(self, circuit: Circuit, begins: Event, spiking_is_done: Event) -> None:
        self.circuit, self.begins, self.spiking_is_done = circuit, begins, spiking_is_done

    def run(self, inputs: np.ndarray, shots: int | None) -> Estimate:
        self.begins.set()
        assert self.spiking_is_done.wait(WAIT)
        return zeros(inputs, shots)


def test_both_devices_work_at_the_same_time(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    begins, done = Event(), Event()
    snn = FakeSpiking(9, begins, done)
    # Each waits for the other: one after the other, neither would ever go on.
    on = both(snn, FakeQuantum(circuit_of(tiny_bundle), begins, done))
    result = cosimulate(tiny_bundle.network, on, random_images(tiny_bundle, 5))
    assert snn.calls == 3
    assert result["encoder"].shape[1] == 5


class FailingSpiking:
    """Fails in its second batch."""

    def __init__(self, device: SpikingDevice) -> None:
        self.device, self.calls = device, 0

    def run(self, spikes: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == 2:
            raise DeviceError("the spiking device fell over")
        return self.device.run(spikes)


class FailingQuantum:
    """Fails in the batch of that number."""

    def __init__(self, circuit: Circuit, batch: int) -> None:
        self.circuit, self.batch, self.calls = circuit, batch, 0

    def run(self, inputs: np.ndarray, shots: int | None) -> Estimate:
        self.calls += 1
        if self.calls == self.batch:
            raise DeviceError("the quantum device fell over")
        return zeros(inputs, shots)


def test_an_error_of_either_device_comes_through(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    images, circuit = random_images(tiny_bundle, 6), circuit_of(tiny_bundle)
    (snn,) = spiking_devices("loihi", tiny_bundle).values()
    with pytest.raises(DeviceError, match="the spiking device fell over"):
        cosimulate(tiny_bundle.network, both(FailingSpiking(snn), FailingQuantum(circuit, 0)), images)
    for batch in (1, 2, 3):
        with pytest.raises(DeviceError, match="the quantum device fell over"):
            cosimulate(tiny_bundle.network, both(snn, FailingQuantum(circuit, batch)), images)


@pytest.mark.parametrize("qpu", ["exact", "aer"])
def test_shots_are_drawn_batch_after_batch(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, qpu: str) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    result = cosimulate(
        tiny_bundle.network, devices(tiny_bundle, "loihi", qpu, 5), random_images(tiny_bundle, 7), shots=50
    )
    (device,) = quantum_devices(qpu, tiny_bundle, 5).values()
    serial = [device.run(result["angles"][start : start + 2], 50).values for start in range(0, 7, 2)]
    assert np.array_equal(result["head"], np.concatenate(serial))


class AnsweringSpiking:
    """Answers with what a rule makes of a right answer."""

    def __init__(self, device: SpikingDevice, change: Callable[[np.ndarray], object]) -> None:
        self.device, self.change = device, change

    def run(self, spikes: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, self.change(self.device.run(spikes)))


class AnsweringQuantum:
    """Answers with what a rule makes of a right answer."""

    def __init__(self, device: QuantumDevice, change: Callable[[Estimate], object]) -> None:
        self.device, self.change, self.circuit = device, change, device.circuit

    def run(self, inputs: np.ndarray, shots: int | None) -> Estimate:
        return cast(Estimate, self.change(self.device.run(inputs, shots)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spikes: np.pad(spikes, ((2, 0), (0, 0), (0, 0))), r"shape \[\d, 3, 9\], got \[\d+, 3, 9\]"),
        (lambda spikes: spikes[:, :1], r"shape \[\d, 3, 9\], got \[\d, 1, 9\]"),
        (lambda spikes: spikes[:, :, :6], r"shape \[\d, 3, 9\], got \[\d, 3, 6\]"),
        (lambda spikes: np.full_like(spikes, 3), "must be 0 or 1, got 3"),
        (lambda spikes: 0.37 * spikes, "must be an array of uint8, got float64"),
        (lambda spikes: spikes.tolist(), "must be an array of uint8, got list"),
    ],
)
def test_spikes_that_cannot_be_are_the_devices_error(
    tiny_bundle: Bundle, change: Callable[[np.ndarray], object], message: str
) -> None:
    on = devices(tiny_bundle, "loihi", "exact")
    changed = on._replace(spiking={"encoder": AnsweringSpiking(on.spiking["encoder"], change)})
    with pytest.raises(DeviceError, match=f"AnsweringSpiking: its spikes .*{message}"):
        cosimulate(tiny_bundle.network, changed, tiny_bundle.golden.input)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found._replace(values=found.values[:1]), r"its values must .*shape \[3, 3\], got \[1, 3\]"),
        (
            lambda found: found._replace(values=found.values * np.nan),
            "observable 0 of sample 0 must lie from -1 to 1, got nan",
        ),
        (lambda found: found._replace(values=found.values + 7), r"must lie from -1 to 1, got [67]\.\d+"),
        (
            lambda found: found._replace(values=found.values.round().astype(int)),
            "its values must be an array of .*, got int64",
        ),
        (
            lambda found: found._replace(standard_errors=found.values - 7),
            "its standard errors must be numbers from 0 on, got -[67]",
        ),
        (lambda found: found._replace(shots=5), "the shots of its answer must be None, as asked for, got 5"),
        (lambda found: found.values, "its answer must be an Estimate, got ndarray"),
    ],
)
def test_estimates_that_cannot_be_are_the_devices_error(
    tiny_bundle: Bundle, change: Callable[[Estimate], object], message: str
) -> None:
    on = devices(tiny_bundle, "loihi", "exact")
    changed = on._replace(quantum={"head": AnsweringQuantum(on.quantum["head"], change)})
    with pytest.raises(DeviceError, match=f"AnsweringQuantum: .*{message}"):
        cosimulate(tiny_bundle.network, changed, tiny_bundle.golden.input)


class Watched:
    """A spiking device that says how far it is."""

    def __init__(self, device: SpikingDevice, watch: SampleWatch) -> None:
        self.device, self.watch = device, watch

    def run(self, spikes: np.ndarray) -> np.ndarray:
        self.watch(spikes.shape[1])
        return self.device.run(spikes)


def test_a_device_tells_its_own_watch_again_afterwards(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    own: list[int] = []
    told: list[int] = []
    on = devices(tiny_bundle, "loihi", "exact")
    watched = on._replace(spiking={"encoder": Watched(on.spiking["encoder"], own.append)})
    images = tiny_bundle.golden.input[:3]
    cosimulate(tiny_bundle.network, watched, images, watch=told.append)
    assert (own, told) == ([], [2, 2, 3, 3])
    cosimulate(tiny_bundle.network, watched, images)
    assert own == [2, 1]
    assert told == [2, 2, 3, 3]
