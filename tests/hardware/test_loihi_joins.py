"""Joins, skips and recurrence, worked out by hand, and which of them are refused."""

from pathlib import Path

import nir
import numpy as np
import pytest
from builders import firing

from spiq.export.errors import InputError
from spiq.export.nir.file import read_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.program import INPUT, LoihiProgram
from spiq.hardware.loihi.simulator.simulate import simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse

DT = 1e-4
PEERS = Path(__file__).parents[1] / "data" / "nir_peers"


def lowered(input_shape: tuple[int, ...], nodes: dict[str, nir.NIRNode], *paths: str) -> LoihiProgram:
    """The program of a graph whose edges are written as `a b c`: from a to b and from b to c."""
    nodes = {"in": nir.Input(np.array(input_shape))} | nodes | {"out": nir.Output(None)}
    edges = [edge for path in paths for edge in zip(path.split(), path.split()[1:], strict=False)]
    return lower_to_loihi(resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir"), None)


def steps(*rows: list[int]) -> np.ndarray:
    """Spikes of one sample, a row a step."""
    return np.array(rows, np.uint8)[:, None]


def form(program: LoihiProgram) -> list[tuple[str, list[int]]]:
    return [(layer.name, [connection.source for connection in layer.connections]) for layer in program.layers]


def test_skips_share_relays():
    """The input is read at depths 1, 3 and 4, `a` at depths 2 and 4."""
    nodes = {name: firing(1, threshold=0.5) for name in "abcd"}
    program = lowered((2,), nodes, "in a b c d out", "in c", "in d", "a d")
    assert form(program) == [
        ("a", [-1]),
        ("b", [0]),
        ("in + 1 step", [-1]),
        ("in + 2 steps", [2]),
        ("c", [1, 3]),
        ("in + 3 steps", [3]),
        ("a + 1 step", [0]),
        ("a + 2 steps", [6]),
        ("d", [4, 5, 7]),
    ]
    assert program.depths == (1, 2, 1, 2, 3, 3, 2, 3, 4)
    spikes = np.random.default_rng(0).integers(0, 2, (6, 4, 2)).astype(np.uint8)
    # Whatever the way, each passes the input's spikes on in the same step.
    for layer in simulate_layers(program, spikes):
        assert np.array_equal(layer, spikes)


def test_a_relay_is_one_weight_above_the_threshold():
    nodes = {"a": firing(1, threshold=0.5), "b": firing(1, threshold=0.5)}
    relay = lowered((200, 3, 3), nodes, "in a b out", "in b").layers[1]
    (connection,) = relay.connections
    assert isinstance(connection.synapse, ConvSynapse)
    assert connection.synapse.input_shape == (1, 1800, 1)
    assert (connection.synapse.weight.tolist(), relay.neuron.threshold) == ([[[[2]]]], 1)
    assert relay.neuron.shape == (200, 3, 3)
    assert not relay.neuron.bias_mantissa.any()


def test_a_relay_takes_no_name_that_is_taken():
    nodes = {"a": firing(1, threshold=0.5), "in + 1 step": firing(1, threshold=0.5)}
    edges = [("in", "a"), ("a", "in + 1 step"), ("in", "in + 1 step"), ("in + 1 step", "out")]
    graph = nir.NIRGraph({"in": nir.Input(np.array([2]))} | nodes | {"out": nir.Output(None)}, edges, type_check=False)
    found = lower_to_loihi(resolve(graph, "net.nir"), None)
    assert [layer.name for layer in found.layers] == ["a", "in + 1 step'", "in + 1 step"]


def test_a_large_identity_is_no_matrix():
    """As a matrix, 20 000 neurons to as many others would be refused."""
    program = lowered(
        (20000,),
        {"a": firing(1, threshold=0.5), "b": nir.Scale(np.full(20000, 3.0)), "c": firing(1, threshold=2.5)},
        "in a b c out",
    )
    assert [layer.connections[0].synapse.weight.size for layer in program.layers] == [1, 1]


def test_a_bias_behind_a_join_counts_once_and_before_it_for_each_way():
    """`late` adds 1 once. `early` adds 2, once straight and once times 3; with the input's 1 + 3 that makes 13."""
    nodes = {
        "early": nir.Affine(np.ones((1, 1)), np.full(1, 2.0)),
        "thrice": nir.Linear(np.full((1, 1), 3.0)),
        "late": nir.Affine(np.ones((1, 1)), np.ones(1)),
    }
    paths = "in early thrice late n out", "early late"

    def fired(threshold: float) -> list[int]:
        program = lowered((1,), nodes | {"n": firing(1, threshold=threshold)}, *paths)
        return simulate(program, steps([1], [0]))[:, 0, 0].tolist()

    assert fired(12.5) == [1, 0]
    assert fired(13.5) == [0, 1]
    assert fired(21.5) == [0, 1]
    assert fired(22.5) == [0, 0]


def test_paths_of_one_form_become_one_synapse():
    one, other = np.array([[1.0, 2.0]]), np.array([[4.0, 8.0]])
    nodes = {"a": nir.Linear(one), "b": nir.Linear(other), "n": firing(1, threshold=9.5)}
    (layer,) = lowered((2,), nodes, "in a n out", "in b n").layers
    (connection,) = layer.connections
    assert (connection.synapse.weight / layer.scale).tolist() == [[5, 10]]


def test_sources_share_a_scale_and_have_their_own_signs():
    """To the positive weights alone odd numbers are allowed, so 127 of both signs take twice the scale."""
    nodes = {
        "a": firing(1, threshold=0.5),
        "b": firing(1, threshold=0.5),
        "positive": nir.Linear(np.array([[3.0, 126.0]])),
        "mixed": nir.Linear(np.array([[-127.0, 126.0]])),
        "n": firing(1, threshold=7.0),
    }
    layer = lowered((2,), nodes, "in a positive n out", "in b mixed n").layers[-1]
    assert [connection.synapse.weight.tolist() for connection in layer.connections] == [[[6, 252]], [[-254, 252]]]
    assert (layer.scale, layer.neuron.threshold) == (2, 14)


def two_sources(one: float, other: list[float], neuron: nir.NIRNode) -> list[np.ndarray]:
    """The weights over the scale of a group that reads two others."""
    nodes = {
        "a": firing(1, threshold=0.5),
        "b": firing(1, threshold=0.5),
        "one": nir.Linear(np.full((1, 2), one)),
        "other": nir.Linear(np.array([other])),
        "n": neuron,
    }
    layer = lowered((2,), nodes, "in a one n out", "in b other n").layers[-1]
    return [connection.synapse.weight[0] / layer.scale for connection in layer.connections]


def test_the_largest_weight_of_all_sources_fits():
    """300 is more than any integer that a weight can be."""
    one, other = two_sources(1.0, [300.0, 7.0], firing(1, threshold=7.0))
    assert other[0] == pytest.approx(300, abs=1e-9)
    assert one[0] == pytest.approx(1, abs=0.6)
    one, other = two_sources(300.0, [-1.0, 7.0], firing(1, threshold=7.0))
    assert one[0] == pytest.approx(300, abs=1e-9)
    assert other[0] == pytest.approx(-1, abs=1.2)


def test_weights_of_all_sources_stay_on_their_grids_with_a_leak():
    leaky = nir.LIF(*(np.full(1, value) for value in (1e-3, 1.0, 0.0, 1.0)))
    one, other = two_sources(0.7, [0.3, -0.2], leaky)
    assert np.allclose(one, 0.07, rtol=1e-9, atol=0)
    assert np.allclose(other, [0.03, -0.02], rtol=1e-9, atol=0)


def test_recurrence_reads_the_step_before():
    """Two neurons that hand a spike to each other, started by the input."""
    nodes = {"n": firing(2, threshold=0.5), "swap": nir.Linear(np.array([[0.0, 1.0], [1.0, 0.0]]))}
    program = lowered((2,), nodes, "in n out", "n swap n")
    assert form(program) == [("n", [-1, 0])] or form(program) == [("n", [0, -1])]
    found = simulate(program, steps([1, 0], [0, 0], [0, 0], [0, 0]))
    assert found[:, 0].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_every_sample_begins_without_spikes_of_the_one_before():
    nodes = {"n": firing(1, threshold=0.5)}
    spikes = np.zeros((3, 2, 1), np.uint8)
    spikes[0, 0] = 1
    assert simulate(lowered((1,), nodes, "in n out", "n n"), spikes)[..., 0].T.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_bias_of_a_recurrent_node_acts_from_the_first_step():
    nodes = {"n": firing(1, threshold=2.5), "back": nir.Affine(np.full((1, 1), -5.0), np.ones(1))}
    program = lowered((1,), nodes, "in n out", "n back n")
    # 1, 2, 3: a spike, which costs 5; then -4 up to 3 again.
    found = simulate(program, np.zeros((12, 1, 1), np.uint8))[:, 0, 0]
    assert found.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def test_recurrent_group_behind_a_skip():
    """The group's own synapse is no way from the input: its depth stays that of the others."""
    nodes = {"a": firing(1, threshold=0.5), "n": firing(1, threshold=1.5), "b": firing(1, threshold=0.5)}
    program = lowered((1,), nodes, "in a n b out", "in n n")
    assert form(program) == [("a", [-1]), ("in + 1 step", [-1]), ("n", [0, 1, 2]), ("b", [2])]
    # 2 > 1.5; then it hears itself only, 1 a step: 1, 2.
    assert simulate(program, steps([1], [0], [0]))[:, 0, 0].tolist() == [1, 0, 0]
    assert simulate(program, steps([1], [1], [0]))[:, 0, 0].tolist() == [1, 1, 0]


def test_convolution_of_a_sum():
    weight = np.ones((1, 1, 3, 3))
    nodes = {
        "a": firing(1, threshold=0.5),
        "b": firing(1, threshold=1.5),
        "conv": nir.Conv2d(None, weight, 1, 1, 1, 1, np.full(1, 0.5)),
        "n": nir.IF(np.ones((1, 3, 3)), np.full((1, 3, 3), 2.25)),
    }
    program = lowered((1, 3, 3), nodes, "in a conv n out", "in b conv")
    assert [connection.source for connection in program.layers[-1].connections] == [0, 1]
    spikes = np.zeros((2, 1, 1, 3, 3), np.uint8)
    spikes[:, 0, 0, 1, 1] = 1
    # From `a` 1.5 a step everywhere; from `b`, which needs two spikes, 1 more in the second.
    assert simulate(program, spikes).tolist() == [[[0] * 9], [[1] * 9]]


def test_recurrent_network_of_snntorch():
    with np.load(PEERS / "snntorch_recurrent.npz", allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    program = lower_to_loihi(resolve(read_nir(PEERS / "snntorch_recurrent.nir"), "peer"), x)
    assert {connection.source for connection in program.layers[0].connections} == {INPUT, 0}
    assert y.any()
    assert (simulate(program, x) != y).mean() < 0.01


LINEAR = nir.Linear(np.eye(2))


@pytest.mark.parametrize(
    ("nodes", "paths", "match"),
    [
        (
            {"a": firing(1, threshold=0.5), "b": firing(1, threshold=0.5)},
            ("in a out", "in b out"),
            r"net\.nir: on Loihi .* one group's spikes, got node 'out' \(Output\), which adds up 'a', 'b'",
        ),
        (
            {"a": firing(1, threshold=0.5), "b": firing(1, threshold=0.5), "flat": nir.Flatten({"input": None}, 0, -1)},
            ("in a flat out", "in b flat"),
            r"net\.nir: on Loihi .*, got node 'flat' \(Flatten\), which adds up 'a', 'b'",
        ),
        (
            {"a": firing(1, threshold=0.5)},
            ("in a out", "in out"),
            r"node 'out' \(Output\), which adds up ('in', 'a'|'a', 'in')",
        ),
        (
            {f"s{index}": nir.Scale(np.ones(2)) for index in range(9)}
            | {f"t{index}": nir.Scale(np.ones(2)) for index in range(9)}
            | {"n": firing(1, threshold=1.0)},
            (
                *(f"{a}{index} {b}{index + 1}" for index in range(8) for a in "st" for b in "st"),
                *("in s0", "in t0", "s8 n out", "t8 n"),
            ),
            r"node 'n' \(IF\) must be reached over at most .* paths .*, got 512",
        ),
    ],
    ids=["output of two", "flattened sum", "output of input", "paths"],
)
def test_refused_graph(nodes, paths, match):
    with pytest.raises(InputError, match=match):
        lowered((2,), nodes, *paths)


def test_bias_on_the_current_of_a_recurrent_group():
    nodes = {"a": firing(1, threshold=0.5), "back": nir.Affine(np.diag([0.25, -0.5]), np.array([3.0, 6.0]))}
    nodes |= {"n": nir.CubaLIF(*(np.full(2, value) for value in (1e-3, 1e-3, 1.0, 0.0, 1.0)))}
    program = lowered((2,), nodes, "in a n out", "n back n")
    names = [layer.name for layer in program.layers]
    assert names == ["a", "n bias", "n"]
    assert program.depths == (1, 1, 2)
    sources = [connection.source for connection in program.layers[2].connections]
    assert sorted(sources) == [0, 1, 2]
    spikes = (np.random.default_rng(0).random((60, 4, 2)) < 0.3).astype(np.uint8)
    always, found = simulate_layers(program, spikes)[1:]
    assert always.all()
    # i ← 0.9 i + 0.1 x and v ← 0.9 v + 0.1 i, with x the bias, what comes in and what comes back.
    i, v, last = np.zeros((4, 2)), np.zeros((4, 2)), np.zeros((4, 2))
    expected = np.zeros(found.shape, np.uint8)
    for step, arriving in enumerate(spikes):
        x = arriving + np.array([0.25, -0.5]) * last + np.array([3.0, 6.0])
        i = 0.9 * i + 0.1 * x
        v = 0.9 * v + 0.1 * i
        last = (v > 1).astype(float)
        v = np.where(v > 1, 0, v)
        expected[step] = last
    assert expected.sum() > 40
    # Rounded decays and weights move a spike by a step at most now and then.
    assert (found != expected).mean() < 0.05


def test_neuron_with_more_synapses_than_a_core_holds():
    weight = np.random.default_rng(0).integers(1, 3, (1, 140000)) * 1.0
    with pytest.raises(
        InputError, match=r"layer 'n': the synapses of one neuron must take at most .* bytes, .*, got \d+"
    ):
        lowered((140000,), {"a": nir.Linear(weight), "n": firing(1, threshold=100.0)}, "in a n out")
