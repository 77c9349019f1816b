"""Delay: whole time steps."""

import nir
import numpy as np

from ...errors import InputError
from ..geometry import Shape, parameter
from ..operations import DelayLine
from ..time_step import TimeStep
from .kind import WHOLE_STEP_TOLERANCE, PlainKind

MOST_STEPS = 2**12
"""The longest delay, in time steps: each of them holds every value of the node."""


def _read(node: nir.Delay, input_shape: Shape, step: TimeStep, where: str) -> DelayLine:
    delay = parameter(node.delay, "delay", input_shape, where)
    steps = np.rint(delay / step.dt)
    # What is a delay at all, as `ordering` must know, is no delay of 0 steps.
    off = (np.abs(delay / step.dt - steps) > WHOLE_STEP_TOLERANCE * np.maximum(steps, 1)) | ((delay > 0) & (steps == 0))
    if off.any():
        raise InputError(
            f"{where}: delay must be an integer of time steps of {step.dt:g} s, got {delay[off].flat[0]:g} s "
            "somewhere; pass the dt that the file was written with"
        )
    if steps.min() < 0 or steps.max() > MOST_STEPS:
        raise InputError(
            f"{where}: delay must lie in 0 to {MOST_STEPS} time steps of {step.dt:g} s, got {steps.min():g} to "
            f"{steps.max():g}"
        )
    return DelayLine(steps.astype(np.int64))


DELAY = PlainKind(nir.Delay, "y(t) = x(t - delay)", _read, linear=False)
