"""What Loihi can hold: the width of every number on the chip, in one place.

Source: lava-nc 0.10.0, whose `fixed_pt` models stand for the chip: `lava/proc/lif/models.py` (AbstractPyLifModelFixed,
PyLifModelBitAcc) for the neurons, `lava/utils/weightutils.py` (clip_weights, truncate_weights) for the weights,
`lava/proc/dense/models.py` (PyDelayDenseModelBitAcc) for the delays.

Loihi 2's neurons are programs, so a neuron may have other parameters than Lava's LIF. Those of a programmable neuron
(PROGRAMMABLE_…, RESET_…) are as wide as the LIF's registers, with a sign: that is our choice.
"""

from typing import NamedTuple

import numpy as np

from ...export.errors import InputError

STATE_LIMIT = 2**23
"""Current u and voltage v are 24 bits wide, sign included (`max_uv_val`)."""

INPUT_SHIFT = 6
"""A synapse's activation and the threshold stand 6 bits higher than u, v and the bias (`act_shift`, `vth_shift`)."""

DECAY_SHIFT = 12
"""Decays are twelfth-bit fractions: a decay of d keeps (2^12 - d) / 2^12 of the state (`decay_shift`)."""

DECAY_UNITY = 2**DECAY_SHIFT

CURRENT_DECAYS = (1, DECAY_UNITY)
"""The effective decay of u. The register du holds one less, 0 to 4095: the chip adds 1 (`ds_offset`)."""

VOLTAGE_DECAYS = (0, DECAY_UNITY - 1)
"""The decay of v, the register dv itself (`dm_offset` is 0), so v is never forgotten whole within a step."""

THRESHOLDS = (0, 2**17 - 1)
"""The register vth (PyLifModelBitAcc: unsigned, 17 bits)."""

PROGRAMMABLE_DECAYS = (0, DECAY_UNITY)
"""The decay of u or of v, which a program may leave as they are, or forget whole."""

PROGRAMMABLE_THRESHOLDS = (-THRESHOLDS[1], THRESHOLDS[1])

RESET_AMOUNTS = PROGRAMMABLE_THRESHOLDS
"""What a reset by subtraction takes off, in the threshold's unit."""

RESET_VOLTAGES = (1 - STATE_LIMIT, STATE_LIMIT - 1)
"""What v may be set to after a spike."""

BIAS_MANTISSAS = (-(2**12), 2**12 - 1)
"""The register bias_mant (PyLifModelBitAcc: signed, 13 bits)."""

BIAS_EXPONENTS = (0, 7)
"""The register bias_exp (PyLifModelBitAcc: unsigned, 3 bits)."""

ACTIVATION_LIMIT = 2**23
"""The sum of a neuron's absolute weights, each times the largest value that it reads, must stay under this. Lava wraps
a convolution's activation to 24 bits (`lava/proc/conv/utils.py`, signed_clamp) and not a dense synapse's: below the
limit neither does anything."""

DELAYS = (0, 63)
"""How many steps longer than its one step a synapse may take (PyDelayDenseModelBitAcc: 6 bits)."""

INPUT_VALUES = (0, 2**8 - 1)
"""What a spike from outside may carry, a graded spike: 8 bits. Lava's models enforce no range (`num_message_bits` only
tells graded spikes from others), and the values that counting cameras give fit into these."""


class WeightGrid(NamedTuple):
    """The weights that one synapse may hold: from `least` to `most` in steps of `step`."""

    least: int
    most: int
    step: int


MIXED = WeightGrid(-256, 254, 2)
"""Weights of both signs: 8 bits with the sign, times 2 (SignMode.MIXED)."""

EXCITATORY = WeightGrid(0, 255, 1)
"""No weight below 0 (SignMode.EXCITATORY)."""

INHIBITORY = WeightGrid(-255, 0, 1)
"""No weight above 0 (SignMode.INHIBITORY)."""


def weight_grid(weight: np.ndarray) -> WeightGrid:
    """The grid for weights of these signs (determine_sign_mode)."""
    if weight.min() >= 0:
        return EXCITATORY
    return INHIBITORY if weight.max() <= 0 else MIXED


def check_range(key: str, values: np.ndarray, least: int, most: int) -> None:
    """Raises InputError, naming the key, unless all values are integers from `least` to `most`."""
    if values.dtype.kind not in "iu":
        raise InputError(f"{key} must be integers, got {values.dtype}")
    outside = (values < least) | (values > most)
    if outside.any():
        raise InputError(f"{key} must lie from {least} to {most}, got {values[outside].flat[0]}")
