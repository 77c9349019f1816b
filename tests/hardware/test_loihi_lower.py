"""Lowering whole graphs: which are refused, and how many spikes quantization changes, judged by PyTorch in float64."""

from typing import Any

import nir
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from builders import resolved_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.hardware.loihi.formats.storage import write_program
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.simulator.simulate import simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse

DT = 1e-4


def integrate_and_fire(threshold=1.0, r=1.0) -> nir.IF:
    return nir.IF(np.array([r]), np.array([threshold]))


def leaky(tau, threshold=1.0, r=1.0, v_leak=0.0, v_reset=0.0) -> nir.LIF:
    return nir.LIF(*(np.array([value]) for value in (tau, r, v_leak, threshold, v_reset)))


def current_based(tau_syn, tau_mem, threshold=1.0, w_in=1.0) -> nir.CubaLIF:
    arrays = [np.array([value]) for value in (tau_syn, tau_mem, 1.0, 0.0, threshold)]
    return nir.CubaLIF(*arrays, w_in=np.array([w_in]))


def convolution(weight, bias=None, padding=1) -> nir.Conv2d:
    bias = np.zeros(len(weight)) if bias is None else bias
    return nir.Conv2d(None, weight, 1, padding, 1, 1, bias)


def or_pool(kernel=2, stride=2) -> tuple[nir.NIRNode, nir.NIRNode]:
    kernel, stride = np.array([kernel, kernel]), np.array([stride, stride])
    return nir.SumPool2d(kernel, stride, np.array([0, 0])), integrate_and_fire(0.5)


def fired(received: torch.Tensor, leak: float = 0.0, threshold: Any = 1.0, fade: float = 1.0) -> torch.Tensor:
    """Neurons in float64 for what they receive at each step."""
    u = v = torch.zeros_like(received[0])
    spikes = []
    for x in received:
        u = (1 - fade) * u + x
        v = (1 - leak) * v + u
        spike = v > threshold
        v = torch.where(spike, 0.0, v)
        spikes.append(spike.double())
    return torch.stack(spikes)


def convolved(spikes: torch.Tensor, weight, bias) -> torch.Tensor:
    found = F.conv2d(spikes.flatten(0, 1), torch.from_numpy(weight), torch.from_numpy(bias), padding=1)
    return found.unflatten(0, spikes.shape[:2])


def max_pooled(spikes: torch.Tensor, kernel=2, stride=2) -> torch.Tensor:
    return F.max_pool2d(spikes.flatten(0, 1), kernel, stride).unflatten(0, spikes.shape[:2])


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_or_pooling_is_exact(kernel: int, stride: int):
    program = lower_to_loihi(resolved_chain((3, 9, 9), *or_pool(kernel, stride)), None)
    (layer,) = program.layers
    assert isinstance(layer.connections[0].synapse, ConvSynapse)
    assert layer.connections[0].synapse.groups == 3
    spikes = (np.random.default_rng(0).random((6, 20, 3, 9, 9)) < 0.2).astype(np.uint8)
    expected = max_pooled(torch.from_numpy(spikes).double(), kernel, stride).flatten(2)
    assert np.array_equal(simulate(program, spikes), expected.numpy())


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(1, 7),
    unit=st.sampled_from([1.0, 0.125, 3.0, 0.7, float(np.float32(0.1))]),
    signs=st.sampled_from([-1, 0, 1]),
    calibrated=st.booleans(),
)
def test_weights_on_a_grid_change_no_spike(seed: int, bits: int, unit: float, signs: int, calibrated: bool):
    random = np.random.default_rng(seed)

    def whole(shape) -> np.ndarray:
        numbers = random.integers(-(2**bits) + 1, 2**bits, shape)
        return numbers if signs == 0 else np.abs(numbers) * (signs if random.random() < 0.5 else 1)

    first, second = whole((4, 2, 3, 3)), whole((6, 4 * 3 * 3))
    bias = random.integers(-3, 4, 4)
    # Between the grid's numbers no voltage is on the threshold, where float64's rounding would decide.
    thresholds = [int(random.integers(2**bits)) + float(random.choice([0.5, 0.1, 0.9, 0.777])) for _ in range(2)]
    graph = resolved_chain(
        (2, 6, 6),
        convolution(first * unit, bias * unit),
        integrate_and_fire(thresholds[0] * unit),
        *or_pool(),
        nir.Flatten({"input": None}, 0, -1),
        nir.Linear(second * unit),
        integrate_and_fire(thresholds[1] * unit),
    )
    spikes = random.integers(0, 2, (6, 8, 2, 6, 6)).astype(np.uint8)
    found = simulate_layers(lower_to_loihi(graph, spikes if calibrated else None), spikes)
    one = fired(convolved(torch.from_numpy(spikes).double(), first * 1.0, bias * 1.0), threshold=thresholds[0])
    pooled = max_pooled(one)
    two = fired(pooled.flatten(2) @ torch.from_numpy(second * 1.0).T, threshold=thresholds[1])
    for layer, expected in zip(found, (one, pooled, two), strict=True):
        assert np.array_equal(layer, expected.numpy())


