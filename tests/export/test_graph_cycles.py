"""Cycles: which edges are delayed, where the nodes of a cycle stand, and every cycle that is refused."""

from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.export.nir.file import read_nir, write_nir
from spiq.export.nir.graph import ResolvedGraph, ResolvedNode, resolve
from spiq.export.nir.ordering import ordered

SIZE = 2


def linear(outside: int = SIZE, inside: int = SIZE) -> nir.Linear:
    return nir.Linear(np.ones((outside, inside)))


def neuron() -> nir.IF:
    return nir.IF(np.ones(SIZE), np.ones(SIZE))


def integrator() -> nir.LI:
    return nir.LI(np.ones(SIZE), np.ones(SIZE), np.zeros(SIZE))


def graph(nodes: dict[str, nir.NIRNode], *edges: tuple[str, str], inside: int = 3) -> nir.NIRGraph:
    border = {"input": nir.Input(np.array([inside])), "output": nir.Output(np.array([SIZE]))}
    return nir.NIRGraph({**nodes, **border}, list(edges), type_check=False)


def names(resolved: ResolvedGraph) -> list[str]:
    return [node.name for node in resolved.nodes]


def by_name(resolved: ResolvedGraph) -> dict[str, ResolvedNode]:
    return {node.name: node for node in resolved.nodes}


CHAIN = (("input", "w"), ("w", "n"), ("n", "output"))
LOOP = (("n", "r"), ("r", "n"))


def test_the_edge_from_the_neurons_into_their_cycle_is_delayed() -> None:
    resolved = resolve(graph({"w": linear(SIZE, 3), "n": neuron(), "r": linear()}, *CHAIN, *LOOP))
    found = by_name(resolved)
    assert names(resolved) == ["input", "w", "r", "n", "output"]
    assert (found["r"].sources, found["r"].delayed) == ((), ("n",))
    assert (set(found["n"].sources), found["n"].delayed) == ({"w", "r"}, ())
    assert found["output"].sources == ("n",)
    assert not found["output"].delayed
    assert found["r"].input_shape == found["r"].output_shape == found["n"].input_shape == (SIZE,)
    assert resolved.ends_in_spikes
    assert [[node.name for node in group] for group in resolved.recurrent_groups] == [["r", "n"]]


def test_neurons_may_lead_straight_to_themselves() -> None:
    resolved = resolve(graph({"w": linear(SIZE, 3), "n": neuron()}, *CHAIN, ("n", "n")))
    assert names(resolved) == ["input", "w", "n", "output"]
    assert (by_name(resolved)["n"].sources, by_name(resolved)["n"].delayed) == (("w",), ("n",))
    assert resolved.recurrent_groups == ((by_name(resolved)["n"],),)


def test_a_chain_has_no_recurrent_groups() -> None:
    resolved = resolve(graph({"w": linear(SIZE, 3), "n": neuron()}, *CHAIN))
    assert resolved.recurrent_groups == ()
    assert not any(node.delayed for node in resolved.nodes)


def test_the_input_may_reach_the_neurons_through_their_recurrent_weights_only() -> None:
    resolved = resolve(graph({"n": neuron(), "r": linear()}, ("input", "r"), ("n", "output"), *LOOP, inside=SIZE))
    assert names(resolved) == ["input", "r", "n", "output"]
    assert (by_name(resolved)["r"].sources, by_name(resolved)["r"].delayed) == (("input",), ("n",))


@pytest.mark.parametrize("backwards", [False, True])
def test_each_cycle_stands_together_with_its_neurons_last(backwards: bool) -> None:
    """Between the nodes of two cycles side by side, and of long ones, no other node may stand."""
    nodes = {"w": linear(SIZE, 3), "side": linear(), "end": linear()}
    edges = [("input", "w"), ("w", "side"), ("side", "end"), ("end", "output")]
    for key in ("a", "b"):
        nodes |= {f"{key}.n": neuron(), f"{key}.one": linear(5, SIZE), f"{key}.two": linear(SIZE, 5)}
        edges += [("w", f"{key}.n"), (f"{key}.n", f"{key}.one"), (f"{key}.one", f"{key}.two")]
        edges += [(f"{key}.two", f"{key}.n"), (f"{key}.n", "end")]
    resolved = resolve(graph(nodes, *(reversed(edges) if backwards else edges)))
    groups = [[node.name for node in group] for group in resolved.recurrent_groups]
    assert sorted(groups) == [["a.one", "a.two", "a.n"], ["b.one", "b.two", "b.n"]]
    assert all(", ".join(group) in ", ".join(names(resolved)) for group in groups)
    assert set(by_name(resolved)["end"].sources) == {"a.n", "b.n", "side"}


