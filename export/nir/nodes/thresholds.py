"""Threshold: spikes without a state. Behind an integrator it makes a neuron of it (`spiq.export.nir.composite`)."""

import nir

from ..geometry import Shape, parameter
from ..operations import Comparison
from ..time_step import TimeStep
from .kind import PlainKind


def _read(node: nir.Threshold, input_shape: Shape, _step: TimeStep, where: str) -> Comparison:
    return Comparison(parameter(node.threshold, "threshold", input_shape, where))


THRESHOLD = PlainKind(nir.Threshold, "y = 1 where x > threshold, else 0", _read, linear=False, spikes=True)
