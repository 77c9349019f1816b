"""Delays on the chip: where a Delay may stand, what it comes to, and which are refused.

The float runtime is the judge, and of that a network written out."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nir
import numpy as np
import pytest
from builders import firing
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.program import INPUT, Connection, LoihiProgram
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import DenseSynapse
from spiq.hardware.runtime.nir_runtime import NirRuntime

DT = 1e-4


def late(*steps: object) -> nir.Delay:
    """One number of steps for each value, or nested lists of them."""
    return nir.Delay(np.array(steps) * DT)


def resolved(input_shape: tuple[int, ...], nodes: dict[str, nir.NIRNode], *paths: str) -> ResolvedGraph:
    """A graph whose edges are written as `a b c`: from a to b and from b to c."""
    nodes = {"in": nir.Input(np.array(input_shape))} | nodes | {"out": nir.Output(None)}
    edges = [edge for path in paths for edge in zip(path.split(), path.split()[1:], strict=False)]
    return resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir")


def assert_equal(graph: ResolvedGraph, rate: float = 0.4) -> LoihiProgram:
    """The graph's program, which gives the float runtime's spikes, some of them, for many samples."""
    program = lower_to_loihi(graph, None)
    x = (np.random.default_rng(0).random((12, 40, *graph.input_shape)) < rate).astype(np.uint8)
    expected = NirRuntime(graph).run(x)
    assert expected.any()
    assert not expected.all()
    assert np.array_equal(simulate(program, x), expected)
    return program


def delays(program: LoihiProgram) -> dict[str, list[tuple[int, object]]]:
    """What each layer reads, and how late."""
    return {
        layer.name: [(one.source, np.asarray(one.delays).tolist()) for one in layer.connections]
        for layer in program.layers
    }


WEIGHT = np.array([[2.0, -1.0, 1.0], [1.0, 3.0, -2.0]])


def test_each_neuron_of_the_source_has_its_delay() -> None:
    nodes = {"d": late(0, 3, 1), "w": nir.Linear(WEIGHT), "n": firing(2)}
    assert delays(assert_equal(resolved((3,), nodes, "in d w n out"))) == {"n": [(INPUT, [0, 3, 1])]}


def test_behind_a_flattening_and_a_scale_it_is_still_the_neurons() -> None:
    nodes = {
        "a": firing(1, 3, 1, threshold=0.5),
        "s": nir.Scale(np.array([[[1.0], [2.0], [1.0]]])),
        "f": nir.Flatten({"input": None}, 0, -1),
        "d": late(2, 0, 1),
        "w": nir.Linear(WEIGHT),
        "n": firing(2),
    }
    assert delays(assert_equal(resolved((1, 3, 1), nodes, "in a s f d w n out")))["n"] == [(0, [2, 0, 1])]


def test_behind_a_convolution_all_values_have_the_same() -> None:
    nodes = {
        "a": nir.IF(np.ones((1, 4, 4)), np.full((1, 4, 4), 0.5)),
        "c": nir.Conv2d(None, np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2)),
        "d": nir.Delay(np.full((2, 2, 2), 3 * DT)),
        "p": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "n": nir.IF(np.ones((2, 1, 1)), np.full((2, 1, 1), 12.5)),
    }
    program = assert_equal(resolved((1, 4, 4), nodes, "in a c d p n out"))
    assert delays(program)["n"] == [(0, 3)]
    nodes["d"] = nir.Delay(np.arange(8).reshape(2, 2, 2) * DT)
    with pytest.raises(InputError, match=r"node 'd' \(Delay\) delays its values by 0 to 7 steps behind node 'c'"):
        lower_to_loihi(resolved((1, 4, 4), nodes, "in a c d p n out"), None)


def test_delays_of_one_way_add_up_and_those_of_two_are_two_synapses() -> None:
    nodes = {"d": late(0, 1, 2), "e": late(4, 4), "w": nir.Linear(WEIGHT), "n": firing(2), "u": nir.Linear(WEIGHT)}
    program = assert_equal(resolved((3,), nodes, "in d w e n out", "in u n"))
    assert sorted(delays(program)["n"], key=str) == [(INPUT, 0), (INPUT, [4, 5, 6])]


def test_ways_of_one_form_are_one_synapse_where_their_delays_are_the_same() -> None:
    nodes = {"d": late(1, 1, 1), "e": late(1), "v": nir.Linear(WEIGHT), "w": nir.Linear(WEIGHT), "n": firing(2)}
    assert delays(assert_equal(resolved((3,), nodes, "in d v n out", "in w e n"))) == {"n": [(INPUT, 1)]}
    nodes["e"] = late(2)
    assert delays(assert_equal(resolved((3,), nodes, "in d v n out", "in w e n"))) == {"n": [(INPUT, 1), (INPUT, 2)]}


def test_relays_stay_beside_delays() -> None:
    nodes = {"d": late(2), "a": firing(2, threshold=0.5), "b": firing(2, threshold=0.5), "n": firing(2)}
    program = assert_equal(resolved((2,), nodes, "in a b n out", "in d n"))
    assert program.depths[-1] == 3
    assert [layer.name for layer in program.layers] == ["a", "b", "in + 1 step", "in + 2 steps", "n"]
    assert delays(program)["n"] == [(1, 0), (3, 2)] or delays(program)["n"] == [(3, 2), (1, 0)]


@pytest.mark.parametrize(
    ("back", "nodes", "expected"),
    [
        ("n d w n", {"d": late(1, 1)}, 0),
        ("n d w n", {"d": late(3, 3)}, 2),
        ("n w d n", {"d": late(3, 3)}, 2),
        ("n d w n", {"d": late(3, 1)}, [2, 0]),
        # A Delay that leaves a value at its step is no place for the cycle's delay: one step comes on top.
        ("n d w n", {"d": late(3, 0)}, [3, 0]),
        ("n d w e n", {"d": late(3, 2), "e": late(2)}, [4, 3]),
        ("n d w e n", {"d": late(3, 0), "e": late(2)}, [4, 1]),
    ],
)
def test_a_delay_in_a_cycle(back: str, nodes: dict[str, nir.NIRNode], expected: object) -> None:
    """The synapse has the cycle's one step already."""
    nodes = nodes | {"n": firing(2), "w": nir.Linear(np.array([[1.0, -1.0], [2.0, 1.0]]))}
    assert (0, expected) in delays(assert_equal(resolved((2,), nodes, "in n out", back)))["n"]