def nested(*more: tuple[str, str]) -> nir.NIRGraph:
    """A recurrent layer as snnTorch's exporter makes it."""
    nodes = {"input": nir.Input(np.array([SIZE])), "lif": neuron(), "w_rec": linear()}
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output"), *more]
    return nir.NIRGraph({**nodes, "output": nir.Output(np.array([SIZE]))}, edges, type_check=False)


def test_a_recurrent_graph_within_a_graph_is_unfolded(tmp_path: Path) -> None:
    whole = graph({"w": linear(SIZE, 3), "n": nested()}, *CHAIN)
    write_nir(tmp_path / "nested.nir", whole)
    for resolved in (resolve(whole), resolve(read_nir(tmp_path / "nested.nir"))):
        assert names(resolved) == ["input", "w", "n.w_rec", "n.lif", "output"]
        assert by_name(resolved)["n.w_rec"].delayed == ("n.lif",)
        assert set(by_name(resolved)["n.lif"].sources) == {"w", "n.w_rec"}


def test_a_graph_within_a_graph_may_be_recurrent_from_outside() -> None:
    inner = nir.NIRGraph(
        {"input": nir.Input(np.array([SIZE])), "lif": neuron(), "output": nir.Output(np.array([SIZE]))},
        [("input", "lif"), ("lif", "output")],
        type_check=False,
    )
    resolved = resolve(graph({"w": linear(SIZE, 3), "n": inner, "r": linear()}, *CHAIN, *LOOP, ("n", "n")))
    assert by_name(resolved)["r"].delayed == ("n.lif",)
    assert by_name(resolved)["n.lif"].delayed == ("n.lif",)


def test_what_reads_spikes_and_delayed_spikes_does_not_end_in_spikes() -> None:
    """The flattening adds the input's spikes to the neurons' of the step before: 2 is among what it gives."""
    nodes = {"f": nir.Flatten({"input": np.array([SIZE])}, 0, -1), "n": neuron()}
    edges = (("input", "f"), ("f", "n"), ("n", "f"), ("f", "output"))
    resolved = resolve(graph(nodes, *edges, inside=SIZE))
    assert by_name(resolved)["f"].delayed == ("n",)
    assert not resolved.ends_in_spikes


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"r": linear()}, (("n", "r"), ("r", "w2"), ("w2", "r")), "'w2' .Linear., 'r' .Linear. form a cycle without"),
        ({"r": linear()}, (*LOOP, ("n", "w2"), ("w2", "r"), ("r", "w2")),
         "'w2' .Linear., 'r' .Linear. form a cycle without a delay; a cycle must pass through exactly one node that"),
        ({"r": linear()}, (("w2", "w2"),), "'w2' .Linear. form a cycle without either of those; a cycle must"),
        ({"m": neuron()}, (("n", "m"), ("m", "n")), "'n' .IF., 'm' .IF. form a cycle through 2 nodes that give spikes"),
        ({"m": neuron(), "r": linear()}, (*LOOP, ("m", "r"), ("r", "m")), "cycle through 2 nodes that give spikes"),
        ({"r": nir.Threshold(np.ones(SIZE))}, LOOP, "2 nodes that give spikes.*IF, LIF, CubaLIF, Threshold. or"),
        ({"r": integrator(), "q": integrator()}, (("w2", "r"), ("r", "q"), ("q", "r"), ("r", "n")),
         "'r' .LI., 'q' .LI. form a cycle through 2 integrators; .* one integrator .LI, I, CubaLI., and otherwise"),
        ({"r": nir.Delay(np.array([0.0, 1e-4]))}, (("w2", "r"), ("r", "w2")), "'r' .Delay. form a cycle without"),
        ({"r": linear()}, (("output", "r"), ("r", "n")), "form a cycle through 'output' .Output."),
        ({"r": linear()}, (("n", "r"), ("r", "input")), "form a cycle through 'input' .Input."),
        ({"m": neuron()}, (("m", "m"), ("m", "n")), "the graph's input does not reach 'm'; every node must"),
        ({"m": neuron()}, (("n", "m"), ("m", "m")), "'m' .IF. leads nowhere"),
        ({"m": neuron(), "r": linear()}, (("n", "m"), ("m", "r"), ("r", "m")), "'m' .IF. leads nowhere"),
        ({"r": linear(3, SIZE)}, LOOP, "'n' must add inputs of one shape, got 'w2' .2., 'r' .3."),
        ({"r": linear(SIZE, 3)}, LOOP, "'r' .Linear.: its input must have the 3 features that weight reads, got .2."),
        ({"g": nested(("w_rec", "input"))}, (("n", "g"), ("g", "n")), "'g' has the edge 'g.w_rec' → 'g.input';"),
        ({"g": nested(("output", "w_rec"))}, (("n", "g"), ("g", "n")), "'g' has the edge 'g.output' → 'g.w_rec'"),
    ],
)  # fmt: skip
def test_a_cycle_that_is_not_allowed_is_refused(
    nodes: dict[str, nir.NIRNode], edges: tuple[tuple[str, str], ...], message: str
) -> None:
    nodes = {"w": linear(SIZE, 3), "w2": linear(), "n": neuron(), **nodes}
    through = (("input", "w"), ("w", "w2"), ("w2", "n"), ("n", "output"))
    with pytest.raises(InputError, match=f"^file.nir: .*{message}"):
        resolve(graph(nodes, *through, *edges), "file.nir")


