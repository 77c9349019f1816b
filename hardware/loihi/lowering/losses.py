"""What quantization took from a network: weights that became 0, and neurons that can no longer fire.

Eight bits hold a ratio of about 250 between the largest weight of a layer and the smallest that is not 0. Where one
weight is far larger than the rest, the rest is lost, and neurons fall silent.

Whether a neuron can fire is asked at its most favourable: every source that can fire does so at every step, but for
those that inhibit it, without end. With the excitation e, the sum of these weights, it comes to

    u = e / current_decay,   v = (u + bias) / voltage_decay        without a leak it grows without end, if u + bias > 0

in real numbers; in the chip's integers to the u and v at which a step of `simulate` takes as much away as it adds.
Below a threshold that lies below rest v may also be driven further down: then the first step is the most favourable,
with v = e + bias. What the reset of programmable neurons does after the first spike does not matter here, and neither
does what it takes off before: a negative amount, which adds to v, counts wherever v may be above the threshold without
a spike. So a neuron that is said to be silent is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Real

from ....export.errors import InputError
from ....export.nir.neuron_step import Subtraction
from .. import chip
from ..neuron_group import NeuronGroup, TakeOff
from ..program import INPUT, Layer, LoihiProgram
from ..synapse import Synapse, received
from .float_layer import FloatLayer

MOST_ZEROED = 0.1
"""The fraction of a layer's weights above which becoming 0 is worth a warning. Of normally distributed weights one or
two in a hundred do."""

MOST_SILENCED = 0.01
"""The fraction of a layer's neurons above which falling silent is worth a warning."""

ENDLESS = 2**44
"""More than any threshold, or what any neuron receives with a decay of 1/4096, and still a number of 64 bits."""

CanFire = Bool[np.ndarray, " neuron"]


class LayerLoss(NamedTuple):
    """Of the layer's `weights` that were not 0 how many became 0, of its `neurons` that could fire how many no longer
    can, and the largest weight as a fraction of the largest that the chip could hold.
    """

    layer: str
    weights: int
    zeroed: int
    neurons: int
    silenced: int
    range_used: float

    def warnings(self) -> Iterator[str]:
        """A sentence for each loss that is large."""
        if self.zeroed > MOST_ZEROED * self.weights:
            yield f"layer {self.layer!r}: {self.zeroed} of its {self.weights} weights became 0 in the chip's 8 bits"
        if self.silenced > MOST_SILENCED * self.neurons:
            yield f"layer {self.layer!r}: {self.silenced} of its {self.neurons} neurons that could fire can no longer"


def losses(layers: Sequence[FloatLayer], program: LoihiProgram) -> tuple[LayerLoss, ...]:
    """What each layer of the program lost against its real numbers, in order.

    Raises InputError where the program is not one of these layers.
    """
    _check_same(layers, program)
    everything = {INPUT: np.ones(int(np.prod(program.input_shape)), bool)}
    real, whole = dict(everything), dict(everything)
    found: list[LayerLoss] = []
    for index, (before, after) in enumerate(zip(layers, program.layers, strict=True)):
        real[index] = _can_fire(before, index, real, program.largest_input)
        whole[index] = _can_fire(after, index, whole, program.largest_input)
        pairs = [
            (was.synapse.weight, now.synapse.weight)
            for was, now in zip(before.connections, after.connections, strict=True)
        ]
        found.append(
            LayerLoss(
                after.name,
                sum(int(np.count_nonzero(was)) for was, _ in pairs),
                sum(int(np.count_nonzero((was != 0) & (now == 0))) for was, now in pairs),
                int(real[index].sum()),
                int((real[index] & ~whole[index]).sum()),
                max(_range_used(now) for _, now in pairs),
            )
        )
    return tuple(found)


def _check_same(layers: Sequence[FloatLayer], program: LoihiProgram) -> None:
    real, whole = (
        [
            (layer.name, [(part.source, type(part.synapse), part.synapse.weight.shape) for part in layer.connections])
            for layer in some
        ]
        for some in (layers, program.layers)
    )
    if real != whole:
        raise InputError("the program's layers must be the graph's, got others, so what quantization took is not known")


def _range_used(weight: np.ndarray) -> float:
    grid = chip.weight_grid(weight)
    return float(np.abs(weight.astype(np.int64)).max()) / max(grid.most, -grid.least)


