"""Spikes, or values, in a .npz file: `x` going in, `y` coming out."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ...export.errors import InputError
from ...export.files.arrays import read_npz
from ...export.nir.geometry import Shape
from ...hardware.loihi.chip import INPUT_VALUES
from ...hardware.runtime.network_input import Values, checked_spikes, checked_values


class Spikes(NamedTuple):
    """What goes in, and the output spikes that somebody else found for it."""

    x: Values
    y: Shaped[np.ndarray, "time sample feature"] | None


def read_spikes(path: Path, shape: Shape, for_chip: bool = False) -> Spikes:
    """Array `x`, and `y` if it is there, its axes after the sample flattened.

    Raises InputError where the file is unreadable or x is no [time, sample, *shape] of numbers (`checked_values`) or,
    for the chip, of graded spikes (`checked_spikes`).
    """
    arrays = read_npz(path, ("x",), ("y",))
    x, y = arrays["x"], arrays.get("y")
    try:
        if for_chip:
            checked_spikes(x, shape, INPUT_VALUES[1])
        else:
            checked_values(x, shape)
    except InputError as error:
        raise InputError(f"{path}: x: {error}") from error
    if y is None:
        return Spikes(x, None)
    if y.dtype.kind not in "biu" or y.ndim < 3:
        raise InputError(f"{path}: y must be spikes [time, sample, feature], got {y.dtype} {list(y.shape)}")
    return Spikes(x, y.reshape(*y.shape[:2], math.prod(y.shape[2:])))
