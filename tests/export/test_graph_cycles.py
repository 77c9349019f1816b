"""Cycles: which edges are delayed, where the nodes of a cycle stand, and every cycle that is refused."""

from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.export.graph import PlacedGraph, PlacedNode, place
from spiq.export.nir_file import read_nir, write_nir

SIZE = 2


def linear(outside: int = SIZE, inside: int = SIZE) -> nir.Linear:
    return nir.Linear(np.ones((outside, inside)))


def neuron() -> nir.IF:
    return nir.IF(np.ones(SIZE), np.ones(SIZE))


def graph(nodes: dict[str, nir.NIRNode], *edges: tuple[str, str], inside: int = 3) -> nir.NIRGraph:
    border = {"input": nir.Input(np.array([inside])), "output": nir.Output(np.array([SIZE]))}
    return nir.NIRGraph({**nodes, **border}, list(edges), type_check=False)


def names(placed: PlacedGraph) -> list[str]:
    return [node.name for node in placed.nodes]


def by_name(placed: PlacedGraph) -> dict[str, PlacedNode]:
    return {node.name: node for node in placed.nodes}


CHAIN = (("input", "w"), ("w", "n"), ("n", "output"))
LOOP = (("n", "r"), ("r", "n"))


def test_the_edge_from_the_neurons_into_their_cycle_is_delayed() -> None:
    placed = place(graph({"w": linear(SIZE, 3), "n": neuron(), "r": linear()}, *CHAIN, *LOOP))
    found = by_name(placed)
    assert names(placed) == ["input", "w", "r", "n", "output"]
    assert (found["r"].sources, found["r"].delayed) == ((), ("n",))
    assert (set(found["n"].sources), found["n"].delayed) == ({"w", "r"}, ())
    assert found["output"].sources == ("n",)
    assert not found["output"].delayed
    assert found["r"].input_shape == found["r"].output_shape == found["n"].input_shape == (SIZE,)
    assert placed.ends_in_spikes
    assert [[node.name for node in group] for group in placed.recurrent_groups] == [["r", "n"]]


def test_neurons_may_lead_straight_to_themselves() -> None:
    placed = place(graph({"w": linear(SIZE, 3), "n": neuron()}, *CHAIN, ("n", "n")))
    assert names(placed) == ["input", "w", "n", "output"]
    assert (by_name(placed)["n"].sources, by_name(placed)["n"].delayed) == (("w",), ("n",))
    assert placed.recurrent_groups == ((by_name(placed)["n"],),)


def test_a_chain_has_no_recurrent_groups() -> None:
    placed = place(graph({"w": linear(SIZE, 3), "n": neuron()}, *CHAIN))
    assert placed.recurrent_groups == ()
    assert not any(node.delayed for node in placed.nodes)


def test_the_input_may_reach_the_neurons_through_their_recurrent_weights_only() -> None:
    placed = place(graph({"n": neuron(), "r": linear()}, ("input", "r"), ("n", "output"), *LOOP, inside=SIZE))
    assert names(placed) == ["input", "r", "n", "output"]
    assert (by_name(placed)["r"].sources, by_name(placed)["r"].delayed) == (("input",), ("n",))


@pytest.mark.parametrize("backwards", [False, True])
def test_each_cycle_stands_together_with_its_neurons_last(backwards: bool) -> None:
    """Between the nodes of two cycles side by side, and of long ones, no other node may stand."""
    nodes = {"w": linear(SIZE, 3), "side": linear(), "end": linear()}
    edges = [("input", "w"), ("w", "side"), ("side", "end"), ("end", "output")]
    for key in ("a", "b"):
        nodes |= {f"{key}.n": neuron(), f"{key}.one": linear(5, SIZE), f"{key}.two": linear(SIZE, 5)}
        edges += [("w", f"{key}.n"), (f"{key}.n", f"{key}.one"), (f"{key}.one", f"{key}.two")]
        edges += [(f"{key}.two", f"{key}.n"), (f"{key}.n", "end")]
    placed = place(graph(nodes, *(reversed(edges) if backwards else edges)))
    groups = [[node.name for node in group] for group in placed.recurrent_groups]
    assert sorted(groups) == [["a.one", "a.two", "a.n"], ["b.one", "b.two", "b.n"]]
    assert all(", ".join(group) in ", ".join(names(placed)) for group in groups)
    assert set(by_name(placed)["end"].sources) == {"a.n", "b.n", "side"}


