"""The chip's neuron against a second transcription of its rules, one neuron and one plain Python number at a time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.hardware.loihi.neuron_group import ResetTo, TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import layer_spikes
from spiq.hardware.loihi.synapse import DenseSynapse

SETTINGS = settings(deadline=None, max_examples=120)


def toward_zero(value: int, share: int) -> int:
    kept = abs(value) * share // 4096
    return kept if value >= 0 else -kept


def wrapped(value: int) -> int:
    """As a signed number of 32 bits."""
    return (value + 2**31) % 2**32 - 2**31


def one_neuron(activations: list[int], vth: int, du: int, dv: int, bias_mant: int, bias_exp: int) -> list[int]:
    """As in Lava's AbstractPyLifModelFixed, in NumPy's int32, with the registers that its LIF takes."""
    u = v = 0
    spikes = []
    for activation in activations:
        u = wrapped(toward_zero(u, 4096 - (du + 1)) + activation * 64)
        if u > 8388608:
            u = u - 16777216
        elif u <= -8388608:
            u = u + 16777216
        v = wrapped(toward_zero(v, 4096 - dv) + u + bias_mant * 2**bias_exp)
        v = max(-8388607, min(8388607, v))
        spike = v > vth * 64
        if spike:
            v = 0
        spikes.append(int(spike))
    return spikes


def fire(group: NeuronGroup, activations: np.ndarray) -> np.ndarray:
    """The group's spikes for these activations [time, sample, neuron], which synapses of its own bring to each neuron.

    Each neuron has an exciting and an inhibiting set of them: as many of 255 as are needed, and 1, 2, 4 to 128.
    """
    time, samples, neurons = activations.shape
    whole = int(abs(activations).max()) // 255
    values = np.array([255] * whole + [2**bit for bit in range(8)])
    reads = []
    for size in (np.maximum(activations, 0), np.maximum(-activations, 0)):
        many = np.arange(whole) < (size // 255)[..., None]
        rest = (size % 255)[..., None] >> np.arange(8) & 1
        reads.append(np.concatenate([many, rest], axis=-1).reshape(time, samples, -1))
    own = np.kron(np.eye(neurons, dtype=int), values)
    nothing = np.zeros_like(own)
    connections = (
        Connection(INPUT, DenseSynapse(np.concatenate([own, nothing], axis=1))),
        Connection(INPUT, DenseSynapse(np.concatenate([nothing, -own], axis=1))),
    )
    spikes = np.concatenate(reads, axis=-1).astype(np.uint8)
    return layer_spikes(Layer("neurons", connections, group, 1.0), 0, {INPUT: spikes})


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(0, 18),
    du=st.one_of(st.sampled_from([4095, 4095, 0, 4094]), st.integers(0, 4095)),
    dv=st.one_of(st.sampled_from([0, 0, 1, 4095]), st.integers(0, 4095)),
    vth=st.one_of(st.integers(0, 2**17 - 1), st.integers(0, 400), st.sampled_from([0, 2**17 - 1])),
    bias_exp=st.integers(0, 7),
    bias_bits=st.integers(0, 12),
)
def test_group_is_many_single_neurons(seed: int, size: int, du: int, dv: int, vth: int, bias_exp: int, bias_bits: int):
    random = np.random.default_rng(seed)
    activations = random.integers(-(2**size), 2**size + 1, (12, 2, 3)).astype(np.int32)
    bias = random.integers(-(2**bias_bits), 2**bias_bits, 3)
    group = NeuronGroup((3,), vth, du + 1, dv, bias, bias_exp)
    found = fire(group, activations)
    for sample in range(2):
        for neuron in range(3):
            expected = one_neuron(activations[:, sample, neuron].tolist(), vth, du, dv, int(bias[neuron]), bias_exp)
            assert found[:, sample, neuron].tolist() == expected


def one_programmable_neuron(
    activations: list[int], threshold: int, decays: tuple[int, int], bias: int, reset: str, reset_by: int
) -> list[int]:
    """spiq's NeuronStep in the chip's numbers; threshold and bias in v's unit, as is what the reset does."""
    u = v = 0
    spikes = []
    for activation in activations:
        u = wrapped(toward_zero(u, 4096 - decays[0]) + activation * 64)
        u += 2**24 if u <= -(2**23) else -(2**24) if u > 2**23 else 0
        p = clipped(wrapped(toward_zero(v, 4096 - decays[1]) + u + bias))
        if reset == "voltage":
            spike = p > threshold
            v = reset_by if spike else p
        else:
            q = clipped(p - (reset_by if v > threshold else 0))
            spike = q > threshold
            v = clipped(p - (reset_by if spike else 0)) if reset == "at once" else q
        spikes.append(int(spike))
    return spikes


