"""The co-simulation against the parts by hand: snnTorch's spikes, PennyLane's circuit, the readout's matrix."""

import numpy as np
import onnx
import pennylane as qml
import pytest
from onnx import numpy_helper

from spiq.export.bundle import Bundle
from spiq.export.errors import InputError
from spiq.hardware import cosimulation
from spiq.hardware.catalogue import quantum_device, spiking_device
from spiq.hardware.cosimulation import cosimulate


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
        (np.full((1, 1, 8, 8), np.nan), "NaN|nan|finite|number"),
        (np.full((1, 1, 8, 8), 2.0), "0"),
    ],
)
def test_images_that_do_not_fit_are_refused(tiny_bundle: Bundle, images: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cosimulate(tiny_bundle, spiking_device("nir", tiny_bundle), quantum_device("exact", tiny_bundle, 0), images)


def test_unknown_devices_are_refused_with_those_there_are(tiny_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="there are nir, loihi"):
        spiking_device("brain", tiny_bundle)
    with pytest.raises(InputError, match="there are exact, aer"):
        quantum_device("abacus", tiny_bundle, 0)
