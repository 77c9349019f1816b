"""Synapses: the linear maps from one group's spikes to what the next group's neurons receive.

A convolution is PyTorch's Conv2d, a cross-correlation, with the same zeros on both sides of an axis:

    activation[o, y, x] = Σ_(i, j, k) weight[o, i, j, k] · spike[i, stride·y + dilation·j - padding, …]

A dense synapse reads the group before it flattened in channel-height-width order. The weights are real numbers in a
lowered layer and integers in a program. A synapse has no bias: on the chip the neurons have it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int32, Real, Shaped, UInt8

from ...export.errors import InputError
from ...export.nir.geometry import Shape, windows

Pair = tuple[int, int]
"""(height, width)"""


@dataclass(frozen=True, eq=False)
class ConvSynapse:
    """A convolution over [channel, height, width]; [channel, length] is read as [channel, length, 1].

    Raises InputError where the fields do not fit each other.
    """

    weight: Shaped[np.ndarray, "out in_per_group height width"]
    input_shape: tuple[int, int, int]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        if self.weight.ndim != 4 or 0 in self.weight.shape:
            raise InputError(
                f"weight must have the shape [out, in a group, height, width], got {list(self.weight.shape)}"
            )
        if len(self.input_shape) != 3 or any(size < 1 for size in self.input_shape):
            raise InputError(f"input_shape must be [channel, height, width], got {list(self.input_shape)}")
        for key, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
            value = getattr(self, key)
            if len(value) != 2 or any(number < least for number in value):
                raise InputError(f"{key} must be two integers of at least {least}, got {list(value)}")
        out, in_per_group = self.weight.shape[:2]
        if self.groups < 1 or out % self.groups or in_per_group * self.groups != self.input_shape[0]:
            raise InputError(
                f"groups must fit weight {list(self.weight.shape)} and input_shape {list(self.input_shape)}, "
                f"got {self.groups}"
            )
        if any(size < 1 for size in self.output_shape):
            raise InputError(
                f"weight must fit into input_shape {list(self.input_shape)}, got {list(self.weight.shape)}"
            )

    @property
    def output_shape(self) -> tuple[int, int, int]:
        height, width = (
            windows(size, kernel, stride, (padding, padding), dilation)
            for size, kernel, stride, padding, dilation in zip(
                self.input_shape[1:], self.weight.shape[2:], self.stride, self.padding, self.dilation, strict=True
            )
        )
        return len(self.weight), height, width


@dataclass(frozen=True, eq=False)
class DenseSynapse:
    """A matrix. Raises InputError where the weight is not one."""

    weight: Shaped[np.ndarray, "out in"]

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise InputError(f"weight must have the shape [out, in], got {list(self.weight.shape)}")

    @property
    def input_shape(self) -> Shape:
        return self.weight.shape[1:]

    @property
    def output_shape(self) -> Shape:
        return self.weight.shape[:1]


Synapse = ConvSynapse | DenseSynapse


def activation(
    synapse: Synapse, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Int32[np.ndarray, "time sample neuron"]:
    """What each neuron receives at each step, for whole weights that sum up to less than 2^31 for each neuron."""
    # Sums of integers are exact in float64, in any order, and PyTorch's integer convolutions are slow. float32
    # would hold the numbers too, but its convolutions may go through transforms (Winograd) that round.
    return received(synapse, spikes).astype(np.int32)


def received(
    synapse: Synapse, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Float[np.ndarray, "time sample neuron"]:
    """What each neuron receives at each step, in float64, whatever the weights."""
    time, sample = spikes.shape[:2]
    values = torch.from_numpy(np.ascontiguousarray(spikes)).to(torch.float64)
    weight = torch.from_numpy(synapse.weight.astype(np.float64))
    with torch.no_grad():
        match synapse:
            case ConvSynapse():
                summed = _convolved(synapse, weight, values.reshape(-1, *synapse.input_shape))
            case DenseSynapse():
                summed = F.linear(values.reshape(time * sample, -1), weight)
    return summed.reshape(time, sample, math.prod(synapse.output_shape)).numpy()


def largest_activations(
    synapses: Sequence[Synapse], largest_values: Sequence[int] | None = None
) -> Real[np.ndarray, " neuron"]:
    """The most that each neuron can receive at a step, of either sign: the sum of its absolute weights, each times the
    largest value that its synapse reads, which is 1 where nothing is said."""
    sums = []
    # Real weights may have a sum without end: that is more than any limit, and NumPy need not warn.
    with np.errstate(over="ignore"):
        for synapse, largest in zip(synapses, largest_values or [1] * len(synapses), strict=True):
            summed = np.abs(synapse.weight).sum(axis=tuple(range(1, synapse.weight.ndim))) * largest
            sums.append(np.repeat(summed, math.prod(synapse.output_shape[1:])))
        return np.sum(sums, axis=0)


def _convolved(
    synapse: ConvSynapse, weight: Float[torch.Tensor, "..."], values: Float[torch.Tensor, "step channel height width"]
) -> Float[torch.Tensor, "..."]:
    groups = synapse.groups
    kernels = weight.unflatten(0, (groups, -1))
    if groups > 1 and bool((kernels == kernels[0]).all()):
        # Alike groups, as in pooling, are one group with more samples, and PyTorch is slow where groups are many.
        weight, values, groups = kernels[0], values.unflatten(1, (groups, -1)).flatten(0, 1), 1
    return F.conv2d(values, weight, None, synapse.stride, synapse.padding, synapse.dilation, groups)
