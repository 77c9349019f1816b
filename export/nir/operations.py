"""What a node without a state does to its input, in the few forms that everything computes with.

The float runtime, ONNX and the lowering know these forms and no node; `nodes` says which node is which form. Shapes are
without time and sample.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError
from .geometry import Margins, Shape, check_extent, windows


class Convolution(NamedTuple):
    """y[o] = bias[o] + Σ_i weight[o, i] ⋆ x[i]: PyTorch's Conv2d (a cross-correlation).

    A Conv1d over [channel, length] is the Conv2d over [channel, length, 1].
    """

    weight: Float[np.ndarray, "out in_per_group height width"]
    bias: Float[np.ndarray, " out"]
    stride: tuple[int, int]
    padding: Margins
    dilation: tuple[int, int]
    groups: int


class Pooling(NamedTuple):
    """The sum over windows of [channel, height, width], or the average: the sum divided by the window's size."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Margins
    averages: bool


class Matrix(NamedTuple):
    """y = weight·x + bias, over [feature]."""

    weight: Float[np.ndarray, "out in"]
    bias: Float[np.ndarray, " out"]


class Factor(NamedTuple):
    """y = factor·x, value by value."""

    factor: Float[np.ndarray, "*shape"]


class Reshape(NamedTuple):
    """The same values in C order under another shape, or under the same one."""

    shape: Shape


class Comparison(NamedTuple):
    """y = 1 where x > threshold, else 0."""

    threshold: Float[np.ndarray, "*shape"]


class DelayLine(NamedTuple):
    """y[t] = x[t - steps], and 0 in the first steps of a sample; each value has its own number of steps."""

    steps: Int[np.ndarray, "*shape"]

    @property
    def is_whole(self) -> bool:
        """Whether it delays everything. In a cycle one of its steps lies on what leads into it then (`ordering`)."""
        return bool(self.steps.min() > 0)


Linear = Convolution | Pooling | Matrix | Factor | Reshape
"""The forms that are linear but for a bias, and have no state."""

Operation = Linear | Comparison | DelayLine


def output_shape(operation: Operation, input_shape: Shape, where: str) -> Shape:
    """The shape that it gives for an input of that shape.

    Raises InputError, beginning with `where`, where the input is too small for it, and where it would give, or read
    with the zeros around it, more values than are allowed.
    """
    match operation:
        case Convolution():
            sizes = _windows_of(operation, operation.weight.shape[2:], operation.dilation, input_shape, where)
            shape = (len(operation.weight), *sizes)[: len(input_shape)]
        case Pooling():
            shape = (input_shape[0], *_windows_of(operation, operation.kernel, (1, 1), input_shape, where))
        case Matrix():
            shape = (len(operation.weight),)
        case Reshape():
            shape = operation.shape
        case _:
            shape = input_shape
    if any(size < 1 for size in shape):
        raise InputError(f"{where}: an input of the shape {list(input_shape)} is too small for it")
    check_extent(shape, where)
    return shape


def _windows_of(
    operation: Convolution | Pooling, kernel: tuple[int, ...], dilation: tuple[int, int], shape: Shape, where: str
) -> tuple[int, ...]:
    """How many windows fit along height and width; a signal of [channel, length] is an image of width 1."""
    sizes = (*shape[1:], 1)[:2]
    padded = (size + sum(around) for size, around in zip(sizes, operation.padding, strict=True))
    check_extent((shape[0], *padded), where)
    axes = zip(sizes, kernel, operation.stride, operation.padding, dilation, strict=True)
    return tuple(windows(*axis) for axis in axes)