def test_a_bias_behind_the_delay_of_a_cycle_acts_from_the_first_step() -> None:
    nodes = {"n": firing(1, threshold=2.5), "d": late(2), "w": nir.Affine(np.full((1, 1), -5.0), np.ones(1))}
    assert_equal(resolved((1,), nodes, "in n out", "n d w n"))


def test_two_ways_round_a_cycle() -> None:
    nodes = {
        "n": firing(2),
        "d": late(4, 4),
        "w": nir.Linear(np.array([[1.0, -1.0], [2.0, 1.0]])),
        "v": nir.Scale(-np.ones(2)),
    }
    found = delays(assert_equal(resolved((2,), nodes, "in n out", "n d w n", "n v n")))["n"]
    assert sorted(found) == [(INPUT, 0), (0, 0), (0, 3)]


def test_what_reads_a_recurrent_node_from_outside_hears_it_a_step_late() -> None:
    nodes = {"a": firing(2), "b": firing(2, threshold=0.5), "back": nir.Scale(np.full(2, 1.0))}
    assert sorted(delays(assert_equal(resolved((2,), nodes, "in a b out", "a back a", "back b")))["b"]) == [
        (0, 0),
        (0, 1),
    ]


class Way(NamedTuple):
    """From group to group: a Delay, a Linear, a Delay, each of the Delays or not."""

    source: str
    target: str
    early: list[int] | None
    weight: np.ndarray
    late: int | None

    def steps(self, neuron: int) -> int:
        """How late this neuron of the source is heard: one step more in a cycle without a Delay of everything."""
        early = [] if self.early is None else self.early
        has_place = self.source != self.target or min(early, default=0) > 0 or (self.late or 0) > 0
        return sum(early[neuron : neuron + 1]) + (self.late or 0) + (not has_place)


class RandomNetwork:
    """Up to four groups, each reading one or two that stand before it, and some themselves, most over Delays."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.sizes = {"in": self.whole(1, 3)}
        self.thresholds: dict[str, float] = {}
        self.ways: list[Way] = []
        for number in range(self.whole(1, 4)):
            group, earlier = f"n{number}", list(self.sizes)
            self.sizes[group] = self.whole(1, 3)
            self.thresholds[group] = self.whole(0, 2) + 0.5
            self.ways.append(self.way(earlier[-1], group))
            self.ways += [self.way(source, group) for source in (earlier[0], group) if self.random.random() < 0.4]

    def whole(self, least: int, most: int) -> int:
        return int(self.random.integers(least, most + 1))

    def way(self, source: str, target: str) -> Way:
        least = self.whole(0, 1)
        early = [self.whole(least, 3) for _ in range(self.sizes[source])]
        weight = self.random.integers(-2, 4, (self.sizes[target], self.sizes[source])).astype(float)
        has_early, has_late = self.random.random(2) < (0.6, 0.4)
        return Way(source, target, early if has_early else None, weight, self.whole(0, 3) if has_late else None)

    def graph(self) -> ResolvedGraph:
        nodes: dict[str, nir.NIRNode] = {"in": nir.Input(np.array([self.sizes["in"]])), "out": nir.Output(None)}
        nodes |= {name: firing(self.sizes[name], threshold=threshold) for name, threshold in self.thresholds.items()}
        edges = [(list(self.sizes)[-1], "out")]
        for number, way in enumerate(self.ways):
            stops: dict[str, nir.NIRNode] = {} if way.early is None else {f"early{number}": late(*way.early)}
            stops[f"w{number}"] = nir.Linear(way.weight)
            stops |= {} if way.late is None else {f"late{number}": late(way.late)}
            nodes |= stops
            edges += pairwise([way.source, *stops, way.target])
        return resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir")

    def spikes(self, x: np.ndarray) -> np.ndarray:
        """The last group's, [time, feature], for the input [time, feature] of one sample."""
        fired = {"in": x.astype(float)} | {name: np.zeros((len(x), self.sizes[name])) for name in self.thresholds}
        v = {name: np.zeros(self.sizes[name]) for name in self.thresholds}
        for step in range(len(x)):
            for name, threshold in self.thresholds.items():
                for way in self.ways:
                    for neuron in range(self.sizes[way.source] if way.target == name else 0):
                        read = step - way.steps(neuron)
                        if read >= 0:
                            v[name] += way.weight[:, neuron] * fired[way.source][read, neuron]
                fired[name][step] = v[name] > threshold
                v[name][v[name] > threshold] = 0
        return fired[name].astype(np.uint8)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1))
