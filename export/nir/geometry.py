"""Shapes, and a node's parameters brought to one form.

The frameworks write the same thing in many ways: a stride as a number, a pair or an array, padding as a word, a
threshold as a number or as an array. Here each takes one form, checked against the shape of the input.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError

Shape = tuple[int, ...]
"""A shape without time and sample, as (channel, height, width) or (feature,)."""

LARGEST_EXTENT = 2**26
"""How many values a node may read, with the zeros around them, or give in a time step."""

Margins = tuple[tuple[int, int], tuple[int, int]]
"""Zeros around an image: ((above, below), (left, right))."""


def windows(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int = 1) -> int:
    """How many windows fit along one axis (PyTorch's Conv2d, section Shape)."""
    return (size + sum(padding) - dilation * (kernel - 1) - 1) // stride + 1


def parameter(value: Any, key: str, shape: Shape, where: str, infinite: bool = False) -> Float[np.ndarray, "*shape"]:
    """A neuron's parameter for every neuron of a group of that shape, in float64.

    One value stands for all neurons; as many as channels, with or without trailing ones, for each channel's neurons;
    otherwise there must be one a neuron. Nothing else is guessed. Raises InputError, too where a value is not finite,
    but for +∞ where `infinite` allows that.
    """
    array = real(value, key, where, infinite)
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
        f"{where}: {key} must have one value, {shape[0]} values (one a channel) or the shape {list(shape)} of its "
        f"input, got the shape {list(np.shape(value))}"
    )


def whole_numbers(values: np.ndarray, least: int) -> bool:
    """Whether all values are integers of at least that much."""
    if values.dtype.kind not in "iuf":
        return False
    return bool((np.isfinite(values) & (values >= least) & (values == np.floor(values))).all())


def check_extent(shape: Shape, where: str) -> None:
    """Raises InputError where the shape has more than `LARGEST_EXTENT` values."""
    if math.prod(shape) > LARGEST_EXTENT:
        raise InputError(f"{where}: must have at most {LARGEST_EXTENT} values, got the shape {list(shape)}")


def real(value: Any, key: str, where: str, infinite: bool = False) -> Float[np.ndarray, "..."]:
    """The numbers in float64. Raises InputError where there are none, or not finite ones (`infinite` allows +∞)."""
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
    if not (np.isfinite(array) | (infinite & np.isposinf(array))).all():
        raise InputError(f"{where}: {key} is not finite somewhere")
    return array


def whole(value: Any, count: int, least: int, key: str, where: str) -> tuple[int, ...]:
    """`count` integers, from one or from as many."""
    values = np.atleast_1d(np.asarray(value)).reshape(-1)
    if values.size == 1:
        values = np.repeat(values, count)
    if values.size != count or not whole_numbers(values, least):
        needed = "an integer" if count == 1 else f"{count} integers"
        raise InputError(f"{where}: {key} must be {needed} of at least {least}, got {listed(value)}")
    return tuple(int(v) for v in values)


def listed(value: Any) -> str:
    """A value in an error: its numbers where they are few, and on one line."""
    array = np.asarray(value)
    return str(array.tolist()) if array.size <= 8 else f"an array of the shape {list(array.shape)}"
