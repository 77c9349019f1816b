"""encoder.onnx, run by onnxruntime as it comes, against PyTorch in float64 and snnTorch."""

import itertools
import math

import nir
import numpy as np
import onnx
import pytest
import snntorch
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Int64, UInt8
from onnx import numpy_helper

from shared.onnx_answers import run
from shared.random_network import DT, drain, random_network, source
from spiq.export.errors import InputError
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.onnx.model import IR_VERSION, OPSET, onnx_bytes
from spiq.export.onnx.stages.encoder import encoder_onnx


def counts(
    graph: ResolvedGraph, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Int64[np.ndarray, "sample feature"]:
    return run(encoder_onnx(graph), spikes=spikes)["counts"]


def chain(*nodes: nir.NIRNode, **named: nir.NIRNode) -> ResolvedGraph:
    """The nodes one after the other, named n0, n1, … where they have no name."""
    numbered = {f"n{number}": node for number, node in enumerate(nodes)} | named
    names = list(numbered)
    return resolve(nir.NIRGraph(numbered, list(itertools.pairwise(names)), type_check=False), "net.nir")


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=200, deadline=None)
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
    model = encoder_onnx(network.finish())
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
    graph = resolve(nir.NIRGraph(named, list(itertools.pairwise(names)), type_check=False))
    spikes = np.eye(2, dtype=np.uint8)[None]
    assert np.array_equal(counts(graph, spikes), np.eye(2))


def test_files_are_checked_deterministic_and_hold_each_weight_once() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 2, 3, 3))
    ones = np.ones((4, 4, 4))
    lif = nir.LIF(ones * 1e-3, ones, ones * 0, ones)
    graph = chain(
        input=source(2, 6, 6), conv=nir.Conv2d((6, 6), weight, 1, 0, 1, 1, np.zeros(4)), lif=lif, output=drain(4, 4, 4)
    )
    model = encoder_onnx(graph)
    onnx.checker.check_model(onnx.load_from_string(onnx_bytes(model)), full_check=True)
    assert onnx_bytes(model) == onnx_bytes(encoder_onnx(graph))
    assert (model.opset_import[0].version, model.ir_version, model.producer_name) == (OPSET, IR_VERSION, "spiq")
    assert {entry.key: entry.value for entry in model.metadata_props} == {"dt": "0.0001"}
    found = [
        value for value in model.graph.initializer if value.data_type == onnx.TensorProto.DOUBLE and len(value.dims) > 1
    ]
    assert [value.name for value in found] == ["conv/weight"]
    assert np.array_equal(np.sort(numpy_helper.to_array(found[0]).ravel()), np.sort(weight.ravel()))
    scans = [node for node in model.graph.node if node.op_type == "Scan"]
    assert [node.name for node in scans] == ["lif/scan"]
    # One value for all neurons is stored once, not once a neuron.
    body = scans[0].attribute[0].g
    assert {math.prod(value.dims) for value in body.initializer} == {1}


def test_what_reaches_the_output_must_be_spikes() -> None:
    ones = np.ones((1, 2, 3))
    flat = nir.Flatten({"input": np.array([1, 2, 3])}, 0, -1)
    pool = nir.SumPool2d(np.array([1, 1]), np.array([1, 1]), np.array([0, 0]))
    last = {"Scale": nir.Scale(ones), "LI": nir.LI(ones, ones, ones), "I": nir.I(ones), "SumPool2d": pool}
    for kind, node in last.items():
        graph = chain(input=source(1, 2, 3), neurons=nir.IF(ones, ones), last=node, flat=flat, output=drain(6))
        with pytest.raises(InputError, match=rf"net\.nir: .*IF, LIF, CubaLIF, Threshold.*, got .*'last' \({kind}\)"):
            encoder_onnx(graph)
    nodes = {"input": source(1, 2, 3), "a": nir.IF(ones, ones), "b": nir.IF(ones, ones), "output": drain(1, 2, 3)}
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    with pytest.raises(InputError, match=r"'output' \(Output\)"):
        encoder_onnx(resolve(nir.NIRGraph(nodes, edges, type_check=False)))
