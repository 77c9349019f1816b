"""Shapes: what each NIR node makes of its input's shape, and its parameters brought to one form.

The frameworks write the same thing in many ways: a stride as a number, a pair or an array, padding as a word, a
threshold as a number or as an array. Here each takes one form, checked against the shape of the input.
"""

import math
from typing import Any, NamedTuple

import nir
import numpy as np
from jaxtyping import Float

from .errors import InputError

Shape = tuple[int, ...]
"""A shape without time and sample, as (channel, height, width) or (feature,)."""

LARGEST_EXTENT = 2**26
"""How many values a node may read, with the zeros around them, or give in a time step."""

Margins = tuple[tuple[int, int], tuple[int, int]]
"""Zeros around an image: ((above, below), (left, right))."""


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
    """The sum (or, divided by the kernel's size, the average) over windows of [channel, height, width]."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Margins


def convolution(node: nir.Conv1d | nir.Conv2d, input_shape: Shape, where: str) -> Convolution:
    """The node's convolution in float64. Raises InputError where it does not fit an input of that shape."""
    dimensions = 1 if isinstance(node, nir.Conv1d) else 2
    weight = _finite(node.weight, "weight", where)
    if weight.ndim != 2 + dimensions:
        raise InputError(f"{where}: weight has the shape {list(weight.shape)}; {2 + dimensions} dimensions are needed")
    if len(input_shape) != 1 + dimensions:
        axes = "[channel, length]" if dimensions == 1 else "[channel, height, width]"
        raise InputError(f"{where}: its input has the shape {list(input_shape)}; {axes} is needed")
    (groups,) = _whole(node.groups, 1, 1, "groups", where)
    if weight.shape[0] % groups or weight.shape[1] * groups != input_shape[0]:
        raise InputError(
            f"{where}: weight {list(weight.shape)} with {groups} groups reads {weight.shape[1] * groups} channels, "
            f"but its input has {input_shape[0]}"
        )
    stated = getattr(node, "input_shape", None)
    if stated is not None and not np.array_equal(np.atleast_1d(stated), input_shape[1:]):
        raise InputError(f"{where}: input_shape says {listed(stated)}, but its input is {list(input_shape[1:])}")
    stride = _whole(node.stride, dimensions, 1, "stride", where)
    dilation = _whole(node.dilation, dimensions, 1, "dilation", where)
    padding = _conv_padding(node.padding, weight.shape[2:], stride, dilation, where)
    bias = np.zeros(weight.shape[0]) if node.bias is None else _finite(node.bias, "bias", where)
    if bias.shape != (weight.shape[0],):
        raise InputError(f"{where}: bias has the shape {list(bias.shape)}; [{weight.shape[0]}] is needed")
    if dimensions == 1:
        weight = weight[..., None]
        stride, dilation, padding = (*stride, 1), (*dilation, 1), (*padding, (0, 0))
    return Convolution(weight, bias, _pair(stride), _margins(padding), _pair(dilation), groups)


def pooling(node: nir.SumPool2d | nir.AvgPool2d, input_shape: Shape, where: str) -> Pooling:
    """The node's windows. Raises InputError where they do not fit an input of that shape."""
    if len(input_shape) != 3:
        raise InputError(f"{where}: its input has the shape {list(input_shape)}; [channel, height, width] is needed")
    kernel = _whole(node.kernel_size, 2, 1, "kernel_size", where)
    stride = _whole(node.stride, 2, 1, "stride", where)
    padding = _whole(node.padding, 2, 0, "padding", where)
    return Pooling(_pair(kernel), _pair(stride), _margins(tuple((amount, amount) for amount in padding)))