def test_thresholds_of_each_channel():
    random = np.random.default_rng(0)
    weight, bias = random.integers(-15, 16, (3, 2, 3, 3)) * 1.0, random.integers(-3, 4, 3) * 1.0
    thresholds = np.array([6.5, 3.25, 13.0])
    graph = resolved_chain((2, 6, 6), convolution(weight, bias), nir.IF(np.ones(3), thresholds))
    spikes = random.integers(0, 2, (8, 20, 2, 6, 6)).astype(np.uint8)
    program = lower_to_loihi(graph, None)
    assert isinstance(program.layers[0].connections[0].synapse, ConvSynapse)
    received = convolved(torch.from_numpy(spikes).double(), weight, bias)
    expected = fired(received, threshold=torch.from_numpy(thresholds).reshape(3, 1, 1))
    assert np.array_equal(simulate_layers(program, spikes)[0], expected.numpy())


@pytest.mark.parametrize(("leak", "fade"), [(0.0, 1.0), (0.1, 1.0), (0.25, 0.5), (1.0, 1.0)])
def test_random_network_keeps_nearly_all_spikes(leak: float, fade: float):
    random = np.random.default_rng(3)
    first, second = random.normal(0, 0.35, (8, 1, 3, 3)), random.normal(0, 0.4, (10, 8 * 5 * 5))
    bias = random.normal(0, 0.1, 8) if fade == 1 else np.zeros(8)
    if fade < 1:
        neurons = current_based(DT / fade, DT / leak, w_in=1 / (fade * leak))
    else:
        neurons = leaky(DT / leak, r=1 / leak) if leak else integrate_and_fire()
    graph = resolved_chain(
        (1, 10, 10),
        convolution(first, bias),
        neurons,
        *or_pool(),
        nir.Flatten({"input": None}, 0, -1),
        nir.Linear(second),
        neurons,
    )
    spikes = random.integers(0, 2, (8, 150, 1, 10, 10)).astype(np.uint8)
    one = fired(convolved(torch.from_numpy(spikes).double(), first, bias), leak, 1.0, fade)
    two = fired(max_pooled(one).flatten(2) @ torch.from_numpy(second).T, leak, 1.0, fade)
    changed = {}
    for calibration in (None, spikes[:, :50]):
        layers = simulate_layers(lower_to_loihi(graph, calibration), spikes)
        changed[calibration is not None] = [
            float((layer != expected.numpy()).mean()) for layer, expected in ((layers[0], one), (layers[2], two))
        ]
    assert one.mean() > 0.05
    assert two.mean() > 0.05
    assert changed[False][0] < 0.01
    assert changed[True][0] <= 1.1 * changed[False][0]
    assert max(changed[True][1], changed[False][1]) < 0.05


def test_weights_whose_few_positive_ones_round_to_nothing():
    """With weights of both signs -256 is allowed; once the positive ones are 0, it no longer is."""
    graph = resolved_chain((2,), nir.Linear(np.array([[-1.0, 0.0011], [0.0, 0.0017]])), integrate_and_fire())
    (layer,) = lower_to_loihi(graph, None).layers
    assert layer.connections[0].synapse.weight.tolist() == [[-255, 0], [0, 0]]


def test_calibration_cuts_off_an_outlier():
    """One weight ten times the others, which never sees a spike, must not cost the others their resolution."""
    random = np.random.default_rng(0)
    weight = random.normal(0, 0.3, (20, 30))
    weight[0, 0] = 1.45 * np.abs(weight).max()
    spikes = random.integers(0, 2, (8, 300, 30)).astype(np.uint8)
    spikes[..., 0] = 0
    graph = resolved_chain((30,), nir.Linear(weight), integrate_and_fire())
    expected = fired(torch.from_numpy(spikes).double() @ torch.from_numpy(weight).T).numpy()
    changed = [(simulate(lower_to_loihi(graph, used), spikes) != expected).sum() for used in (None, spikes)]
    assert changed[1] < 0.9 * changed[0]


