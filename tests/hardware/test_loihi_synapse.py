"""Synapses against plain loops over integers, and what is refused."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, activation


def looped(synapse: ConvSynapse, image: np.ndarray) -> np.ndarray:
    out, in_per_group, kernel_height, kernel_width = synapse.weight.shape
    _, height, width = synapse.input_shape
    (stride_y, stride_x), (pad_y, pad_x), (spread_y, spread_x) = synapse.stride, synapse.padding, synapse.dilation
    rows = (height + 2 * pad_y - spread_y * (kernel_height - 1) - 1) // stride_y + 1
    columns = (width + 2 * pad_x - spread_x * (kernel_width - 1) - 1) // stride_x + 1
    found = np.zeros((out, rows, columns), int)
    for o, y, x in np.ndindex(found.shape):
        group = o // (out // synapse.groups)
        for i, j, k in np.ndindex(in_per_group, kernel_height, kernel_width):
            row, column = stride_y * y + spread_y * j - pad_y, stride_x * x + spread_x * k - pad_x
            if 0 <= row < height and 0 <= column < width:
                spike = image[group * in_per_group + i, row, column]
                found[o, y, x] += int(synapse.weight[o, i, j, k]) * int(spike)
    return found


pair = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(1, 3),
    out_per_group=st.integers(1, 2),
    in_per_group=st.integers(1, 2),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=pair,
    stride=pair,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=pair,
    alike=st.booleans(),
)
def test_convolution(seed, groups, out_per_group, in_per_group, size, kernel, stride, padding, dilation, alike):
    assume(all(s + 2 * p > d * (k - 1) for s, p, d, k in zip(size, padding, dilation, kernel, strict=True)))
    random = np.random.default_rng(seed)
    weight = random.integers(-256, 255, (out_per_group * groups, in_per_group, *kernel))
    if alike:
        weight = np.tile(weight[:out_per_group], (groups, 1, 1, 1))
    synapse = ConvSynapse(weight, (in_per_group * groups, *size), stride, padding, dilation, groups)
    spikes = random.integers(0, 2, (2, 3, *synapse.input_shape)).astype(np.uint8)
    found = activation(synapse, spikes).reshape(2, 3, *synapse.output_shape)
    for step, sample in np.ndindex(2, 3):
        assert np.array_equal(found[step, sample], looped(synapse, spikes[step, sample]))


def test_dense_reads_channel_height_width():
    weight = np.arange(2 * 24).reshape(2, 24) - 20
    spikes = np.random.default_rng(0).integers(0, 2, (3, 4, 2, 3, 4)).astype(np.uint8)
    expected = np.zeros((3, 4, 2), int)
    for (step, sample, c, y, x), spike in np.ndenumerate(spikes):
        expected[step, sample] += weight[:, (c * 3 + y) * 4 + x] * int(spike)
    assert np.array_equal(activation(DenseSynapse(weight), spikes), expected)


def test_large_sums_are_exact():
    weight = np.full((1, 30000), 255)
    weight[0, -1] = 254
    assert activation(DenseSynapse(weight), np.ones((1, 1, 30000), np.uint8)).item() == 30000 * 255 - 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"weight": np.ones((2, 1, 3))}, "weight must have the shape"),
        ({"weight": np.ones((2, 0, 3, 3))}, "weight must have the shape"),
        ({"input_shape": (1, 5)}, "input_shape must be"),
        ({"stride": (0, 1)}, "stride must be two integers of at least 1"),
        ({"padding": (-1, 0)}, "padding must be two integers of at least 0"),
        ({"dilation": (1,)}, "dilation must be two integers of at least 1"),
        ({"groups": 2}, "groups must fit .*, got 2"),
        ({"input_shape": (1, 2, 2)}, r"weight must fit into input_shape \[1, 2, 2\], got"),
    ],
)
def test_convolution_that_does_not_fit(change, match):
    fields = {"weight": np.ones((3, 1, 3, 3)), "input_shape": (1, 5, 5)} | change
    with pytest.raises(InputError, match=match):
        ConvSynapse(**fields)


def test_dense_that_is_no_matrix():
    with pytest.raises(InputError, match=r"weight must have the shape \[out, in\], got \[3\]"):
        DenseSynapse(np.ones(3))
