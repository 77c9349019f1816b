"""The co-simulation against the parts by hand: snnTorch's spikes, PennyLane's circuit, the readout's matrix."""

from collections.abc import Callable
from threading import Event
from typing import cast

import numpy as np
import onnx
import pennylane as qml
import pytest
from onnx import numpy_helper

from spiq.export.bundle.folder import Bundle
from spiq.export.circuit.reupload import ReuploadCircuit
from spiq.export.errors import DeviceError, InputError
from spiq.hardware import cosimulation
from spiq.hardware.catalogue import quantum_device, spiking_device
from spiq.hardware.cosimulation import cosimulate
from spiq.hardware.devices import QuantumDevice, SpikingDevice, Watch


def expected_logits(bundle: Bundle, encoded: np.ndarray) -> np.ndarray:
    """From the encoder's spikes to the logits without any of spiq's runtimes."""
    weights = bundle.circuit.weights
    qubits = bundle.circuit.n_qubits
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
    expectations = np.array([circuit(bundle.manifest.angle_scale * rate) for rate in rates])
    return expectations @ (weight if weight.shape[0] == qubits else weight.T) + bias


@pytest.mark.parametrize(("snn", "qpu"), [("nir", "exact"), ("loihi", "exact"), ("loihi", "aer")])
def test_the_logits_are_those_of_the_parts(tiny_bundle: Bundle, snn: str, qpu: str) -> None:
    golden = tiny_bundle.golden
    result = cosimulate(
        tiny_bundle, spiking_device(snn, tiny_bundle), quantum_device(qpu, tiny_bundle, 0), golden.images
    )
    assert np.array_equal(result.encoded, golden.encoded if snn == "nir" else golden.loihi_encoded)
    expected = expected_logits(tiny_bundle, result.encoded)
    assert np.abs(result.logits - expected).max() < 1e-5
    assert np.array_equal(result.predictions, expected.argmax(-1))
    assert np.array_equal(result.counts, result.encoded.astype(int).sum(0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_logit_that_is_not_finite_is_no_answer(tiny_bundle: Bundle, value: float) -> None:
    model = onnx.load_from_string(tiny_bundle.content["readout.onnx"])
    bias = next(part for part in model.graph.initializer if len(part.dims) == 1)
    changed = numpy_helper.to_array(bias).copy()
    changed[2] = value
    bias.CopyFrom(numpy_helper.from_array(changed, bias.name))
    with pytest.raises(InputError, match=r"r\.onnx: the logit \[sample, class\] = \[0, 2\] is not finite"):
        cosimulation.read_out(model.SerializeToString(), np.zeros((3, tiny_bundle.circuit.n_qubits)), "r.onnx")


def test_the_answer_does_not_depend_on_the_batches(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((7, *tiny_bundle.image_shape))
    devices = spiking_device("loihi", tiny_bundle), quantum_device("exact", tiny_bundle, 0)
    whole = cosimulate(tiny_bundle, *devices, images)
    monkeypatch.setattr(cosimulation, "BATCH", 3)
    told: list[int] = []
    parts = cosimulate(tiny_bundle, *devices, images, watch=told.append)
    assert told == [3, 6, 7]
    assert all(np.allclose(one, other, rtol=0, atol=1e-6) for one, other in zip(whole, parts, strict=True))
    assert np.array_equal(whole.encoded, parts.encoded)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 1, 9, 8)), "images have the shape"),
        (np.zeros((0, 1, 8, 8)), "there are no images"),
        (np.full((1, 1, 8, 8), np.nan), "images must lie in .0, 1., but hold NaN"),
        (np.full((1, 1, 8, 8), 2.0), "images must lie in .0, 1., but range from 2 to 2"),
    ],
)
def test_images_that_do_not_fit_are_refused(tiny_bundle: Bundle, images: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cosimulate(tiny_bundle, spiking_device("nir", tiny_bundle), quantum_device("exact", tiny_bundle, 0), images)


def test_unknown_devices_are_refused_with_those_there_are(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="there are nir, loihi"):
        spiking_device("brain", tiny_bundle)
    with pytest.raises(InputError, match="there are exact, pennylane, aer"):
        quantum_device("abacus", tiny_bundle, 0)


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

    def __init__(self, begins: Event, spiking_is_done: Event) -> None:
        self.begins, self.spiking_is_done = begins, spiking_is_done

    def expectations(self, circuit: ReuploadCircuit, angles: np.ndarray, shots: int | None) -> np.ndarray:
        self.begins.set()
        assert self.spiking_is_done.wait(WAIT)
        return np.zeros(angles.shape[:2])


def test_both_devices_work_at_the_same_time(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    begins, done = Event(), Event()
    snn = FakeSpiking(3 * tiny_bundle.circuit.n_qubits, begins, done)
    # Each waits for the other: one after the other, neither would ever go on.
    result = cosimulate(
        tiny_bundle, snn, FakeQuantum(begins, done), np.random.default_rng(1).random((5, *tiny_bundle.image_shape))
    )
    assert snn.calls == 3
    assert result.encoded.shape[1] == 5


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

    def __init__(self, batch: int) -> None:
        self.batch, self.calls = batch, 0

    def expectations(self, circuit: ReuploadCircuit, angles: np.ndarray, shots: int | None) -> np.ndarray:
        self.calls += 1
        if self.calls == self.batch:
            raise DeviceError("the quantum device fell over")
        return np.zeros(angles.shape[:2])


def test_an_error_of_either_device_comes_through(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    images = np.random.default_rng(2).random((6, *tiny_bundle.image_shape))
    snn = spiking_device("loihi", tiny_bundle)
    with pytest.raises(DeviceError, match="the spiking device fell over"):
        cosimulate(tiny_bundle, FailingSpiking(snn), FailingQuantum(0), images)
    for batch in (1, 2, 3):
        with pytest.raises(DeviceError, match="the quantum device fell over"):
            cosimulate(tiny_bundle, snn, FailingQuantum(batch), images)


@pytest.mark.parametrize("qpu", ["exact", "aer"])
def test_shots_are_drawn_batch_after_batch(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, qpu: str) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    images = np.random.default_rng(3).random((7, *tiny_bundle.image_shape))
    snn = spiking_device("loihi", tiny_bundle)
    result = cosimulate(tiny_bundle, snn, quantum_device(qpu, tiny_bundle, 5), images, shots=50)
    device = quantum_device(qpu, tiny_bundle, 5)
    serial = [
        device.expectations(tiny_bundle.circuit, result.angles[start : start + 2], 50) for start in range(0, 7, 2)
    ]
    assert np.array_equal(result.expectations, np.concatenate(serial))


class Answering:
    """A device of either kind that answers with what a rule makes of a right answer."""

    def __init__(self, device: SpikingDevice | QuantumDevice, change: Callable[[np.ndarray], object]) -> None:
        self.device, self.change = device, change

    def run(self, spikes: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, self.change(cast(SpikingDevice, self.device).run(spikes)))

    def expectations(self, circuit: ReuploadCircuit, angles: np.ndarray, shots: int | None) -> np.ndarray:
        values = cast(QuantumDevice, self.device).expectations(circuit, angles, shots)
        return cast(np.ndarray, self.change(values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spikes: np.pad(spikes, ((2, 0), (0, 0), (0, 0))), r"shape \[\d+, 3, 9\]; \[\d, 3, 9\] is needed"),
        (lambda spikes: spikes[:, :1], r"shape \[\d, 1, 9\]; \[\d, 3, 9\] is needed"),
        (lambda spikes: spikes[:, :, :6], r"shape \[\d, 3, 6\]; \[\d, 3, 9\] is needed"),
        (lambda spikes: np.full_like(spikes, 3), "hold the value 3; 0 and 1 are allowed"),
        (lambda spikes: 0.37 * spikes, "are float64; an array of uint8"),
        (lambda spikes: spikes.tolist(), "are list; an array of uint8"),
    ],
)
def test_spikes_that_cannot_be_are_the_devices_error(
    tiny_bundle: Bundle, change: Callable[[np.ndarray], object], message: str
) -> None:
    snn = Answering(spiking_device("loihi", tiny_bundle), change)
    with pytest.raises(DeviceError, match=f"Answering: its spikes .*{message}"):
        cosimulate(tiny_bundle, snn, quantum_device("exact", tiny_bundle, 0), tiny_bundle.golden.images[:3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values[:1], r"shape \[1, 3\]; \[3, 3\] is needed"),
        (lambda values: np.where(values == values[1], np.nan, values), "hold the value nan; -1 to 1"),
        (lambda values: values + 7, r"hold the value \S+; -1 to 1"),
        (lambda values: values.round().astype(int), "are int64; an array of floating-point"),
    ],
)
def test_expectations_that_cannot_be_are_the_devices_error(
    tiny_bundle: Bundle, change: Callable[[np.ndarray], object], message: str
) -> None:
    qpu = Answering(quantum_device("exact", tiny_bundle, 0), change)
    with pytest.raises(DeviceError, match=f"Answering: its <Z> .*{message}"):
        cosimulate(tiny_bundle, spiking_device("loihi", tiny_bundle), qpu, tiny_bundle.golden.images[:3])


class Watched:
    """A spiking device that says how far it is."""

    def __init__(self, device: SpikingDevice, watch: Watch) -> None:
        self.device, self.watch = device, watch

    def run(self, spikes: np.ndarray) -> np.ndarray:
        self.watch(spikes.shape[1])
        return self.device.run(spikes)


def test_a_device_tells_its_own_watch_again_afterwards(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosimulation, "BATCH", 2)
    own: list[int] = []
    told: list[int] = []
    snn, qpu = Watched(spiking_device("loihi", tiny_bundle), own.append), quantum_device("exact", tiny_bundle, 0)
    images = tiny_bundle.golden.images[:3]
    cosimulate(tiny_bundle, snn, qpu, images, watch=told.append)
    assert (own, told) == ([], [2, 2, 3, 3])
    cosimulate(tiny_bundle, snn, qpu, images)
    assert own == [2, 1]
    assert told == [2, 2, 3, 3]