def test_weights_on_a_grid_stay_on_it_with_a_leak():
    weight = np.array([[0.1, -0.7, 0.3], [0.6, 0.5, -0.2]]).astype(np.float32)
    (layer,) = lower_to_loihi(resolved_chain((3,), nir.Linear(weight), leaky(1e-3)), None).layers
    assert np.allclose(layer.connections[0].synapse.weight / layer.scale, weight * 0.1, rtol=1e-6, atol=0)


def test_threshold_between_the_numbers_of_weights_and_bias_is_rounded():
    """Twice 1.85 is 3.7. Whole voltages above 3 are above it, but with a bias of 1/128 voltages are not whole."""
    weight = np.array([[127.0, -126.0, 1.0]])

    def threshold(bias: float) -> int:
        graph = resolved_chain((3,), nir.Affine(weight, np.array([bias])), integrate_and_fire(1.85))
        (layer,) = lower_to_loihi(graph, None).layers
        assert layer.scale == 2
        return layer.neuron.threshold

    assert threshold(0.5) == 3
    assert threshold(1 / 128) == 4


def test_sums_that_wrap_are_not_taken_for_exact():
    """All these whole weights together are beyond 24 bits, where the current would wrap and the spike be lost."""
    weight = np.full((1, 600), 255.0)
    weight[0, 0] = 1
    graph = resolved_chain((600,), nir.Linear(weight), integrate_and_fire(100000.5))
    spikes = np.ones((3, 4, 600), np.uint8)
    assert simulate(lower_to_loihi(graph, spikes), spikes).all()


def test_lowering_is_repeatable(tmp_path):
    random = np.random.default_rng(0)
    graph = resolved_chain((1, 6, 6), convolution(random.normal(size=(3, 1, 3, 3))), integrate_and_fire())
    spikes = random.integers(0, 2, (4, 30, 1, 6, 6)).astype(np.uint8)
    for name in ("one", "other"):
        write_program(tmp_path / name, lower_to_loihi(graph, spikes))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_neurons_behind_neurons_and_input():
    graph = resolved_chain(
        (3, 4, 4), integrate_and_fire(1.5), integrate_and_fire(0.5), nir.Flatten({"input": None}, 0, -1)
    )
    spikes = np.random.default_rng(0).integers(0, 2, (6, 10, 3, 4, 4)).astype(np.uint8)
    expected = fired(torch.from_numpy(spikes).double(), threshold=1.5).flatten(2)
    assert np.array_equal(simulate(lower_to_loihi(graph, None), spikes), expected.numpy())


def test_features_without_a_synapse():
    spikes = np.random.default_rng(0).integers(0, 2, (6, 10, 5)).astype(np.uint8)
    expected = fired(torch.from_numpy(spikes).double(), threshold=1.5)
    assert np.array_equal(
        simulate(lower_to_loihi(resolved_chain((5,), integrate_and_fire(1.5)), None), spikes), expected
    )


def test_registers_of_a_leaky_group():
    def neuron(node):
        return lower_to_loihi(resolved_chain((2,), nir.Linear(np.array([[1.0, -1.0]])), node), None).layers[0].neuron

    assert (neuron(leaky(4e-4)).current_decay, neuron(leaky(4e-4)).voltage_decay) == (4096, 1024)
    assert neuron(leaky(DT)).voltage_decay == 4095
    # A file holds dt as float32, which is a little less.
    assert neuron(leaky(float(np.float32(DT)))).voltage_decay == 4095
    found = neuron(current_based(2e-4, 8e-4))
    assert (found.current_decay, found.voltage_decay) == (2048, 512)


def test_small_numbers_beside_a_large_bias():
    """A bias beyond the weights' range lowers the scale until its register holds it."""
    graph = resolved_chain((2,), nir.Affine(np.array([[1.0, -0.5]]), np.array([-100.0])), integrate_and_fire())
    (layer,) = lower_to_loihi(graph, None).layers
    assert int(layer.neuron.bias_mantissa[0]) << layer.neuron.bias_exponent == -round(6400 * layer.scale)


