"""Input, Output and Flatten, which change no value."""

import math

import nir
import numpy as np

from ...errors import InputError
from ..geometry import Shape, listed, whole
from ..operations import Reshape
from ..time_step import TimeStep
from .kind import PlainKind


def _read_flatten(node: nir.Flatten, input_shape: Shape, _step: TimeStep, where: str) -> Reshape:
    rank = len(input_shape)
    (first,) = whole(node.start_dim, 1, -rank, "start_dim", where)
    (last,) = whole(node.end_dim, 1, -rank, "end_dim", where)
    start, end = (axis + rank if axis < 0 else axis for axis in (first, last))
    if not 0 <= start <= end < rank:
        raise InputError(
            f"{where}: start_dim and end_dim must fit an input of the shape {list(input_shape)}, got {first} and {last}"
        )
    return Reshape((*input_shape[:start], math.prod(input_shape[start : end + 1]), *input_shape[end + 1 :]))


def _read_input(_node: nir.Input, input_shape: Shape, _step: TimeStep, _where: str) -> Reshape:
    return Reshape(input_shape)


def _read_output(node: nir.Output, input_shape: Shape, _step: TimeStep, where: str) -> Reshape:
    stated = node.output_type.get("output") if node.output_type else None
    # What stands in front of it is for the whole graph to judge, beside the input's.
    if stated is not None and not np.array_equal(np.atleast_1d(stated)[-len(input_shape) :], input_shape):
        raise InputError(
            f"{where}: its shape must be that of what reaches it, {list(input_shape)}, got {listed(stated)}"
        )
    return Reshape(input_shape)


FLATTEN = PlainKind(nir.Flatten, "the axes start_dim to end_dim become one", _read_flatten)

INPUT = PlainKind(nir.Input, "what comes from outside", _read_input, linear=False)

OUTPUT = PlainKind(nir.Output, "what reaches it is the graph's answer", _read_output, linear=False)
