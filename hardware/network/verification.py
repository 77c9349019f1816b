"""The golden samples through every file of a bundle: does this machine give what the bundle was written with?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.entries import JSON, LOIHI, NETX, NIR, ONNX, QASM
from ...export.bundle.manifest import MANIFEST, TWIN
from ...export.network.network import INPUT
from ...export.network.stages import Classical, Decode, Encode
from ...export.network.trace import Trace
from ...export.onnx.model import SPIKES
from ...export.onnx.stages.encoder import COUNTS
from ..devices import QuantumDevice
from ..loihi.formats.netx_file import netx_differences
from ..parts import BundlePart
from ..registry import devices, quantum_devices, spiking_devices
from ..runtime.onnx_session import run_onnx
from .cosimulation import completed
from .stages import Devices, run_classical

EXPECTATION_TOLERANCE = 1e-6
"""Largest difference of an expectation value, in parts of its bound or of 1: what the ladder's qasm rung is held to."""

VALUE_TOLERANCE = 1e-9
"""Largest difference of a decoded value, in parts of the largest one or of 1: one rounding in float64, and room for
another order of the factors."""

ANSWER_TOLERANCE = 1e-5
"""Largest difference of what a classical stage gives, in parts of the largest value or of 1: it may be in float32,
whose rounding grows with the values."""

STEPS_AT_ONCE = 64
"""Time steps, over all samples, that an ONNX model gets at once."""

_SPIKES = "spikes that differ"


