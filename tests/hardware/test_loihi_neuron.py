"""The chip's neuron against a second transcription of its rules, one neuron and one plain Python number at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.hardware.loihi.program import NeuronGroup
from spiq.hardware.loihi.simulate import fire

SETTINGS = settings(deadline=None, max_examples=120)


def toward_zero(value: int, share: int) -> int:
    kept = abs(value) * share // 4096
    return kept if value >= 0 else -kept


def one_neuron(activations: list[int], vth: int, du: int, dv: int, bias_mant: int, bias_exp: int) -> list[int]:
    """As in Lava's AbstractPyLifModelFixed, with the registers that its LIF takes."""
    u = v = 0
    spikes = []
    for activation in activations:
        u = toward_zero(u, 4096 - (du + 1)) + activation * 64
        if u > 8388608:
            u = u - 16777216
        elif u <= -8388608:
            u = u + 16777216
        v = toward_zero(v, 4096 - dv) + u + bias_mant * 2**bias_exp
        v = max(-8388607, min(8388607, v))
        spike = v > vth * 64
        if spike:
            v = 0
        spikes.append(int(spike))
    return spikes


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(0, 22),
    du=st.one_of(st.integers(0, 4095), st.sampled_from([0, 4094, 4095])),
    dv=st.one_of(st.integers(0, 4095), st.sampled_from([0, 1, 4095])),
    vth=st.one_of(st.integers(0, 2**17 - 1), st.integers(0, 400), st.sampled_from([0, 2**17 - 1])),
    bias_exp=st.integers(0, 7),
    bias_bits=st.integers(0, 12),
)
def test_group_is_many_single_neurons(seed: int, size: int, du: int, dv: int, vth: int, bias_exp: int, bias_bits: int):
    random = np.random.default_rng(seed)
    # Sums beyond 24 bits pile up in u; few steps keep them within Lava's 32.
    steps = 12 if size < 20 else 3
    activations = random.integers(-(2**size), 2**size + 1, (steps, 3, 4)).astype(np.int32)
    bias = random.integers(-(2**bias_bits), 2**bias_bits, 4)
    group = NeuronGroup((4,), vth, du + 1, dv, bias, bias_exp)
    found = fire(group, activations)
    for sample in range(3):
        for neuron in range(4):
            expected = one_neuron(activations[:, sample, neuron].tolist(), vth, du, dv, int(bias[neuron]), bias_exp)
            assert found[:, sample, neuron].tolist() == expected


def fired(
    activations: list[int], threshold: int, current: int = 4096, voltage: int = 0, mantissa: int = 0, exponent: int = 6
) -> list[int]:
    group = NeuronGroup((1,), threshold, current, voltage, np.array([mantissa]), exponent)
    return fire(group, np.array(activations, np.int32).reshape(-1, 1, 1))[:, 0, 0].tolist()


@pytest.mark.parametrize(
    ("activation", "spike"),
    [
        (131071, 0),
        # u = 2^23 is left as it is, and v is clipped to just above the largest threshold.
        (131072, 1),
        (131073, 0),
        # -2^23 becomes +2^23.
        (-131072, 1),
        (-131071, 0),
        # 2^24 is taken off once only.
        (393216, 1),
        (-262144, 0),
    ],
)
def test_wrap_as_lava_ran_it(activation: int, spike: int):
    """These were run in lava-nc 0.10.0: dense weights of these sums, vth 131071."""
    assert fired([activation], 131071) == [spike]


def test_voltage_is_clipped_one_short_of_24_bits():
    # v = -8388480, -8388607 (clipped), then 8388544 + 64 more: 1.
    assert fired([-131071, -131071, 131071], 0, mantissa=1) == [0, 0, 1]


def test_threshold_is_strict():
    assert fired([10], 10) == [0]
    assert fired([11], 10) == [1]


def test_spike_resets_voltage_and_not_current():
    # u halves: 16, 8, 4, 2; v is set to 0 at the first step.
    assert fired([16, 0, 0, 0], 9, current=2048) == [1, 0, 1, 0]


def test_negative_decay_rounds_up():
    # v = -63, -30, -14, -6, -2, 0, 1: half of what was, towards zero, and 1 more. Rounded down it would take 8 steps.
    assert fired([-1, 0, 0, 0, 0, 0, 0], 0, voltage=2048, mantissa=1, exponent=0) == [0, 0, 0, 0, 0, 0, 1]


def test_bias_of_exponent_six_is_on_the_weights_scale():
    assert fired([0, 0], 5, mantissa=5) == [0, 1]
    assert fired([0, 0], 5, mantissa=6) == [1, 1]


def test_every_sample_starts_from_rest():
    group = NeuronGroup((1,), 10, 4096, 0, np.zeros(1, int), 0)
    received = np.full((3, 5, 1), 6, np.int32)
    assert fire(group, received)[:, :, 0].T.tolist() == [[0, 1, 0]] * 5
