"""Conv1d and Conv2d."""

from typing import Any

import nir
import numpy as np

from ...errors import InputError
from ..geometry import Margins, Shape, listed, real, whole
from ..operations import Convolution
from ..time_step import TimeStep
from .kind import PlainKind


def _read(node: nir.Conv1d | nir.Conv2d, input_shape: Shape, _step: TimeStep, where: str) -> Convolution:
    dimensions = 1 if isinstance(node, nir.Conv1d) else 2
    weight = real(node.weight, "weight", where)
    if weight.ndim != 2 + dimensions:
        raise InputError(f"{where}: weight must have {2 + dimensions} dimensions, got the shape {list(weight.shape)}")
    if len(input_shape) != 1 + dimensions:
        axes = "[channel, length]" if dimensions == 1 else "[channel, height, width]"
        raise InputError(f"{where}: its input must have the shape {axes}, got {list(input_shape)}")
    (groups,) = whole(node.groups, 1, 1, "groups", where)
    if weight.shape[0] % groups or weight.shape[1] * groups != input_shape[0]:
        raise InputError(
            f"{where}: weight must read the {input_shape[0]} channels of its input in {groups} groups of equal size, "
            f"got {list(weight.shape)}, which reads {weight.shape[1] * groups}"
        )
    stated = getattr(node, "input_shape", None)
    if stated is not None and not np.array_equal(np.atleast_1d(stated), input_shape[1:]):
        raise InputError(
            f"{where}: input_shape must be that of its input, {list(input_shape[1:])}, got {listed(stated)}"
        )
    stride = whole(node.stride, dimensions, 1, "stride", where)
    dilation = whole(node.dilation, dimensions, 1, "dilation", where)
    padding = _padding(node.padding, weight.shape[2:], stride, dilation, where)
    bias = np.zeros(weight.shape[0]) if node.bias is None else real(node.bias, "bias", where)
    if bias.shape != (weight.shape[0],):
        raise InputError(f"{where}: bias must have the shape [{weight.shape[0]}], got {list(bias.shape)}")
    if dimensions == 1:
        weight = weight[..., None]
        stride, dilation, padding = (*stride, 1), (*dilation, 1), (*padding, (0, 0))
    return Convolution(weight, bias, _pair(stride), _margins(padding), _pair(dilation), groups)


CONV1D = PlainKind(nir.Conv1d, "y = weight ⋆ x + bias over [channel, length]", _read, 2)

CONV2D = PlainKind(nir.Conv2d, "y = weight ⋆ x + bias over [channel, height, width]", _read, 3)


def _padding(
    value: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], where: str
) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, str | bytes):
        return tuple((amount, amount) for amount in whole(value, len(kernel), 0, "padding", where))
    word = value.decode(errors="replace") if isinstance(value, bytes) else value
    if word == "valid":
        return ((0, 0),) * len(kernel)
    if word != "same":
        raise InputError(f"{where}: padding must be 'same', 'valid' or integers, got {word!r}")
    if any(step != 1 for step in stride):
        raise InputError(f"{where}: stride must be 1 where padding is 'same', got {list(stride)}")
    # PyTorch's Conv2d puts the odd zero of "same" below and to the right.
    totals = [spread * (size - 1) for size, spread in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    first, second = values
    return first, second


def _margins(values: tuple[tuple[int, int], ...]) -> Margins:
    first, second = values
    return first, second