def test_an_integrator_without_spikes_hears_its_own_value_a_step_later() -> None:
    """As NIRTorch writes a cycle through an LI."""
    nodes = {"w": linear(SIZE, 3), "n": integrator(), "r": linear()}
    resolved = resolve(graph(nodes, *CHAIN, *LOOP))
    assert by_name(resolved)["r"].delayed == ("n",)
    assert resolved.cycles == (("r", "n"),)


def test_the_steps_of_a_delay_in_a_cycle_are_its_delay() -> None:
    nodes = {"w": linear(SIZE, 3), "n": neuron(), "r": nir.Delay(np.full(SIZE, 3e-4))}
    resolved = resolve(graph(nodes, *CHAIN, *LOOP))
    found = by_name(resolved)
    assert names(resolved) == ["input", "w", "r", "n", "output"]
    assert (found["r"].sources, found["r"].delayed) == ((), ("n",))
    assert (set(found["n"].sources), found["n"].delayed) == ({"w", "r"}, ())


KINDS = {
    "w": linear,
    "n": neuron,
    "l": integrator,
    "t": lambda: nir.Threshold(np.ones(SIZE)),
    "d": lambda: nir.Delay(np.full(SIZE, 1e-4)),
    "0": lambda: nir.Delay(np.zeros(SIZE)),
}


def reaches(edges: np.ndarray) -> np.ndarray:
    """Which node leads to which, over one edge or more: Warshall's closure."""
    closed = edges.copy()
    for middle in range(len(edges)):
        closed |= closed[:, middle, None] & closed[None, middle]
    return closed


def delayed_edges(kinds: list[str], edges: np.ndarray) -> np.ndarray | None:
    """The rule said again over a matrix [source, target]: the delayed edges; None where a cycle is not allowed."""
    lead = reaches(edges)
    delayed = np.zeros_like(edges)
    for node, kind in enumerate(kinds):
        if kind == "d" and lead[node, node]:
            delayed[:, node] = edges[:, node]
    left = edges & ~delayed
    lead = reaches(left)
    for node, kind in enumerate(kinds):
        together = lead[node] & lead[:, node]
        if not together.any():
            continue
        inside = [kinds[other] for other in np.flatnonzero(together)]
        places = "nt" if set(inside) & {"n", "t"} else "l"
        if sum(other in places for other in inside) != 1:
            return None
        if kind in places:
            delayed[node] |= left[node] & together
    return None if reaches(edges & ~delayed).diagonal().any() else delayed


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 2**31))
def test_any_graph_is_either_ordered_by_the_rule_or_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 7))
    often = random.choice(["n", "t", "l", "d"])
    kinds = [str(kind) for kind in random.choice([*KINDS, *"wwwww", often, often], count)]
    matrix = np.eye(count, k=1, dtype=bool) | (random.random((count, count)) < random.choice([0.05, 0.15]))
    labels = [f"{kind}{number}" for number, kind in enumerate(kinds)]
    nodes = {label: KINDS[kind]() for label, kind in zip(labels, kinds, strict=True)}
    edges = [(labels[source], labels[target]) for source, target in random.permutation(np.argwhere(matrix))]
    shuffled = {key: nodes[key] for key in random.permutation(list(nodes))}
    wanted = delayed_edges(kinds, matrix)
    if wanted is None:
        with pytest.raises(InputError):
            ordered(shuffled, edges, "graph")
        return
    order = ordered(shuffled, edges, "graph")
    assert order.delayed == {(labels[source], labels[target]) for source, target in np.argwhere(wanted)}
    position = {name: number for number, name in enumerate(order.nodes)}
    assert sorted(position) == sorted(labels)
    assert all(position[source] < position[target] for source, target in edges if (source, target) not in order.delayed)
    lead = reaches(matrix)
    cycles = {frozenset(np.flatnonzero(lead[node] & lead[:, node])) for node in range(count) if lead[node, node]}
    assert {frozenset(map(labels.index, cycle)) for cycle in order.cycles} == cycles
    for cycle in order.cycles:
        assert order.nodes[position[cycle[0]] :][: len(cycle)] == cycle
