"""The time that one step of a spiking network stands for."""

import math

from .errors import InputError

DEFAULT_DT = 1e-4
"""Seconds: the convention of snnTorch's exporter and of the NIR paper."""


def checked_dt(dt: float) -> float:
    """The time step in seconds, if it is one. Raises InputError otherwise."""
    if not (math.isfinite(dt) and dt > 0):
        raise InputError(f"dt is {dt} s; a finite number above 0 is needed")
    return dt
