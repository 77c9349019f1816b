"""What a neuron node of NIR means in the chip's terms.

NIR's neurons are read with one Euler step of dt, as in `nir_runtime`. What a node multiplies its input with, the gain,
goes into the weights and the bias of the layer (`float_layer`):

    IF        current_decay 1              voltage_decay 0              gain r
    LIF       current_decay 1              voltage_decay dt/tau         gain r·dt/tau
    CubaLIF   current_decay dt/tau_syn     voltage_decay dt/tau_mem     gain w_in·dt/tau_syn·r·dt/tau_mem

A group has one threshold. A neuron with v_reset 0 is linear between its spikes, so a smaller threshold than the
group's largest is the same as that much more input: gain·(largest threshold / threshold).
"""

from typing import NamedTuple

import nir
import numpy as np
from jaxtyping import Float

from ...export.errors import InputError
from ...export.geometry import parameter
from ...export.graph import PlacedNode
from . import chip

NEURONS = (nir.IF, nir.LIF, nir.CubaLIF)
"""The nodes that a neuron group of the chip can be."""

WHOLE_STEP_TOLERANCE = 1e-6
"""How far dt/tau may lie from 1 that it is taken for 1: the files hold time constants in float32."""


class Neurons(NamedTuple):
    """A neuron node's parameters. The decays are the shares of u and v that a step takes away, from 0 to 1."""

    gain: Float[np.ndarray, "*shape"]
    threshold: float
    current_decay: float
    voltage_decay: float


def neurons(placed: PlacedNode, dt: float, where: str) -> Neurons:
    """The node's parameters for time steps of `dt` seconds.

    Raises InputError, beginning with `where`, for neurons that differ within the node in a time constant, that have a
    leak or reset potential other than 0, a threshold under 0, or a time constant that is under dt or too long.
    """
    node = placed.node

    def value(key: str) -> Float[np.ndarray, "*shape"]:
        return parameter(getattr(node, key), key, placed.input_shape, where)

    def one(key: str) -> float:
        values = value(key)
        if values.min() != values.max():
            raise InputError(
                f"{where}: {key} goes from {values.min():g} to {values.max():g}; on Loihi it must be one value for all "
                "neurons of a node"
            )
        return float(values.flat[0])

    def decay(key: str) -> float:
        share = dt / one(key)
        if abs(share - 1) <= WHOLE_STEP_TOLERANCE:
            return 1.0
        if share > 1:
            raise InputError(f"{where}: {key} is {one(key):g} s, shorter than dt, which is {dt:g} s")
        return share

    current_decay, voltage_decay = 1.0, 0.0
    gain = value("r")
    if isinstance(node, nir.LIF):
        voltage_decay = decay("tau")
        gain = gain * voltage_decay
    elif isinstance(node, nir.CubaLIF):
        current_decay, voltage_decay = decay("tau_syn"), decay("tau_mem")
        gain = gain * voltage_decay * value("w_in") * current_decay
        if round(current_decay * chip.DECAY_UNITY) < chip.CURRENT_DECAYS[0]:
            raise InputError(
                f"{where}: tau_syn is {one('tau_syn'):g} s, which is {2 * chip.DECAY_UNITY} times dt or more; Loihi's "
                "current cannot decay so slowly"
            )
    for key in ("v_leak", "v_reset"):
        if hasattr(node, key) and np.any(value(key) != 0):
            raise InputError(f"{where}: {key} is not 0; Loihi's neurons know only 0")
    thresholds = value("v_threshold")
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
