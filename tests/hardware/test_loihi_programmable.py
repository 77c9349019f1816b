"""Neurons that Lava's LIF cannot be, from a NIR graph to the chip's spikes; snnTorch and the float network judge."""

from functools import partial

import nir
import numpy as np
import pytest
import snntorch
import torch
from builders import resolved_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.subtracting import DT, subtracting_layer
from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph
from spiq.hardware.lava.device import LavaDevice
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.neuron_group import NeuronGroup, ResetTo, TakeOff
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.runtime.nir_runtime import NirRuntime

per_step = partial(resolved_chain, dt=DT, integration="per-step", by_type=True)

SIGNED_UNIT = 128
"""The scale of weights of which the largest is -2 and none is above 1: a step can halve v 13 times without a rest."""


def neuron_of(graph: ResolvedGraph) -> NeuronGroup:
    return lower_to_loihi(graph, None).layers[-1].neuron


def drawn(random: np.random.Generator, out: int, size: int) -> np.ndarray:
    weight = random.choice([-2.0, 0.0, 1.0, 1.0, 1.0], (out, size))
    weight[0, 0] = -2
    return weight


def fired(
    x: np.ndarray, beta: np.ndarray, threshold: np.ndarray, delay: bool, recurrent: np.ndarray | None
) -> np.ndarray:
    """snnTorch's spikes for the input current x [time, sample, neuron]."""
    leaky = snntorch.Leaky(
        torch.tensor(beta).float(),
        threshold=torch.tensor(threshold).float(),  # type: ignore[arg-type]
        reset_mechanism="subtract",
        reset_delay=delay,
    )
    mem, spikes, found = torch.zeros(x.shape[1:]), torch.zeros(x.shape[1:]), []
    for step in torch.tensor(x).float():
        heard = 0 if recurrent is None else spikes @ torch.tensor(recurrent).float().T
        spikes, mem = leaky(step + heard, mem)
        found.append(spikes.detach().numpy())
    return np.stack(found)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    delay=st.booleans(),
    halving=st.booleans(),
    below_rest=st.booleans(),
    recurrent=st.booleans(),
    calibrated=st.booleans(),
)
def test_a_layer_that_is_exact_fires_as_snntorchs_leaky(
    seed: int, delay: bool, halving: bool, below_rest: bool, recurrent: bool, calibrated: bool
):
    """With beta 0 and 1 a layer is exact at any scale; with 1/2 at one that leaves enough bits behind the point."""
    random = np.random.default_rng(seed)
    size, out = (int(number) for number in random.integers(2, 7, 2))
    weight, again = drawn(random, out, size), drawn(random, out, out)
    beta = random.choice([0.0, 0.5, 1.0] if halving else [0.0, 1.0], out)
    beta[:] = random.choice([beta, beta * 0 + beta[0]])
    threshold = random.choice([1.0, 1.0, 2.0, 3.0], out)
    if below_rest:
        threshold *= random.choice([-1.0, 1.0], out)
    if random.integers(2):
        threshold[:] = threshold[0]
    loop = again if recurrent else None
    graph = subtracting_layer(weight, beta, threshold, not delay, loop)
    spikes = (random.random((12, 3, size)) < 0.7).astype(np.uint8)
    program = lower_to_loihi(graph, spikes if calibrated and not halving else None)
    (layer,) = program.layers
    assert isinstance(layer.neuron.reset, TakeOff)
    assert np.array_equal(layer.neuron.reset.amount, layer.neuron.threshold)
    if 0.5 in beta:
        assert layer.scale == SIGNED_UNIT
    expected = fired(spikes @ weight.T, beta, threshold, delay, loop)
    assert np.array_equal(simulate(program, spikes), expected)
    assert np.array_equal(NirRuntime(graph).run(spikes), expected)


ONES, TWO = np.ones(2), np.array([1.0, 2.0])
ZEROS = np.zeros(2)


def lif(tau: object = 4e-4, leak: object = 0.0, threshold: object = 1.0, reset: object = 0.0) -> nir.LIF:
    tau, leak, threshold, reset = (np.broadcast_to(value, 2).copy() for value in (tau, leak, threshold, reset))  # type: ignore[call-overload]
    return nir.LIF(tau, tau / DT, leak, threshold, reset)


