"""What a neuron node of NIR means in the chip's terms.

What a node multiplies its input with in a step (`spiq.export.neurons`), its gain here, goes into the weights and the
bias of the layer (`float_layer`):

    IF        current_decay 1              voltage_decay 0              gain r, or dt·r
    LIF       current_decay 1              voltage_decay dt/tau         gain r·dt/tau
    CubaLIF   current_decay dt/tau_syn     voltage_decay dt/tau_mem     gain w_in·dt/tau_syn·r·dt/tau_mem

A group has one threshold. A neuron with v_reset 0 is linear between its spikes, so a smaller threshold than the
group's largest is the same as that much more input: gain·(largest threshold / threshold).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ...export.errors import InputError
from ...export.graph import PlacedNode
from ...export.neuron_step import ToValue
from ...export.neurons import neuron_step
from ...export.time_step import TimeStep
from . import chip


class Neurons(NamedTuple):
    """A neuron node's parameters. The decays are the shares of u and v that a step takes away, from 0 to 1."""

    gain: Float[np.ndarray, "*shape"]
    threshold: float
    current_decay: float
    voltage_decay: float


def neurons(placed: PlacedNode, step: TimeStep, where: str) -> Neurons:
    """The node's parameters for time steps of that length.

    Raises InputError, beginning with `where`, for neurons that `neuron_step` cannot read, that differ within the node
    in a time constant, that have a leak or reset potential other than 0, a threshold under 0, or a current that fades
    too slowly.
    """
    parts = neuron_step(placed, step, where)
    if parts.threshold is None or not isinstance(parts.reset, ToValue):
        raise InputError(f"{where}: gives values; a group of Loihi's neurons gives spikes")

    def one(share: Float[np.ndarray, "*shape"], key: str) -> float:
        if share.min() != share.max():
            taus = step.dt / share
            raise InputError(
                f"{where}: {key} goes from {taus.min():g} to {taus.max():g}; on Loihi it must be one value for all "
                "neurons of a node"
            )
        return float(share.flat[0])

    current_decay, voltage_decay, gain = 1.0, 0.0, parts.potential.gain
    if parts.potential.leak is not None:
        voltage_decay = one(parts.potential.forgets, "tau" if parts.current is None else "tau_mem")
        gain = parts.potential.gain * parts.potential.leak
    if parts.current is not None:
        current_decay = one(parts.current.forgets, "tau_syn")
        gain = gain * parts.current.takes
        if round(current_decay * chip.DECAY_UNITY) < chip.CURRENT_DECAYS[0]:
            raise InputError(
                f"{where}: tau_syn is {step.dt / current_decay:g} s, which is {2 * chip.DECAY_UNITY} times dt or more; "
                "Loihi's current cannot decay so slowly"
            )
    for key, values in (("v_leak", parts.potential.rest), ("v_reset", parts.reset.value)):
        if values is not None and values.any():
            raise InputError(f"{where}: {key} is not 0; Loihi's neurons know only 0")
    thresholds = parts.threshold
    threshold = float(thresholds.max())
    if thresholds.min() < 0:
        raise InputError(f"{where}: v_threshold is {thresholds.min():g}; on Loihi it must be at least 0")
    if thresholds.min() < threshold:
        if thresholds.min() == 0:
            raise InputError(
                f"{where}: v_threshold is 0 for some neurons only; on Loihi no input scales that to one value"
            )
        gain = gain * (threshold / thresholds)
    return Neurons(gain, threshold, current_decay, voltage_decay)