def nested(*more: tuple[str, str]) -> nir.NIRGraph:
    """A recurrent layer as snnTorch's exporter makes it."""
    nodes = {"input": nir.Input(np.array([SIZE])), "lif": neuron(), "w_rec": linear()}
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output"), *more]
    return nir.NIRGraph({**nodes, "output": nir.Output(np.array([SIZE]))}, edges, type_check=False)


def test_a_recurrent_graph_within_a_graph_is_unfolded(tmp_path: Path) -> None:
    whole = graph({"w": linear(SIZE, 3), "n": nested()}, *CHAIN)
    write_nir(tmp_path / "nested.nir", whole)
    for placed in (place(whole), place(read_nir(tmp_path / "nested.nir"))):
        assert names(placed) == ["input", "w", "n.w_rec", "n.lif", "output"]
        assert by_name(placed)["n.w_rec"].delayed == ("n.lif",)
        assert set(by_name(placed)["n.lif"].sources) == {"w", "n.w_rec"}


def test_a_graph_within_a_graph_may_be_recurrent_from_outside() -> None:
    inner = nir.NIRGraph(
        {"input": nir.Input(np.array([SIZE])), "lif": neuron(), "output": nir.Output(np.array([SIZE]))},
        [("input", "lif"), ("lif", "output")],
        type_check=False,
    )
    placed = place(graph({"w": linear(SIZE, 3), "n": inner, "r": linear()}, *CHAIN, *LOOP, ("n", "n")))
    assert by_name(placed)["r"].delayed == ("n.lif",)
    assert by_name(placed)["n.lif"].delayed == ("n.lif",)


def test_what_reads_spikes_and_delayed_spikes_does_not_end_in_spikes() -> None:
    """The flattening adds the input's spikes to the neurons' of the step before: 2 is among what it gives."""
    nodes = {"f": nir.Flatten({"input": np.array([SIZE])}, 0, -1), "n": neuron()}
    edges = (("input", "f"), ("f", "n"), ("n", "f"), ("f", "output"))
    placed = place(graph(nodes, *edges, inside=SIZE))
    assert by_name(placed)["f"].delayed == ("n",)
    assert not placed.ends_in_spikes


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"r": linear()}, (("n", "r"), ("r", "w2"), ("w2", "r")), "'w2' .Linear., 'r' .Linear. form a cycle without"),
        ({"r": linear()}, (*LOOP, ("n", "w2"), ("w2", "r"), ("r", "w2")),
         "'w2' .Linear., 'r' .Linear. form a cycle without neurons; a cycle must pass through exactly one"),
        ({"r": linear()}, (("w2", "w2"),), "'w2' .Linear. form a cycle without neurons"),
        ({"m": neuron()}, (("n", "m"), ("m", "n")), "'n' .IF., 'm' .IF. form a cycle through 2 groups of neurons"),
        ({"m": neuron(), "r": linear()}, (*LOOP, ("m", "r"), ("r", "m")), "cycle through 2 groups of neurons"),
        ({"r": nir.LI(np.ones(SIZE), np.ones(SIZE), np.zeros(SIZE))}, LOOP, "form a cycle through 'r' .LI.; a cycle"),
        ({"r": nir.I(np.ones(SIZE))}, LOOP, "form a cycle through 'r' .I.; a cycle must"),
        ({"r": nir.Threshold(np.ones(SIZE))}, LOOP, "through 'r' .Threshold.; .*IF, LIF, CubaLIF.* linear nodes only"),
        ({"r": linear()}, (("output", "r"), ("r", "n")), "form a cycle through 'output' .Output."),
        ({"r": linear()}, (("n", "r"), ("r", "input")), "form a cycle through 'input' .Input."),
        ({"m": neuron()}, (("m", "m"), ("m", "n")), "the graph's input does not reach 'm'; every node must"),
        ({"m": neuron()}, (("n", "m"), ("m", "m")), "'m' .IF. leads nowhere"),
        ({"m": neuron(), "r": linear()}, (("n", "m"), ("m", "r"), ("r", "m")), "'m' .IF. leads nowhere"),
        ({"r": linear(3, SIZE)}, LOOP, "'n' adds inputs of different shapes: 'w2' .2., 'r' .3."),
        ({"r": linear(SIZE, 3)}, LOOP, "'r' .Linear.: weight reads 3 features, but its input is .2."),
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
        place(graph(nodes, *through, *edges), "file.nir")