def _can_fire(layer: FloatLayer | Layer, index: int, sources: Mapping[int, CanFire], largest_input: int) -> CanFire:
    """Which neurons of the layer can fire where those of its sources can that are told."""
    known = dict(sources)
    known[index] = np.zeros(int(np.prod(layer.shape if isinstance(layer, FloatLayer) else layer.neuron.shape)), bool)
    while True:
        parts = [
            _excitation(part.synapse, known[part.source]) * (largest_input if part.source == INPUT else 1)
            for part in layer.connections
        ]
        excitation = np.add.reduce(parts)
        if isinstance(layer, FloatLayer):
            found = _fires_in_real_numbers(layer, excitation)
        else:
            found = _fires_in_whole_numbers(layer.neuron, excitation.astype(np.int64))
        # A neuron that hears itself may get from its own group what it lacks.
        if (found == known[index]).all():
            return found
        known[index] = found


def _excitation(synapse: Synapse, can_fire: CanFire) -> Float[np.ndarray, " neuron"]:
    """What each neuron receives where all sources fire, but for those that inhibit it."""
    positive = replace(synapse, weight=np.maximum(synapse.weight, 0))
    return received(positive, can_fire.astype(np.uint8).reshape(1, 1, *synapse.input_shape)).reshape(-1)


def _fires_in_real_numbers(layer: FloatLayer, excitation: Float[np.ndarray, " neuron"]) -> CanFire:
    threshold, current_decay, voltage_decay = (
        np.broadcast_to(values, layer.shape).reshape(-1)
        for values in (layer.threshold, layer.current_decay, layer.voltage_decay)
    )
    bias = layer.bias.reshape(-1)
    driven = _divided(excitation, current_decay) + bias
    amount = layer.reset.amount if isinstance(layer.reset, Subtraction) else np.zeros(1)
    return _passes(
        threshold,
        excitation + bias,
        _divided(driven, voltage_decay),
        np.broadcast_to(amount, layer.shape).reshape(-1),
    )


def _fires_in_whole_numbers(neuron: NeuronGroup, excitation: Int64[np.ndarray, " neuron"]) -> CanFire:
    threshold, current_decay, voltage_decay, bias, amount = (
        np.broadcast_to(values, neuron.shape).reshape(-1).astype(np.int64)
        for values in (
            neuron.threshold,
            neuron.current_decay,
            neuron.voltage_decay,
            neuron.bias_mantissa.astype(np.int64) << neuron.bias_exponent,
            neuron.reset.amount if isinstance(neuron.reset, TakeOff) else 0,
        )
    )
    current = excitation << chip.INPUT_SHIFT
    driven = _limit(current, current_decay) + bias
    return _passes(
        threshold << chip.INPUT_SHIFT,
        current + bias,
        _limit(driven, voltage_decay),
        amount << chip.INPUT_SHIFT,
    )


def _passes(
    threshold: Real[np.ndarray, " neuron"],
    first: Real[np.ndarray, " neuron"],
    last: Real[np.ndarray, " neuron"],
    amount: Real[np.ndarray, " neuron"],
) -> CanFire:
    """Whether v, on its way from the first step's to the last, passes the threshold."""
    # Before its first spike, v is above a threshold only if rest is.
    added = np.where(threshold < 0, np.maximum(-amount, 0), 0)
    return np.maximum(first, last) + added > threshold


def _divided(added: Float[np.ndarray, " neuron"], decay: Float[np.ndarray, " neuron"]) -> Float[np.ndarray, " neuron"]:
    """Where x ← x·(1 - decay) + added comes to from 0; without a decay it grows without end."""
    endless = np.where(added == 0, 0.0, np.copysign(np.inf, added))
    return np.where(decay > 0, added / np.where(decay > 0, decay, 1.0), endless)


def _limit(added: Int64[np.ndarray, " neuron"], decay: Int64[np.ndarray, " neuron"]) -> Int64[np.ndarray, " neuron"]:
    """Where x ← trunc(x·(4096 - decay)/4096) + added comes to rest from 0: the least x that loses `added` in a step.

    Without a decay x grows without end, which ENDLESS stands for.
    """
    size = np.abs(added)
    reached = np.where(decay > 0, (size - 1) * chip.DECAY_UNITY // np.where(decay > 0, decay, 1) + 1, ENDLESS)
    return np.sign(added) * reached