def clipped(v: int) -> int:
    return max(-(2**23) + 1, min(2**23 - 1, v))


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(0, 18),
    reset=st.sampled_from(["voltage", "amount", "at once"]),
    vth=st.sampled_from([0, 3, 100, 5000, 2**17 - 1]),
)
def test_programmable_group_is_many_single_neurons(seed: int, size: int, reset: str, vth: int):
    random = np.random.default_rng(seed)
    neurons = 5
    activations = random.integers(-(2**size), 2**size + 1, (12, 2, neurons)).astype(np.int32)
    bias = random.integers(-200, 200, neurons)
    threshold = random.integers(-(vth // 3), vth + 1, neurons)
    current, voltage = random.choice([0, 1, 300, 4095, 4096], (2, neurons), p=[0.1, 0.1, 0.2, 0.2, 0.4])
    amount = threshold if random.integers(2) else random.integers(-(vth // 3), vth + 1, neurons)
    at = random.integers(-(2**23) + 1, 2**23, neurons) // 2 ** int(random.integers(0, 20))
    kind = ResetTo(at) if reset == "voltage" else TakeOff(amount, at_once=reset == "at once")
    group = NeuronGroup((neurons,), threshold, current, voltage, bias, 4, kind)
    found = fire(group, activations)
    for sample in range(2):
        for neuron in range(neurons):
            by = int(at[neuron]) if reset == "voltage" else int(amount[neuron]) * 64
            numbers = int(threshold[neuron]) * 64, (int(current[neuron]), int(voltage[neuron])), int(bias[neuron]) * 16
            expected = one_programmable_neuron(activations[:, sample, neuron].tolist(), *numbers, reset, by)
            assert found[:, sample, neuron].tolist() == expected


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dv", [0, 7])
def test_current_beyond_32_bits(sign: int, dv: int):
    """2^28 a step, of which 2^24 is taken off: in nine steps u leaves int32 and comes back from the other side."""
    activations = sign * (2**22 - np.arange(20))
    expected = one_neuron(activations.tolist(), 131071, 0, dv, 3, 7)
    assert 0 < sum(expected) < 20
    assert fired(activations.tolist(), 131071, current=1, voltage=dv, mantissa=3, exponent=7) == expected


def fired(
    activations: list[int], threshold: int, current: int = 4096, voltage: int = 0, mantissa: int = 0, exponent: int = 6
) -> list[int]:
    """A single neuron's spikes, whose weights sum up to no more than the largest of the activations."""
    group = NeuronGroup((1,), threshold, current, voltage, np.array([mantissa]), exponent)
    connections, reads = [], []
    for sign in (1, -1):
        sizes = np.maximum(sign * np.array(activations), 0)
        steps = np.unique(np.concatenate(([0], sizes)))
        for least, most in pairwise(steps):
            # Together they bring what lies between one activation and the next larger one.
            weights = [255] * int((most - least) // 255) + [int((most - least) % 255)]
            connections.append(sign * np.array(weights))
            reads.append(np.repeat(sizes[:, None] >= most, len(weights), axis=1))
    if not connections:
        connections, reads = [np.array([1])], [np.zeros((len(activations), 1), bool)]
    widths = np.cumsum([0] + [len(weights) for weights in connections])
    synapses = []
    for start, weights in zip(widths, connections, strict=False):
        row = np.zeros((1, widths[-1]), int)
        row[0, start : start + len(weights)] = weights
        synapses.append(Connection(INPUT, DenseSynapse(row)))
    spikes = np.concatenate(reads, axis=1).astype(np.uint8)[:, None]
    return layer_spikes(Layer("neuron", tuple(synapses), group, 1.0), 0, {INPUT: spikes})[:, 0, 0].tolist()


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