@pytest.mark.parametrize(
    ("node", "beyond_stock"),
    [
        (lif(), ()),
        (lif(leak=0.25, reset=0.25), ()),
        (lif(leak=TWO, reset=TWO, threshold=2 * TWO), ()),
        (lif(threshold=TWO), ()),
        (lif(threshold=0.0), ()),
        (lif(tau=DT), ()),
        (lif(leak=0.5), ("v_reset is not at rest",)),
        (lif(reset=0.5), ("v_reset is not at rest",)),
        (lif(reset=TWO, threshold=4.0), ("v_reset is not at rest",)),
        (lif(tau=TWO * 1e-3), ("tau differs",)),
        (lif(tau=TWO * 1e-3, threshold=TWO), ("threshold differs", "tau differs")),
        (lif(threshold=-1.0), ("threshold below rest",)),
        (lif(threshold=np.array([0.0, 2.0])), ("threshold differs",)),
        (lif(leak=0.5, reset=0.5, threshold=0.25), ("threshold below rest",)),
        (nir.IF(ONES, TWO, ZEROS), ()),
        (nir.IF(ONES, ONES, ZEROS - 1), ("v_reset is not at rest",)),
        (nir.CubaLIF(ONES, ONES * 4e-4, ONES, ZEROS, ONES, ZEROS, ONES * 1e4), ("current does not fade",)),
        (nir.CubaLIF(TWO * 1e-3, ONES * 4e-4, ONES, ZEROS, ONES, ZEROS, ONES), ("tau_syn differs",)),
    ],
)
def test_stock_neurons_wherever_lavas_lif_will_do(node: nir.NIRNode, beyond_stock: tuple[str, ...], tmp_path) -> None:
    graph = per_step(2, nir.Linear(np.array([[1.0, -0.3], [0.4, 1.2]])), node)
    program = lower_to_loihi(graph, None)
    assert program.layers[-1].neuron.beyond_stock == beyond_stock
    if not beyond_stock:
        return
    name = f"layer '{type(node).__name__}1'"
    with pytest.raises(InputError, match=rf"{name}: needs a programmable neuron \({beyond_stock[0]}.*netx"):
        write_netx(tmp_path / "encoder.net", program)
    with pytest.raises(InputError, match=rf"{name} needs a programmable neuron \({beyond_stock[0]}.*microcode"):
        LavaDevice(program, hardware=True)


def test_potential_is_counted_from_rest():
    """At a rest of 1, a threshold of 3 and a reset of 0.5 are 2 and -1/2."""
    graph = per_step(2, nir.Linear(np.eye(2) * 4), lif(tau=TWO * 2e-4, leak=1.0, threshold=3.0, reset=0.5))
    (layer,) = lower_to_loihi(graph, None).layers
    neuron = layer.neuron
    assert neuron.threshold == round(2 * layer.scale)
    assert isinstance(neuron.reset, ResetTo)
    assert neuron.reset.voltage == round(-0.5 * 64 * layer.scale)
    assert np.array_equal(neuron.voltage_decay, [2048, 1024])  # type: ignore[arg-type]


@pytest.mark.parametrize("reset", [0.0, -2.0, 0.5, -0.375])
@pytest.mark.parametrize("threshold", [2.0, 2.5, -1.0])
def test_a_reset_on_the_grid_is_exact(reset: float, threshold: float):
    random = np.random.default_rng(0)
    weight = random.integers(-2, 4, (6, 8)) * 1.0
    graph = per_step(8, nir.Linear(weight), nir.IF(np.ones(6), np.full(6, threshold), np.full(6, reset)))
    spikes = (random.random((20, 10, 8)) < 0.4).astype(np.uint8)
    assert np.array_equal(simulate(lower_to_loihi(graph, None), spikes), NirRuntime(graph).run(spikes))


def test_an_amount_that_is_no_whole_number_of_steps_is_not_exact():
    """A threshold of 1.5 on whole weights is cut to 1 where v returns to rest; what is taken off is not 1."""
    weight, ones = np.array([[1.0, -255.0]]), np.ones(1)
    (layer,) = lower_to_loihi(subtracting_layer(weight, ones, 1.5 * ones, False), None).layers
    neuron = layer.neuron
    assert (neuron.threshold, neuron.reset.amount) == (round(1.5 * layer.scale),) * 2  # type: ignore[union-attr]
    spikes = np.zeros((12, 1, 2), np.uint8)
    spikes[..., 0] = 1
    (even,) = lower_to_loihi(subtracting_layer(np.array([[1.0]]), ones, 1.5 * ones, False), None).layers
    assert (even.scale, even.neuron.threshold, even.neuron.reset.amount) == (2, 3, 3)  # type: ignore[union-attr]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_most_spikes_of_any_neurons_are_the_float_networks(seed: int):
    random = np.random.default_rng(seed)
    weight = random.normal(0.1, 0.5, (20, 12))
    spikes = (random.random((12, 40, 12)) < 0.4).astype(np.uint8)

    def one(least: float, most: float) -> np.ndarray:
        return random.uniform(least, most, 20)

    if random.integers(2):
        graph = subtracting_layer(weight, one(0.3, 0.95), one(0.5, 1.5), bool(random.integers(2)))
    else:
        tau = one(2e-4, 2e-3)
        node = nir.LIF(tau, tau / DT, one(-0.5, 0.5), one(0.6, 1.5), one(-0.5, 0.5))
        graph = per_step(12, nir.Linear(weight), node)
    expected = NirRuntime(graph).run(spikes)
    found = simulate(lower_to_loihi(graph, spikes), spikes)
    assert expected.any()
    assert (found != expected).mean() < 0.03
