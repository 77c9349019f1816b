"""The validation ladder: one thing changes from rung to rung, and each is compared with the one before.

    trained   PyTorch in float64                    PyTorch in float64
    nir       the NIR file in floating point        exact
    loihi     Loihi's fixed point                   exact
    lava      the same on real Lava, some samples   exact
    qasm      Loihi's fixed point                   head.qasm in Qiskit Aer, state vector
    shots     Loihi's fixed point                   head.qasm in Qiskit Aer, finite shots

All but the first run from the bundle alone. Lava's rung is compared with loihi's first samples; qasm's again with all
of loihi's.
"""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int64

from ..export.angles import ANGLES
from ..export.bundle import WRITERS, Bundle
from ..export.errors import DeviceError, InputError
from ..hardware.catalogue import quantum_device, spiking_device
from ..hardware.cosimulation import BATCH, CoSimulation, cosimulate, from_encoded, joined
from ..hardware.lava.environment import required
from ..hardware.sample_parts import over_parts
from .checkpoint import Epoch
from .config import Config
from .model import SQDRCNN
from .rung import Climbed, Gate, Report, Rung, lava_mismatches, measured
from .tracing import traced

SKIPPED = {
    "device": "device noise models are not part of this version",
}
"""Rungs that are never climbed, with the reason."""

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
    """Climb every rung on these images; the report says how the accuracy fared and whether the gate is passed."""
    exact = quantum_device("exact", bundle, config.seed)
    aer = quantum_device("aer", bundle, config.seed)

    def on_loihi(name: str, shots: int | None) -> CoSimulation:
        # The fixed-point spikes are the same on every rung from loihi on, so they are computed once.
        encoded = climbed["loihi"].encoded
        starts = range(0, len(labels), BATCH)
        parts = []
        for start in starts:
            parts.append(from_encoded(bundle, aer, encoded[:, start : start + BATCH], shots))
            _tell(watch, name, min(start + BATCH, len(labels)), len(labels))
        return joined(parts)

    def on_spiking(name: str, samples: int = len(labels)) -> CoSimulation:
        device = spiking_device(name, bundle)
        return cosimulate(bundle, device, exact, images[:samples], None, lambda done: _tell(watch, name, done, samples))

    lava_samples = min(config.ladder.lava_samples, len(labels))
    skipped = dict(SKIPPED)
    try:
        required("lava")
    except InputError as error:
        skipped["lava"] = str(error)

    # Name, what to run, and what is held against the rung before.
    steps: list[tuple[str, Callable[[], CoSimulation] | None, str | None]] = [
        ("trained", lambda: _trained(config, model, images, watch), None),
        ("nir", lambda: on_spiking("nir"), "spikes"),
        ("loihi", lambda: on_spiking("loihi"), "spikes"),
        ("lava", lambda: on_spiking("lava", lava_samples), "spikes"),
        ("qasm", lambda: on_loihi("qasm", None), "expectations"),
        ("shots", lambda: on_loihi("shots", config.ladder.shots), "expectations"),
        ("device", None, None),
    ]
    rungs: list[Rung] = []
    climbed: dict[str, Climbed] = {}
    before: Climbed | None = None
    for name, run, compare in steps:
        if run is None or name in skipped:
            rungs.append(Rung(name=name, skipped=skipped[name]))
            continue
        started = time.perf_counter()
        try:
            result = run()
        except DeviceError as error:
            # What fails beside us must not cost the other rungs.
            rungs.append(Rung(name=name, skipped=str(error)))
            continue
        here = Climbed(result.encoded, result.expectations, result.predictions)
        samples = len(here.predictions)
        against = before.first(samples) if before else None
        rungs.append(measured(name, here, labels[:samples], against, time.perf_counter() - started, compare))
        climbed[name] = here
        if samples == len(labels):
            before = here
    return Report(
        name=config.name,
        data=config.data.source,
        parameters=model.parameter_count,
        steps=config.coding.steps,
        qubits=config.circuit.qubits,
        shots=config.ladder.shots,
        seed=config.seed,
        rungs=rungs,
        gate=gate(rungs, config.gate.max_accuracy_drop),
        training=[epoch._asdict() for epoch in history],
        versions={package: importlib.metadata.version(package) for package in (*WRITERS, "qiskit", "qiskit-aer")},
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def gate(rungs: list[Rung], max_accuracy_drop: float) -> Gate:
    """The last rung's accuracy against the first's, and Lava's spikes, which must be loihi's; a skipped rung does not
    count."""
    accuracies = [rung.accuracy for rung in rungs if rung.accuracy is not None]
    drop = accuracies[0] - accuracies[-1]
    # A share of whole samples is not exact in binary: 0.95 - 0.94 must pass a gate of 0.01.
    small = drop <= max_accuracy_drop + 1e-12
    return Gate(max_accuracy_drop=max_accuracy_drop, accuracy_drop=drop, passed=small and not lava_mismatches(rungs))


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
