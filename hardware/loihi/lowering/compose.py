"""Two convolutions in a row as one, where that is exact, borders included.

With kernels W1, W2, strides s1, s2 and dilations d1, d2, the taps of both add up to taps at d1·a + s1·d2·b:

    W[o, i, d1·a + s1·d2·b] = Σ_m W2[o, m, b]·W1[m, i, a],      stride s1·s2

The zeros that the second puts around its input are not there in one convolution: its taps reach further into what the
first read. That gives the same only if they find nothing there.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ....export.nir.geometry import windows
from ....export.nir.operations import Convolution
from ..synapse import ConvSynapse


class _Axis(NamedTuple):
    """One convolution along one axis."""

    size: int
    kernel: int
    stride: int
    near: int
    far: int
    dilation: int

    @property
    def windows(self) -> int:
        return windows(self.size, self.kernel, self.stride, (self.near, self.far), self.dilation)


def depthwise(scale: Float[np.ndarray, " channel"]) -> Convolution:
    """Each channel times its scale."""
    channels = len(scale)
    weight = scale.reshape(channels, 1, 1, 1)
    return Convolution(weight, np.zeros(channels), (1, 1), ((0, 0), (0, 0)), (1, 1), channels)


def composed(first: Convolution, second: Convolution, image: tuple[int, int, int]) -> Convolution | None:
    """First one, then the other, over [channel, height, width], their biases left out; None where it is not exact."""
    axes = []
    for axis, size in enumerate(image[1:]):
        before = _axis(first, axis, size)
        joined = _composed_axis(before, _axis(second, axis, before.windows))
        if joined is None:
            return None
        axes.append(joined)
    groups = math.gcd(first.groups, second.groups)
    weight = np.zeros((len(second.weight), first.weight.shape[1] * first.groups, axes[0].kernel, axes[1].kernel))
    inner, outer = _ungrouped(first), _ungrouped(second)
    for b in np.ndindex(outer.shape[2:]):
        for a in np.ndindex(inner.shape[2:]):
            y, x = (
                (first.dilation[axis] * a[axis] + first.stride[axis] * second.dilation[axis] * b[axis])
                // axes[axis].dilation
                for axis in (0, 1)
            )
            weight[:, :, y, x] += outer[:, :, *b] @ inner[:, :, *a]
    height, width = axes
    return Convolution(
        _grouped(weight, groups),
        np.zeros(len(weight)),
        (height.stride, width.stride),
        ((height.near, height.far), (width.near, width.far)),
        (height.dilation, width.dilation),
        groups,
    )


def symmetric(conv: Convolution, image: tuple[int, int, int]) -> ConvSynapse:
    """The convolution with as many zeros before as after each axis, which is all that Lava's Conv knows.

    Where it has more on one side, zeros at the kernel's other end make up for it.
    """
    weight = conv.weight
    padding, dilation = [0, 0], [1, 1]
    for index, size in enumerate(image[1:]):
        axis = _axis(conv, index, size)
        padding[index], dilation[index] = max(axis.near, axis.far), axis.dilation
        even = axis._replace(near=padding[index], far=padding[index])
        if axis.near < axis.far or even.windows != axis.windows:
            weight = _spread(weight, 2 + index, axis.dilation)
            dilation[index] = 1
            margins = [(0, 0)] * 4
            margins[2 + index] = (padding[index] - axis.near, padding[index] - axis.far)
            weight = np.pad(weight, margins)
    return ConvSynapse(weight, image, conv.stride, (padding[0], padding[1]), (dilation[0], dilation[1]), conv.groups)


def _axis(conv: Convolution, index: int, size: int) -> _Axis:
    near, far = conv.padding[index]
    return _Axis(size, conv.weight.shape[2 + index], conv.stride[index], near, far, conv.dilation[index])


def _composed_axis(first: _Axis, second: _Axis) -> _Axis | None:
    if second.near and first.dilation * (first.kernel - 1) - first.near - first.stride >= 0:
        return None
    last_read = (second.windows - 1) * second.stride - second.near + second.dilation * (second.kernel - 1)
    if last_read >= second.size and second.size * first.stride - first.near < first.size:
        return None
    reach = first.dilation * (first.kernel - 1) + first.stride * second.dilation * (second.kernel - 1)
    spacings = [
        spacing
        for kernel, spacing in ((first.kernel, first.dilation), (second.kernel, first.stride * second.dilation))
        if kernel > 1
    ]
    dilation = math.gcd(*spacings) or 1
    stride = first.stride * second.stride
    near = first.near + first.stride * second.near
    last_tap = (second.windows - 1) * stride - near + reach
    far = max(0, last_tap - (first.size - 1))
    return _Axis(first.size, reach // dilation + 1, stride, near, far, dilation)


def _ungrouped(conv: Convolution) -> Float[np.ndarray, "out in height width"]:
    """The kernel over all channels, zero between groups."""
    out, in_per_group = conv.weight.shape[:2]
    weight = np.zeros((out, in_per_group * conv.groups, *conv.weight.shape[2:]))
    per_group = out // conv.groups
    for group in range(conv.groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        weight[rows, group * in_per_group : (group + 1) * in_per_group] = conv.weight[rows]
    return weight


def _grouped(
    weight: Float[np.ndarray, "out in height width"], groups: int
) -> Float[np.ndarray, "out in_per_group height width"]:
    """The inverse of `_ungrouped`."""
    rows, columns = len(weight) // groups, weight.shape[1] // groups
    blocks = [
        weight[group * rows : (group + 1) * rows, group * columns : (group + 1) * columns] for group in range(groups)
    ]
    return np.concatenate(blocks)


def _spread(
    weight: Float[np.ndarray, "out in_per_group height width"], axis: int, dilation: int
) -> Float[np.ndarray, "out in_per_group height width"]:
    """The kernel with its dilation written out as zeros between the taps."""
    shape = list(weight.shape)
    shape[axis] = dilation * (shape[axis] - 1) + 1
    spread = np.zeros(shape)
    index = [slice(None)] * 4
    index[axis] = slice(None, None, dilation)
    spread[tuple(index)] = weight
    return spread
