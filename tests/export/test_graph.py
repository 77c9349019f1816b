"""Ordering graphs and finding shapes: every way in which a graph can be wrong has its sentence."""

import re
from dataclasses import dataclass

import nir
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.export.nir.geometry import parameter
from spiq.export.nir.graph import resolve


def border(inside: int = 3, outside: int = 2) -> dict[str, nir.NIRNode]:
    return {"input": nir.Input(np.array([inside])), "output": nir.Output(np.array([outside]))}


def linear(outside: int = 2, inside: int = 3) -> nir.Linear:
    return nir.Linear(np.ones((outside, inside)))


def neuron(size: int = 2) -> nir.IF:
    return nir.IF(np.ones(size), np.ones(size))


def graph(nodes: dict[str, nir.NIRNode], *edges: tuple[str, str]) -> nir.NIRGraph:
    return nir.NIRGraph(nodes, list(edges), type_check=False)


@dataclass(eq=False)
class Unknown(nir.NIRNode):
    """A node that NIR may have one day."""

    def __post_init__(self) -> None:
        self.input_type, self.output_type = {}, {}


CHAIN = (("input", "w"), ("w", "n"), ("n", "output"))


def test_nodes_come_after_their_sources_whatever_the_files_order() -> None:
    nodes = {"n": neuron(), "w": linear(), **border()}
    resolved = resolve(graph(nodes, *reversed(CHAIN)))
    assert [node.name for node in resolved.nodes] == ["input", "w", "n", "output"]
    assert resolved.input_shape == (3,)
    assert resolved.output_shape == (2,)
    assert resolved.ends_in_spikes


def test_a_graph_within_a_graph_is_unfolded() -> None:
    inner = graph({"n": neuron(), **border(2, 2)}, ("input", "n"), ("n", "output"))
    resolved = resolve(graph({"w": linear(), "n": inner, **border()}, *CHAIN))
    assert [node.name for node in resolved.nodes] == ["input", "w", "n.n", "output"]


def test_a_graph_within_a_graph_that_cannot_be_unfolded_is_refused() -> None:
    straight = graph({"n": neuron(), **border(2, 2)}, ("input", "n"), ("n", "output"), ("input", "output"))
    with pytest.raises(InputError, match="'n' the input leads straight to the output"):
        resolve(graph({"w": linear(), "n": straight, **border()}, *CHAIN))
    inner = graph({"b": neuron(), **border(2, 2)}, ("input", "b"), ("b", "output"))
    nodes = {"w": linear(), "n": inner, "n.b": neuron(), **border()}
    with pytest.raises(InputError, match=r"two nodes are called 'n\.b'"):
        resolve(graph(nodes, ("input", "w"), ("w", "n"), ("n", "n.b"), ("n.b", "output")))


@pytest.mark.parametrize(
    "shape", [np.array([np.nan]), np.array([np.inf]), np.array([]), np.array([2.5]), np.array(["a"])]
)
def test_an_input_shape_that_is_none_is_refused(shape: np.ndarray) -> None:
    with pytest.raises(InputError, match="must have a shape of positive integers, got"):
        resolve(graph({**border(), "input": nir.Input(shape), "w": linear(), "n": neuron()}, *CHAIN))


@pytest.mark.parametrize("size", [2.0**40, 1e30])
def test_an_input_shape_that_is_too_large_is_refused(size: float) -> None:
    with pytest.raises(
        InputError, match=r"file.nir: the input 'input': must have at most 67108864 values, got the shape "
    ):
        resolve(
            graph({**border(), "input": nir.Input(np.array([size])), "n": neuron(), "w": linear()}, *CHAIN), "file.nir"
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [("padding", np.array([10**18, 0])), ("kernel_size", np.array([10**18] * 2)), ("stride", np.array([-1, 1])),
     ("padding", np.array([2**13] * 2)), ("kernel_size", "text"), ("stride", np.array([b"a", b"b"])),
     ("kernel_size", {"a": 1}), ("stride", np.ones((500, 500)))],
)  # fmt: skip
def test_a_pooling_of_hostile_sizes_is_refused(key: str, value: object) -> None:
    two = np.array([2, 2])
    pool = nir.SumPool2d(**({"kernel_size": two, "stride": two, "padding": np.zeros(2, int)} | {key: value}))
    nodes = {"input": nir.Input(np.array([1, 8, 8])), "p": pool, "output": nir.Output(None)}
    with pytest.raises(InputError, match=r"^file.nir: node 'p' .SumPool2d.: ") as refused:
        resolve(graph(nodes, ("input", "p"), ("p", "output")), "file.nir")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("axis", ["text", np.array([1, 2]), np.nan, 10**18, -9, {"a": 1}])
