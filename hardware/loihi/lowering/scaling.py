"""One layer at one scale: its real numbers as the chip's integers.

At the scale s the weights are s·w rounded to the chip's grid and cut off at its ends, the threshold is s·threshold,
the bias 64·s·bias with the smallest exponent that can hold it, and the decays are rounded to 1/4096. A stock neuron's
leak of more than 4095/4096, which forgets v whole, becomes 4095/4096: that much v is left, under a 4096th of the
threshold. A leak of less than 1/8192 becomes none. What a reset takes off is s·amount, rounded as the threshold is, so
that both stay the same where they are; a voltage that v is reset to is 64·s·voltage. All connections share the scale,
because their activations add up; each has the grid that the signs of its own weights allow.

Nothing here knows the unit of the real numbers: weights, bias, threshold and reset times any factor give the same whole
numbers. So scales are made of the layer's own values, and what is tolerated is counted in steps of the chip's grid,
after scaling, or is a fraction.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int16

from ....export.errors import InputError
from ....export.nir.geometry import Shape
from ....export.nir.neuron_step import Subtraction, ToValue
from .. import chip
from ..neuron_group import NeuronGroup, PerNeuron, ResetTo, TakeOff
from ..program import Connection, Layer
from ..synapse import largest_activations
from .float_layer import FloatLayer

GRID_TOLERANCE = 1e-4
"""How far from an integer of steps a weight or bias may lie that is taken to be on a grid: float32's rounding of
256 steps, and a margin."""

THRESHOLD_TOLERANCE = 1e-9
"""How far from an integer a threshold may lie that is taken for one: float64's rounding. float32's is not undone,
since it decides whether a voltage on the grid is above the threshold."""

MIDDLE_DIGITS = 9
"""How many digits behind the point say whether a weight is in the middle between two steps: float64's rounding."""

LIMIT_TOLERANCE = 1e-9
"""The fraction by which a scale may be above one that just fits: float64's rounding."""


def at_scale(layer: FloatLayer, scale: float) -> Layer:
    """The layer in integers at this scale.

    Raises InputError, naming the layer, where the registers are too small for the threshold, the bias or the sum of
    the weights: up to `largest_scale` they are not.
    """
    threshold = np.asarray(scale * layer.threshold)
    # Voltages that are whole are above a threshold if they are above its whole part.
    whole = np.floor(threshold + THRESHOLD_TOLERANCE) if _is_exact(layer, scale) else np.rint(threshold)
    try:
        connections = tuple(
            Connection(
                connection.source,
                replace(connection.synapse, weight=_whole_weights(connection.synapse.weight, scale)),
                connection.delays,
            )
            for connection in layer.connections
        )
        mantissa, exponent = _bias_registers(layer.bias * (scale * 2**chip.INPUT_SHIFT), layer.bias_exponents)
        current, voltage = (
            np.rint(np.asarray(decay) * chip.DECAY_UNITY) for decay in (layer.current_decay, layer.voltage_decay)
        )
        if layer.is_stock:
            voltage = np.minimum(voltage, chip.VOLTAGE_DECAYS[1])
        neuron = NeuronGroup(
            layer.shape,
            _as_whole(whole, layer.shape),
            _as_whole(current, layer.shape),
            _as_whole(voltage, layer.shape),
            mantissa,
            exponent,
            _whole_reset(layer, scale),
        )
        return Layer(layer.name, connections, neuron, scale)
    except InputError as error:
        raise InputError(f"node {layer.name!r} at the scale {scale:g}: {error}") from error


def largest_scale(layer: FloatLayer) -> float:
    """The scale at which threshold, reset, bias and the sum of a neuron's weights still fit; may be infinite."""
    to_voltage = isinstance(layer.reset, ToValue)
    limits = (
        (chip.THRESHOLDS[1], float(np.abs(layer.threshold).max())),
        (
            chip.RESET_VOLTAGES[1] / 2**chip.INPUT_SHIFT if to_voltage else chip.RESET_AMOUNTS[1],
            float(np.abs(layer.reset_by).max()),
        ),
        (chip.BIAS_MANTISSAS[1] * 2.0 ** (layer.bias_exponents[1] - chip.INPUT_SHIFT), float(np.abs(layer.bias).max())),
        # Rounding may add as much as 1 to each weight of a sum.
        (
            chip.ACTIVATION_LIMIT - 1 - layer.largest_fan_in,
            float(largest_activations(layer.synapses, layer.largest_values).max()),
        ),
    )
    return min((most / value for most, value in limits if value > 0), default=math.inf)


