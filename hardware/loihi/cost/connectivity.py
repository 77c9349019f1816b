"""How many synapses leave and reach each neuron, counted exactly: no synapse comes from a convolution's padding.

For a convolution, the tap j of output row y' reads the input row stride·y' + dilation·j - padding. With R_out[j, y] = 1
where tap j reads row y for some y', R_in[j, y'] = 1 where that row is inside the image, and C_out, C_in for columns,

    fan_out[i, y, x]  = Σ_(j, k) m_out[i, j, k] · R_out[j, y] · C_out[k, x]
    fan_in[o, y', x'] = Σ_(j, k) m_in[o, j, k] · R_in[j, y'] · C_in[k, x']

where m_out[i, j, k] counts the output channels that input channel i has a weight for, and m_in[o, j, k] the input
channels. A weight of zero counts, unless `nonzero` is asked for.
"""

import numpy as np
from jaxtyping import Bool, Int64

from ..synapse import ConvSynapse, DenseSynapse, Synapse


def fan_out(synapse: Synapse, nonzero: bool) -> Int64[np.ndarray, " source"]:
    """How many synapses each neuron of the group before has, in channel-height-width order."""
    present = _present(synapse, nonzero)
    match synapse:
        case DenseSynapse():
            return present.sum(0, dtype=np.int64)
        case ConvSynapse():
            channels = present.reshape(synapse.groups, -1, *present.shape[1:]).sum(1, dtype=np.int64)
            return _over_taps(channels.reshape(-1, *present.shape[2:]), _rows_read(synapse, 0), _rows_read(synapse, 1))


def fan_in(synapse: Synapse, nonzero: bool) -> Int64[np.ndarray, " neuron"]:
    """How many synapses reach each neuron, in channel-height-width order."""
    present = _present(synapse, nonzero)
    match synapse:
        case DenseSynapse():
            return present.sum(1, dtype=np.int64)
        case ConvSynapse():
            return _over_taps(present.sum(1, dtype=np.int64), _taps_inside(synapse, 0), _taps_inside(synapse, 1))


def _present(synapse: Synapse, nonzero: bool) -> Bool[np.ndarray, "..."]:
    return synapse.weight != 0 if nonzero else np.ones(synapse.weight.shape, bool)


def _reads(synapse: ConvSynapse, axis: int) -> Int64[np.ndarray, "tap out"]:
    """Which row (axis 0) or column (axis 1) each tap reads for each output; outside the image it is padding."""
    tap, output = np.ogrid[: synapse.weight.shape[2 + axis], : synapse.output_shape[1 + axis]]
    return synapse.stride[axis] * output + synapse.dilation[axis] * tap - synapse.padding[axis]


def _taps_inside(synapse: ConvSynapse, axis: int) -> Bool[np.ndarray, "tap out"]:
    """R_in or C_in."""
    read = _reads(synapse, axis)
    return (read >= 0) & (read < synapse.input_shape[1 + axis])


def _rows_read(synapse: ConvSynapse, axis: int) -> Bool[np.ndarray, "tap in"]:
    """R_out or C_out."""
    tap, output = np.nonzero(_taps_inside(synapse, axis))
    found = np.zeros((synapse.weight.shape[2 + axis], synapse.input_shape[1 + axis]), bool)
    found[tap, _reads(synapse, axis)[tap, output]] = True
    return found


def _over_taps(
    weights: Int64[np.ndarray, "channel kernel_height kernel_width"],
    rows: Bool[np.ndarray, "kernel_height height"],
    columns: Bool[np.ndarray, "kernel_width width"],
) -> Int64[np.ndarray, " neuron"]:
    return np.einsum("cjk,jy,kx->cyx", weights, rows, columns, optimize=True).reshape(-1)
