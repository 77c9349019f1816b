"""Both halves of a bundle together again: images in, logits out, and every value between.

The host codes the images to spikes, a spiking device turns them into the encoder's spikes, the host turns their
counts into angles, a quantum device gives <Z> of each qubit, and the host reads the logits out of them.

The host and the two devices work at the same time: while the quantum device has one batch, the spiking device has the
next, and the host codes the one after it. No more than these three batches are held at once, so memory does not grow
with the number of samples, the answers aside.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, UInt8

from ..export.angles import ANGLES, angles_from_counts
from ..export.bundle.folder import Bundle
from ..export.errors import InputError
from .devices import QuantumDevice, SpikingDevice, Watch, WatchedDevice, checked_answer, checked_expectations
from .runtime.onnx_session import run_onnx

BATCH = 1000
"""Samples handed to the devices at once."""


class CoSimulation(NamedTuple):
    """What each part gave for each sample; angles are in radians."""

    encoded: UInt8[np.ndarray, "time sample feature"]
    angles: Float[np.ndarray, "sample qubit 3"]
    expectations: Float[np.ndarray, "sample qubit"]
    logits: Float[np.ndarray, "sample class"]

    @property
    def counts(self) -> Int64[np.ndarray, "sample feature"]:
        """How often each feature spiked."""
        return self.encoded.sum(0, dtype=np.int64)

    @property
    def predictions(self) -> Int64[np.ndarray, " sample"]:
        """The class with the largest logit, the first of equals."""
        return self.logits.argmax(-1)


def cosimulate(
    bundle: Bundle,
    snn: SpikingDevice,
    qpu: QuantumDevice,
    images: Float[np.ndarray, "sample channel height width"],
    shots: int | None = None,
    watch: Watch | None = None,
) -> CoSimulation:
    """Run the images, with pixels in [0, 1], through the bundle on the two devices.

    `shots` measurements a sample, or exact expectation values; `watch` hears how far the spiking device is. Raises
    InputError where the images do not fit the bundle or the shots are not positive, and DeviceError where a device
    fails or what it answers is not what it must be.
    """
    if images.shape[1:] != bundle.image_shape:
        needed = ", ".join(map(str, bundle.image_shape))
        raise InputError(f"images have the shape {list(images.shape)}; the bundle reads [sample, {needed}]")
    if not len(images):
        raise InputError("there are no images; at least one is needed")
    answers: list[Future[CoSimulation]] = []
    # The spiking device has the main thread, where Ctrl-C arrives: it may have processes to end.
    with ThreadPoolExecutor(1) as host, ThreadPoolExecutor(1) as quantum, _own_watch(snn):
        coded = host.submit(bundle.coding.encode, images[:BATCH], 0)
        for start in range(0, len(images), BATCH):
            spikes = coded.result()
            if start + BATCH < len(images):
                coded = host.submit(bundle.coding.encode, images[start + BATCH : start + 2 * BATCH], start + BATCH)
            if answers and answers[-1].done():
                # What failed there need not wait for another batch of spikes.
                answers[-1].result()
            if watch and isinstance(snn, WatchedDevice):
                snn.watch = partial(_tell, watch, start)
            shape = (*spikes.shape[:2], ANGLES * bundle.circuit.n_qubits)
            encoded = checked_answer(snn, snn.run(spikes), shape)
            if answers:
                answers[-1].result()
            answers.append(quantum.submit(from_encoded, bundle, qpu, encoded, shots))
            if watch:
                watch(min(start + BATCH, len(images)))
        return joined([answer.result() for answer in answers])


def _tell(watch: Watch, before: int, done: int) -> None:
    watch(before + done)


@contextmanager
def _own_watch(snn: SpikingDevice) -> Iterator[None]:
    """At the block's end the device tells whom it told before."""
    if not isinstance(snn, WatchedDevice):
        yield
        return
    before = snn.watch
    try:
        yield
    finally:
        snn.watch = before


def from_encoded(
    bundle: Bundle, qpu: QuantumDevice, encoded: UInt8[np.ndarray, "time sample feature"], shots: int | None
) -> CoSimulation:
    """The way from the encoder's spikes on. Raises as `cosimulate` does."""
    angles = sample_angles(encoded, bundle.manifest.angle_scale)
    expectations = checked_expectations(qpu, qpu.expectations(bundle.circuit, angles, shots), angles.shape[:2])
    logits = read_out(bundle.content["readout.onnx"], expectations, str(bundle.path / "readout.onnx"))
    return CoSimulation(encoded, angles, expectations, logits)


def sample_angles(
    encoded: UInt8[np.ndarray, "time sample feature"], angle_scale: float
) -> Float[np.ndarray, "sample qubit 3"]:
    """Each sample's angles in radians, from the encoder's spikes."""
    return angles_from_counts(encoded.sum(0, dtype=np.float64), len(encoded), angle_scale)


def read_out(
    readout: bytes, expectations: Float[np.ndarray, "sample qubit"], name: str = "readout.onnx"
) -> Float[np.ndarray, "sample class"]:
    """The logits that readout.onnx, which errors call `name`, gives.

    Raises InputError where onnxruntime cannot run it, and where a logit is not finite.
    """
    logits = run_onnx(readout, {"expectations": expectations.astype(np.float32)}, name)["logits"]
    if not np.isfinite(logits).all():
        where = ", ".join(map(str, np.argwhere(~np.isfinite(logits))[0]))
        raise InputError(f"{name}: the logit [sample, class] = [{where}] is not finite; every logit must be")
    return logits


def joined(parts: list[CoSimulation]) -> CoSimulation:
    """Batches put together along the samples."""
    encoded, *rest = zip(*parts, strict=True)
    return CoSimulation(np.concatenate(encoded, axis=1), *(np.concatenate(values) for values in rest))
