"""Nodes without a state as ONNX operators, over time and sample as two batch axes, in double.

onnxruntime's Conv has no double on the CPU (NOT_IMPLEMENTED in 1.31), and neither has its AveragePool. So a
convolution or a pooling is a Gather with a constant table, which lays out the pixels of every window, and then a
MatMul or a ReduceSum.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from onnx import TensorProto

from ...nir.geometry import Margins, Shape, windows
from ...nir.operations import Comparison, Convolution, DelayLine, Factor, Matrix, Operation, Pooling, Reshape
from ..model import OnnxNodes


def operation_nodes(nodes: OnnxNodes, operation: Operation, x: str, input_shape: Shape, output_shape: Shape) -> str:
    """Append what the operation does to x [time, sample, *input_shape]; returns the name of what it gives."""
    match operation:
        case Convolution() as conv:
            return _convolved(nodes, conv, x, input_shape, output_shape)
        case Pooling() as pool:
            return _pooled(nodes, pool, x, input_shape, output_shape)
        case Matrix(weight, bias):
            product = nodes.add("MatMul", [x, nodes.constant("weight", weight.T)], "product")
            return _biased(nodes, product, bias)
        case Factor(factor):
            # In full: onnxruntime would move a single factor behind the next MatMul, which rounds otherwise.
            return nodes.add("Mul", [x, nodes.constant("scale", factor)], "scaled")
        case Reshape(shape):
            return nodes.reshaped(x, shape, "flat")
        case Comparison(threshold):
            limit = nodes.constant("threshold", compact(threshold))
            return as_spikes(nodes, nodes.add("Greater", [x, limit], "spike"))
        case DelayLine(steps):
            return _delayed(nodes, steps, x)


def compact(value: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The same values with one entry along each axis where they do not change: broadcasting gives the rest."""
    for axis in range(value.ndim):
        first = value.take([0], axis)
        if (value == first).all():
            value = first
    return value


def as_spikes(nodes: OnnxNodes, spike: str) -> str:
    """Truth values as 0 and 1 in double."""
    return nodes.add("Cast", [spike], "spikes", to=TensorProto.DOUBLE)


def _convolved(nodes: OnnxNodes, conv: Convolution, x: str, input_shape: Shape, output_shape: Shape) -> str:
    out_channels, in_group = conv.weight.shape[:2]
    image = _image(input_shape)
    table = _window_table(image, conv.weight.shape[2:], conv.stride, conv.padding, conv.dilation)
    pixels, positions = table.shape
    columns = _windows(nodes, x, input_shape[0], image, table)
    rows = in_group * pixels
    columns = nodes.reshaped(columns, (conv.groups, rows, positions), "columns")
    weight = nodes.constant("weight", conv.weight.reshape(conv.groups, out_channels // conv.groups, rows))
    product = nodes.add("MatMul", [weight, columns], "product")
    joined = nodes.reshaped(product, output_shape, "image")
    return _biased(nodes, joined, conv.bias.reshape(-1, *(1,) * (len(output_shape) - 1)))


def _pooled(nodes: OnnxNodes, pool: Pooling, x: str, input_shape: Shape, output_shape: Shape) -> str:
    image = _image(input_shape)
    table = _window_table(image, pool.kernel, pool.stride, pool.padding, (1, 1))
    gathered = _windows(nodes, x, input_shape[0], image, table)
    axes = nodes.constant("window_axis", np.array([3]))
    total = nodes.add("ReduceSum", [gathered, axes], "sum", keepdims=0)
    if pool.averages:
        total = nodes.add("Div", [total, nodes.constant("kernel_size", np.array(float(len(table))))], "mean")
    return nodes.reshaped(total, output_shape, "image")


def _window_table(
    image: tuple[int, int],
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    padding: Margins,
    dilation: tuple[int, int],
) -> Int[np.ndarray, "pixel position"]:
    """Which pixel of the flattened image stands at each place of each window; height · width means the padding's 0."""
    height, width = image

    def reached(axis: int) -> Int[np.ndarray, "kernel window"]:
        count = windows(image[axis], kernel[axis], stride[axis], padding[axis], dilation[axis])
        first = np.arange(count) * stride[axis] - padding[axis][0]
        return first + dilation[axis] * np.arange(kernel[axis])[:, None]

    row, column = reached(0)[:, None, :, None], reached(1)[None, :, None, :]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    table = np.where(inside, row * width + column, height * width)
    return table.reshape(math.prod(kernel), -1).astype(np.int32)


def _windows(
    nodes: OnnxNodes, x: str, channels: int, image: tuple[int, int], table: Int[np.ndarray, "pixel position"]
) -> str:
    """The windows' pixels, [time, sample, channel, pixel, position]."""
    size = math.prod(image)
    flat = nodes.reshaped(x, (channels, size), "pixels")
    if (table == size).any():
        pads, axis = nodes.constant("pads", np.array([0, 1])), nodes.constant("pixel_axis", np.array([3]))
        flat = nodes.add("Pad", [flat, pads, nodes.constant("zero", np.array(0.0)), axis], "padded")
    return nodes.add("Gather", [flat, nodes.constant("window_table", table)], "windows", axis=3)


def _delayed(nodes: OnnxNodes, steps: Int[np.ndarray, "*shape"], x: str) -> str:
    """Zeros in front of time, and of what is longer then so many steps back; each delay's values alone."""
    total = None
    time = nodes.add("Shape", [x], "time", start=0, end=1)
    axis = nodes.constant("time_axis", np.array([0]))
    first = nodes.constant("first", np.array([0]))
    zero = nodes.constant("nothing", np.array(0.0))
    for count in np.unique(steps):
        under = nodes.under(f"{nodes.prefix}{count}/")
        pads = under.constant("pads", np.array([int(count), 0]))
        padded = under.add("Pad", [x, pads, zero, axis], "padded")
        late = under.add("Slice", [padded, first, time, axis], "late")
        alone = under.add("Mul", [late, under.constant("these", (steps == count).astype(np.float64))], "alone")
        total = alone if total is None else under.add("Add", [total, alone], "total")
    assert total is not None
    return total


def _biased(nodes: OnnxNodes, x: str, bias: Float[np.ndarray, "..."]) -> str:
    return nodes.add("Add", [x, nodes.constant("bias", bias)], "biased") if bias.any() else x


def _image(shape: Shape) -> tuple[int, int]:
    """Height and width; a signal of [channel, length] is an image of length × 1."""
    height, width = (*shape[1:], 1)[:2]
    return height, width
