"""Random graphs with branches, joins, skips, recurrence and graphs within, judged by plain loops in float64.

The judge never sees the NIR graph: each node is made together with a function of PyTorch, and the functions are called
step by step in the order in which the nodes were made.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import nir
import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.hardware.loihi.lowering.float_layer import FloatLayer
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.lowering.network import float_layers
from spiq.hardware.loihi.program import INPUT, LoihiProgram
from spiq.hardware.loihi.simulator.simulate import simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, Synapse

DT = 1e-4
IMAGE, SMALL, FLAT = (2, 4, 4), (3, 2, 2), (5,)
Shape = tuple[int, ...]


class Neurons(NamedTuple):
    gain: float
    threshold: Tensor
    leak: float
    fade: float


def _constants(leak: float, fade: float) -> dict[str, float]:
    if fade < 1:
        return {"tau_syn": DT / fade, "tau_mem": DT / leak, "v_leak": 0.0, "w_in": 1.0}
    return {"tau": DT / leak, "v_leak": 0.0} if leak else {}


class Made(NamedTuple):
    """A node as the judge knows it. A source called `@n` stands for the spikes of n of the step before."""

    does: Callable[[Tensor], Tensor] | Neurons
    sources: list[str]


class Network:
    """A random network. Where `exact`, all that it computes are integers or simple fractions of them."""

    def __init__(self, seed: int, exact: bool, leak: float = 0.0, fade: float = 1.0) -> None:
        self.random = np.random.default_rng(seed)
        self.exact, self.leak, self.fade = exact, leak, fade
        self.nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(IMAGE))}
        self.made: dict[str, Made] = {}
        self.shapes: dict[str, Shape] = {"input": IMAGE}
        self.readable = ["input"]
        self.nested: dict[str, list[str]] = {}
        stages = [IMAGE] * self._whole(1, 4) + [SMALL] * self._whole(0, 2) + [FLAT] * self._whole(0, 2)
        for shape in stages:
            self._group(shape)
        read = {source for made in self.made.values() for source in made.sources}
        self.last = self._group(FLAT, [name for name in self.readable if name not in read])

    @property
    def groups(self) -> list[str]:
        return [name for name, made in self.made.items() if isinstance(made.does, Neurons)]

    def placed_name(self, name: str) -> str:
        return next((f"{graph}.{name}" for graph, inner in self.nested.items() if name in inner), name)

    def resolved(self) -> ResolvedGraph:
        outer = {name: name for name in self.nodes}
        outer |= {name: graph for graph, inner in self.nested.items() for name in inner}
        nodes = {name: node for name, node in self.nodes.items() if outer[name] == name}
        edges = [(source.removeprefix("@"), name) for name, made in self.made.items() for source in made.sources]
        for graph, inner in self.nested.items():
            within = [(source, target) for source, target in edges if {source, target} <= set(inner)]
            parts = {name: self.nodes[name] for name in inner} | {"in": nir.Input(np.ones(1)), "out": nir.Output(None)}
            ends = [("in", inner[-1]), (inner[-1], "out")]
            nodes[graph] = nir.NIRGraph(parts, [*within, *ends], type_check=False)
            edges = [edge for edge in edges if edge not in within]
        edges = [(outer[source], outer[target]) for source, target in edges]
        nodes["output"] = nir.Output(None)
        names = list(nodes)
        self.random.shuffle(names)
        whole = nir.NIRGraph(
            {name: nodes[name] for name in names}, [*edges, (outer[self.last], "output")], type_check=False
        )
        return resolve(whole, "random.nir", integration="per-step")

    def spikes(self, given: np.ndarray) -> dict[str, np.ndarray]:
        """Every group's spikes, step by step."""
        rest = {name: torch.zeros(given.shape[1], *self.shapes[name], dtype=torch.float64) for name in self.groups}
        u, v, before = dict(rest), dict(rest), dict(rest)
        found: dict[str, list[Tensor]] = {name: [] for name in rest}
        for step in given:
            values = {"input": torch.from_numpy(step).double()}
            for name, made in self.made.items():
                x = self.received(name, values, before)
                if isinstance(made.does, Neurons):
                    u[name] = (1 - made.does.fade) * u[name] + made.does.gain * x
                    v[name] = (1 - made.does.leak) * v[name] + u[name]
                    x = (v[name] > made.does.threshold).double()
                    v[name] = torch.where(x > 0, 0.0, v[name])
                    found[name].append(x)
                else:
                    x = made.does(x)
                values[name] = x
            before = {name: values[name] for name in rest}
        return {name: torch.stack(steps).numpy() for name, steps in found.items()}

    def received(self, name: str, values: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> Tensor:
        return torch.stack(
            [before[source[1:]] if source[0] == "@" else values[source] for source in self.made[name].sources]
        ).sum(0)

    def _reads_linear(self, name: str) -> bool:
        return any(source not in ("input", *self.groups) for source in self.made[name].sources)

    def _whole(self, least: int, end: int) -> int:
        return int(self.random.integers(least, end))

    def _numbers(self, *shape: int) -> np.ndarray:
        return self.random.integers(-1, 2, shape) * 1.0 if self.exact else self.random.normal(0, 0.4, shape)

    def _add(self, node: nir.NIRNode, does: Callable[[Tensor], Tensor], sources: list[str]) -> str:
        name = f"{type(node).__name__.lower()}{len(self.made)}"
        self.nodes[name], self.made[name] = node, Made(does, sources)
        self.shapes[name] = tuple(does(torch.zeros(1, *self._shape(sources), dtype=torch.float64)).shape[1:])
        return name

    def _shape(self, sources: list[str]) -> Shape:
        return self.shapes[sources[0].removeprefix("@")]

    def _conv(self, sources: list[str], out: int, kernel: int, stride=1, padding=0, dilation=1) -> str:
        channels = self._shape(sources)[0]
        groups = self._whole(1, 3) if channels == out == 2 else 1
        weight = self._numbers(out, channels // groups, kernel, kernel)
        bias = self._numbers(out) * (self.fade == 1)
        node = nir.Conv2d(None, weight, stride, padding, dilation, groups, bias)
        parts = torch.from_numpy(weight), torch.from_numpy(bias)
        return self._add(node, lambda x: F.conv2d(x, *parts, stride, padding, dilation, groups), sources)

    def _pool(self, sources: list[str], kernel: int, stride: int, padding: int) -> str:
        arrays = [np.array([size, size]) for size in (kernel, stride, padding)]
        if self._whole(0, 2) and kernel == 2:
            return self._add(nir.AvgPool2d(*arrays), lambda x: F.avg_pool2d(x, kernel, stride, padding), sources)
        node = nir.SumPool2d(*arrays)
        return self._add(node, lambda x: F.avg_pool2d(x, kernel, stride, padding, divisor_override=1), sources)

    def _scale(self, sources: list[str]) -> str:
        shape = self._shape(sources)
        form = [(1,) * len(shape), (shape[0], *(1,) * (len(shape) - 1)), shape][self._whole(0, 3)]
        scale = np.broadcast_to(self._numbers(*form) + 0.5, shape).copy()
        return self._add(nir.Scale(scale), lambda x: x * torch.from_numpy(scale), sources)

    def _linear(self, sources: list[str], out: int) -> str:
        weight, bias = self._numbers(out, *self._shape(sources)), self._numbers(out)
        if self.fade < 1 or self._whole(0, 2):
            return self._add(nir.Linear(weight), lambda x: F.linear(x, torch.from_numpy(weight)), sources)
        parts = torch.from_numpy(weight), torch.from_numpy(bias)
        return self._add(nir.Affine(weight, bias), lambda x: F.linear(x, *parts), sources)

    def _flatten(self, sources: list[str]) -> str:
        return self._add(nir.Flatten({"input": None}, 0, -1), lambda x: x.flatten(1), sources)

    def _through(self, sources: list[str], target: Shape, never_none: bool = False) -> list[str]:
        """What linear nodes make of the sum of these; now and then the sources themselves."""
        shape = self._shape(sources)
        if shape == target and not never_none and self._whole(0, 3) == 0:
            return sources
        if target == FLAT:
            return [self._linear(sources if len(shape) == 1 else [self._flatten(sources)], FLAT[0])]
        if shape == target == SMALL:
            return [self._conv(sources, 3, 1)]
        if target == SMALL:
            match self._whole(0, 3):
                case 0:
                    return [self._conv(sources, 3, 2, stride=2)]
                case 1:
                    return [self._conv(sources, 3, 3, stride=2, padding=1)]
                case _:
                    return [self._conv([self._pool(sources, 2, 2, 0)], 3, 1)]
        match self._whole(0, 6):
            case 0:
                return [self._conv(sources, 2, 3, padding=1)]
            case 1:
                return [self._conv(sources, 2, 3, padding=2, dilation=2)]
            case 2:
                return [self._scale(sources)]
            case 3:
                return [self._pool(sources, 3, 1, 1)]
            case 4:
                return [self._conv([self._scale(sources)], 2, 3, padding=1)]
            case _:
                return [self._conv([self._conv(sources, 2, 1)], 2, 3, padding=1)]

    def _group(self, target: Shape, required: list[str] | None = None) -> str:
        allowed = {IMAGE: [IMAGE], SMALL: [IMAGE, SMALL], FLAT: [IMAGE, SMALL, FLAT]}[target]
        fitting = [name for name in self.readable if self.shapes[name] in allowed]
        chosen = required or [fitting[-1]]
        chosen = [*chosen, *map(str, self.random.choice(fitting, self._whole(0, 3)))]
        name, first = f"n{len(self.groups)}", len(self.made)
        self.shapes[name] = target
        # The same one may be chosen twice: then its spikes come over two paths.
        parts = [part for source in chosen for part in self._through([source], target)]
        parts = list(dict.fromkeys(parts))
        if self._whole(0, 3) == 0:
            parts = self._through(parts, target, never_none=True)
        # Those that read other linear nodes are left out, so that folded weights stay small.
        shallow = [made for made in list(self.made)[first:] if not self._reads_linear(made)]
        self.readable += [made for made in shallow if self.shapes[made] in (IMAGE, SMALL, FLAT)]
        own = f"@{name}"
        match self.random.choice(["none", "none", "direct", "linear", "nested", "joined"]):
            case "direct":
                parts = [*parts, own]
            case "linear":
                parts = [*parts, *self._through([own], target, never_none=True)]
            case "nested":
                first = len(self.made)
                parts = [*parts, *self._through([own], target, never_none=True)]
                self.nested[f"nested{name}"] = [*list(self.made)[first:], name]
            case "joined":
                parts = self._through([*parts, own], target, never_none=True)
        self._neurons(name, parts)
        self.readable.append(name)
        return name

    def _neurons(self, name: str, parts: list[str]) -> None:
        shape, r = self.shapes[name], float(self._whole(1, 3))
        form = (shape[0], *(1,) * (len(shape) - 1)) if self._whole(0, 3) == 0 else (1,) * len(shape)
        threshold = np.broadcast_to(self.random.choice([1.0, 2.0, 4.0], form), shape).copy()
        full = {key: np.full(shape, value) for key, value in _constants(self.leak, self.fade).items()}
        full |= {"r": np.full(shape, r), "v_threshold": threshold}
        if self.fade < 1:
            node, gain = nir.CubaLIF(**full), r * self.fade * self.leak
        elif self.leak:
            node, gain = nir.LIF(**full), r * self.leak
        else:
            node, gain = nir.IF(**full), r
        self.nodes[name] = node
        self.made[name] = Made(Neurons(gain, torch.from_numpy(threshold), self.leak, self.fade), parts)


def random_spikes(seed: int, samples: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (7, samples, *IMAGE)).astype(np.uint8)


def is_exact(layers: tuple[FloatLayer, ...], program: LoihiProgram) -> bool:
    """Whether eight bits were enough for every weight."""
    for real, whole in zip(layers, program.layers, strict=True):
        weights = [connection.synapse.weight for connection in whole.connections]
        if not all(np.array_equal(a * whole.scale, b) for a, b in zip(real.weights, weights, strict=True)):
            return False
        if real.threshold * whole.scale != whole.neuron.threshold:
            return False
    return True


def assert_equal(network: Network, program: LoihiProgram, spikes: np.ndarray) -> None:
    expected = network.spikes(spikes)
    names = [network.placed_name(name) for name in network.groups]
    found = dict(zip((layer.name for layer in program.layers), simulate_layers(program, spikes), strict=True))
    for name, resolved in zip(network.groups, names, strict=True):
        assert np.array_equal(found[resolved], expected[name]), name
    assert np.array_equal(simulate(program, spikes), expected[network.last].reshape(*spikes.shape[:2], -1))
    expected = {group: expected[name] for name, group in zip(network.groups, names, strict=True)} | {"input": spikes}
    for relay in found.keys() - set(names):
        assert np.array_equal(found[relay], expected[relay.split(" + ")[0]])


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), calibrated=st.booleans())
def test_exact_network_changes_no_spike(seed: int, calibrated: bool):
    network, spikes = Network(seed, exact=True), random_spikes(seed)
    graph = network.resolved()
    program = lower_to_loihi(graph, spikes if calibrated else None)
    if is_exact(float_layers(graph), program):
        assert_equal(network, program, spikes)


