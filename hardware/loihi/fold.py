"""Several linear nodes in a row as one synapse.

Between two neuron groups there may be convolutions, poolings, scales, matrices and flattenings, all linear (a bias
aside). Together they are one convolution where that is exact, borders included, and otherwise one dense matrix, whose
columns are the images of the unit vectors.
"""

import copy
import math
from collections.abc import Sequence

import nir
import numpy as np
import torch
from jaxtyping import Float

from ...export import geometry
from ...export.errors import InputError
from ...export.geometry import Convolution, Shape
from ...export.graph import PlacedNode
from ..nir_runtime import stateless
from .compose import composed, depthwise, symmetric
from .synapse import ConvSynapse, DenseSynapse, Synapse

MATRIX_LIMIT = 2**27
"""The most values that a dense matrix may have: 1 GiB in float64."""

CHUNK_VALUES = 2**22
"""How many values are sent through the nodes at once."""

Image = tuple[int, int, int]
"""(channel, height, width)"""


def fold(nodes: Sequence[PlacedNode], input_shape: Shape, output_shape: Shape, where: str) -> Synapse:
    """The synapse, with real weights, that these nodes, in order, amount to without their biases.

    No nodes are the identity. Raises InputError, beginning with `where`, where they need a dense matrix that is too
    large.
    """
    factor = _factor(nodes)
    if factor is not None:
        return one_to_one(math.prod(input_shape), factor)
    linear = [_without_bias(placed) for placed in nodes]
    return _convolution(linear, input_shape) or _dense(linear, input_shape, output_shape, where)


def one_to_one(size: int, weight: float) -> ConvSynapse:
    """Each of `size` neurons to the one at its place, with the same weight: a kernel of one value."""
    return ConvSynapse(np.full((1, 1, 1, 1), weight), (1, size, 1))


def _factor(nodes: Sequence[PlacedNode]) -> float | None:
    """What the nodes multiply every value with, or None where they do anything else."""
    factor = 1.0
    for placed in nodes:
        if isinstance(placed.node, nir.Flatten):
            continue
        if not isinstance(placed.node, nir.Scale):
            return None
        scale = geometry.parameter(placed.node.scale, "scale", placed.input_shape, str(placed))
        if scale.min() != scale.max():
            return None
        factor *= float(scale.flat[0])
    return factor


def _convolution(nodes: Sequence[PlacedNode], input_shape: Shape) -> ConvSynapse | None:
    """The one convolution that the nodes are, or None where they are not."""
    image = _as_image(input_shape)
    whole: Convolution | None = None
    for placed in nodes:
        if isinstance(placed.node, nir.Flatten):
            continue
        at = image if whole is None else _output_image(whole, image)
        if not isinstance(placed.node, nir.Scale) and at != _as_image(placed.input_shape):
            if whole is not None:
                return None
            # Only flattenings came before: they give the same spikes another shape.
            image = at = _as_image(placed.input_shape)
        step = None if at is None else _step(placed, at)
        if step is None or image is None:
            return None
        whole = step if whole is None else composed(whole, step, image)
        if whole is None:
            return None
    return None if whole is None or image is None else symmetric(whole, image)


def _step(placed: PlacedNode, image: Image) -> Convolution | None:
    """The node as a convolution over an image of that shape, or None where it is not one."""
    node, where = placed.node, str(placed)
    match node:
        case nir.Conv1d() | nir.Conv2d():
            return geometry.convolution(node, placed.input_shape, where)
        case nir.SumPool2d() | nir.AvgPool2d():
            pool = geometry.pooling(node, placed.input_shape, where)
            share = 1.0 if isinstance(node, nir.SumPool2d) else 1.0 / math.prod(pool.kernel)
            weight = np.full((image[0], 1, *pool.kernel), share)
            return Convolution(weight, np.zeros(image[0]), pool.stride, pool.padding, (1, 1), image[0])
        case nir.Scale():
            scale = geometry.parameter(node.scale, "scale", placed.input_shape, where).reshape(image)
            same = (scale == scale[:, :1, :1]).all()
            return depthwise(scale[:, 0, 0]) if same else None
        case _:
            return None


def _dense(nodes: Sequence[PlacedNode], input_shape: Shape, output_shape: Shape, where: str) -> DenseSynapse:
    size_in, size_out = math.prod(input_shape), math.prod(output_shape)
    if size_in * size_out > MATRIX_LIMIT:
        raise InputError(
            f"{where}: the linear nodes before it are not one convolution, and as a matrix [{size_out}, {size_in}] "
            f"they have more than the {MATRIX_LIMIT} values that are allowed"
        )
    first = next((index for index, placed in enumerate(nodes) if not isinstance(placed.node, nir.Flatten)), None)
    matrix, rest = None, nodes
    if first is not None and isinstance(node := nodes[first].node, nir.Linear | nir.Affine):
        # What a matrix makes of the unit vectors is at hand, and there may be very many of them.
        matrix, rest = geometry.matrix(node, str(nodes[first]))[0], nodes[first + 1 :]
    weight = np.empty((size_out, size_in))
    widest = max(size_in if matrix is None else len(matrix), *(math.prod(placed.output_shape) for placed in rest), 1)
    step = max(1, CHUNK_VALUES // widest)
    for start in range(0, size_in, step):
        end = min(start + step, size_in)
        if matrix is None:
            images = np.eye(end - start, size_in, start).reshape(-1, *input_shape)
        else:
            images = np.ascontiguousarray(matrix[:, start:end].T)
        weight[:, start:end] = _sent(rest, images).reshape(-1, size_out).T
    return DenseSynapse(weight)


def _sent(nodes: Sequence[PlacedNode], values: Float[np.ndarray, "sample *shape"]) -> Float[np.ndarray, "sample *out"]:
    sent = torch.from_numpy(values)
    with torch.no_grad():
        for placed in nodes:
            sent = stateless(placed, sent)
    return sent.numpy()


def _without_bias(placed: PlacedNode) -> PlacedNode:
    if getattr(placed.node, "bias", None) is None:
        return placed
    node = copy.copy(placed.node)
    node.bias = np.zeros_like(node.bias)  # type: ignore[attr-defined]
    return placed._replace(node=node)


def _output_image(conv: Convolution, image: Image | None) -> Image | None:
    if image is None:
        return None
    height, width = (
        geometry.windows(*axis)
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
