"""The output spikes of a stage for one sample, in each form: what a raster shows."""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool

from ....export.bundle.entries import LOIHI
from ....export.errors import SpiqError
from ....export.network.trace import Trace
from ....hardware.network.cosimulation import cosimulate, sliced
from ....hardware.registry import devices
from ..rungs import CHIP, FLOAT, LAVA
from .climbed import Climbed
from .spiking import Panel, Raster

MOST_NEURONS = 48
"""Neurons that a raster shows at most: of more, those whose spikes differ first."""


def raster(climbed: Climbed, stage: str) -> Raster:
    """The first golden sample in floating point, in fixed point and, if its rung was climbed, on real Lava."""
    found: dict[str, Bool[np.ndarray, "time neuron"]] = {}
    notes = []
    bundle = climbed.bundle
    sample = sliced(bundle.network, bundle.golden.input, slice(0, 1))
    on_chip = all(bundle.file(name, LOIHI) in bundle.content for name in bundle.network.spiking)
    for name in (FLOAT, CHIP):
        if name == CHIP and not on_chip:
            continue
        try:
            found[name] = _output(cosimulate(bundle.network, devices(bundle, name, "exact"), sample), stage, 0)
        except SpiqError as error:
            notes.append(f"{name}: {error}")
    lava = climbed.traces.get(LAVA)
    at = _place(climbed, sample)
    if lava is not None and at is not None and at < lava.samples:
        found[LAVA] = _output(lava, stage, at)
    elif lava is not None:
        notes.append(f"{LAVA}: the golden sample is not among those that ran on it")
    rows = _rows(list(found.values()))
    panels, before = [], None
    for name, spikes in found.items():
        shown = spikes[:, rows]
        differing = np.zeros_like(shown) if before is None else shown != before
        panels.append(Panel(name=name, spikes=_pairs(shown), differing=_pairs(differing)))
        before = shown
    signal = bundle.network.signals[stage]
    return Raster(
        sample=0,
        steps=signal.steps or 0,
        neurons=rows.tolist(),
        of=int(np.prod(signal.shape)),
        panels=panels,
        notes=notes,
    )


def _output(trace: Trace, stage: str, sample: int) -> Bool[np.ndarray, "time neuron"]:
    spikes = trace[stage][:, sample]
    return spikes.reshape(len(spikes), -1) != 0


def _place(climbed: Climbed, sample: np.ndarray) -> int | None:
    """Where the golden sample is among the ladder's, if it is."""
    network = climbed.bundle.network
    for number in range(len(climbed.labels)):
        if np.array_equal(sliced(network, climbed.samples, slice(number, number + 1)), sample):
            return number
    return None


def _rows(forms: list[Bool[np.ndarray, "time neuron"]]) -> np.ndarray:
    """The neurons that are shown, in their order."""
    if not forms:
        return np.zeros(0, np.int64)
    differences = np.sum([(one != other).sum(0) for one, other in pairwise(forms)], axis=0)
    count = forms[0].shape[1]
    most_different = np.argsort(-np.broadcast_to(differences, count), kind="stable")
    return np.sort(most_different[:MOST_NEURONS])


def _pairs(spikes: Bool[np.ndarray, "time row"]) -> list[tuple[int, int]]:
    return [(int(step), int(row)) for step, row in np.argwhere(spikes)]