def test_the_random_networks_have_what_is_to_be_tested():
    counted = dict.fromkeys(("relays", "input relays", "recurrent", "nested", "several", "dense", "conv", "biases"), 0)
    firing, exact = [], []
    for seed in range(30):
        network = Network(seed, exact=True)
        graph = network.resolved()
        program = lower_to_loihi(graph, None)
        exact.append(is_exact(float_layers(graph), program))
        connections = [
            (index, connection) for index, layer in enumerate(program.layers) for connection in layer.connections
        ]
        relays = [layer.name for layer in program.layers if " + " in layer.name]
        counted["relays"] += len(relays)
        counted["input relays"] += sum(name.startswith("input") for name in relays)
        counted["recurrent"] += sum(connection.source == index for index, connection in connections)
        counted["nested"] += len(network.nested)
        counted["several"] += sum(len(layer.connections) > 1 for layer in program.layers)
        counted["conv"] += sum(isinstance(connection.synapse, ConvSynapse) for _, connection in connections)
        counted["dense"] += sum(not isinstance(connection.synapse, ConvSynapse) for _, connection in connections)
        counted["biases"] += sum(bool(layer.neuron.bias_mantissa.any()) for layer in program.layers)
        firing.append(network.spikes(random_spikes(seed))[network.last].mean())
    assert min(counted.values()) >= 8, counted
    assert np.mean(exact) > 0.9
    assert 0.1 < np.mean(firing) < 0.6
    assert np.mean(np.array(firing) > 0) > 0.6


