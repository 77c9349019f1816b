"""The ONNX files, run by onnxruntime as it comes, against PyTorch in float64 and snnTorch."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import onnx
import onnxruntime
import pytest
import snntorch
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, Int64, UInt8
from onnx import numpy_helper

from spiq.export.errors import InputError
from spiq.export.graph import PlacedGraph, place
from spiq.export.onnx_encoder import encoder_onnx
from spiq.export.onnx_model import IR_VERSION, OPSET, onnx_bytes
from spiq.export.onnx_readout import readout_onnx

DT = 1e-4
Values = Float[torch.Tensor, "time sample *shape"]


def run(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(onnx_bytes(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: np.asarray(value) for name, value in zip(names, session.run(names, inputs), strict=True)}


def counts(graph: PlacedGraph, spikes: UInt8[np.ndarray, "time sample *shape"]) -> Int64[np.ndarray, "sample feature"]:
    return run(encoder_onnx(graph, DT), spikes=spikes)["counts"]


def chain(*nodes: nir.NIRNode, **named: nir.NIRNode) -> PlacedGraph:
    """The nodes one after the other, named n0, n1, … where they have no name."""
    numbered = {f"n{number}": node for number, node in enumerate(nodes)} | named
    names = list(numbered)
    return place(nir.NIRGraph(numbered, list(itertools.pairwise(names)), type_check=False), "net.nir")


def source(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape)})


def drain(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape)})


def over_time(
    step: Callable[[torch.Tensor, dict[str, Any]], torch.Tensor], x: Values, rest: torch.Tensor | float = 0.0
) -> Values:
    """`step` reads one time step's input and keeps its state in the dictionary; v starts at `rest`."""
    state: dict[str, Any] = {"v": torch.zeros_like(x[0]) + rest, "i": torch.zeros_like(x[0])}
    return torch.stack([step(now, state) for now in x])


