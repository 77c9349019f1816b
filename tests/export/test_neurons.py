"""How a neuron is read with a time step: one rule for floating point, ONNX and the chip."""

import math
from collections.abc import Callable
from itertools import pairwise, product

import nir
import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch.export_nir import export_to_nir

from shared.onnx_answers import run
from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.nir.neurons import decided_step, integrations
from spiq.export.nir.time_step import DEFAULT_DT, Integration, TimeStep
from spiq.export.onnx.stages.encoder import encoder_onnx
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.lowering.network import float_layers
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.runtime.nir_runtime import NirRuntime

READERS: dict[str, Callable[[ResolvedGraph], object]] = {
    "float": NirRuntime,
    "onnx": encoder_onnx,
    "chip": float_layers,
}
"""Whatever reads a neuron with a time step."""


def graph_of(
    neuron: nir.NIRNode, size: int, dt: float = DEFAULT_DT, integration: Integration | None = None
) -> ResolvedGraph:
    nodes = {"input": nir.Input(np.array([size])), "n": neuron, "output": nir.Output(np.array([size]))}
    edges = [("input", "n"), ("n", "output")]
    return resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir", dt, integration)


def neuron(kind: str, key: str, value: float, size: int = 2) -> nir.NIRNode:
    """Time constants of 1 s but for one of them."""
    rest, one = np.zeros(size), np.ones(size)
    taus = {"LIF": ("tau",), "LI": ("tau",), "CubaLIF": ("tau_mem", "tau_syn")}[kind]
    fields = {name: one.copy() for name in taus} | {"r": one, "v_leak": rest}
    fields |= {} if kind == "LI" else {"v_threshold": one, "v_reset": rest}
    fields[key] = np.array([1.0] * (size - 1) + [value])
    return getattr(nir, kind)(**fields)


@pytest.mark.parametrize("dt", [0.0, -1e-4, math.inf, math.nan])
def test_a_time_step_must_be_positive(dt: float) -> None:
    with pytest.raises(InputError, match=f"^dt must be a finite number of seconds above 0, got {dt}$"):
        TimeStep(dt)


def test_an_unknown_integration_is_refused() -> None:
    with pytest.raises(InputError, match=r"integration must be 'euler' or 'per-step', got 'trapezoid'"):
        TimeStep(integration="trapezoid")  # type: ignore[arg-type]


# A graph that ends in an LI ends in values, and only the float runtime gives those.
@pytest.mark.parametrize(
    ("reader", "kind", "key"),
    [
        *product(READERS, ["LIF"], ["tau"]),
        *product(READERS, ["CubaLIF"], ["tau_mem", "tau_syn"]),
        ("float", "LI", "tau"),
    ],
)
@pytest.mark.parametrize("share", [1.001, 1.9, 2.0, 40.0, 1e300])
def test_a_step_longer_than_a_time_constant_is_refused_by_all(reader: str, kind: str, key: str, share: float) -> None:
    found = graph_of(neuron(kind, key, 0.25 / share), 2, dt=0.25)
    with pytest.raises(
        InputError,
        match=rf"net\.nir: node 'n' \({kind}\): {key} must be at least dt, 0\.25 s, got .* somewhere.*at most ",
    ) as told:
        READERS[reader](found)
    assert "norse" in str(told.value)


@pytest.mark.parametrize("dt", [1e-4, 0.1, 3e-7])
def test_the_step_that_is_advised_is_taken(dt: float) -> None:
    tau = float(np.float32(dt) * np.float32(0.7))
    with pytest.raises(InputError) as told:
        NirRuntime(graph_of(neuron("LIF", "tau", tau), 2, dt))
    advised = float(str(told.value).split("at most ")[1].split(" s")[0])
    NirRuntime(graph_of(neuron("LIF", "tau", tau), 2, advised))


@settings(deadline=None, max_examples=60)
@given(st.floats(-1e-6, 1e-6), st.sampled_from(["LIF", "CubaLIF"]), st.integers(0, 2**31))
def test_a_step_within_a_millionth_of_a_time_constant_is_one(deviation: float, kind: str, seed: int) -> None:
    """One input of a single precision's rounding more than another must not part the readers."""
    random = np.random.default_rng(seed)
    spikes = (random.random((9, 3, 2)) < 0.5).astype(np.uint8)
    answers = []
    for tau in (DEFAULT_DT, DEFAULT_DT / (1 + 0.999 * deviation)):
        keys = ("tau",) if kind == "LIF" else ("tau_mem", "tau_syn")
        fields = {key: np.full(2, tau) for key in keys} | {"r": np.full(2, 2.0), "v_leak": np.zeros(2)}
        graph = graph_of(getattr(nir, kind)(**fields, v_threshold=np.ones(2), v_reset=np.zeros(2)), 2)
        in_float = NirRuntime(graph).run(spikes)
        assert np.array_equal(run(encoder_onnx(graph), spikes=spikes)["counts"], in_float.sum(0))
        assert np.array_equal(simulate(lower_to_loihi(graph, None), spikes), in_float)
        answers.append(in_float)
    assert np.array_equal(*answers)
    assert np.array_equal(answers[0], spikes)