def sent(synapse: Synapse, x: Tensor) -> Tensor:
    weight = torch.from_numpy(np.array(synapse.weight, np.float64))
    if isinstance(synapse, ConvSynapse):
        image = x.reshape(len(x), *synapse.input_shape)
        return F.conv2d(image, weight, None, synapse.stride, synapse.padding, synapse.dilation, synapse.groups)
    return x.reshape(len(x), -1) @ weight.T


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), dynamics=st.sampled_from([(0.0, 1.0), (0.3, 1.0), (0.3, 0.4)]))
def test_real_weights_and_what_becomes_of_them(seed: int, dynamics: tuple[float, float]):
    """A group's synapses and bias give what the nodes before it do, also for what are no spikes; the chip's nearly."""
    network = Network(seed, False, *dynamics)
    graph = network.resolved()
    layers = float_layers(graph)
    generator = torch.Generator().manual_seed(seed)
    shapes = {"input": IMAGE} | {name: network.shapes[name] for name in network.groups}
    values = {name: torch.randn(3, *shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    before = {name: torch.randn_like(values[name]) for name in network.groups}
    given_ = {network.placed_name(name): name for name in network.groups} | {"input": "input"}
    for name, made in network.made.items():
        if not isinstance(made.does, Neurons):
            values[name] = made.does(network.received(name, values, before))
    for index, layer in enumerate(layers):
        if layer.name not in given_:
            continue
        name = given_[layer.name]
        made = network.made[name]
        assert isinstance(made.does, Neurons)
        found = torch.from_numpy(layer.bias)[None]
        for connection in layer.connections:
            read = before[name] if connection.source == index else values[given_[origin(layers, connection.source)]]
            found = found + sent(connection.synapse, read).reshape(3, *layer.shape)
        largest = made.does.threshold.max()
        expected = network.received(name, values, before) * made.does.gain * (largest / made.does.threshold)
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)
        assert layer.threshold == largest
        assert np.allclose((layer.voltage_decay, layer.current_decay), dynamics)
    program = lower_to_loihi(graph, random_spikes(seed) if seed % 2 else None)
    for real, whole in zip(layers, program.layers, strict=True):
        scale, neuron = whole.scale, whole.neuron
        # Where weights and bias are whole, it is rounded down.
        assert abs(neuron.threshold - scale * real.threshold) < 1 + 1e-9
        bias = neuron.bias_mantissa * 2.0**neuron.bias_exponent
        assert np.abs(bias - 64 * scale * real.bias).max() <= 2.0**neuron.bias_exponent / 2 + 1e-6
        for weight, lowered in zip(real.weights, whole.connections, strict=True):
            cut = np.clip(weight * scale, -256, 255)
            assert np.abs(lowered.synapse.weight - cut).max() <= 2
            assert np.abs(lowered.synapse.weight - cut)[np.abs(cut) < 253].max(initial=0) <= 1 + 1e-9


def origin(layers: tuple[FloatLayer, ...], source: int) -> str:
    return "input" if source == INPUT else layers[source].name.split(" + ")[0]


def test_depths_and_order():
    for seed in range(20):
        network = Network(seed, exact=True)
        program = lower_to_loihi(network.resolved(), None)
        assert program.layers[-1].name == network.placed_name(network.last)
        assert max(program.depths) == program.depths[-1]
        # A relay is there because a layer needs it.
        read = {connection.source for layer in program.layers for connection in layer.connections}
        assert read >= set(range(len(program.layers) - 1))


def test_recurrent_network_keeps_nearly_all_spikes():
    shares = []
    for seed in range(12):
        network = Network(seed, False, 0.3)
        spikes = random_spikes(seed, 60)
        program = lower_to_loihi(network.resolved(), spikes[:, :30])
        shares.append((simulate(program, spikes) != network.spikes(spikes)[network.last].reshape(7, 60, -1)).mean())
    assert np.mean(shares) < 0.03