@dataclass
class RandomNetwork:
    """A network that grows node by node: the NIR graph, and what PyTorch makes of the input spikes on the way.

    Coarse networks have small multiples of 1/4 for numbers. Then sums are exact and often meet the threshold.
    """

    random: np.random.Generator
    coarse: bool
    x: Values
    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def append(self, node: nir.NIRNode, x: Values) -> str:
        name = f"{type(node).__name__.lower()}{len(self.nodes)}"
        self.nodes[name] = node
        self.edges += [(source, name) for source in self.sources]
        self.sources, self.x = [name], x
        return name

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[2:])

    def numbers(self, *shape: int) -> Float[np.ndarray, "..."]:
        if self.coarse:
            return self.random.integers(-3, 4, shape) / 4
        return self.random.normal(size=shape).astype(np.float32).astype(np.float64)

    def whole(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def stateless(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Values:
        return function(self.x.flatten(0, 1)).unflatten(0, self.x.shape[:2])

    def conv(self) -> None:
        channels, *sizes = self.shape
        rank = len(sizes)
        groups = int(self.random.choice([d for d in range(1, channels + 1) if channels % d == 0]))
        while True:
            kernel = [self.whole(1, 4) for _ in sizes]
            dilation: Any = tuple(self.whole(1, 2) for _ in sizes)
            stride: Any = tuple(self.whole(1, 3) for _ in sizes)
            padding: Any = tuple(self.whole(0, 2) for _ in sizes)
            reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
            if self.random.random() < 0.3:
                padding, stride = "same", (1,) * rank
                break
            if all(r <= size + 2 * p for r, size, p in zip(reach, sizes, padding, strict=True)):
                break
        weight = self.numbers(groups * self.whole(1, 2), channels // groups, *kernel)
        bias = self.numbers(len(weight)) * self.whole(0, 1)
        function = F.conv2d if rank == 2 else F.conv1d
        x = self.stateless(
            lambda x: function(x, torch.tensor(weight), torch.tensor(bias), stride, padding, dilation, groups)
        )
        if rank == 2:
            node = nir.Conv2d((sizes[0], sizes[1]), weight, stride, padding, dilation, groups, bias)
        else:
            node = nir.Conv1d(
                sizes[0], weight, stride[0], padding if padding == "same" else padding[0], dilation[0], groups, bias
            )
        self.append(node, x)

    def pool(self) -> None:
        # A division by 9 rounds, and then the order of a sum would matter where it meets the threshold.
        sides = [1, 2, 4] if self.coarse else [1, 2, 3, 4]
        while True:
            kernel = [int(self.random.choice(sides)) for _ in range(2)]
            padding = [self.whole(0, side // 2) for side in kernel]
            if all(k <= size + 2 * p for k, size, p in zip(kernel, self.shape[1:], padding, strict=True)):
                break
        stride = [self.whole(1, 3) for _ in range(2)]
        arguments = np.array(kernel), np.array(stride), np.array(padding)
        if self.random.random() < 0.5:
            x = self.stateless(lambda x: F.avg_pool2d(x, kernel, stride, padding, divisor_override=1))
            self.append(nir.SumPool2d(*arguments), x)
        else:
            x = self.stateless(lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=True))
            self.append(nir.AvgPool2d(*arguments), x)

    def dense(self) -> None:
        if len(self.shape) > 1:
            self.append(nir.Flatten({"input": np.array(self.shape)}, 0, -1), self.x.flatten(2))
        weight = self.numbers(self.whole(1, 5), self.shape[-1])
        product = self.x @ torch.tensor(weight).T
        if self.random.random() < 0.5:
            self.append(nir.Linear(weight), product)
        else:
            bias = self.numbers(len(weight))
            self.append(nir.Affine(weight, bias), product + torch.tensor(bias))

    def scale(self) -> None:
        (scale,), (seen,) = self.parameters(lambda size: self.numbers(*size))
        self.append(nir.Scale(scale), self.x * seen)

    def flatten(self) -> None:
        start = self.whole(0, len(self.shape) - 1)
        end = self.whole(start, len(self.shape) - 1)
        node = nir.Flatten({"input": np.array(self.shape)}, start, end)
        self.append(node, self.x.flatten(2 + start, 2 + end))

    def join(self) -> None:
        """The next node reads this one's output and the same again, scaled, once or twice."""
        before, x = self.sources, self.x
        sources, total = list(before), x
        for _ in range(self.whole(1, 2)):
            self.sources, self.x = before, x
            self.scale()
            sources += self.sources
            total = total + self.x
        self.sources, self.x = sources, total

    def parameters(
        self, *draws: Callable[[tuple[int, ...]], np.ndarray]
    ) -> tuple[list[np.ndarray], list[torch.Tensor]]:
        """Parameters in one of the forms that NIR files have, and each as a tensor that fits the group's shape."""
        channels, *rest = self.shape
        per_channel = (channels, *(1 for _ in rest))
        forms = {(1,): (1,), (channels,): per_channel, per_channel: per_channel, self.shape: self.shape}
        form = list(forms)[self.whole(0, len(forms) - 1)]
        drawn = [draw(form) for draw in draws]
        return drawn, [torch.tensor(value).reshape(forms[form]) for value in drawn]

    def neurons(self, *, spiking: bool) -> None:
        kind = self.whole(0, 3 if spiking else 1)

        def tau(form: tuple[int, ...]) -> np.ndarray:
            if self.coarse:
                return DT * 2.0 ** self.random.integers(0, 3, form)
            return self.random.uniform(1.5e-4, 1e-3, form)

        def level(form: tuple[int, ...]) -> np.ndarray:
            return np.abs(self.numbers(*form))

        def any_number(form: tuple[int, ...]) -> np.ndarray:
            return self.numbers(*form)

        def strength(form: tuple[int, ...]) -> np.ndarray:
            return 1 + np.abs(self.numbers(*form))

        def fire(state: dict[str, Any], threshold: torch.Tensor, reset: torch.Tensor) -> torch.Tensor:
            spike = state["v"] > threshold
            state["v"] = torch.where(spike, reset, state["v"])
            return spike.double()

        if not spiking and kind == 0:
            given, (r,) = self.parameters(any_number)
            self.append(nir.I(*given), (self.x * r).cumsum(0))
        elif not spiking:
            given, (tau_, r, leak) = self.parameters(tau, any_number, any_number)

            def leaky(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + DT / tau_ * (leak - state["v"] + r * x)
                return state["v"]

            self.append(nir.LI(*given), over_time(leaky, self.x, leak))
        elif kind == 0:
            (threshold,), (seen,) = self.parameters(level)
            self.append(nir.Threshold(threshold), (self.x > seen).double())
        elif kind == 1:
            given, (r, threshold, reset) = self.parameters(strength, level, any_number)

            def integrate(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + r * x
                return fire(state, threshold, reset)

            self.append(nir.IF(*given), over_time(integrate, self.x))
        elif kind == 2:
            given, (tau_, r, leak, threshold, reset) = self.parameters(tau, strength, any_number, level, any_number)

            def leaky_fire(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["v"] = state["v"] + DT / tau_ * (leak - state["v"] + r * x)
                return fire(state, threshold, reset)

            self.append(nir.LIF(*given), over_time(leaky_fire, self.x, leak))
        else:
            given, (tau_syn, tau_mem, r, leak, threshold, reset, w_in) = self.parameters(
                tau, tau, strength, any_number, level, any_number, strength
            )

            def current_fire(x: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
                state["i"] = state["i"] + DT / tau_syn * (w_in * x - state["i"])
                state["v"] = state["v"] + DT / tau_mem * (leak - state["v"] + r * state["i"])
                return fire(state, threshold, reset)

            self.append(nir.CubaLIF(*given), over_time(current_fire, self.x, leak))

    def grow(self) -> None:
        choices: list[Callable[[], None]] = [
            self.scale,
            self.dense,
            self.join,
            lambda: self.neurons(spiking=True),
            lambda: self.neurons(spiking=True),
            lambda: self.neurons(spiking=False),
        ]
        if len(self.shape) in (2, 3):
            choices += [self.conv] * 4
        if len(self.shape) == 3:
            choices += [self.pool] * 2
        if len(self.shape) > 1:
            choices.append(self.flatten)
        choices[self.whole(0, len(choices) - 1)]()

    def finish(self) -> PlacedGraph:
        self.neurons(spiking=True)
        if self.random.random() < 0.5:
            self.flatten()
        self.append(drain(*self.shape), self.x)
        return place(nir.NIRGraph(self.nodes, self.edges, type_check=False), "random.nir")


def random_network(seed: int, rank: int, coarse: bool) -> tuple[RandomNetwork, UInt8[np.ndarray, "time sample *shape"]]:
    random = np.random.default_rng(seed)
    shape = random.integers([1, 3, 3][:rank], [6, 9, 9][:rank])
    time, sample = random.integers(1, 6, 2)
    spikes = (random.random((time, sample, *shape)) < 0.5).astype(np.uint8)
    network = RandomNetwork(random, coarse, torch.tensor(spikes).double())
    network.append(source(*shape), network.x)
    return network, spikes


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rank=st.integers(1, 3), size=st.integers(0, 6), coarse=st.booleans())
def test_counts_equal_pytorch_in_float64(seed: int, rank: int, size: int, coarse: bool) -> None:
    network, spikes = random_network(seed, rank, coarse)
    for _ in range(size):
        network.grow()
    graph = network.finish()
    expected = network.x.sum(0).flatten(1).long().numpy()
    found = counts(graph, spikes)
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("layer", ["conv", "pool", "dense", "scale", "join"])
def test_every_stateless_layer_before_every_neuron(layer: str) -> None:
    fired = silent = 0
    for seed in range(12):
        network, spikes = random_network(seed, 3, coarse=seed % 2 == 0)
        getattr(network, layer)()
        graph = network.finish()
        expected = network.x.sum(0).flatten(1).long().numpy()
        assert np.array_equal(counts(graph, spikes), expected)
        fired, silent = fired + int((expected > 0).sum()), silent + int((expected == 0).sum())
    assert fired > 20
    assert silent > 20


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), beta=st.sampled_from([1.0, 0.9, 0.5]))
def test_a_trained_kind_of_network_equals_snntorch(seed: int, beta: float) -> None:
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(1, 4, 3, padding=1, bias=False), torch.nn.Linear(4 * 5 * 5, 6)]
    conv, linear = (layer.double() for layer in layers)
    leaky = [snntorch.Leaky(beta=beta, reset_mechanism="zero").double() for _ in range(2)]
    spikes = (torch.rand(8, 3, 1, 10, 10) < 0.4).double()
    memory = [neuron.reset_mem() for neuron in leaky]
    expected = torch.zeros(3, 6, dtype=torch.float64)
    for now in spikes:
        first, memory[0] = leaky[0](conv(now), memory[0])
        # snnTorch's spikes are float32, whatever its input is.
        pooled = F.max_pool2d(first.double(), 2).flatten(1)
        second, memory[1] = leaky[1](linear(pooled), memory[1])
        expected += second
    weights = {key: value.detach().numpy() for key, value in (("conv", conv.weight), ("linear", linear.weight))}

    def neurons(*shape: int, threshold: float = 1.0, leak: float = beta) -> nir.NIRNode:
        one = np.ones(shape)
        if leak == 1:
            return nir.IF(one, one * threshold)
        # beta·v + x = v + (1 - beta)·(-v + x/(1 - beta))
        return nir.LIF(one * DT / (1 - leak), one / (1 - leak), one * 0, one * threshold)

    graph = chain(
        source(1, 10, 10),
        nir.Conv2d((10, 10), weights["conv"], 1, 1, 1, 1, np.zeros(4)),
        neurons(4, 10, 10),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        neurons(4, 5, 5, threshold=0.5, leak=1),
        nir.Flatten({"input": np.array([4, 5, 5])}, 0, -1),
        nir.Affine(weights["linear"], linear.bias.detach().numpy()),
        neurons(6),
        drain(6),
    )
    assert np.array_equal(counts(graph, spikes.numpy().astype(np.uint8)), expected.detach().long().numpy())


def test_a_threshold_that_is_met_does_not_fire() -> None:
    ones = np.ones(1)
    graph = chain(source(1), nir.IF(ones, 2 * ones, ones), drain(1))
    # v: 1, 2, 3 fires and goes to 1, 2, 3 fires, …
    assert [counts(graph, np.ones((time, 1, 1), np.uint8))[0, 0] for time in range(1, 7)] == [0, 0, 1, 1, 2, 2]


def test_sums_are_exact_where_float32_would_round() -> None:
    tiny = 2.0**-40
    kernel = np.array([[[1.0, tiny]]])
    spikes = np.array([[1, 1, 0], [1, 0, 1]], np.uint8).reshape(1, 2, 1, 3)
    conv = nir.Conv1d(3, kernel, 1, 0, 1, 1, np.zeros(1))
    graph = chain(source(1, 3), conv, nir.IF(np.ones((1, 2)), np.ones((1, 2))), drain(1, 2))
    assert counts(graph, spikes).tolist() == [[1, 0], [0, 0]]


def test_a_scale_of_one_number_is_not_moved_behind_the_matrix() -> None:
    # A session fuses a single factor and a matrix product, and then rounds in another order, unless it is kept from it.
    first, scale, factor = np.random.default_rng(0).random(50), np.array([0.3]), 3.0
    reached = first * scale * factor
    ones = np.ones(50)
    for threshold, fires in ((reached, 0), (np.nextafter(reached, 0), 1)):
        matrix = nir.Linear(np.eye(50) * factor)
        graph = chain(source(50), nir.Scale(first), nir.Scale(scale), matrix, nir.IF(ones, threshold), drain(50))
        assert np.array_equal(counts(graph, np.ones((1, 1, 50), np.uint8)), np.full((1, 50), fires))


def test_input_that_goes_straight_out_is_counted() -> None:
    spikes = (np.random.default_rng(0).random((5, 2, 2, 3)) < 0.5).astype(np.uint8)
    assert np.array_equal(counts(chain(source(2, 3), drain(2, 3)), spikes), spikes.sum(0).reshape(2, 6))


def test_time_and_sample_are_open_and_samples_do_not_touch() -> None:
    network, spikes = random_network(3, 3, coarse=False)
    network.conv()
    network.neurons(spiking=True)
    model = encoder_onnx(network.finish(), DT)
    spikes = (np.random.default_rng(1).random((9, 7, *spikes.shape[2:])) < 0.5).astype(np.uint8)
    whole = run(model, spikes=spikes)["counts"]
    singly = [run(model, spikes=spikes[:, sample : sample + 1])["counts"] for sample in range(7)]
    assert np.array_equal(whole, np.concatenate(singly))
    earlier = [run(model, spikes=spikes[:time])["counts"] for time in range(1, 10)]
    assert np.array_equal(earlier[-1], whole)
    steps = np.diff(np.stack([np.zeros_like(whole), *earlier]), axis=0)
    assert set(np.unique(steps)) <= {0, 1}


def test_names_of_nodes_never_meet() -> None:
    names = ["spikes", "n", "n/step.v", "n/spikes", "", "readout", "counts"]
    ones = np.ones(2)
    kinds = [source(2), *(nir.IF(ones, ones * 0.5) for _ in names[2:]), drain(2)]
    named = dict(zip(names, kinds, strict=True))
    graph = place(nir.NIRGraph(named, list(itertools.pairwise(names)), type_check=False))
    spikes = np.eye(2, dtype=np.uint8)[None]
    assert np.array_equal(counts(graph, spikes), np.eye(2))


def test_files_are_checked_deterministic_and_hold_each_weight_once() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 2, 3, 3))
    ones = np.ones((4, 4, 4))
    lif = nir.LIF(ones * 1e-3, ones, ones * 0, ones)
    graph = chain(
        input=source(2, 6, 6), conv=nir.Conv2d((6, 6), weight, 1, 0, 1, 1, np.zeros(4)), lif=lif, output=drain(4, 4, 4)
    )
    model = encoder_onnx(graph, DT)
    onnx.checker.check_model(onnx.load_from_string(onnx_bytes(model)), full_check=True)
    assert onnx_bytes(model) == onnx_bytes(encoder_onnx(graph, DT))
    assert (model.opset_import[0].version, model.ir_version, model.producer_name) == (OPSET, IR_VERSION, "spiq")
    assert {entry.key: entry.value for entry in model.metadata_props} == {"dt": "0.0001"}
    found = [
        value for value in model.graph.initializer if value.data_type == onnx.TensorProto.DOUBLE and len(value.dims) > 1
    ]
    assert [value.name for value in found] == ["conv/weight"]
    assert np.array_equal(np.sort(numpy_helper.to_array(found[0]).ravel()), np.sort(weight.ravel()))
    scans = [node for node in model.graph.node if node.op_type == "Scan"]
    assert [node.name for node in scans] == ["lif/over_time"]
    # One value for all neurons is stored once, not once a neuron.
    body = scans[0].attribute[0].g
    assert {math.prod(value.dims) for value in body.initializer} == {1}


@pytest.mark.parametrize("dt", [0.0, -1e-4, math.inf, math.nan])
def test_a_time_step_must_be_positive(dt: float) -> None:
    ones = np.ones(2)
    with pytest.raises(InputError, match="dt is"):
        encoder_onnx(chain(source(2), nir.IF(ones, ones), drain(2)), dt)


def test_what_reaches_the_output_must_be_spikes() -> None:
    ones = np.ones((1, 2, 3))
    flat = nir.Flatten({"input": np.array([1, 2, 3])}, 0, -1)
    pool = nir.SumPool2d(np.array([1, 1]), np.array([1, 1]), np.array([0, 0]))
    last = {"Scale": nir.Scale(ones), "LI": nir.LI(ones, ones, ones), "I": nir.I(ones), "SumPool2d": pool}
    for kind, node in last.items():
        graph = chain(input=source(1, 2, 3), neurons=nir.IF(ones, ones), last=node, flat=flat, output=drain(6))
        with pytest.raises(InputError, match=rf"net\.nir: .*'last' \({kind}\).*IF, LIF, CubaLIF, Threshold"):
            encoder_onnx(graph, DT)
    nodes = {"input": source(1, 2, 3), "a": nir.IF(ones, ones), "b": nir.IF(ones, ones), "output": drain(1, 2, 3)}
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    with pytest.raises(InputError, match=r"'output' \(Output\)"):
        encoder_onnx(place(nir.NIRGraph(nodes, edges, type_check=False)), DT)


@pytest.mark.parametrize("between", [[], ["w_rec"]])
def test_recurrent_connections_are_refused(between: list[str]) -> None:
    neuron = nir.IF(np.ones(2), np.ones(2))
    nodes = {"input": nir.Input(np.array([2])), "a": neuron, "w_rec": nir.Linear(np.eye(2)), "output": nir.Output(None)}
    way = ["a", *between, "a"]
    edges = [("input", "a"), ("a", "output"), *itertools.pairwise(way)]
    kept = {name: node for name, node in nodes.items() if name != "w_rec" or between}
    with pytest.raises(InputError, match="reads 'a' a step later; recurrent connections are not supported in ONNX"):
        encoder_onnx(place(nir.NIRGraph(kept, edges, type_check=False)), DT)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(0, 5),
    qubits=st.integers(1, 12),
    classes=st.integers(1, 10),
    relu=st.booleans(),
)
def test_readout_equals_pytorch(seed: int, samples: int, qubits: int, classes: int, relu: bool) -> None:
    random = np.random.default_rng(seed)
    weight, bias = random.normal(size=(classes, qubits)), random.normal(size=classes)
    expectations = random.uniform(-1, 1, (samples, qubits)).astype(np.float32)
    logits = run(readout_onnx(weight, bias, relu), expectations=expectations)["logits"]
    expected = F.linear(torch.tensor(expectations).double(), torch.tensor(weight), torch.tensor(bias))
    expected = expected.relu() if relu else expected
    assert logits.dtype == np.float32
    assert logits.shape == (samples, classes)
    assert np.abs(logits - expected.numpy()).max(initial=0) < 1e-5


def test_readout_files_are_deterministic() -> None:
    arrays = np.ones((10, 9), np.float32), np.zeros(10, np.float32)
    first, second = (onnx_bytes(readout_onnx(*arrays, relu=False)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (np.ones(3), np.ones(3), r"weight has the shape \[3\]"),
        (np.ones((0, 3)), np.ones(0), r"weight has the shape \[0, 3\]"),
        (np.ones((2, 3)), np.ones(3), r"bias has the shape \[3\]; \[2\]"),
        (np.full((2, 3), np.nan), np.ones(2), "weight is not finite"),
        (np.ones((2, 3)), np.array([1, 1e39]), "bias is not finite in float32"),
        (np.array([["a"]]), np.ones(1), "weight is of the type <U1"),
    ],
)
def test_readout_refuses_what_does_not_fit(weight: np.ndarray, bias: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        readout_onnx(weight, bias, relu=False)