def windows(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int = 1) -> int:
    """How many windows fit along one axis (PyTorch's Conv2d, section Shape)."""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def matrix(node: nir.Linear | nir.Affine, where: str) -> tuple[Float[np.ndarray, "out in"], Float[np.ndarray, " out"]]:
    """The weight and the bias (zeros for a Linear) in float64."""
    weight = _finite(node.weight, "weight", where)
    if weight.ndim != 2:
        raise InputError(f"{where}: weight has the shape {list(weight.shape)}; [out, in] is needed")
    bias = _finite(node.bias, "bias", where).reshape(-1) if isinstance(node, nir.Affine) else np.zeros(len(weight))
    if bias.shape != (len(weight),):
        raise InputError(f"{where}: bias has the shape {list(bias.shape)}; [{len(weight)}] is needed")
    return weight, bias


def parameter(value: Any, key: str, shape: Shape, where: str) -> Float[np.ndarray, "*shape"]:
    """A neuron's parameter for every neuron of a group of that shape, in float64.

    One value stands for all neurons; as many as channels, with or without trailing ones, for each channel's neurons;
    otherwise there must be one a neuron. Nothing else is guessed. Raises InputError.
    """
    array = _finite(value, key, where)
    if array.size == 1:
        return np.broadcast_to(array.reshape(()), shape)
    # Leading ones are a batch dimension that the framework left in.
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    if array.shape == shape:
        return array
    if array.size == shape[0] and array.shape in ((shape[0],), (shape[0],) + (1,) * (len(shape) - 1)):
        return np.broadcast_to(array.reshape(-1, *(1,) * (len(shape) - 1)), shape)
    raise InputError(
        f"{where}: {key} has the shape {list(np.shape(value))}, which does not fit its input {list(shape)}; "
        f"one value, {shape[0]} values (one a channel), or {list(shape)} are allowed"
    )


def input_rank(node: nir.NIRNode) -> int | None:
    """How many dimensions the node's input has without time and sample; None where it takes any number."""
    match node:
        case nir.Conv2d() | nir.SumPool2d() | nir.AvgPool2d():
            return 3
        case nir.Conv1d():
            return 2
        case nir.Linear() | nir.Affine():
            return 1
        case _:
            return None


def whole_numbers(values: np.ndarray, least: int) -> bool:
    """Whether all values are whole numbers of at least that much."""
    if values.dtype.kind not in "iuf":
        return False
    return bool((np.isfinite(values) & (values >= least) & (values == np.floor(values))).all())


def flatten_range(node: nir.Flatten, input_shape: Shape, where: str) -> tuple[int, int]:
    """First and last axis to join, both inclusive, as indices into a shape without time and sample."""
    rank = len(input_shape)
    (first,) = _whole(node.start_dim, 1, -rank, "start_dim", where)
    (last,) = _whole(node.end_dim, 1, -rank, "end_dim", where)
    start, end = (axis + rank if axis < 0 else axis for axis in (first, last))
    if not 0 <= start <= end < rank:
        raise InputError(
            f"{where}: start_dim {first} and end_dim {last} do not fit an input of the shape {list(input_shape)}"
        )
    return start, end


