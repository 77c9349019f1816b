"""What is said of a quantization: weights that became 0, neurons that fell silent, range used."""

import nir
import numpy as np
import pytest
from builders import resolved_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.scaled_network import random_layers, resolved
from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph
from spiq.hardware.loihi.lowering.losses import LayerLoss, losses
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.lowering.network import float_layers
from spiq.hardware.loihi.simulator.simulate import simulate_layers
from spiq.hardware.runtime.nir_runtime import NirRuntime


def neurons(size: int, threshold: float) -> nir.IF:
    return nir.IF(np.ones(size), np.full(size, threshold), np.zeros(size))


def lost(graph: ResolvedGraph) -> tuple[LayerLoss, ...]:
    return losses(float_layers(graph), lower_to_loihi(graph, None))


def test_one_large_weight_silences_the_others_and_it_is_said() -> None:
    weight = np.full((6, 10), 0.001)
    weight[0, 0] = 5
    (loss,) = lost(resolved_chain(10, nir.Linear(weight), neurons(6, 0.05)))
    assert (loss.weights, loss.zeroed, loss.neurons, loss.silenced) == (60, 59, 6, 5)
    assert loss.range_used == 1
    assert list(loss.warnings()) == [
        "layer 'n1': 59 of its 60 weights became 0 in the chip's 8 bits",
        "layer 'n1': 5 of its 6 neurons that could fire can no longer",
    ]


def test_a_silenced_layer_silences_the_next() -> None:
    weight = np.full((2, 1), 0.001)
    weight[0] = 5
    _, behind = lost(resolved_chain(1, nir.Linear(weight), neurons(2, 0.05), nir.Linear(np.eye(2)), neurons(2, 0.5)))
    assert (behind.zeroed, behind.neurons, behind.silenced) == (0, 2, 1)


def test_nothing_is_said_where_nothing_was_lost() -> None:
    (loss,) = lost(resolved_chain(3, nir.Linear(np.array([[1.0, 2, -3], [2, 0, 1]])), neurons(2, 2)))
    assert loss == LayerLoss("n1", 5, 0, 2, 0, 6 / 256)
    assert not list(loss.warnings())


def test_neurons_that_never_could_fire_are_not_lost() -> None:
    (loss,) = lost(resolved_chain(3, nir.Linear(np.array([[-1.0, -2, -3], [2, 0, 1]])), neurons(2, 2)))
    assert (loss.neurons, loss.silenced) == (1, 0)


@pytest.mark.parametrize(("threshold", "silenced"), [(1.2, 0), (1.3, 0)])
def test_a_leak_bounds_what_a_neuron_comes_to(threshold: float, silenced: int) -> None:
    """At dt/tau of 1/2 and an input of 1/2 at each step, v comes to 1, so neither fires and none is lost."""
    leaky = nir.LIF(np.full(1, 2e-4), np.full(1, 1.0), np.zeros(1), np.full(1, threshold), np.zeros(1))
    (loss,) = lost(resolved_chain(1, nir.Linear(np.array([[1.0]])), leaky))
    assert (loss.neurons, loss.silenced) == (0, silenced)


def test_another_networks_program_is_refused() -> None:
    graph = resolved_chain(3, nir.Linear(np.ones((2, 3))), neurons(2, 2))
    other = resolved_chain(3, nir.Linear(np.ones((4, 3))), neurons(4, 2))
    with pytest.raises(InputError, match="the program's layers must be the graph's, got others"):
        losses(float_layers(graph), lower_to_loihi(other, None))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.booleans())
def test_whatever_fires_is_not_called_silent(seed: int, coarse: bool) -> None:
    """Each layer is driven with all of its sources firing or in any other way: only those may fire that could."""
    random = np.random.default_rng(seed)
    shape, layers = random_layers(random, coarse)
    graph = resolved(shape, layers, [1.0] * len(layers))
    try:
        program = lower_to_loihi(graph, None)
    except InputError:
        return
    found = losses(float_layers(graph), program)
    spikes = (random.random((40, 20, *shape)) < random.uniform(0.2, 1)).astype(np.uint8)
    on_chip, trace = simulate_layers(program, spikes), NirRuntime(graph).trace(spikes)
    for layer, loss, fired in zip(program.layers, found, on_chip, strict=True):
        could = loss.neurons
        assert int(fired.any((0, 1)).sum()) <= layer.neuron.size
        if layer.name in trace:
            assert int(trace[layer.name].any((0, 1)).sum()) <= could
            both = trace[layer.name].reshape(*fired.shape).astype(bool).any((0, 1)) & ~fired.any((0, 1))
            assert loss.silenced <= could
            assert int((fired.any((0, 1))).sum()) <= layer.neuron.size - loss.silenced
            assert both.sum() <= layer.neuron.size
