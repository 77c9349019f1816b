"""Linear, Affine and Scale."""

import nir
import numpy as np

from ...errors import InputError
from ..geometry import Shape, parameter, real
from ..operations import Factor, Matrix
from ..time_step import TimeStep
from .kind import PlainKind


def _read_matrix(node: nir.Linear | nir.Affine, input_shape: Shape, _step: TimeStep, where: str) -> Matrix:
    weight = real(node.weight, "weight", where)
    if weight.ndim != 2:
        raise InputError(f"{where}: weight must have the shape [out, in], got {list(weight.shape)}")
    bias = real(node.bias, "bias", where).reshape(-1) if isinstance(node, nir.Affine) else np.zeros(len(weight))
    if bias.shape != (len(weight),):
        raise InputError(f"{where}: bias must have the shape [{len(weight)}], got {list(bias.shape)}")
    if input_shape != (weight.shape[1],):
        raise InputError(
            f"{where}: its input must have the {weight.shape[1]} features that weight reads, got {list(input_shape)}"
        )
    return Matrix(weight, bias)


def _read_scale(node: nir.Scale, input_shape: Shape, _step: TimeStep, where: str) -> Factor:
    return Factor(parameter(node.scale, "scale", input_shape, where))


LINEAR = PlainKind(nir.Linear, "y = weight·x over [feature]", _read_matrix, 1)

AFFINE = PlainKind(nir.Affine, "y = weight·x + bias over [feature]", _read_matrix, 1)

SCALE = PlainKind(nir.Scale, "y = scale·x", _read_scale)
