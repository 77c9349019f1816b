"""Folded chains of linear nodes against PyTorch's own modules, one after the other, in float64."""

import math
from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spiq.export.errors import InputError
from spiq.export.nir.graph import resolve
from spiq.hardware.loihi.lowering import fold as fold_module
from spiq.hardware.loihi.lowering.float_layer import FloatLayer
from spiq.hardware.loihi.lowering.network import float_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse

Step = tuple[nir.NIRNode, nn.Module]


class Times(nn.Module):
    def __init__(self, scale: np.ndarray) -> None:
        super().__init__()
        self.scale = torch.from_numpy(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


class Summed(nn.Module):
    def __init__(self, kernel, stride, padding) -> None:
        super().__init__()
        self.average, self.size = nn.AvgPool2d(kernel, stride, padding), math.prod(kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.average(x) * self.size


def conv(random, channels, out, kernel=(3, 3), stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, bias=True):
    weight = random.normal(size=(out, channels // groups, *kernel))
    offset = random.normal(size=out) if bias else np.zeros(out)
    module = nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups).double()
    module.weight.data, module.bias.data = torch.from_numpy(weight), torch.from_numpy(offset)
    return nir.Conv2d(None, weight, stride, padding, dilation, groups, offset), module


def pool(kind, kernel=(2, 2), stride=(2, 2), padding=(0, 0)) -> Step:
    arrays = [np.array(value) for value in (kernel, stride, padding)]
    if kind == "sum":
        return nir.SumPool2d(*arrays), Summed(kernel, stride, padding)
    return nir.AvgPool2d(*arrays), nn.AvgPool2d(kernel, stride, padding)


def scale(values: np.ndarray) -> Step:
    return nir.Scale(values), Times(values)


def flatten(rank: int) -> Step:
    return nir.Flatten({"input": None}, 0, -1), nn.Flatten(1)


def linear(random, size_in, size_out, bias=True) -> Step:
    weight, offset = random.normal(size=(size_out, size_in)), random.normal(size=size_out)
    module = nn.Linear(size_in, size_out, bias=bias).double()
    module.weight.data = torch.from_numpy(weight)
    if bias:
        module.bias.data = torch.from_numpy(offset)
    return (nir.Affine(weight, offset) if bias else nir.Linear(weight)), module


def graph_of(nodes: list[nir.NIRNode], input_shape, neuron: nir.NIRNode | None = None) -> nir.NIRGraph:
    neuron = neuron or nir.IF(np.ones(1), np.ones(1))
    named = {"input": nir.Input(np.array(input_shape))}
    named |= {f"step{index}": node for index, node in enumerate(nodes)}
    named |= {"neuron": neuron, "output": nir.Output(None)}
    names = list(named)
    return nir.NIRGraph(named, list(pairwise(names)), type_check=False)


def folded(steps: list[Step], input_shape, neuron: nir.NIRNode | None = None) -> FloatLayer:
    (layer,) = float_layers(resolve(graph_of([node for node, _ in steps], input_shape, neuron), integration="per-step"))
    return layer


def assert_folds(layer: FloatLayer, steps: list[Step], input_shape, random, factor: float = 1.0) -> None:
    x = torch.from_numpy(random.normal(size=(4, *input_shape)))
    expected = x
    with torch.no_grad():
        for _, module in steps:
            expected = module(expected)
    synapse, weight = layer.connections[0].synapse, torch.from_numpy(layer.connections[0].synapse.weight.copy())
    if isinstance(synapse, ConvSynapse):
        image = x.reshape(4, *synapse.input_shape)
        found = F.conv2d(image, weight, None, synapse.stride, synapse.padding, synapse.dilation, synapse.groups)
    else:
        found = x.reshape(4, -1) @ weight.T
    assert layer.shape == expected.shape[1:]
    found = found.reshape(expected.shape) + torch.from_numpy(layer.bias)
    assert torch.allclose(found, factor * expected, rtol=1e-9, atol=1e-9)


def drawn_step(random, shape) -> Step | None:
    """A random node that can follow, or None where the drawn one does not fit."""
    kind = random.choice(["conv", "conv", "pool", "pool", "channel", "all", "one", "flatten", "linear"])
    if kind == "one":
        return scale(np.array(random.normal()))
    if kind == "all":
        return scale(random.normal(size=shape))
    if kind == "linear" and len(shape) == 1:
        return linear(random, shape[-1], int(random.integers(1, 5)), bool(random.integers(2)))
    if len(shape) != 3:
        return None
    if kind == "channel":
        return scale(random.normal(size=(shape[0], 1, 1)) * np.ones(shape))
    if kind == "flatten":
        return flatten(3)
    kernel, stride, dilation = (tuple(map(int, random.integers(1, 4, 2))) for _ in range(3))
    padding = tuple(map(int, random.integers(0, 3, 2)))
    if kind == "pool":
        padding = tuple(min(pad, size // 2) for pad, size in zip(padding, kernel, strict=True))
        step = pool(random.choice(["sum", "average"]), kernel, stride, padding)
        dilation = (1, 1)
    else:
        groups = int(random.choice([g for g in range(1, shape[0] + 1) if shape[0] % g == 0]))
        out = groups * int(random.integers(1, 3))
        if random.integers(4) == 0:
            stride, padding = (1, 1), "same"
        step = conv(random, shape[0], out, kernel, stride, padding, dilation, groups)
        if padding == "same":
            return step
    fits = all(s + 2 * p > d * (k - 1) for s, p, d, k in zip(shape[1:], padding, dilation, kernel, strict=True))
    return step if fits else None


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(0, 4))
def test_random_chain(seed: int, length: int):
    random = np.random.default_rng(seed)
    shape = input_shape = tuple(map(int, random.integers(1, 9, 3)))
    steps: list[Step] = []
    for _ in range(length):
        step = drawn_step(random, shape)
        if step is None:
            continue
        with torch.no_grad():
            shape = tuple(step[1](torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
        if 0 in shape:
            return
        steps.append(step)
    assert_folds(folded(steps, input_shape), steps, input_shape, random)


RANDOM = np.random.default_rng(7)

STAY_CONVOLUTIONS = {
    "convolution": [conv(RANDOM, 2, 4, padding=(1, 1), stride=(2, 1))],
    "dilated, grouped": [conv(RANDOM, 2, 4, dilation=(2, 1), groups=2)],
    "same, even kernel": [conv(RANDOM, 2, 3, kernel=(2, 4), padding="same")],
    "same, even kernel, dilated": [conv(RANDOM, 2, 3, kernel=(2, 4), padding="same", dilation=(3, 1))],
    "channels scaled after": [conv(RANDOM, 2, 4), scale(RANDOM.normal(size=(4, 1, 1)) * np.ones((4, 6, 6)))],
    "channels scaled before": [scale(RANDOM.normal(size=(2, 1, 1)) * np.ones((2, 8, 8))), conv(RANDOM, 2, 4)],
    "summed": [pool("sum")],
    "averaged, windows overlap": [pool("average", (3, 3), (2, 2), (1, 1))],
    "summed, then convolved": [pool("sum"), conv(RANDOM, 2, 4, padding=(1, 1))],
    "convolved, then averaged": [conv(RANDOM, 2, 4, padding=(1, 1)), pool("average")],
    "flattened behind": [conv(RANDOM, 2, 4), flatten(3)],
    "nothing": [],
}


@pytest.mark.parametrize("name", STAY_CONVOLUTIONS)
def test_stays_a_convolution(name: str):
    steps = STAY_CONVOLUTIONS[name]
    layer = folded(steps, (2, 8, 8))
    assert isinstance(layer.connections[0].synapse, ConvSynapse)
    assert_folds(layer, steps, (2, 8, 8), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("size", "steps"),
    [
        # Of 7 rows the pool leaves one over, which a convolution padded behind it must not see.
        (7, [pool("sum"), conv(RANDOM, 2, 4, padding=(1, 1))]),
        # A window of the pool before the image would reach its first row.
        (9, [pool("sum", (3, 3)), conv(RANDOM, 2, 4, stride=(2, 2), padding=(1, 1))]),
        (7, [conv(RANDOM, 2, 2, padding=(1, 1)), conv(RANDOM, 2, 2, padding=(1, 1))]),
        (7, [scale(RANDOM.normal(size=(2, 7, 7)))]),
    ],
    ids=["odd border", "overlap", "padded twice", "each pixel scaled"],
)
def test_becomes_a_matrix_where_a_convolution_is_not_exact(size, steps):
    layer = folded(steps, (2, size, size))
    assert isinstance(layer.connections[0].synapse, DenseSynapse)
    assert_folds(layer, steps, (2, size, size), np.random.default_rng(0))


def test_groups_are_kept_as_far_as_they_agree():
    synapse = folded([conv(RANDOM, 4, 4, groups=2), pool("average")], (4, 8, 8)).connections[0].synapse
    assert isinstance(synapse, ConvSynapse)
    assert (synapse.groups, synapse.weight.shape) == (2, (4, 2, 4, 4))


def test_pool_keeps_its_groups():
    synapse = folded([pool("sum")], (6, 8, 8)).connections[0].synapse
    assert isinstance(synapse, ConvSynapse)
    assert (synapse.groups, synapse.weight.shape) == (6, (6, 1, 2, 2))
    assert np.array_equal(synapse.weight, np.ones((6, 1, 2, 2)))


def test_convolution_over_length():
    random = np.random.default_rng(1)
    weight, bias = random.normal(size=(4, 3, 3)), random.normal(size=4)
    module = nn.Conv1d(3, 4, 3, stride=2, padding=1, dilation=2).double()
    module.weight.data, module.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    steps: list[Step] = [(nir.Conv1d(None, weight, 2, 1, 2, 1, bias), module)]
    layer = folded(steps, (3, 11))
    assert isinstance(layer.connections[0].synapse, ConvSynapse)
    assert_folds(layer, steps, (3, 11), random)


def test_convolution_over_a_flattened_image():
    random = np.random.default_rng(1)
    weight = random.normal(size=(4, 3, 3))
    module = nn.Conv1d(3, 4, 3, bias=False).double()
    module.weight.data = torch.from_numpy(weight)
    steps: list[Step] = [
        (nir.Flatten({"input": None}, 1, 2), nn.Flatten(2)),
        (nir.Conv1d(None, weight, 1, 0, 1, 1, None), module),
    ]
    layer = folded(steps, (3, 4, 5))
    assert isinstance(layer.connections[0].synapse, ConvSynapse)
    assert_folds(layer, steps, (3, 4, 5), random)


@pytest.mark.parametrize(
    "steps",
    [
        [flatten(3), linear(RANDOM, 98, 5), linear(RANDOM, 5, 4)],
        [conv(RANDOM, 2, 3), flatten(3), linear(RANDOM, 75, 4)],
    ],
    ids=["matrix first", "convolution first"],
)
def test_matrix_in_parts(monkeypatch, steps):
    monkeypatch.setattr(fold_module, "CHUNK_VALUES", 200)
    assert_folds(folded(steps, (2, 7, 7)), steps, (2, 7, 7), np.random.default_rng(0))


def test_matrix_that_is_too_large(monkeypatch):
    monkeypatch.setattr(fold_module, "MATRIX_LIMIT", 1000)
    with pytest.raises(InputError, match=r"'neuron' \(IF\).* as a matrix, got \[40, 98\]"):
        folded([flatten(3), linear(RANDOM, 98, 40)], (2, 7, 7))


@pytest.mark.parametrize(
    ("neuron", "factor"),
    [
        (nir.IF(np.full(1, 3.0), np.ones(1)), 3.0),
        (nir.LIF(np.full(1, 4e-4), np.full(1, 3.0), np.zeros(1), np.ones(1)), 0.75),
        (nir.CubaLIF(*(np.full(1, v) for v in (1e-4, 4e-4, 3.0, 0.0, 1.0)), w_in=np.full(1, 2.0)), 1.5),
    ],
    ids=["IF", "LIF", "CubaLIF"],
)
def test_what_multiplies_the_input_goes_into_weights_and_bias(neuron, factor):
    steps = [conv(RANDOM, 2, 4)]
    assert_folds(folded(steps, (2, 8, 8), neuron), steps, (2, 8, 8), np.random.default_rng(0), factor)


def test_r_of_each_channel():
    r = np.array([1.0, 2.0, 3.0, 4.0])
    steps = [conv(RANDOM, 2, 4)]
    layer = folded(steps, (2, 8, 8), nir.IF(r, np.ones(4)))
    assert isinstance(layer.connections[0].synapse, ConvSynapse)
    steps.append(scale(r.reshape(4, 1, 1)))
    assert_folds(layer, steps, (2, 8, 8), np.random.default_rng(0))