def full_scale(layer: FloatLayer) -> float:
    """The scale at which all weights just fit, or `largest_scale` where that is smaller.

    Weights on a grid have the largest scale that keeps them on the chip's. Raises InputError, naming the layer, where
    the threshold, the bias or the sum of the weights lets the scale be so small only that all weights become 0.
    """
    fitting = min(map(_fitting_scale, layer.weights))
    scale = min(fitting, largest_scale(layer))
    if scale == math.inf:
        return 1.0
    if layer.largest_weight > 0 and (
        scale <= 0 or not any(_whole_weights(weight, scale).any() for weight in layer.weights)
    ):
        raise InputError(
            f"node {layer.name!r}: the chip cannot hold its weights, up to {layer.largest_weight:g}, at one scale "
            f"with its threshold, {np.abs(layer.threshold).max():g}, and its bias, up to {np.abs(layer.bias).max():g}"
        )
    # The largest weight's rounding must not cost the scale at which it is at the grid's end.
    largest = min(fitting * (1 + GRID_TOLERANCE / 256), largest_scale(layer) * (1 + LIMIT_TOLERANCE))
    return max((whole for whole in _grid_scales(layer.weights) if whole <= largest), default=scale)


def exact_scale(layer: FloatLayer) -> float | None:
    """The smallest scale at which the layer means the same in integers, or None if there is no such scale.

    It is the smallest because that keeps u and v farthest from their limits; one with a whole threshold goes first.
    A current or a potential that fades is never exact, unless it does within a step, because the chip drops what a
    decay leaves behind the point.
    """
    scales = _grid_scales(layer.weights) if layer.largest_weight > 0 else _scales_without_weights(layer)
    whole_first = sorted(scales, key=lambda scale: not _has_whole_thresholds(layer, scale))
    return next((scale for scale in whole_first if _is_exact(layer, scale)), None)


def _whole_weights(weight: Float[np.ndarray, "..."], scale: float) -> Int16[np.ndarray, "..."]:
    grid = chip.weight_grid(weight)
    # A weight in the middle between two steps, as the largest one is at half the largest scale, goes to the even one
    # whatever its last digits are, which the unit decides.
    steps = np.rint(np.round(weight * (scale / grid.step), MIDDLE_DIGITS))
    whole = np.clip(steps * grid.step, grid.least, grid.most)
    # Rounding can leave no weights of one sign, and then the ends are other ones.
    grid = chip.weight_grid(whole)
    return np.clip(whole, grid.least, grid.most).astype(np.int16)


def _fitting_scale(weight: Float[np.ndarray, "..."]) -> float:
    """The scale at which the largest weight is at its grid's end; infinite where all are 0."""
    grid = chip.weight_grid(weight)
    ends = ((grid.most, float(weight.max())), (-grid.least, -float(weight.min())))
    return min((most / value for most, value in ends if value > 0), default=math.inf)


def _is_exact(layer: FloatLayer, scale: float) -> bool:
    if not _fades_exactly(layer) or scale > largest_scale(layer) * (1 + LIMIT_TOLERANCE):
        return False
    if not all(_is_on_grid(weight, scale) for weight in layer.weights):
        return False
    scaled = [replace(synapse, weight=np.rint(synapse.weight * scale)) for synapse in layer.synapses]
    if (largest_activations(scaled, layer.largest_values) * 2**chip.INPUT_SHIFT >= chip.STATE_LIMIT).any():
        return False
    bias = layer.bias * scale * 2**chip.INPUT_SHIFT
    if not _keeps_all(bias / 2 ** _bias_registers(bias, layer.bias_exponents)[1]):
        return False
    if isinstance(layer.reset, Subtraction):
        return _keeps_all(layer.reset.amount * scale) and _has_whole_thresholds(layer, scale)
    if not _keeps_all(layer.reset.value * scale * 2**chip.INPUT_SHIFT):
        return False
    # With a bias or a reset between the weights' integers, a threshold between them is rounded, and that may be
    # wrong.
    return _has_whole_thresholds(layer, scale) or (_is_whole(layer.bias * scale) and _is_whole(layer.reset_by * scale))


