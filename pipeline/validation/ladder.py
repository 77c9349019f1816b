"""The validation ladder: one thing changes from rung to rung, and each is compared with the one before.

    trained   PyTorch in float64                    PyTorch in float64
    nir       the NIR file in floating point        exact
    loihi     Loihi's fixed point                   exact
    lava      the same on real Lava, some samples   exact
    qasm      Loihi's fixed point                   head.qasm in Qiskit Aer, state vector
    shots     Loihi's fixed point                   head.qasm in Qiskit Aer, finite shots

All but the first run from the bundle alone. Lava's rung is compared with loihi's first samples; qasm's again with all
of loihi's. A rung that fails is skipped, and the others are climbed.
"""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import onnxruntime.capi.onnxruntime_pybind11_state as onnxruntime_errors
from jaxtyping import Float, Int64
from qiskit.exceptions import QiskitError

from ...export.angles import ANGLES
from ...export.bundle.folder import WRITERS, Bundle
from ...export.errors import InputError
from ...hardware.catalogue import loihi_program, quantum_device, spiking_device
from ...hardware.cosimulation import BATCH, CoSimulation, cosimulate, from_encoded, joined
from ...hardware.lava.environment.setup import required
from ...hardware.runtime.sample_parts import over_parts
from ..config.schema import Config
from ..models.sqdr_cnn import SQDRCNN
from ..models.tracing import traced
from ..training.checkpoint import Epoch, epochs_of
from .gate import gate, least_accuracy
from .rung import Climbed, Report, Rung, measured

SKIPPED = {
    "device": "device noise models are not part of this version",
}
"""Rungs that are never climbed, with the reason."""

FAILURES = (
    InputError,
    MemoryError,
    OSError,
    RuntimeError,
    QiskitError,
    *(error for error in vars(onnxruntime_errors).values() if isinstance(error, type) and issubclass(error, Exception)),
)
"""What a rung may fail by: a device that refuses or fails (DeviceError is an InputError), memory that is full, a
process or file of the system, and what PyTorch and other C++ libraries (RuntimeError), Qiskit and onnxruntime raise,
whose errors have no common base."""

LONGEST_REASON = 300
"""Characters of a library's own message that a report quotes."""

PYTORCH_BATCH = 16
"""Samples that a thread of PyTorch takes at once in float64: what stays in the cache is twice as fast."""

Watch = Callable[[str, int, int], None]
"""Told on the way: the rung's name, samples done, samples in all."""


