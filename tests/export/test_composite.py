"""Neurons of several nodes: found, and the same as their nodes one by one."""

from collections.abc import Mapping

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.nir import graph as graph_module
from spiq.export.nir.composite import Composite
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.nir.neuron_step import Subtraction
from spiq.export.nir.neurons import integrations, neuron_step
from spiq.hardware.runtime.nir_runtime import NirRuntime

SIZE = 3
DT = 0.25
"""A step that is exact in binary, as all numbers here are: then the order of sums does not matter."""


def graph(nodes: Mapping[str, nir.NIRNode], *edges: tuple[str, str]) -> nir.NIRGraph:
    border = {"input": nir.Input(np.array([SIZE])), "output": nir.Output(np.array([SIZE]))}
    return nir.NIRGraph({**nodes, **border}, list(edges), type_check=False)


def leaky(beta: float, v_leak: float = 0.0) -> nir.LI:
    """v ← beta·v + x, at rest at v_leak."""
    return nir.LI(np.full(SIZE, DT / (1 - beta)), np.full(SIZE, 1 / (1 - beta)), np.full(SIZE, v_leak))


def threshold(value: float = 1.0) -> nir.Threshold:
    return nir.Threshold(np.full(SIZE, value))


def scale(value: float) -> nir.Scale:
    return nir.Scale(np.full(SIZE, value))


CHAIN = (("input", "m"), ("m", "n"), ("n", "output"))
BACK = (("n", "r"), ("r", "m"))


def composites(resolved: ResolvedGraph) -> dict[str, Composite]:
    return {node.name: node.node for node in resolved.nodes if isinstance(node.node, Composite)}


def reset_of(resolved: ResolvedGraph, name: str) -> Subtraction:
    (node,) = (node for node in resolved.nodes if node.name == name)
    reset = neuron_step(node, resolved.step, name).reset
    assert isinstance(reset, Subtraction)
    return reset


@pytest.mark.parametrize("back", [scale(-2.0), nir.Linear(-2.0 * np.eye(SIZE))])
def test_an_integrator_a_threshold_and_what_leads_back_are_one_neuron(back: nir.NIRNode) -> None:
    resolved = resolve(graph({"m": leaky(0.5), "n": threshold(2.0), "r": back}, *CHAIN, *BACK), dt=DT)
    assert [node.name for node in resolved.nodes] == ["input", "n", "output"]
    assert resolved.ends_in_spikes
    assert str(resolved.nodes[1]) == "node 'n' (LI → Threshold)"
    assert np.array_equal(reset_of(resolved, "n").amount, [2.0] * SIZE)
    assert not reset_of(resolved, "n").at_once


def test_what_leads_back_is_counted_in_units_of_the_potential() -> None:
    halved = nir.LI(np.full(SIZE, 2 * DT), np.ones(SIZE), np.zeros(SIZE))
    resolved = resolve(graph({"m": halved, "n": threshold(1.0), "r": scale(-2.0)}, *CHAIN, *BACK), dt=DT)
    assert np.array_equal(reset_of(resolved, "n").amount, [1.0] * SIZE)


def test_a_current_before_the_integrator_belongs_to_the_neuron() -> None:
    nodes = {"c": leaky(0.75), "m": nir.I(np.ones(SIZE)), "n": threshold(), "r": scale(-1.0)}
    resolved = resolve(graph(nodes, ("input", "c"), ("c", "m"), *CHAIN[1:], *BACK), dt=DT)
    assert composites(resolved)["n"].label == "LI → I → Threshold"
    assert integrations(resolved) == {"n": "per-step"}


def test_a_current_before_a_neuron_belongs_to_it() -> None:
    nodes = {"m": leaky(0.5), "n": nir.IF(np.ones(SIZE), np.ones(SIZE))}
    resolved = resolve(graph(nodes, *CHAIN), dt=DT)
    assert composites(resolved)["n"].label == "LI → IF"


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        ({"m": leaky(0.5, v_leak=1.0), "n": nir.IF(np.ones(SIZE), np.ones(SIZE))}, CHAIN),
        ({"m": leaky(0.5), "n": threshold(), "s": scale(1.0)}, (*CHAIN, ("m", "s"), ("s", "output"))),
        ({"m": leaky(0.5), "n": threshold()}, (*CHAIN, ("input", "n"))),
        ({"m": scale(1.0), "n": threshold()}, CHAIN),
    ],
)  # fmt: skip
def test_nodes_of_which_others_read_something_stay_as_they_are(
    nodes: dict[str, nir.NIRNode], edges: tuple[tuple[str, str], ...]
) -> None:
    resolved = resolve(graph(nodes, *edges), dt=DT)
    assert not composites(resolved)
    assert len(resolved.nodes) == len(nodes) + 2


