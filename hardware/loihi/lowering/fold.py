"""Several linear nodes in a row as one synapse.

Between two neuron groups there may be convolutions, poolings, scales, matrices and flattenings, all linear (a bias
aside). Together they are one convolution where that is exact, borders included, and otherwise one dense matrix, whose
columns are the images of the unit vectors.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from ....export.errors import InputError
from ....export.nir.geometry import Shape, windows
from ....export.nir.operations import Convolution, Factor, Linear, Matrix, Pooling, Reshape
from ...runtime.nir_runtime import computed
from ..synapse import ConvSynapse, DenseSynapse, Synapse
from .compose import composed, depthwise, symmetric

MATRIX_LIMIT = 2**27
"""The most values that a dense matrix may have: 1 GiB in float64."""

CHUNK_VALUES = 2**22
"""How many values are sent through the nodes at once."""

Image = tuple[int, int, int]
"""(channel, height, width)"""


class Stage(NamedTuple):
    """One of the nodes: what it does, and to which shape."""

    operation: Linear
    input_shape: Shape
    output_shape: Shape


def fold(stages: Sequence[Stage], input_shape: Shape, output_shape: Shape, where: str) -> Synapse:
    """The synapse, with real weights, that these stages, in order, amount to without their biases.

    No stages are the identity. Raises InputError, beginning with `where`, where they need a dense matrix that is too
    large.
    """
    factor = _factor(stages)
    if factor is not None:
        return one_to_one(math.prod(input_shape), factor)
    linear = [_without_bias(stage) for stage in stages]
    return _convolution(linear, input_shape) or _dense(linear, input_shape, output_shape, where)


def one_to_one(size: int, weight: float) -> ConvSynapse:
    """Each of `size` neurons to the one at its place, with the same weight: a kernel of one value."""
    return ConvSynapse(np.full((1, 1, 1, 1), weight), (1, size, 1))


def _factor(stages: Sequence[Stage]) -> float | None:
    """What the stages multiply every value with, or None where they do anything else."""
    factor = 1.0
    for stage in stages:
        match stage.operation:
            case Reshape():
                continue
            case Factor(values) if values.min() == values.max():
                factor *= float(values.flat[0])
            case _:
                return None
    return factor


def _convolution(stages: Sequence[Stage], input_shape: Shape) -> ConvSynapse | None:
    """The one convolution that the stages are, or None where they are not."""
    image = _as_image(input_shape)
    whole: Convolution | None = None
    for stage in stages:
        if isinstance(stage.operation, Reshape):
            continue
        at = image if whole is None else _output_image(whole, image)
        if not isinstance(stage.operation, Factor) and at != _as_image(stage.input_shape):
            if whole is not None:
                return None
            # Only flattenings came before: they give the same spikes another shape.
            image = at = _as_image(stage.input_shape)
        step = None if at is None else _step(stage.operation, at)
        if step is None or image is None:
            return None
        whole = step if whole is None else composed(whole, step, image)
        if whole is None:
            return None
    return None if whole is None or image is None else symmetric(whole, image)


def _step(operation: Linear, image: Image) -> Convolution | None:
    """The operation as a convolution over an image of that shape, or None where it is not one."""
    match operation:
        case Convolution():
            return operation
        case Pooling() as pool:
            share = 1.0 / math.prod(pool.kernel) if pool.averages else 1.0
            weight = np.full((image[0], 1, *pool.kernel), share)
            return Convolution(weight, np.zeros(image[0]), pool.stride, pool.padding, (1, 1), image[0])
        case Factor(values):
            factor = values.reshape(image)
            same = (factor == factor[:, :1, :1]).all()
            return depthwise(factor[:, 0, 0]) if same else None
        case _:
            return None


def _dense(stages: Sequence[Stage], input_shape: Shape, output_shape: Shape, where: str) -> DenseSynapse:
    size_in, size_out = math.prod(input_shape), math.prod(output_shape)
    if size_in * size_out > MATRIX_LIMIT:
        raise InputError(
            f"{where}: the linear nodes before it, which are not one convolution, must have at most {MATRIX_LIMIT} "
            f"values as a matrix, got [{size_out}, {size_in}]"
        )
    first = next((index for index, stage in enumerate(stages) if not isinstance(stage.operation, Reshape)), None)
    matrix, rest = None, stages
    if first is not None and isinstance(operation := stages[first].operation, Matrix):
        # What a matrix makes of the unit vectors is at hand, and there may be very many of them.
        matrix, rest = operation.weight, stages[first + 1 :]
    weight = np.empty((size_out, size_in))
    widest = max(size_in if matrix is None else len(matrix), *(math.prod(stage.output_shape) for stage in rest), 1)
    step = max(1, CHUNK_VALUES // widest)
    for start in range(0, size_in, step):
        end = min(start + step, size_in)
        if matrix is None:
            images = np.eye(end - start, size_in, start).reshape(-1, *input_shape)
        else:
            images = np.ascontiguousarray(matrix[:, start:end].T)
        weight[:, start:end] = _sent(rest, images).reshape(-1, size_out).T
    return DenseSynapse(weight)


def _sent(stages: Sequence[Stage], values: Float[np.ndarray, "sample *shape"]) -> Float[np.ndarray, "sample *out"]:
    sent = torch.from_numpy(values)
    with torch.no_grad():
        for stage in stages:
            sent = computed(stage.operation, sent.dtype)(sent)
    return sent.numpy()


def _without_bias(stage: Stage) -> Stage:
    operation = stage.operation
    if isinstance(operation, Convolution | Matrix):
        return stage._replace(operation=operation._replace(bias=np.zeros_like(operation.bias)))
    return stage


def _output_image(conv: Convolution, image: Image | None) -> Image | None:
    if image is None:
        return None
    height, width = (
        windows(*axis)
        for axis in zip(image[1:], conv.weight.shape[2:], conv.stride, conv.padding, conv.dilation, strict=True)
    )
    return len(conv.weight), height, width


def _as_image(shape: Shape) -> Image | None:
    """[channel, height, width], where [channel, length] is [channel, length, 1]; None for other shapes."""
    match shape:
        case (channel, height, width):
            return channel, height, width
        case (channel, length):
            return channel, length, 1
        case _:
            return None
