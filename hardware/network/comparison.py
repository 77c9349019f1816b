"""Where two devices part: the first spike that differs, and how many do."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from ...export.errors import InputError

LayerSpikes = UInt8[np.ndarray, "time sample *layer"]


class Difference(NamedTuple):
    """One spike that only one of the devices gave. `neuron` counts in channel-height-width order."""

    sample: int
    step: int
    layer: str
    neuron: int


class Comparison(NamedTuple):
    """How many spikes differ in each layer, and the first that does: the first sample, in it the first step, in that
    the first layer. An error in one layer spoils those behind it, so the first one is the cause."""

    mismatches: dict[str, int]
    first: Difference | None


def compare(ours: Mapping[str, LayerSpikes], other: Mapping[str, LayerSpikes]) -> Comparison:
    """Hold the layers against each other that both have, in the order of the first.

    Raises InputError where they have no layer in common or a layer's shapes differ.
    """
    names = [name for name in ours if name in other]
    if not names:
        raise InputError(f"both must have a layer in common, got {', '.join(ours)} and {', '.join(other)}")
    differences = {name: _different(name, ours[name], other[name]) for name in names}
    firsts: list[tuple[int, int, int, int]] = []
    for index, different in enumerate(differences.values()):
        if different.any():
            sample, step, neuron = map(int, np.argwhere(different.transpose(1, 0, 2))[0])
            firsts.append((sample, step, index, neuron))
    counts = {name: int(different.sum()) for name, different in differences.items()}
    if not firsts:
        return Comparison(counts, None)
    sample, step, index, neuron = min(firsts)
    return Comparison(counts, Difference(sample, step, names[index], neuron))


def _different(name: str, ours: LayerSpikes, other: LayerSpikes) -> Bool[np.ndarray, "time sample neuron"]:
    flat = [layer.reshape(*layer.shape[:2], math.prod(layer.shape[2:])) for layer in (ours, other)]
    if flat[0].shape != flat[1].shape:
        raise InputError(
            f"{name}: [time, sample, neuron] must be alike, got {list(flat[0].shape)} here and {list(flat[1].shape)} "
            "there"
        )
    return flat[0] != flat[1]