def at_once(theta: float, beta: float, **changed: nir.NIRNode) -> nir.NIRGraph:
    """snnTorch's reset_delay=False in NIR."""
    nodes = {
        "m": leaky(beta), "n": threshold(theta), "kept": scale(-theta * beta), "off": scale(-theta),
        "held": nir.Delay(np.full(SIZE, DT)), "still": threshold(theta), "again": scale(-theta),
    }  # fmt: skip
    edges = (
        *CHAIN, ("n", "kept"), ("kept", "m"), ("n", "off"), ("off", "held"), ("m", "held"), ("held", "still"),
        ("still", "again"), ("again", "n"),
    )  # fmt: skip
    return graph(nodes | changed, *edges)


def test_a_reset_at_once_is_found() -> None:
    resolved = resolve(at_once(1.5, 0.5), dt=DT)
    assert [node.name for node in resolved.nodes] == ["input", "n", "output"]
    assert reset_of(resolved, "n").at_once
    assert np.array_equal(reset_of(resolved, "n").amount, [1.5] * SIZE)


@pytest.mark.parametrize(
    "changed",
    [
        {"held": nir.Delay(np.full(SIZE, 2 * DT))},
        {"kept": scale(-1.0)},
        {"off": scale(-1.0)},
        {"still": threshold(1.0)},
        {"again": scale(-1.0)},
    ],
)
def test_nodes_that_reset_by_other_numbers_stay_as_they_are(changed: dict[str, nir.NIRNode]) -> None:
    resolved = resolve(at_once(1.5, 0.5, **changed), dt=DT)
    assert not composites(resolved)
    assert len(resolved.nodes) == 9


def node_by_node(placed_from: nir.NIRGraph, monkeypatch: pytest.MonkeyPatch) -> ResolvedGraph:
    """The graph with no nodes joined."""
    with monkeypatch.context() as patch:
        patch.setattr(graph_module, "with_composites", lambda nodes, edges, step: (nodes, edges))
        return resolve(placed_from, dt=DT)


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**31))
def test_a_neuron_of_several_nodes_is_its_nodes_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    theta = float(random.choice([0.0, 0.5, 1.0, 1.5]))
    beta = float(random.choice([0.5, 0.75]))
    if random.random() < 0.3:
        made = at_once(theta, beta)
    else:
        nodes: dict[str, nir.NIRNode] = {
            "m": leaky(beta, random.choice([0.0, 0.5])) if random.random() < 0.7 else nir.I(np.ones(SIZE)),
            "n": threshold(theta),
        }
        edges = [*CHAIN]
        if random.random() < 0.8:
            nodes["r"], edges = scale(-float(random.choice([theta, beta * theta]))), [*edges, *BACK]
        if random.random() < 0.5:
            nodes["c"] = leaky(0.5) if random.random() < 0.7 else nir.I(np.ones(SIZE))
            edges = [("input", "c"), ("c", "m"), *edges[1:]]
        if random.random() < 0.5:
            weight, bias = random.integers(-2, 3, (SIZE, SIZE)) / 4, random.integers(-2, 3, SIZE) / 4
            nodes["v"] = nir.Affine(weight, bias)
            edges += [("n", "v"), ("v", "c" if "c" in nodes else "m")]
        made = graph(nodes, *edges)
    spikes = (random.random((12, 4, SIZE)) < 0.6).astype(np.uint8)
    joined = resolve(made, dt=DT)
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone = node_by_node(made, monkeypatch)
    assert len(joined.nodes) < len(alone.nodes)
    assert np.array_equal(NirRuntime(joined).run(spikes), NirRuntime(alone).run(spikes))