@pytest.mark.parametrize("exponent", [0, 3, 6, 7])
def test_one_exponent_for_all_biases(exponent: int):
    random = np.random.default_rng(0)
    nodes = [nir.Affine(random.normal(size=(4, 3)), random.normal(size=4)), integrate_and_fire()]
    nodes += [nir.Affine(random.normal(size=(4, 4)), np.array([1.0, 0.0, -50.0, 2.0])), integrate_and_fire()]
    spikes = random.integers(0, 2, (8, 30, 3)).astype(np.uint8)
    for calibration in (None, spikes):
        layers = lower_to_loihi(resolved_chain((3,), *nodes), calibration, exponent).layers
        for node, layer in zip(nodes[::2], layers, strict=True):
            assert layer.neuron.bias_exponent == exponent
            held = layer.neuron.bias_mantissa * 2.0**exponent
            assert np.abs(held - 64 * layer.scale * node.bias).max() <= 2**exponent / 2


def test_a_bias_that_one_exponent_cannot_hold_exactly_is_rounded():
    """A bias of a half, on weights of integers, is exact with the exponent 5 and not with 6."""
    graph = resolved_chain((1,), nir.Affine(np.ones((1, 1)) * 255, np.full(1, 0.5)), integrate_and_fire(3.0))
    silent = np.zeros((9, 1, 1), np.uint8)
    for exponent, seventh in ((None, 1), (5, 1), (6, 0)):
        assert simulate(lower_to_loihi(graph, None, exponent), silent)[6, 0, 0] == seventh


@pytest.mark.parametrize("exponent", [-1, 8])
def test_bias_exponent_that_is_not_allowed(exponent: int):
    with pytest.raises(InputError, match=rf"bias_exponent must lie from 0 to 7, got {exponent}"):
        lower_to_loihi(resolved_chain((2,), LINEAR, integrate_and_fire()), None, exponent)


LINEAR = nir.Linear(np.eye(2))

REFUSED = {
    r"LI1.*\(LI\).*cannot run on Loihi": [LINEAR, nir.LI(*(np.ones(1),) * 3), integrate_and_fire()],
    r"I1.*\(I\).*cannot run on Loihi": [LINEAR, nir.I(np.ones(1)), LINEAR, integrate_and_fire()],
    r"Threshold1.*cannot run on Loihi": [LINEAR, nir.Threshold(np.ones(1))],
    r"Linear2.*, which leads to no neurons": [LINEAR, integrate_and_fire(), LINEAR],
    r"net\.nir: on Loihi a graph must end in .*, got no neurons": [nir.Flatten({"input": None}, 0, -1)],
    r"LIF1.*tau must be at least dt, 0.0001 s, got 5e-05 s somewhere": [LINEAR, leaky(5e-5)],
    r"CubaLIF1.*tau_syn must be at least dt, 0.0001 s, got 9e-05 s somewhere": [LINEAR, current_based(9e-5, 1e-3)],
    r"IF1.*cannot hold its weights": [LINEAR, integrate_and_fire(1e7)],
}


@pytest.mark.parametrize("match", REFUSED)
def test_refused_node(match: str):
    with pytest.raises(InputError, match=match):
        lower_to_loihi(resolved_chain((2,), *REFUSED[match], by_type=True), None)


def test_bias_on_a_current_without_memory_is_allowed():
    graph = resolved_chain((2,), nir.Affine(np.eye(2), np.full(2, 0.6)), current_based(DT, DT, threshold=1.0))
    spikes = np.zeros((2, 1, 2), np.uint8)
    assert simulate(lower_to_loihi(graph, None), spikes).sum() == 0


def test_bias_on_a_current_with_memory_comes_from_a_neuron_that_always_fires():
    nodes = nir.Affine(np.eye(2), np.array([4.0, 0.0])), current_based(1e-3, 1e-3)
    program = lower_to_loihi(resolved_chain((2,), *nodes), None)
    assert program.layers[0].name == "n1 bias"
    assert program.depths == (1, 1, 2)
    found = simulate_layers(program, np.zeros((30, 1, 2), np.uint8))
    assert found[0].all()
    i = v = 0.0
    expected = []
    for _ in range(30):
        i = 0.9 * i + 0.1 * 4.0
        v = 0.9 * v + 0.1 * i
        expected.append(v > 1)
        v = 0.0 if v > 1 else v
    assert sum(expected) > 3
    assert found[-1][:, 0, 0].tolist() == expected
    assert not found[-1][:, 0, 1].any()


@pytest.mark.parametrize("shape", [(4, 1, 3), (4,)])
def test_calibration_that_does_not_fit(shape):
    with pytest.raises(InputError, match="spikes must have the shape"):
        lower_to_loihi(resolved_chain((2,), LINEAR, integrate_and_fire()), np.zeros(shape, np.uint8))