KINDS = {
    "w": linear,
    "n": neuron,
    "li": lambda: nir.LI(np.ones(SIZE), np.ones(SIZE), np.zeros(SIZE)),
    "t": lambda: nir.Threshold(np.ones(SIZE)),
}


def reaches(edges: np.ndarray) -> np.ndarray:
    """Which node leads to which, over one edge or more: Warshall's closure."""
    closed = edges.copy()
    for middle in range(len(edges)):
        closed |= closed[:, middle, None] & closed[None, middle]
    return closed


def allowed(kinds: list[str], edges: np.ndarray) -> bool:
    """The rule said again over a matrix [source, target]; node 0 is the input and the last one the output."""
    lead = reaches(edges)
    if not (lead[0, 1:].all() and lead[:-1, -1].all()):
        return False
    delayed = np.zeros_like(edges)
    for node in range(len(edges)):
        together = lead[node] & lead[:, node]
        if not together.any():
            continue
        inside = [kinds[other] for other in np.flatnonzero(together)]
        if inside.count("n") != 1 or not set(inside) <= {"n", "w"}:
            return False
        if kinds[node] == "n":
            delayed[node] = edges[node] & together
    return not reaches(edges & ~delayed).diagonal().any()


@settings(deadline=None, max_examples=400)
@given(seed=st.integers(0, 2**31))
def test_any_graph_is_either_ordered_by_the_rule_or_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 7))
    rare = random.random() < 0.3
    kinds = ["input", *random.choice(list(KINDS) if rare else ["w", "w", "n"], count), "output"]
    # A path with a few edges beside it, often out of neurons only: else hardly any graph would be allowed.
    matrix = np.eye(count + 2, k=1, dtype=bool)
    matrix |= np.triu(random.random(matrix.shape) < 0.15, k=1)
    anywhere = np.array([kind == "n" or random.random() < 0.2 for kind in kinds])
    matrix |= (random.random(matrix.shape) < random.choice([0.05, 0.2])) & anywhere[:, None]
    matrix[1:, 0] = matrix[-1] = matrix[0, -1] = False
    labels = ["input", *(f"{kind}{number}" for number, kind in enumerate(kinds[1:-1])), "output"]
    nodes = {label: KINDS[str(kind)]() for label, kind in zip(labels[1:-1], kinds[1:-1], strict=True)}
    edges = [(labels[source], labels[target]) for source, target in random.permutation(np.argwhere(matrix))]
    shuffled = {key: nodes[key] for key in random.permutation(list(nodes))}
    if not allowed(kinds, matrix):
        with pytest.raises(InputError):
            place(graph(shuffled, *edges, inside=SIZE))
        return
    placed = place(graph(shuffled, *edges, inside=SIZE))
    position = {name: number for number, name in enumerate(names(placed))}
    lead = reaches(matrix)
    for node in placed.nodes:
        read = {source for source, target in edges if target == node.name}
        assert set(node.sources) | set(node.delayed) == read
        assert len(node.sources) + len(node.delayed) == len(read)
        assert all(position[source] < position[node.name] for source in node.sources)
        here = labels.index(node.name)
        for source in read:
            there = labels.index(source)
            assert (source in node.delayed) == (kinds[there] == "n" and bool(lead[here, there]))
    cycles = {frozenset(np.flatnonzero(lead[node] & lead[:, node])) for node in range(len(labels)) if lead[node, node]}
    groups = [[labels.index(node.name) for node in group] for group in placed.recurrent_groups]
    assert {frozenset(group) for group in groups} == cycles
    assert all(kinds[group[-1]] == "n" for group in groups)
