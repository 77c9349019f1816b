"""How many shots the accuracy needs: the network with its circuits measured more and more often."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped
from pydantic import BaseModel, ConfigDict

from ....export.network.network import HybridNetwork
from ....export.network.trace import Trace
from ....hardware.network.cosimulation import completed, sliced
from ....hardware.network.stages import Devices
from ....hardware.qpu.measurement import bases_of
from ....hardware.registry import quantum_devices
from ..failures import failures, reason
from ..rungs import CIRCUIT, SHOTS
from .climbed import Climbed
from .confidence import wilson

NUMBERS = (16, 64, 256, 1024, 4096)
"""Measurements of each basis per sample, beside the ladder's own."""

MOST_SAMPLES = 200
"""Samples that are measured with each number of shots, the first ones: some 3 seconds with 9 qubits."""

LEAST_SAMPLES = 30
"""With fewer samples the intervals would be too wide to tell anything."""

MOST_UPDATES = 2**30
"""Of amplitudes, in all samples at one number of shots: bases · gates · 2^qubits each. With so large circuits fewer
samples are run."""


class AccuracyAtShots(BaseModel):
    """The accuracy with so many shots, and its 95% Wilson interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shots: int
    accuracy: float
    interval: tuple[float, float]


class AccuracyByShots(BaseModel):
    """The accuracy of the network with its circuits measured in Qiskit Aer, by the number of shots.

    Attributes:
        samples: How many samples it is measured on, the first ones of the ladder; 0 where it is not measured.
        exact: The accuracy on the same samples with exact expectation values; None where it is not known.
        measured: By rising number of shots.
        unmeasured: Why it is not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    exact: float | None = None
    measured: list[AccuracyAtShots] = []
    unmeasured: str | None = None


def accuracy_by_shots(climbed: Climbed) -> AccuracyByShots | None:
    """Measure the circuits with each of NUMBERS of shots; nothing that fails here is raised.

    What the circuits do not change is taken from the rung `qasm`. The shots are drawn with the bundle's seed, so they
    are the same ones every time.

    Returns:
        None where the network has no circuit.
    """
    if not climbed.bundle.network.quantum:
        return None
    if CIRCUIT not in climbed.traces:
        return AccuracyByShots(samples=0, unmeasured=f"the rung {CIRCUIT} was skipped")
    samples = min(MOST_SAMPLES, len(climbed.labels), MOST_UPDATES // _updates(climbed.bundle.network))
    if samples < min(LEAST_SAMPLES, len(climbed.labels)):
        return AccuracyByShots(samples=0, unmeasured="the circuits are too large to be measured so often")
    exact = climbed.traces[CIRCUIT].first(samples)
    try:
        measured = [_at(climbed, exact, shots) for shots in sorted({*NUMBERS, climbed.shots})]
    # A report without this figure is better than none.
    except failures() as error:
        return AccuracyByShots(samples=0, unmeasured=reason(error))
    accuracy = float((exact.predictions == climbed.labels[:samples]).mean())
    return AccuracyByShots(samples=samples, exact=accuracy, measured=measured)


def _updates(network: HybridNetwork) -> int:
    """Of amplitudes in one sample."""
    circuits = [stage.circuit for stage in network.quantum.values()]
    return sum((len(bases_of(one)) * max(len(one.gates), 1)) << one.n_qubits for one in circuits)


def _at(climbed: Climbed, exact: Trace, shots: int) -> AccuracyAtShots:
    samples = exact.samples
    if shots == climbed.shots and SHOTS in climbed.traces:
        trace = climbed.traces[SHOTS].first(samples)
    else:
        bundle = climbed.bundle
        on = Devices({}, quantum_devices("aer", bundle, bundle.manifest.seed))
        first = sliced(bundle.network, climbed.samples, slice(0, samples))
        trace = completed(bundle.network, on, first, Trace(bundle.network, _before_circuits(exact)), shots)
    right = int((trace.predictions == climbed.labels[:samples]).sum())
    return AccuracyAtShots(shots=shots, accuracy=right / samples, interval=wilson(right, samples))


def _before_circuits(exact: Trace) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """What the stages gave that no circuit leads to, and the spikes, which every rung behind `loihi` takes as known."""
    network = exact.network
    circuits = network.quantum.keys()
    return {
        name: values
        for name, values in exact.items()
        if name in network.spiking or not (name in circuits or network.before({name}) & circuits)
    }