def test_an_axis_of_a_flatten_that_is_none_is_refused(axis: object) -> None:
    flatten = nir.Flatten({"input": None}, start_dim=0, end_dim=axis)
    nodes = {"input": nir.Input(np.array([1, 8, 8])), "f": flatten, "output": nir.Output(None)}
    with pytest.raises(InputError, match=r"node 'f' .Flatten.: .*end_dim"):
        resolve(graph(nodes, ("input", "f"), ("f", "output")))


def test_graphs_within_graphs_that_grow_without_bound_are_refused() -> None:
    inner = graph({"n": neuron(), **border(2, 2)}, ("input", "n"), ("n", "output"))
    for _ in range(26):
        edges = ("input", "a"), ("a", "b"), ("b", "output")
        inner = graph({"a": inner, "b": inner, **border(2, 2)}, *edges)
    with pytest.raises(InputError, match=r"file\.nir: must have at most 4096 nodes once it is unfolded, got more"):
        resolve(inner, "file.nir")
    endless = graph(border(2, 2))
    endless.nodes["n"] = endless
    with pytest.raises(InputError, match=r"file\.nir: graphs must lie at most 64 deep within each other, got deeper"):
        resolve(endless, "file.nir")


def test_edges_that_meet_in_graphs_within_graphs_do_not_multiply_without_bound() -> None:
    names = [f"n{number}" for number in range(200)]
    wide = {name: neuron() for name in names} | border(2, 2)
    edges = [("input", name) for name in names] + [(name, "output") for name in names]
    nodes = {"a": graph(wide, *edges), "b": graph(dict(wide), *edges), **border(2, 2)}
    with pytest.raises(InputError, match="must have at most 16384 edges once it is unfolded, got more"):
        resolve(graph(nodes, ("input", "a"), ("a", "b"), ("b", "output")))


SIZES = st.lists(st.integers(1, 3), max_size=3)