class Check(NamedTuple):
    """One file's answer for the golden samples against the stored one.

    `difference` is a number of spikes or counts, or the largest difference of a value; `allowed` is its bound.
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
    network, golden = bundle.network, bundle.golden
    values = {INPUT: golden.input, **golden.trace}
    for name, stage in network.encodes.items():
        found = stage.coding.encode(values[network.reads[name][0]])
        yield Check(MANIFEST, f"{name}: coded spikes that differ", _unequal(found, golden.trace[name]), 0)
    yield from _spiking(bundle, values)
    for name, stage in network.decodes.items():
        found = stage(values[network.reads[name][0]])
        difference = _difference(found, golden.trace[name], relative=True)
        yield Check(MANIFEST, f"{name}: largest difference", difference, VALUE_TOLERANCE)
    for file, device in ((JSON, "exact"), (QASM, "aer")):
        for name, made in quantum_devices(device, bundle, bundle.manifest.seed).items():
            difference = _quantum_difference(made, values[network.reads[name][0]], golden.trace[name])
            yield Check(bundle.file(name, file), "largest difference of <Z>", difference, EXPECTATION_TOLERANCE)
    for name, stage in network.classical.items():
        found = run_classical(stage, [values[source] for source in network.reads[name]], bundle.where(name, ONNX))
        difference = _difference(found, golden.trace[name], relative=True)
        yield Check(bundle.file(name, ONNX), "largest difference", difference, ANSWER_TOLERANCE)
    if TWIN in bundle.content:
        yield from _twin(bundle)
    yield from _whole(bundle)


def _spiking(bundle: Bundle, values: dict[str, np.ndarray]) -> Iterator[Check]:
    network, golden = bundle.network, bundle.golden
    loihi = golden.loihi
    on_nir = spiking_devices("nir", bundle)
    on_loihi = {} if loihi is None else spiking_devices("loihi", bundle)
    for name, stage in network.spiking.items():
        spikes = _shaped(values[network.reads[name][0]], stage.graph.input_shape)
        found = on_nir[name].run(spikes)
        yield Check(bundle.file(name, NIR), _SPIKES, _unequal(found, golden.trace[name]), 0)
        if bundle.file(name, ONNX) in bundle.content:
            counts = _over_samples(bundle.part(name, ONNX), {SPIKES: spikes}, bundle.where(name, ONNX))[COUNTS]
            stored = golden.trace[name].sum(0, dtype=np.int64)
            yield Check(bundle.file(name, ONNX), "counts that differ", _unequal(counts, stored), 0)
        if loihi is not None:
            source = network.reads[name][0]
            given = loihi[source] if source in loihi else values[source]
            found = on_loihi[name].run(_shaped(given, stage.graph.input_shape))
            yield Check(bundle.file(name, LOIHI), _SPIKES, _unequal(found, loihi[name]), 0)
        if bundle.file(name, NETX) in bundle.content:
            part = BundlePart(bundle, name)
            differing = netx_differences(part.netx, part.program)
            what = f"entries that are not as in {bundle.file(name, LOIHI)}"
            yield Check(bundle.file(name, NETX), what, differing, 0)


def _twin(bundle: Bundle) -> Iterator[Check]:
    network, trace = bundle.network, bundle.golden.trace
    inputs: dict[str, np.ndarray] = {name: trace[name] for name in network.encodes}
    if any(
        INPUT in sources and not isinstance(network.stages[name], Encode) for name, sources in network.reads.items()
    ):
        inputs[INPUT] = bundle.golden.input
    found = _over_samples(bundle.content[TWIN], inputs, str(bundle.path / TWIN))
    for stage, output in bundle.twin_outputs.items():
        flat = found[output].reshape(len(found[output]), -1)
        stored = trace[stage].reshape(len(flat), -1)
        if stage == network.output and bundle.golden.labels is not None:
            unequal = _unequal(Trace(network, {stage: flat}).predictions, trace.predictions)
            yield Check(TWIN, "predictions that differ", unequal, 0)
        yield Check(TWIN, f"{stage}: largest difference", _difference(flat, stored, relative=True), ANSWER_TOLERANCE)


def _whole(bundle: Bundle) -> Iterator[Check]:
    """From the samples themselves, through the fixed point and OpenQASM where the bundle has them."""
    golden, network = bundle.golden, bundle.network
    snn, wanted = ("nir", golden.trace) if golden.loihi is None else ("loihi", golden.loihi)
    on: Devices = devices(bundle, snn, "aer", 0)
    found = completed(network, on, golden.input, Trace(network, {}))
    for name in network.order:
        if name not in wanted or name in network.encodes:
            continue
        what = f"from the samples through {snn} and OpenQASM: {name}"
        if name in network.spiking:
            yield Check("all of them", f"{what}, {_SPIKES}", _unequal(found[name], wanted[name]), 0)
        else:
            allowed = {Classical: ANSWER_TOLERANCE, Decode: VALUE_TOLERANCE}.get(
                type(network.stages[name]), EXPECTATION_TOLERANCE
            )
            difference = _difference(found[name], wanted[name], relative=True)
            yield Check("all of them", f"{what}, largest difference", difference, allowed)


def _over_samples(
    content: bytes, inputs: dict[str, np.ndarray], name: str
) -> dict[str, Shaped[np.ndarray, "sample value"]]:
    """What a model gives, a few samples at a time: it lays out every window of each step. uint8 are spikes."""
    steps = max((len(values) for values in inputs.values() if values.dtype == np.uint8), default=1)
    axes = {key: int(values.dtype == np.uint8) for key, values in inputs.items()}
    samples = next(values.shape[axes[key]] for key, values in inputs.items())
    size = max(1, STEPS_AT_ONCE // steps)
    parts = []
    for start in range(0, samples, size):
        given = {
            key: values.take(range(start, min(start + size, samples)), axes[key]) for key, values in inputs.items()
        }
        parts.append(run_onnx(content, given, name))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _quantum_difference(device: QuantumDevice, inputs: np.ndarray, stored: np.ndarray) -> float:
    values = device.run(inputs.reshape(len(inputs), -1).astype(np.float64), None).values
    scale = np.maximum(1, device.circuit.bounds)
    return float((np.abs(values - stored) / scale).max())


def _shaped(spikes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return spikes.reshape(*spikes.shape[:2], *shape)


def _difference(found: np.ndarray, stored: np.ndarray, relative: bool) -> float:
    """max |found - stored|, if relative over the largest stored value of each sample, or 1."""
    flat = stored.reshape(len(stored), -1)
    scale = np.maximum(1, np.abs(flat).max(-1, keepdims=True)) if relative else 1.0
    return float((np.abs(found.reshape(flat.shape) - flat) / scale).max())


def _unequal(found: np.ndarray, stored: np.ndarray) -> int:
    return int((found != stored).sum())