def climb(
    config: Config,
    model: SQDRCNN,
    history: tuple[Epoch, ...],
    bundle: Bundle,
    images: Float[np.ndarray, "sample channel height width"],
    labels: Int64[np.ndarray, " sample"],
    watch: Watch | None = None,
) -> Report:
    """Climb every rung on these images; the report says how the accuracy fared and whether the gate is passed.

    A rung that fails, by what FAILURES lists, is skipped with the reason, and so are the rungs that need its spikes;
    the others are climbed, each compared with the last one before it that was measured on all images. Any other
    exception is a fault in the program and is raised.
    """
    skipped: dict[str, str] = {}
    try:
        required("lava")
    except InputError as error:
        skipped["lava"] = str(error)
    rungs: list[Rung] = []
    climbed: dict[str, Climbed] = {}
    before: Climbed | None = None
    for step in _steps(config, model, bundle, images, climbed, watch):
        started = time.perf_counter()
        result = _attempt(step, skipped)
        seconds = time.perf_counter() - started
        if result is None:
            rungs.append(Rung(name=step.name, skipped=skipped[step.name]))
            continue
        here = Climbed(result.encoded, result.expectations, result.predictions)
        samples = len(here.predictions)
        against = before.first(samples) if before else None
        rungs.append(measured(step.name, here, labels[:samples], against, seconds, step.compare))
        climbed[step.name] = here
        if samples == len(labels):
            before = here
    rungs += [Rung(name=name, skipped=reason) for name, reason in SKIPPED.items()]
    least = least_accuracy(labels) if config.gate.min_accuracy is None else config.gate.min_accuracy
    epochs = epochs_of(history, config)
    return Report(
        name=config.name,
        data=config.data.source,
        parameters=model.parameter_count,
        steps=config.coding.steps,
        qubits=config.circuit.qubits,
        shots=config.ladder.shots,
        seed=config.seed,
        rungs=rungs,
        gate=gate(rungs, config.gate.max_accuracy_drop, least, epochs),
        training=[epoch._asdict() for epoch in history],
        pixel_range=bundle.manifest.pixel_range,
        epochs=epochs,
        programmable=_programmable(bundle),
        versions={package: importlib.metadata.version(package) for package in (*WRITERS, "qiskit", "qiskit-aer")},
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def _programmable(bundle: Bundle) -> dict[str, list[str]]:
    """By layer, why the chip needs a programmable neuron for it."""
    try:
        layers = loihi_program(bundle).layers
    # Then the rung loihi is skipped with the reason.
    except InputError:
        return {}
    return {layer.name: list(layer.neuron.beyond_stock) for layer in layers if layer.neuron.beyond_stock}


class _Step(NamedTuple):
    """A rung to climb: how, what is held against the rung before, and the rung whose spikes it takes or must equal."""

    name: str
    run: Callable[[], CoSimulation]
    compare: str | None = None
    needs: str | None = None


def _steps(
    config: Config,
    model: SQDRCNN,
    bundle: Bundle,
    images: Float[np.ndarray, "sample channel height width"],
    climbed: Mapping[str, Climbed],
    watch: Watch | None,
) -> Iterator[_Step]:
    """The rungs in their order; a device is made by the rung that runs on it, so it can fail alone.

    `climbed` has what the rungs before gave.
    """
    total = len(images)

    def on_loihi(name: str, shots: int | None) -> CoSimulation:
        # The fixed-point spikes are the same on every rung from loihi on, so they are computed once.
        encoded = climbed["loihi"].encoded
        aer = quantum_device("aer", bundle, config.seed)
        parts = []
        for start in range(0, total, BATCH):
            parts.append(from_encoded(bundle, aer, encoded[:, start : start + BATCH], shots))
            _tell(watch, name, min(start + BATCH, total), total)
        return joined(parts)

    def on_spiking(name: str, samples: int) -> CoSimulation:
        device, exact = spiking_device(name, bundle), quantum_device("exact", bundle, config.seed)
        return cosimulate(bundle, device, exact, images[:samples], None, lambda done: _tell(watch, name, done, samples))

    lava_samples = min(config.ladder.lava_samples, total)
    yield _Step("trained", lambda: _trained(config, model, images, watch))
    yield _Step("nir", lambda: on_spiking("nir", total), "spikes")
    yield _Step("loihi", lambda: on_spiking("loihi", total), "spikes")
    yield _Step("lava", lambda: on_spiking("lava", lava_samples), "spikes", needs="loihi")
    yield _Step("qasm", lambda: on_loihi("qasm", None), "expectations", needs="loihi")
    yield _Step("shots", lambda: on_loihi("shots", config.ladder.shots), "expectations", needs="loihi")


def _attempt(step: _Step, skipped: dict[str, str]) -> CoSimulation | None:
    """What the rung gives; None where it is skipped, and why is in `skipped` then."""
    if step.name in skipped:
        return None
    if step.needs in skipped:
        skipped[step.name] = f"needs the spikes of {step.needs}, which was skipped: {skipped[step.needs]}"
        return None
    try:
        return step.run()
    except FAILURES as error:
        # What fails beside us must not cost the other rungs.
        skipped[step.name] = _reason(error)
        return None


def _reason(error: BaseException) -> str:
    """Why a rung failed, on one line."""
    if isinstance(error, InputError):
        return str(error)
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:LONGEST_REASON]}" if words else type(error).__name__


def _trained(
    config: Config, model: SQDRCNN, images: Float[np.ndarray, "sample channel height width"], watch: Watch | None
) -> CoSimulation:
    samples, qubits, classes = len(images), config.circuit.qubits, model.readout.out_features
    # One place for all answers: small ones kept between the large tensors of every part would hold their memory open.
    whole = CoSimulation(
        np.empty((config.coding.steps, samples, ANGLES * qubits), np.uint8),
        np.empty((samples, qubits, ANGLES)),
        np.empty((samples, qubits)),
        np.empty((samples, classes)),
    )

    def run(part: slice) -> int:
        found = traced(model, config.coding_scheme.encode(images[part], part.start))
        whole.encoded[:, part] = found.encoded
        whole.angles[part], whole.expectations[part], whole.logits[part] = found[1:]
        return part.stop

    # Converted before the threads begin, each of which would do it.
    model.double().eval()
    for done in over_parts(run, samples, PYTORCH_BATCH):
        _tell(watch, "trained", done, samples)
    return whole


def _tell(watch: Watch | None, name: str, done: int, total: int) -> None:
    if watch:
        watch(name, done, total)
