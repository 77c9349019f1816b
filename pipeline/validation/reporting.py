"""The report of a climbed ladder, put together."""

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, Shaped

from ...export.bundle.bundle import Bundle
from ...export.bundle.folder import WRITERS
from ...export.errors import InputError
from ...export.network.trace import Trace
from ...hardware.parts import BundlePart
from .analysis.accuracy_by_shots import accuracy_by_shots
from .analysis.changes import pictured
from .analysis.climbed import Climbed
from .analysis.costs import stage_costs
from .analysis.paired import Paired, paired
from .analysis.quantum import quantum_halves
from .analysis.spiking_halves import spiking_halves
from .analysis.thumbnails import thumbnails
from .ascent import Ascent
from .gate import gate, judged, least_accuracy
from .report import Report
from .rung import Rung


def reported(ascent: Ascent, rungs: list[Rung], climbed: Mapping[str, Trace]) -> Report:
    """The verdict on the rungs, where accuracy was lost, what each half did, what it costs.

    Args:
        ascent: What was climbed.
        rungs: What each rung found, in the ladder's order, skipped ones among them.
        climbed: The values on every edge by the rung's name, of those that were not skipped.
    """
    bundle, labels = ascent.bundle, ascent.labels
    least = least_accuracy(labels) if ascent.limits.min_accuracy is None else ascent.limits.min_accuracy
    network = bundle.network
    analysed = Climbed(bundle, ascent.samples, labels, climbed, ascent.ladder.shots)
    return Report(
        name=bundle.manifest.name,
        data=bundle.manifest.data,
        parameters=ascent.trained.parameter_count if ascent.trained else None,
        steps=max((network.signals[name].steps or 0 for name in network.spiking), default=0),
        qubits=sum(stage.circuit.n_qubits for stage in network.quantum.values()),
        shots=ascent.ladder.shots,
        seed=bundle.manifest.seed,
        samples=_hash(ascent.samples, labels),
        labels=labels.tolist(),
        rungs=rungs,
        gate=gate(rungs, ascent.limits.max_accuracy_drop, least, ascent.epochs),
        whole=_whole(rungs, climbed, labels),
        training=list(ascent.training),
        configuration=ascent.configuration,
        pixel_range=bundle.manifest.pixel_range,
        epochs=ascent.epochs,
        programmable=_programmable(bundle),
        spiking=spiking_halves(analysed),
        circuits=quantum_halves(analysed),
        costs=stage_costs(analysed),
        accuracy_by_shots=accuracy_by_shots(analysed),
        thumbnails=thumbnails(ascent.samples, network.input, _pictured(rungs)),
        versions={package: importlib.metadata.version(package) for package in (*WRITERS, "qiskit", "qiskit-aer")},
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    )


def _whole(rungs: list[Rung], climbed: Mapping[str, Trace], labels: Int64[np.ndarray, " sample"]) -> Paired | None:
    """The last rung of those that the gate compares against the first."""
    ends = judged(rungs)
    if len(ends) < 2:
        return None
    first, last = (climbed[rung.name].predictions for rung in (ends[0], ends[-1]))
    return paired(ends[0].name, first, last, labels)


def _hash(samples: Shaped[np.ndarray, "..."], labels: Int64[np.ndarray, " sample"]) -> str:
    """Of what the samples are, not of how they are stored: as float64, whatever they came as."""
    found = hashlib.sha256(f"{samples.shape}".encode())
    for part in samples:
        found.update(part.astype("<f8").tobytes())
    found.update(labels.astype("<i8").tobytes())
    return found.hexdigest()


def _pictured(rungs: list[Rung]) -> set[int]:
    return {change.sample for rung in rungs for change in pictured(rung.changed)}


def _programmable(bundle: Bundle) -> dict[str, list[str]]:
    """By layer, why the chip needs a programmable neuron for it."""
    found: dict[str, list[str]] = {}
    for name in bundle.network.spiking:
        try:
            layers = BundlePart(bundle, name).program.layers
        # Then the rung loihi is skipped with the reason.
        except InputError:
            continue
        found |= {layer.name: list(layer.neuron.beyond_stock) for layer in layers if layer.neuron.beyond_stock}
    return found
