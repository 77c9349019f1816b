"""SumPool2d and AvgPool2d."""

import nir

from ...errors import InputError
from ..geometry import Shape, whole
from ..operations import Pooling
from ..time_step import TimeStep
from .kind import PlainKind


def _read(node: nir.SumPool2d | nir.AvgPool2d, input_shape: Shape, _step: TimeStep, where: str) -> Pooling:
    if len(input_shape) != 3:
        raise InputError(f"{where}: its input must have the shape [channel, height, width], got {list(input_shape)}")
    (height, width) = whole(node.kernel_size, 2, 1, "kernel_size", where)
    (down, right) = whole(node.stride, 2, 1, "stride", where)
    (above, left) = whole(node.padding, 2, 0, "padding", where)
    averages = isinstance(node, nir.AvgPool2d)
    return Pooling((height, width), (down, right), ((above, above), (left, left)), averages)


SUM_POOL2D = PlainKind(nir.SumPool2d, "y = Σ x over each window of [channel, height, width]", _read, 3)

AVG_POOL2D = PlainKind(nir.AvgPool2d, "y = Σ x / (height·width of the window), padding included", _read, 3)
