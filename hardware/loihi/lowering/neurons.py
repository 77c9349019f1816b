"""What a neuron node of NIR means in the chip's terms.

What a node multiplies its input with in a step (`spiq.export.nir.neurons`), its gain here, goes into the weights and
the bias of the layer (`float_layer`):

    IF        current_decay 1              voltage_decay 0              gain r, or dt·r
    LIF       current_decay 1              voltage_decay dt/tau         gain r·dt/tau
    CubaLIF   current_decay dt/tau_syn     voltage_decay dt/tau_mem     gain w_in·dt/tau_syn·r·dt/tau_mem

and likewise for an integrator with a Threshold behind it (`spiq.export.nir.composite`), whose reset is a subtraction.

v is the distance of the potential from rest, where a sample starts: threshold and v_reset are taken from there.

Lava's LIF has one threshold for a group. A neuron that is reset to rest is linear between its spikes, so a smaller
threshold than the group's largest is the same as that much more input: gain·(largest threshold / threshold). Where the
group needs a programmable neuron anyway, each neuron keeps its own threshold.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ....export.errors import InputError
from ....export.nir.graph import ResolvedNode
from ....export.nir.neuron_step import Parameter, Reset, Subtraction, ToValue
from ....export.nir.neurons import neuron_step
from ....export.nir.time_step import TimeStep
from .float_layer import AT_REST, PerNeuron, is_stock

SAME = 1e-6
"""The fraction by which an amount may differ from the threshold and still be taken for it: a file has it as a product
of numbers in float32."""


class Neurons(NamedTuple):
    """A neuron node's parameters, as in `FloatLayer`."""

    gain: Float[np.ndarray, "*shape"]
    threshold: PerNeuron
    current_decay: PerNeuron
    voltage_decay: PerNeuron
    reset: Reset

    @property
    def is_stock(self) -> bool:
        """Whether Lava's stock LIF can be these neurons."""
        return is_stock(self.threshold, self.current_decay, self.voltage_decay, self.reset)


def neurons(resolved: ResolvedNode, step: TimeStep, where: str) -> Neurons:
    """The node's parameters for time steps of that length.

    Raises InputError, beginning with `where`, for neurons that `neuron_step` cannot read, and that give no spikes.
    """
    parts = neuron_step(resolved, step, where)
    if parts.threshold is None or parts.reset is None:
        raise InputError(f"{where}: must give spikes, as a group of Loihi's neurons does, got values")
    gain, current_decay = parts.potential.takes, 1.0
    if parts.current is not None:
        current_decay = _one(parts.current.forgets)
        gain = gain * parts.current.takes
    voltage_decay, rest = _one(parts.potential.forgets), parts.potential.start
    thresholds, reset = parts.threshold - rest, _from_rest(parts.reset, parts.threshold, rest)
    largest = float(thresholds.max())
    if is_stock(largest, current_decay, voltage_decay, reset) and (thresholds > 0).all():
        if thresholds.min() < largest:
            gain = gain * (largest / thresholds)
        return Neurons(gain, largest, current_decay, voltage_decay, reset)
    return Neurons(gain, _one(thresholds), current_decay, voltage_decay, reset)


def _from_rest(reset: Reset, threshold: Parameter, rest: Parameter) -> Reset:
    match reset:
        case ToValue():
            value = reset.value - rest
            return ToValue(value) if value.any() else AT_REST
        case Subtraction():
            is_threshold = np.abs(reset.amount - threshold) <= SAME * np.abs(threshold)
            return Subtraction(np.where(is_threshold, threshold, reset.amount), reset.at_once)


def _one(values: Parameter) -> PerNeuron:
    """A number where all are the same."""
    first = float(values.flat[0])
    return first if (values == first).all() else values