def test_snntorchs_export_of_beta_zero_is_read_as_it_runs() -> None:
    """Its exporter writes dt as tau in single precision, which is a little less than dt."""
    torch.manual_seed(1)
    size = (8,)
    neurons = snntorch.Leaky(
        torch.zeros(size), threshold=0.3 + torch.rand(size), reset_mechanism="zero", init_hidden=True
    )
    network = torch.nn.Sequential(torch.nn.Linear(12, 8), neurons)
    exported = export_to_nir(network, torch.zeros(1, 12), ignore_dims=[0])
    assert (DEFAULT_DT / exported.nodes["1"].tau.astype(float) > 1).all()
    spikes = (torch.rand(30, 5, 12) < 0.3).float()
    neurons.reset_mem()
    with torch.no_grad():
        expected = torch.stack([network(step) for step in spikes]).numpy().astype(np.uint8)
    graph, x = resolve(exported), spikes.numpy().astype(np.uint8)
    assert 0.05 < expected.mean() < 0.95
    assert np.array_equal(NirRuntime(graph).run(x), expected)
    assert np.array_equal(run(encoder_onnx(graph), spikes=x)["counts"], expected.sum(0))
    assert float_layers(graph)[0].voltage_decay == 1


def integrator(r: float | list[float], kind: type = nir.IF) -> nir.NIRNode:
    values = np.broadcast_to(np.asarray(r, float), (2,)).copy()
    return nir.I(values) if kind is nir.I else nir.IF(values, np.ones(2), np.zeros(2))


@pytest.mark.parametrize("kind", [nir.IF, nir.I])
@pytest.mark.parametrize(
    ("r", "dt", "expected"),
    [
        (1.0, 1e-4, "per-step"),
        (1 + 9e-7, 1e-4, "per-step"),
        (1e4, 1e-4, "euler"),
        (float(np.float32(1 / 3e-4)), 3e-4, "euler"),
        (1.0, 1.0, "per-step"),
    ],
)
def test_r_tells_how_it_is_meant(kind: type, r: float, dt: float, expected: str) -> None:
    graph = graph_of(integrator(r, kind), 2, dt)
    assert integrations(graph) == {"n": expected}
    assert decided_step(graph) == TimeStep(dt, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize("r", [2.0, 0.5, [1.0, 2.0], [1.0, 1e4], 1.00001, 9999.0, 0.0, -1.0])
def test_any_other_r_is_refused_until_it_is_said(reader: str, r: float | list[float]) -> None:
    with pytest.raises(InputError, match=r"node 'n' \(IF\): r must be 1 .*, got .*per-step or euler"):
        READERS[reader](graph_of(integrator(r), 2))
    for said in ("per-step", "euler"):
        READERS[reader](graph_of(integrator(r), 2, integration=said))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from([1e-4, 1e-3, 0.02, 1.0, 3.0]), st.sampled_from([nir.IF, nir.I]))
def test_both_readings_follow_their_equation(seed: int, dt: float, kind: type) -> None:
    random = np.random.default_rng(seed)
    r = random.uniform(0.3, 2, 2) / dt
    x = (random.random((12, 2, 2)) < 0.6).astype(np.uint8)
    for said, gain in (("euler", r * dt), ("per-step", r)):
        found = NirRuntime(graph_of(integrator(r.tolist(), kind), 2, dt, said)).values(x)  # type: ignore[arg-type]
        v, expected = np.zeros((2, 2)), []
        for step in x:
            v = v + gain * step
            expected.append(v.copy() if kind is nir.I else (v > 1).astype(float))
            if kind is nir.IF:
                v = np.where(v > 1, 0, v)
        assert np.array_equal(found, np.array(expected))


def test_both_ways_of_writing_r_give_the_same_program_and_spikes() -> None:
    random = np.random.default_rng(3)
    x = (random.random((12, 6, 5)) < 0.5).astype(np.uint8)
    weight = random.normal(0.4, 1, (4, 5))
    answers = []
    for r in (1.0, 1 / 2e-3):
        nodes = {"input": nir.Input(np.array([5])), "w": nir.Linear(weight)}
        nodes |= {"n": nir.IF(np.full(4, r), np.ones(4), np.zeros(4)), "output": nir.Output(np.array([4]))}
        names = list(nodes)
        graph = resolve(nir.NIRGraph(nodes, list(pairwise(names)), type_check=False), dt=2e-3)
        program = lower_to_loihi(graph, x)
        answers.append((NirRuntime(graph).run(x), simulate(program, x), run(encoder_onnx(graph), spikes=x)["counts"]))
        assert program.step == decided_step(graph)
    for per_step, euler in zip(*answers, strict=True):
        assert per_step.any()
        assert np.array_equal(per_step, euler)


def test_a_graph_may_hold_both_where_each_shows_it() -> None:
    nodes = {"input": nir.Input(np.array([2])), "a": integrator(1.0), "b": integrator(1e4)}
    nodes["output"] = nir.Output(np.array([2]))
    names = list(nodes)
    graph = resolve(nir.NIRGraph(nodes, list(pairwise(names)), type_check=False))
    assert integrations(graph) == {"a": "per-step", "b": "euler"}
    assert decided_step(graph).integration is None
