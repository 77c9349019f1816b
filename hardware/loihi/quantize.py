"""Real numbers to the chip's whole numbers, layer by layer, with as few changed spikes as can be found.

A layer has one scale s. Its weights become s·w rounded to the chip's grid and cut off at its ends, its threshold
s·threshold, its bias 64·s·bias. A small s rounds coarsely; a large s cuts off the largest weights. Which s is best is
measured: of a grid of scales the one is taken with which the fewest spikes differ from the float network's own, where
the layer reads what the quantized layers before it really give. With whole-number weights (an OR-pooling, a network
that was trained on a grid) there is nothing to search: the scale that makes them whole again is taken.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from . import chip
from .chain import FloatLayer
from .program import Layer, LoihiProgram, NeuronGroup
from .simulate import layer_spikes

COARSE_RATIOS = np.linspace(0.5, 1.5, 21)
"""Scales tried first, as parts of the one at which the largest weight just fits."""

FINE_RATIOS = np.linspace(0.96, 1.04, 9)
"""Scales tried then, as parts of the best of the coarse ones."""

COARSE_SAMPLES = 64
"""How many calibration samples the coarse search sees; the fine search sees all."""

GRID_TOLERANCE = 1e-6
"""How far from a whole number, in the chip's steps, a weight may lie that is taken to be on a grid: float32's rounding."""


class Calibration(NamedTuple):
    """What the float network does with some samples: its input and every layer's spikes."""

    spikes: UInt8[np.ndarray, "time sample *shape"]
    layers: tuple[UInt8[np.ndarray, "time sample *layer"], ...]


def quantize(layers: Sequence[FloatLayer], input_shape: tuple[int, ...], calibration: Calibration | None) -> LoihiProgram:
    """The program for these layers. Without a calibration each scale is the one at which the largest weight just fits.

    Raises InputError, naming the layer, where its threshold or bias is so large beside its weights that the chip's
    registers cannot hold both.
    """
    quantized: list[Layer] = []
    reads = None if calibration is None else calibration.spikes
    for index, layer in enumerate(layers):
        exact = exact_scale(layer)
        if exact is not None:
            best = at_scale(layer, exact)
        elif calibration is None or reads is None:
            best = at_scale(layer, full_scale(layer))
        else:
            best = _searched(layer, reads, calibration.layers[index])
        quantized.append(best)
        if reads is not None:
            reads = layer_spikes(best, reads)
    return LoihiProgram(input_shape, tuple(quantized))


def full_scale(layer: FloatLayer) -> float:
    """The scale at which the largest weight just fits, or a smaller one that threshold, bias and sums need."""
    weight = layer.synapse.weight
    grid = chip.weight_grid(weight)
    sums = np.abs(weight).sum(axis=tuple(range(1, weight.ndim)))
    # Rounding may add as much as 1 to each weight of the sum.
    most_summed = chip.ACTIVATION_LIMIT - 1 - math.prod(weight.shape[1:])
    most_biased = (chip.BIAS_MANTISSAS[1] << chip.BIAS_EXPONENTS[1]) >> chip.INPUT_SHIFT
    limits = (
        (grid.most, float(weight.max())),
        (-grid.least, -float(weight.min())),
        (most_summed, float(sums.max())),
        (most_biased, float(np.abs(layer.bias).max())),
        (chip.THRESHOLDS[1], layer.threshold),
    )
    scale = min((most / value for most, value in limits if value > 0), default=1.0)
    if not (0 < scale < math.inf) or (weight.any() and not at_scale(layer, scale).synapse.weight.any()):
        raise InputError(
            f"node {layer.name!r}: its weights (up to {np.abs(weight).max():g}) are too small beside its threshold "
            f"({layer.threshold:g}) and bias (up to {np.abs(layer.bias).max():g}); the chip cannot hold both"
        )
    return scale


def exact_scale(layer: FloatLayer) -> float | None:
    """The smallest scale at which the layer is the same in whole numbers, or None if there is no such scale.

    It is the smallest because that keeps u and v farthest from their limits. Layers with a memory in the current or a
    leak are never exact, because the chip cuts off what a decay leaves behind the point.
    """
    if layer.current_decay != 1 or layer.voltage_decay != 0:
        return None
    candidates = [scale for scale in _grid_scales(layer.synapse.weight) if _bias_is_whole(layer.bias, scale)]
    for scale in candidates:
        if _is_whole(np.asarray(scale * layer.threshold)):
            return scale
    # Voltages that are whole are above a threshold exactly if they are above its whole part.
    for scale in candidates:
        if _is_whole(scale * layer.bias):
            return scale
    return None


def at_scale(layer: FloatLayer, scale: float, threshold_floor: bool = False) -> Layer:
    """The layer in whole numbers at this scale."""
    grid = chip.weight_grid(layer.synapse.weight)
    weight = np.rint(layer.synapse.weight * (scale / grid.step)) * grid.step
    weight = np.clip(weight, grid.least, grid.most)
    # Rounding can take all weights of one sign away, and then the other sign has another end.
    grid = chip.weight_grid(weight)
    weight = np.clip(weight, grid.least, grid.most).astype(np.int16)
    mantissa, exponent = _bias_registers(layer.bias * (scale * 2**chip.INPUT_SHIFT))
    threshold = scale * layer.threshold
    threshold = math.floor(threshold + GRID_TOLERANCE) if threshold_floor else round(threshold)
    neuron = NeuronGroup(
        layer.shape,
        min(threshold, chip.THRESHOLDS[1]),
        min(max(round(layer.current_decay * chip.DECAY_UNITY), chip.CURRENT_DECAYS[0]), chip.CURRENT_DECAYS[1]),
        min(round(layer.voltage_decay * chip.DECAY_UNITY), chip.VOLTAGE_DECAYS[1]),
        mantissa,
        exponent,
    )
    return Layer(layer.name, replace(layer.synapse, weight=weight), neuron, scale)


def _bias_registers(bias):
    for axis in range(bias.ndim):
        first = bias.take([0], axis)
        if (bias == first).all():
            bias = first
    least, most = chip.BIAS_MANTISSAS
    for exponent in range(chip.BIAS_EXPONENTS[0], chip.BIAS_EXPONENTS[1] + 1):
        mantissa = np.rint(bias / 2**exponent)
        if mantissa.min() >= least and mantissa.max() <= most:
            return mantissa.astype(np.int16), exponent
    raise InputError("bias")


def _grid_scales(weight):
    grid = chip.weight_grid(weight)
    magnitudes = np.unique(np.abs(weight))
    magnitudes = magnitudes[magnitudes > 0]
    if not len(magnitudes):
        return [1.0]
    if len(magnitudes) > 256: return []
    steps = np.arange(1, 257) * grid.step
    scales = steps / magnitudes[0]
    ok = [float(s) for s in scales if _is_whole(magnitudes * s / grid.step) and weight.max()*s <= grid.most + .5 and weight.min()*s >= grid.least - .5]
    return ok


def _bias_is_whole(bias, scale):
    b = bias * scale * 64
    if not _is_whole(b): return False
    e = _bias_registers(b)[1]
    return _is_whole(b / 2**e)

def _is_whole(v):
    return bool((np.abs(v - np.rint(v)) <= GRID_TOLERANCE).all())

def _searched(layer, reads, target):
    raise NotImplementedError
