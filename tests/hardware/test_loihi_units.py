"""Quantization does not know the unit in which a network is written."""

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.scaled_network import random_layers, random_spikes, resolved, whole_numbers
from spiq.export.errors import InputError
from spiq.hardware.loihi.lowering.float_layer import FloatConnection, FloatLayer
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.lowering.scaling import at_scale, exact_scale
from spiq.hardware.loihi.program import INPUT
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import DenseSynapse
from spiq.hardware.runtime.nir_runtime import NirRuntime


def lowered(seed: int, coarse: bool, calibrated: bool, draw_factor: object) -> tuple[list[object], list[object]]:
    """The program of a random network, and that of the same one in other units; a sentence where there is none."""
    random = np.random.default_rng(seed)
    shape, layers = random_layers(random, coarse)
    spikes = random_spikes(random, shape) if calibrated else None
    answers: list[list[object]] = []
    for factors in ([1.0] * len(layers), [draw_factor(random) for _ in layers]):  # type: ignore[operator]
        try:
            answers.append(whole_numbers(lower_to_loihi(resolved(shape, layers, factors), spikes)))
        except InputError:
            # What no scale fits in one unit must fit in none.
            answers.append(["refused"])
    return answers[0], answers[1]


@settings(deadline=None, max_examples=35)
@given(st.integers(0, 2**31), st.booleans(), st.booleans())
def test_a_power_of_two_changes_no_whole_number(seed: int, coarse: bool, calibrated: bool) -> None:
    one, other = lowered(seed, coarse, calibrated, lambda random: 2.0 ** random.integers(-100, 101))
    assert one == other


@settings(deadline=None, max_examples=35)
@given(st.integers(0, 2**31), st.booleans())
def test_neither_does_any_other_factor(seed: int, calibrated: bool) -> None:
    one, other = lowered(seed, False, calibrated, lambda random: 10.0 ** random.uniform(-30, 30))
    assert one == other


@pytest.mark.parametrize("unit", [1.0, 1e-4, 0.4e-9, 5e-10, 1e-30, 1e30])
def test_a_network_in_volts_or_smaller_units_fires_as_in_any_other(unit: float) -> None:
    random = np.random.default_rng(9)
    weight, spikes = random.normal(0, 1, (6, 10)), (random.random((20, 8, 10)) < 0.4).astype(np.uint8)
    layers = [[nir.Linear(weight), nir.IF(np.ones(6), np.full(6, 1.25), np.zeros(6))]]
    graph = resolved((10,), layers, [unit])
    expected = NirRuntime(resolved((10,), layers, [1.0])).run(spikes)
    found = simulate(lower_to_loihi(graph, spikes), spikes)
    assert expected.sum() > 50
    assert (found != expected).sum() <= 3


def layer(weights: list[list[list[float]]], threshold: float, bias: float = 0.0) -> FloatLayer:
    parts = tuple(FloatConnection(INPUT, DenseSynapse(np.array(weight))) for weight in weights)
    return FloatLayer("n", parts, np.full(len(weights[0]), bias), threshold, 1.0, 0.0)


@pytest.mark.parametrize("unit", [1.0, 2.0**-90, 1e-12, 3e20])
def test_a_layer_is_not_exact_where_a_weight_would_be_lost(unit: float) -> None:
    """A second connection's weights that are a millionth of the first's are on no grid of the chip."""
    lost = layer([[[1.0 * unit]], [[1e-6 * unit]]], unit)
    assert exact_scale(lost) is None
    kept = layer([[[1.0 * unit]], [[0.5 * unit]]], unit)
    scale = exact_scale(kept)
    assert scale is not None
    assert [part.synapse.weight.item() for part in at_scale(kept, scale).connections] == [2, 1]


@pytest.mark.parametrize("unit", [1.0, 2.0**-90, 1e-12, 3e20])
@pytest.mark.parametrize(("bias", "threshold"), [(1.0, 0.5), (0.25, 1.0), (0.0, 1.0), (0.3, 1.0), (0.0, 0.0)])
def test_a_layer_without_weights_keeps_what_its_bias_does(unit: float, bias: float, threshold: float) -> None:
    quiet = layer([[[0.0]]], threshold * unit, bias * unit)
    scale = exact_scale(quiet)
    assert scale is not None
    one = at_scale(quiet, scale).neuron
    other = at_scale(layer([[[0.0]]], threshold, bias), exact_scale(layer([[[0.0]]], threshold, bias)) or 0).neuron
    assert (one.threshold, one.bias_exponent) == (other.threshold, other.bias_exponent)
    assert np.array_equal(one.bias_mantissa, other.bias_mantissa)
    v, fired = 0.0, []
    for _ in range(30):
        v += bias
        fired.append(v > threshold + 1e-12)
        v = 0.0 if fired[-1] else v
    potential, found = 0, []
    for _ in range(30):
        potential += int(one.bias_mantissa.flat[0]) << one.bias_exponent
        found.append(potential > one.threshold << 6)
        potential = 0 if found[-1] else potential
    assert found == fired