def _fades_exactly(layer: FloatLayer) -> bool:
    """Whether a step takes all or nothing of u and v, as far as the chip can."""
    if layer.is_stock:
        return layer.current_decay == 1 and layer.voltage_decay == 0
    return all(np.isin(decay, (0, 1)).all() for decay in (layer.current_decay, layer.voltage_decay))


def _has_whole_thresholds(layer: FloatLayer, scale: float) -> bool:
    return _is_whole(scale * layer.threshold, THRESHOLD_TOLERANCE)


def _is_on_grid(weight: Float[np.ndarray, "..."], scale: float) -> bool:
    grid = chip.weight_grid(weight)
    scaled = weight * scale
    inside = np.rint(scaled.max()) <= grid.most and np.rint(scaled.min()) >= grid.least
    return bool(inside) and _keeps_all(scaled / grid.step)


def _grid_scales(weights: Sequence[Float[np.ndarray, "..."]]) -> list[float]:
    """The scales, ascending, that make all weights integers of the chip's steps, with some that are too large."""
    grids: list[tuple[chip.WeightGrid, Float[np.ndarray, " magnitude"]]] = []
    for weight in weights:
        magnitudes = np.unique(np.abs(weight))
        magnitudes = magnitudes[magnitudes > 0]
        if len(magnitudes):
            grids.append((chip.weight_grid(weight), magnitudes))
    if not grids:
        return []
    # A scale for all is one for the first, and those that keep its smallest weight on the grid are few.
    grid, magnitudes = grids[0]
    most_steps = max(grid.most, -grid.least) // grid.step
    scales = np.arange(1, most_steps + 1) * (grid.step / magnitudes[0])
    # Most weights are on no grid, and a few of them show that.
    few = [(grid, magnitudes[:64]) for grid, magnitudes in grids]
    return [
        float(scale)
        for scale in scales
        if all(_keeps_all(magnitudes * (scale / grid.step)) for grid, magnitudes in (*few, *grids))
    ]


def _scales_without_weights(layer: FloatLayer) -> list[float]:
    """Of a layer with no weight but 0: the scale at which the smallest bias is 1; without a bias the one at which the
    smallest threshold is; without both the one at which the smallest reset is; and any without all.
    """
    for values in (layer.bias, np.asarray(layer.threshold), layer.reset_by):
        sizes = np.abs(values[values != 0])
        if len(sizes):
            return [1 / float(sizes.min())]
    return [1.0]


def _bias_registers(
    bias: Float[np.ndarray, "*shape"], exponents: tuple[int, int]
) -> tuple[Int16[np.ndarray, "*bias"], int]:
    """Mantissas and their exponent; axes along which the bias is the same are cut to one value."""
    bias = _cut(bias)
    least, most = chip.BIAS_MANTISSAS
    for exponent in range(exponents[0], exponents[1] + 1):
        mantissa = np.rint(bias / 2**exponent)
        if mantissa.min() >= least and mantissa.max() <= most:
            return mantissa.astype(np.int16), exponent
    largest = np.abs(bias).max()
    raise InputError(f"bias must be at most {most << exponents[1]}, got {largest:g}")


def _whole_reset(layer: FloatLayer, scale: float) -> ResetTo | TakeOff:
    match layer.reset:
        case ToValue():
            return ResetTo(_as_whole(np.rint(layer.reset.value * (scale * 2**chip.INPUT_SHIFT)), layer.shape))
        case Subtraction():
            return TakeOff(_as_whole(np.rint(layer.reset.amount * scale), layer.shape), layer.reset.at_once)


def _as_whole(values: Float[np.ndarray, "*broadcasting"], shape: Shape) -> PerNeuron:
    if values.size == 1:
        return int(values.flat[0])
    return _cut(np.broadcast_to(values, shape)).astype(np.int64)


def _cut(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*cut"]:
    """The same values, of the axes along which they are the same only the first ones."""
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if (values == first).all():
            values = first
    return values


def _keeps_all(steps: Float[np.ndarray, "..."]) -> bool:
    """Whether all values, in steps of a grid, are on it, and none becomes 0 that is not."""
    return _is_whole(steps) and bool(((np.rint(steps) != 0) == (steps != 0)).all())


def _is_whole(values: Float[np.ndarray, "..."] | float, tolerance: float = GRID_TOLERANCE) -> bool:
    return bool((np.abs(values - np.rint(values)) <= tolerance).all())
