"""What may go into a network, [time, sample, *shape].

    on every device       spikes: uint8, 0 and 1
    on Loihi, in Lava     graded spikes: uint8, up to the program's largest input, which is at most 255
    in floating point     numbers: whole ones up to 2^53, as far as float64 counts, and finite floating-point ones

Each device checks what it is given.
"""

import numpy as np
from jaxtyping import Shaped, UInt8

from ...export.errors import InputError
from ...export.nir.geometry import Shape

Values = Shaped[np.ndarray, "time sample *shape"]
"""Numbers of any type that `checked_values` lets pass."""

LARGEST_COUNT = 2**53


def checked_spikes(spikes: np.ndarray, shape: Shape, largest: int = 1) -> UInt8[np.ndarray, "time sample *shape"]:
    """The spikes, if they are uint8, of 0 to `largest`, and [time, sample, *shape]. Raises InputError otherwise."""
    if spikes.dtype != np.uint8:
        reason = ", since a spike carries an integer or nothing" if spikes.dtype.kind == "f" else ""
        raise InputError(f"spikes must be uint8, got {spikes.dtype}{reason}")
    _check_shape("spikes", spikes, shape)
    if spikes.size and spikes.max() > largest:
        allowed = "0 or 1" if largest == 1 else f"integers from 0 to {largest}"
        raise InputError(f"spikes must be {allowed}, got {spikes.max()}")
    return spikes


def checked_values(values: np.ndarray, shape: Shape) -> Values:
    """The numbers, if float64 holds each of them exactly and they are [time, sample, *shape].

    Raises InputError otherwise.
    """
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8:
        raise InputError(f"the input must hold whole or floating-point numbers of at most 64 bits, got {values.dtype}")
    _check_shape("the input", values, shape)
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            raise InputError(f"the input must hold finite numbers, got {values[~finite][0]}")
    elif largest_magnitude(values) > LARGEST_COUNT:
        raise InputError(
            f"the input must hold integers up to {LARGEST_COUNT}, which are exact in float64, got {_farthest(values)}"
        )
    return values


def largest_magnitude(values: Values) -> float:
    """Of all the values; 0 where there are none."""
    return abs(float(_farthest(values))) if values.size else 0.0


def _farthest(values: Values) -> float | int:
    """The value farthest from 0. Not by NumPy's abs, which the least integer of a type has none of."""
    return max(values.max().item(), values.min().item(), key=abs)


def _check_shape(what: str, values: np.ndarray, shape: Shape) -> None:
    if values.shape[2:] != shape or values.ndim != 2 + len(shape) or values.shape[0] < 1:
        needed = ", ".join(["time", "sample", *map(str, shape)])
        raise InputError(f"{what} must have the shape [{needed}], got {list(values.shape)}")
