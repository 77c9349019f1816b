"""The golden samples through every file of a bundle: does this machine give what the bundle was written with?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from ..export.bundle.folder import Bundle
from .catalogue import loihi_program, quantum_device, spiking_device
from .cosimulation import cosimulate, read_out, sample_angles
from .loihi.formats.netx_file import netx_differences
from .runtime.onnx_session import run_onnx

EXPECTATION_TOLERANCE = 1e-6
"""Largest difference of an <Z>: the bound that the ladder's qasm rung is held to."""

ANGLE_TOLERANCE = 1e-9
"""Largest difference of an angle in radians: one rounding in float64, and room for another order of the factors."""

LOGIT_TOLERANCE = 1e-5
"""Largest difference of a logit, in parts of the largest logit or of 1: the readout is in float32, whose rounding grows
with the logits."""

STEPS_AT_ONCE = 64
"""Time steps, over all samples, that an ONNX model gets at once."""

_ANGLES = "largest difference of an angle"
_EXPECTATIONS = "largest difference of <Z>"
_LOGITS = "largest difference of a logit, over the largest logit or 1"


class Check(NamedTuple):
    """One file's answer for the golden samples against the stored one.

    `difference` is a number of spikes or counts, or the largest difference of a value, of logits in parts of the
    largest one or of 1; `allowed` is its bound.
    """

    file: str
    what: str
    difference: float
    allowed: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.allowed


def verify(bundle: Bundle) -> Iterator[Check]:
    """Check the files one after the other. An opened bundle's hashes are right already.

    Every golden array is held against what a file gives, but for the labels: no file gives them again, and an opened
    bundle's are classes.
    """
    golden = bundle.golden
    coded = bundle.coding.encode(golden.images)
    yield Check("manifest.json", "coded spikes that differ", _unequal(coded, golden.spikes), 0)
    angles = sample_angles(golden.encoded, bundle.manifest.angle_scale)
    yield Check("manifest.json", _ANGLES, _difference(angles, golden.angles), ANGLE_TOLERANCE)
    encoded = spiking_device("nir", bundle).run(golden.spikes)
    yield Check("encoder.nir", "encoder spikes that differ", _unequal(encoded, golden.encoded), 0)
    counts = _over_samples(bundle, "encoder.onnx", "counts")
    stored = golden.encoded.sum(0, dtype=np.int64)
    yield Check("encoder.onnx", "counts that differ", _unequal(counts, stored), 0)
    encoded = spiking_device("loihi", bundle).run(golden.spikes)
    yield Check("loihi.npz", "encoder spikes that differ", _unequal(encoded, golden.loihi_encoded), 0)
    if "encoder.net" in bundle.content:
        differing = netx_differences(bundle.content["encoder.net"], loihi_program(bundle))
        yield Check("encoder.net", "entries that are not as in loihi.npz", differing, 0)
    for file, name in (("head.json", "exact"), ("head.qasm", "aer")):
        device = quantum_device(name, bundle, bundle.manifest.seed)
        found = device.expectations(bundle.circuit, golden.angles, None)
        yield Check(file, _EXPECTATIONS, _difference(found, golden.expectations), EXPECTATION_TOLERANCE)
    error = _logit_difference(
        read_out(bundle.content["readout.onnx"], golden.expectations, str(bundle.path / "readout.onnx")), golden.logits
    )
    yield Check("readout.onnx", _LOGITS, error, LOGIT_TOLERANCE)
    logits = _over_samples(bundle, "model.onnx", "logits")
    unequal = _unequal(logits.argmax(-1), golden.logits.argmax(-1))
    yield Check("model.onnx", "predictions that differ", unequal, 0)
    error = _logit_difference(logits, golden.logits)
    yield Check("model.onnx", _LOGITS, error, LOGIT_TOLERANCE)
    whole = cosimulate(bundle, spiking_device("loihi", bundle), quantum_device("aer", bundle, 0), golden.images)
    for what, error, allowed in (
        (_ANGLES, _difference(whole.angles, golden.loihi_angles), ANGLE_TOLERANCE),
        (_EXPECTATIONS, _difference(whole.expectations, golden.loihi_expectations), EXPECTATION_TOLERANCE),
        (_LOGITS, _logit_difference(whole.logits, golden.loihi_logits), LOGIT_TOLERANCE),
    ):
        yield Check("all of them", f"from images through loihi.npz and head.qasm: {what}", error, allowed)


def _over_samples(bundle: Bundle, file: str, output: str) -> Shaped[np.ndarray, "sample value"]:
    """That output of a model for the golden spikes, a few samples at a time: it lays out every window of each step."""
    spikes = bundle.golden.spikes
    size = max(1, STEPS_AT_ONCE // len(spikes))
    parts = [spikes[:, start : start + size] for start in range(0, spikes.shape[1], size)]
    name = str(bundle.path / file)
    return np.concatenate([run_onnx(bundle.content[file], {"spikes": part}, name)[output] for part in parts])


def _difference(found: np.ndarray, stored: np.ndarray) -> float:
    return float(np.abs(found - stored).max())


def _logit_difference(found: Float[np.ndarray, "sample class"], stored: Float[np.ndarray, "sample class"]) -> float:
    """max |found - stored| / max(1, |stored|), with the largest stored logit of each sample."""
    scale = np.maximum(1, np.abs(stored).max(-1, keepdims=True))
    return float((np.abs(found - stored) / scale).max())


def _unequal(found: np.ndarray, stored: np.ndarray) -> int:
    return int((found != stored).sum())