@settings(deadline=None)
@given(SIZES, SIZES | st.none())
@example([3], [3])
@example([1], None)
@example([2], [7])
@example([2], None)
def test_what_stands_in_front_of_the_shapes_is_dropped_where_it_is_the_same_or_one(
    of_input: list[int], of_output: list[int] | None
) -> None:
    output = nir.Output(None if of_output is None else np.array([*of_output, 2]))
    nodes = {"input": nir.Input(np.array([*of_input, 3])), "w": linear(), "n": neuron(), "output": output}
    if of_input == (of_output or []) or {*of_input, *(of_output or [])} == {1}:
        resolved = resolve(graph(nodes, *CHAIN))
        assert (resolved.input_shape, resolved.output_shape) == ((3,), (2,))
        return
    message = (
        "file.nir: the sizes in front of what is read and of what reaches the output must be 1, or the same at both, "
        f"got {of_input} in the input's shape and {of_output or []} in the output's"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        resolve(graph(nodes, *CHAIN), "file.nir")


def test_several_edges_into_a_node_are_kept() -> None:
    nodes = {"a": linear(), "b": linear(), "n": neuron(), **border()}
    resolved = resolve(graph(nodes, ("input", "a"), ("input", "b"), ("a", "n"), ("b", "n"), ("n", "output")))
    assert set(resolved.nodes[3].sources) == {"a", "b"}


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"w": linear(), "n": neuron(2), **border()}, (*CHAIN, ("n", "w")), "'w' must add inputs of one shape, got"),
        ({"w": linear(), "n": neuron(), **border(), "extra": nir.Output(None)}, (*CHAIN, ("n", "extra")),
         "one Output node, got 2"),
        ({"w": linear(), "n": neuron(), "input": nir.Input(np.array([3]))}, CHAIN[:2],
         "must have exactly one Output node, got 0"),
        ({"w": linear(), "n": neuron(), **border(), "in": nir.Input(np.array([3]))}, (*CHAIN, ("in", "w")),
         "one Input node, got 2"),
        ({"w": linear(2, 4), "n": neuron(), **border()}, CHAIN,
         "node 'w' .Linear.: its input must have the 4 features that weight reads, got .3."),
        ({"w": linear(), "n": neuron(5), **border()}, CHAIN, "node 'n' .IF.: r must have .*, got the shape .5."),
        ({"w": linear(), "n": neuron(), **border(3, 7)}, CHAIN,
         "its shape must be that of what reaches it, .2., got .7."),
        ({"w": linear(), "n": neuron(), **border()}, (*CHAIN, ("n", "x")), "'x', which is not a node"),
        ({"w": linear(), "n": neuron(), **border()}, (*CHAIN, CHAIN[0]), "more than once"),
        ({"w": linear(), "n": neuron(), "alone": neuron(), **border()}, CHAIN, "'alone' has no input"),
        ({"w": linear(), "n": neuron(), "end": neuron(), **border()}, (*CHAIN, ("w", "end")), "'end' .IF. leads"),
        ({"w": linear(), "n": Unknown(), **border()}, CHAIN, "'n' must be one of Input, .*, got a Unknown"),
        ({"w": linear(), "n": nir.Delay(np.full(2, 1.5e-4)), **border()}, CHAIN,
         "node 'n' .Delay.: delay must be an integer of time steps of 0.0001 s, got 0.00015 s somewhere"),
        ({"w": linear(), "n": nir.Delay(np.array([0.0, -1e-4])), **border()}, CHAIN,
         "delay must lie in 0 to 4096 time steps of 0.0001 s, got -1 to 0"),
        ({"w": linear(), "n": nir.Delay(np.ones(2)), **border()}, CHAIN,
         "delay must lie in 0 to 4096 .*, got 10000 to 10000"),
        ({"w": linear(), "n": nir.Delay(np.full(2, 1e-12)), **border()}, CHAIN, "delay must be .*, got 1e-12 s"),
        ({"w": nir.Linear(np.full((2, 3), np.nan)), "n": neuron(), **border()}, CHAIN, "weight is not finite"),
        ({"w": linear(), "n": nir.LI(np.zeros(2), np.ones(2), np.zeros(2)), **border()}, CHAIN,
         "tau must be above 0, got 0"),
        ({"a": linear(2), "b": linear(3), "n": neuron(), **border()},
         (("input", "a"), ("input", "b"), ("a", "n"), ("b", "n"), ("n", "output")),
         "must add inputs of one shape, got"),
        ({"w": linear(), "n": neuron(), **border(0)}, CHAIN, "must have a shape of positive integers, got"),
    ],
)  # fmt: skip
def test_a_graph_that_is_wrong_is_refused_with_the_nodes_name(
    nodes: dict[str, nir.NIRNode], edges: tuple[tuple[str, str], ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        resolve(graph(nodes, *edges), "file.nir")


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        (np.ones((2, 3, 3, 3)), {}, r"must read the 1 channels of its input .*, got .*, which reads 3"),
        (np.ones((2, 1, 3, 3)), {"stride": 0}, "stride must be 2 integers of at least 1, got .0, 0."),
        (np.ones((2, 1, 3, 3)), {"padding": np.array([1, 1, 1])},
         "padding must be 2 integers of at least 0, got .1, 1, 1."),
        (np.ones((2, 1, 3, 3)), {"groups": 3}, "3 groups"),
        (np.ones((2, 1, 3, 3)), {"groups": 1.5}, "groups must be an integer of at least 1, got 1.5"),
        (np.ones((2, 1, 3, 3)), {"groups": np.nan}, "groups must be an integer of at least 1, got nan"),
        (np.ones((2, 1, 3, 3)), {"groups": np.array([1, 1])}, "groups must be an integer of at least 1, got .1, 1."),
        (np.ones((2, 1, 3, 3)), {"groups": "one"}, "groups must be an integer of at least 1, got one"),
        (np.ones((2, 1, 3, 3)) * 1j, {}, "weight is not made of real numbers"),
        (np.full((2, 1, 3, 3), "1.5"), {}, "weight is not made of real numbers"),
        (np.ones((2, 1, 3, 3)), {"bias": np.zeros(5)}, r"bias must have the shape \[2\], got \[5\]"),
        (np.ones((2, 1, 3, 3)), {"input_shape": (4, 4)}, r"input_shape must be that of its input, .*, got \[4, 4\]"),
        (np.ones((2, 1, 3, 3)), {"padding": "same", "stride": 2},
         "stride must be 1 where padding is 'same', got .2, 2."),
        (np.ones((2, 1, 11, 3)), {}, "too small"),
        (np.ones((2, 1, 3)), {}, "4 dimensions"),
    ],
)  # fmt: skip
def test_a_convolution_that_does_not_fit_is_refused(weight: np.ndarray, options: dict, message: str) -> None:
    settings = {
        "input_shape": None,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": np.zeros(2),
    } | options
    nodes = {
        "input": nir.Input(np.array([1, 8, 8])),
        "c": nir.Conv2d(weight=weight, **settings),
        "output": nir.Output(None),
    }
    with pytest.raises(InputError, match=message):
        resolve(graph(nodes, ("input", "c"), ("c", "output")))


@pytest.mark.parametrize(
    "value", [2.0, np.float32(2), np.array(2.0), np.array([2.0]), np.full((3, 1, 1), 2.0), np.full((1, 3, 4, 4), 2.0)]
)
def test_a_parameter_stands_for_one_neuron_a_channel_or_all(value: object) -> None:
    assert np.array_equal(parameter(value, "r", (3, 4, 4), "node"), np.full((3, 4, 4), 2.0))


def test_a_parameter_a_channel_is_the_channels_own() -> None:
    # numpy alone would line three values up with the last axis.
    assert np.array_equal(parameter(np.array([1.0, 2, 3]), "r", (3, 1, 3), "n")[:, 0, 0], [1, 2, 3])
