"""Which value of an integer pixel means white.

Floating-point pixels lie in [0, 1] and stay as they are. Integers are divided by the pixel range: the value that means
white. It is what the user says, by `data.pixel_range`; else it is decided by the largest of all integer pixels of a
file, together:

    0 or 1       1: black and white
    2 to 16      refused: 16 grey levels, or dark images of 256?
    17 to 255    255
    256 and up   refused

Where one part of a data set holds integers and the other floats, a range that was decided must also bring the integers
into the floats' range: of the largest quotient and the largest float, neither may be more than LIKE times the other.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Integer, Num

from ...export.errors import InputError

EIGHT_BIT = 255
"""White in 8-bit images."""

MOST_UNCLEAR = 16
"""Up to here, from 2 on, the largest pixel does not tell 16 grey levels from dark images of 256."""

LIKE = 2.0
"""How many times as bright one part of a data set may be as the other. A wrong range makes it 16 or 255 times."""


class PixelRange(NamedTuple):
    """The value that means white, None where all pixels are floats and nobody said it; and what to tell the user."""

    white: int | None
    note: str | None


def pixel_range(
    parts: Mapping[str, Num[np.ndarray, "sample ..."]], where: str, white: int | None, remedy: str
) -> PixelRange:
    """The range of these arrays, by name; floats must lie in [0, 1] already.

    `white` is what the user said, None where that is nothing. `where` names the file in sentences, `remedy` is the end
    of the one that says that the pixels do not tell. Raises InputError for an integer below 0 or above the range, and
    where a range that nobody said cannot be decided or does not fit the floats.
    """
    integers = {name: array for name, array in parts.items() if array.dtype.kind in "iu"}
    names = " and ".join(integers)
    for name, array in integers.items():
        if array.min() < 0:
            raise InputError(f"{where}: {name} must hold pixels of 0 or more, got {array.min()}")
    largest = max((int(array.max()) for array in integers.values()), default=0)
    if white is not None and largest > white:
        raise InputError(f"{where}: {names} must hold integers from 0 to {white}, which means white, got {largest}")
    if white is not None or not integers:
        return PixelRange(white, None)
    if 1 < largest <= MOST_UNCLEAR or largest > EIGHT_BIT:
        raise InputError(
            f"{where}: the largest integer of {names} is {largest}, which does not say what means white; {remedy}"
        )
    decided = 1 if largest <= 1 else EIGHT_BIT
    for name, array in parts.items():
        if name not in integers and not _alike(largest / decided, float(array.max())):
            raise InputError(
                f"{where}: the integers of {names}, divided by {decided}, reach {largest / decided:.3g}, but the "
                f"floats of {name} reach {float(array.max()):.3g}; {remedy}"
            )
    return PixelRange(decided, f"{where}: integers up to {largest} in {names} are taken as 0 to {decided}")


def scaled(pixels: Integer[np.ndarray, "*shape"], white: int) -> Float32[np.ndarray, "*shape"]:
    """Integer pixels from 0 to `white` as fractions of it."""
    return np.divide(pixels, np.float32(white), dtype=np.float32, casting="unsafe")


def _alike(one: float, other: float) -> bool:
    return one <= LIKE * other and other <= LIKE * one