def test_a_random_graph_in_float_and_on_the_chip_is_as_written_out(seed: int) -> None:
    network = RandomNetwork(seed)
    graph = network.graph()
    x = (np.random.default_rng(seed).random((9, 4, *graph.input_shape)) < 0.6).astype(np.uint8)
    expected = np.stack([network.spikes(x[:, sample]) for sample in range(4)], axis=1)
    assert np.array_equal(NirRuntime(graph).run(x), expected)
    assert np.array_equal(simulate(lower_to_loihi(graph, None), x), expected)


AFFINE = nir.Affine(np.eye(2), np.ones(2))


@pytest.mark.parametrize(
    ("nodes", "paths", "match"),
    [
        (
            {"d": late(1, 64), "n": firing(2)},
            ("in d n out",),
            r"net\.nir: node 'n' \(IF\): what .* 'in' must come at most 63 steps late, .* got 64 over node 'd'",
        ),
        (
            {"d": late(33), "e": late(32, 32), "n": firing(2)},
            ("in d e n out",),
            r"steps late, .* got 65 over node 'd' \(Delay\), node 'e' \(Delay\)",
        ),
        (
            {"a": AFFINE, "d": late(1, 0), "n": firing(2)},
            ("in a d n out",),
            r"net\.nir: node 'd' \(Delay\) delays a bias, .* it must stand behind the Delay",
        ),
        (
            {"a": AFFINE, "d": late(1), "n": firing(2)},
            ("in n out", "n a d n"),
            r"node 'd' \(Delay\) delays a bias",
        ),
        (
            {"w": nir.Linear(np.eye(2)), "d": late(1, 0), "n": firing(2)},
            ("in w d n out",),
            r"node 'd' \(Delay\) delays its values by 0 to 1 steps behind node 'w' \(Linear\); on Loihi only neurons'",
        ),
        (
            {"a": firing(2), "b": firing(2), "d": late(2)},
            ("in a b out", "b d a"),
            r"net\.nir: node 'a' \(IF\): it reads 'b', which reads it in turn; .* through one group",
        ),
        (
            {"s": nir.Scale(np.full(2, 0.5)), "d": late(1), "n": firing(2)},
            ("in s n out", "s d s"),
            r"net\.nir: a cycle without neurons stands before 'd', 's', 'n'",
        ),
        ({"n": firing(2), "d": late(1)}, ("in n d out",), r"got node 'd' \(Delay\), which leads to no neurons"),
    ],
    ids=["long", "sum", "bias", "bias in a cycle", "linear", "two groups", "no neurons", "output"],
)  # fmt: skip
def test_refused_graph(nodes: dict[str, nir.NIRNode], paths: tuple[str, ...], match: str) -> None:
    graph = resolved((2,), nodes, *paths)
    with pytest.raises(InputError, match=match):
        lower_to_loihi(graph, None)


def test_a_delay_of_63_steps() -> None:
    program = lower_to_loihi(resolved((1,), {"d": late(63), "n": firing(1, threshold=0.5)}, "in d n out"), None)
    x = np.zeros((65, 2, 1), np.uint8)
    x[1, 0] = 1
    # What would come in step 64 of the second sample comes in none.
    x[2, 1] = 1
    assert np.argwhere(simulate(program, x)).tolist() == [[64, 0, 0]]


@pytest.mark.parametrize(
    ("given_delays", "match"),
    [
        (64, "delays must lie from 0 to 63, got 64"),
        (-1, "delays must lie from 0 to 63, got -1"),
        (np.array([1, 2, 3]), r"delays must be one number, or have the shape \[2\], got \[3\]"),
        (np.array([1.0, 2.0]), "delays must be integers, got float64"),
    ],
)
def test_delays_that_do_not_fit(given_delays: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Connection(INPUT, DenseSynapse(np.ones((1, 2), int)), given_delays)  # type: ignore[arg-type]


def test_netx_has_none(tmp_path: Path) -> None:
    program = lower_to_loihi(resolved((2,), {"d": late(1), "n": firing(2)}, "in d n out"), None)
    with pytest.raises(InputError, match="layer 'n': it reads spikes with delays; a netx file holds none"):
        write_netx(tmp_path / "encoder.net", program)
    assert not list(tmp_path.iterdir())
