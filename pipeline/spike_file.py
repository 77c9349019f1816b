"""Spikes, or values, in a .npz file: `x` going in, `y` coming out."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ..export.arrays import read_npz
from ..export.errors import InputError
from ..export.geometry import Shape
from ..hardware.network_input import Values, checked_values


class Spikes(NamedTuple):
    """What goes in, and the output spikes that somebody else found for it."""

    x: Values
    y: Shaped[np.ndarray, "time sample feature"] | None


def read_spikes(path: Path, shape: Shape) -> Spikes:
    """Array `x`, and `y` if it is there, its axes after the sample flattened.

    Raises InputError where the file is unreadable or x is no [time, sample, *shape] of numbers (`checked_values`).
    """
    arrays = read_npz(path, ("x",), ("y",))
    x, y = arrays["x"], arrays.get("y")
    try:
        checked_values(x, shape)
    except InputError as error:
        raise InputError(f"{path}: x: {error}") from error
    if y is None:
        return Spikes(x, None)
    if y.dtype.kind not in "biu" or y.ndim < 3:
        raise InputError(f"{path}: y is {y.dtype} {list(y.shape)}; spikes [time, sample, feature] are needed")
    return Spikes(x, y.reshape(*y.shape[:2], math.prod(y.shape[2:])))