def output_shape(node: nir.NIRNode, input_shape: Shape, where: str) -> Shape:
    """The shape that the node gives for an input of that shape; `where` names the node in errors."""
    match node:
        case nir.Conv1d() | nir.Conv2d():
            conv = convolution(node, input_shape, where)
            sizes = (*input_shape[1:], 1)[:2]
            _check_margins(conv.padding, (input_shape[0], *sizes), where)
            found = tuple(
                windows(*axis)
                for axis in zip(sizes, conv.weight.shape[2:], conv.stride, conv.padding, conv.dilation, strict=True)
            )
            shape = (len(conv.weight), *found)[: len(input_shape)]
        case nir.SumPool2d() | nir.AvgPool2d():
            pool = pooling(node, input_shape, where)
            _check_margins(pool.padding, input_shape, where)
            found = tuple(
                windows(*axis) for axis in zip(input_shape[1:], pool.kernel, pool.stride, pool.padding, strict=True)
            )
            shape = (input_shape[0], *found)
        case nir.Linear() | nir.Affine():
            weight, _ = matrix(node, where)
            if input_shape != (weight.shape[1],):
                raise InputError(
                    f"{where}: weight reads {weight.shape[1]} features, but its input is {list(input_shape)}"
                )
            shape = (len(weight),)
        case nir.Scale():
            parameter(node.scale, "scale", input_shape, where)
            shape = input_shape
        case nir.Flatten():
            start, end = flatten_range(node, input_shape, where)
            shape = (*input_shape[:start], math.prod(input_shape[start : end + 1]), *input_shape[end + 1 :])
        case nir.Output():
            stated = node.output_type.get("output") if node.output_type else None
            # What stands in front of it is for the whole graph to judge, beside the input's.
            if stated is not None and not np.array_equal(np.atleast_1d(stated)[-len(input_shape) :], input_shape):
                raise InputError(f"{where}: says {listed(stated)}, but what reaches it is {list(input_shape)}")
            shape = input_shape
        case _:
            for key in ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in", "threshold"):
                if hasattr(node, key):
                    given = getattr(node, key)
                    parameter(given, key, input_shape, where)
                    # Of what is given, not of what it stands for, which may be many times as large.
                    if key.startswith("tau") and not np.all(given > 0):
                        raise InputError(f"{where}: {key} is {np.min(given):g} somewhere; it must be above 0")
            shape = input_shape
    if any(size < 1 for size in shape):
        raise InputError(f"{where}: an input of the shape {list(input_shape)} is too small for it")
    check_extent(shape, where)
    return shape


def check_extent(shape: Shape, where: str) -> None:
    """Raises InputError where the shape has more than `LARGEST_EXTENT` values."""
    if math.prod(shape) > LARGEST_EXTENT:
        raise InputError(f"{where}: the shape {list(shape)} has more than the {LARGEST_EXTENT} values that are allowed")


def _check_margins(padding: Margins, shape: Shape, where: str) -> None:
    channels, *sizes = shape
    check_extent((channels, *(size + sum(around) for size, around in zip(sizes, padding, strict=True))), where)


def _finite(value: Any, key: str, where: str) -> Float[np.ndarray, "..."]:
    try:
        given = np.asarray(value)
        # A complex number would lose a part, and a text would be read as a number.
        if given.dtype.kind not in "biuf":
            raise TypeError
        # A signalling NaN warns when it is converted; it is refused below.
        with np.errstate(invalid="ignore"):
            array = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {key} is not made of real numbers") from error
    if not np.isfinite(array).all():
        raise InputError(f"{where}: {key} is not finite somewhere")
    return array


def _whole(value: Any, count: int, least: int, key: str, where: str) -> tuple[int, ...]:
    """`count` whole numbers, from one or from as many."""
    values = np.atleast_1d(np.asarray(value)).reshape(-1)
    if values.size == 1:
        values = np.repeat(values, count)
    if values.size != count or not whole_numbers(values, least):
        needed = "a whole number" if count == 1 else f"{count} whole numbers"
        raise InputError(f"{where}: {key} is {listed(value)}; {needed} of at least {least} must be given")
    return tuple(int(v) for v in values)


def _conv_padding(
    value: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], where: str
) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, str | bytes):
        return tuple((amount, amount) for amount in _whole(value, len(kernel), 0, "padding", where))
    word = value.decode(errors="replace") if isinstance(value, bytes) else value
    if word == "valid":
        return ((0, 0),) * len(kernel)
    if word != "same":
        raise InputError(f"{where}: padding is {word!r}; 'same', 'valid' or whole numbers are allowed")
    if any(step != 1 for step in stride):
        raise InputError(f"{where}: padding 'same' needs a stride of 1, found {list(stride)}")
    # PyTorch's Conv2d puts the odd zero of "same" below and to the right.
    totals = [spread * (size - 1) for size, spread in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    first, second = values
    return first, second


def _margins(values: tuple[tuple[int, int], ...]) -> Margins:
    first, second = values
    return first, second


def listed(value: Any) -> str:
    """A value in an error: its numbers where they are few, and on one line."""
    array = np.asarray(value)
    return str(array.tolist()) if array.size <= 8 else f"an array of the shape {list(array.shape)}"
