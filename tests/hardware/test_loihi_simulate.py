"""Whole programs against a second transcription of the chip's rules: plain Python numbers, one synapse at a time."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.programmable import programmable
from spiq.hardware.loihi.neuron_group import ResetTo, TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator import simulate as simulation
from spiq.hardware.loihi.simulator.compiled import compiled_layers
from spiq.hardware.loihi.simulator.kernel_tables import ANY, COPY, INTEGRATE, WHOLE
from spiq.hardware.loihi.simulator.simulate import layer_spikes, simulate, simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse


def wired(synapse: Synapse) -> list[list[tuple[int, int]]]:
    """For each target, the sources and the weights that reach it, all flattened in channel-height-width order."""
    weight = synapse.weight.tolist()
    if isinstance(synapse, DenseSynapse):
        return [[(source, value) for source, value in enumerate(row)] for row in weight]
    channels, height, width = synapse.input_shape
    outs, rows, columns = synapse.output_shape
    found = []
    for out, y, x in product(range(outs), range(rows), range(columns)):
        wires = []
        first = out // (outs // synapse.groups) * (channels // synapse.groups)
        for i, kernels in enumerate(weight[out]):
            for j, kernel in enumerate(kernels):
                for k, value in enumerate(kernel):
                    at_y = synapse.stride[0] * y + synapse.dilation[0] * j - synapse.padding[0]
                    at_x = synapse.stride[1] * x + synapse.dilation[1] * k - synapse.padding[1]
                    if 0 <= at_y < height and 0 <= at_x < width:
                        wires.append((((first + i) * height + at_y) * width + at_x, value))
        found.append(wires)
    return found


def late(connection: Connection) -> list[int]:
    """How many steps before each neuron of the source is read."""
    size = math.prod(connection.synapse.input_shape)
    return np.broadcast_to(connection.delays, (size,)).tolist()


def kept(state: int, decay: int) -> int:
    size = abs(state) * (4096 - decay) // 4096
    return size if state >= 0 else -size


def after_reset(group: NeuronGroup, before: int, p: int, threshold: int, reset_by: int) -> tuple[int, int]:
    """The spike, and v after it, of a neuron whose v was `before` and has become p; threshold and reset in v's unit."""
    match group.reset:
        case ResetTo():
            return int(p > threshold), reset_by if p > threshold else p
        case TakeOff():
            q = clipped(p - reset_by) if before > threshold else p
            spike = int(q > threshold)
            return spike, clipped(p - reset_by * spike) if group.reset.at_once else q


def clipped(v: int) -> int:
    return min(max(v, -(2**23) + 1), 2**23 - 1)


def each(values: object, group: NeuronGroup) -> list[int]:
    return np.broadcast_to(values, group.shape).reshape(-1).tolist()  # type: ignore[call-overload]


def transcribed(program: LoihiProgram, sample: np.ndarray) -> list[list[list[int]]]:
    """Every layer's spikes at every step, for one sample [time, feature]."""
    found = {INPUT: sample.tolist()}
    for index, layer in enumerate(program.layers):
        group = layer.neuron
        wires = [(one.source, wired(one.synapse), late(one)) for one in layer.connections]
        bias, threshold, current_decay, voltage_decay = (
            each(values, group)
            for values in (group.bias_mantissa, group.threshold, group.current_decay, group.voltage_decay)
        )
        reset = group.reset
        reset_by = each(reset.voltage if isinstance(reset, ResetTo) else reset.amount * 64, group)
        u, v = [0] * group.size, [0] * group.size
        found[index] = []
        for step in range(len(sample)):
            spikes = []
            for neuron in range(group.size):
                activation = 0
                for source, of, delays in wires:
                    for place, value in of[neuron]:
                        read = step - delays[place] - (source == index)
                        activation += value * found[source][read][place] if read >= 0 else 0
                u[neuron] = kept(u[neuron], current_decay[neuron]) + activation * 64
                if u[neuron] > 2**23:
                    u[neuron] -= 2**24
                elif u[neuron] <= -(2**23):
                    u[neuron] += 2**24
                p = kept(v[neuron], voltage_decay[neuron]) + u[neuron] + bias[neuron] * 2**group.bias_exponent
                spike, v[neuron] = after_reset(group, v[neuron], clipped(p), threshold[neuron] * 64, reset_by[neuron])
                spikes.append(spike)
            found[index].append(spikes)
    return [found[index] for index in range(len(program.layers))]


LARGEST = 150
"""About how many neurons a layer has at most."""

WIDE = 20
"""The most channels that a convolution feeds, unless its groups are more: more than two words of them."""


class Draw:
    """Random programs of every kind of connection that a layer may have."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def whole(self, least: int, most: int) -> int:
        return int(self.random.integers(least, most + 1))

    def one(self, *choices):
        return choices[self.whole(0, len(choices) - 1)]

    def weights(self, *shape: int) -> np.ndarray:
        values = self.random.integers(-20, 21, shape) * 2
        return self.one(values, abs(values), values * 6, -abs(values), self.random.integers(0, 256, shape))

    def image(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """A shape that a convolution may read such spikes in."""
        size = math.prod(shape)
        splits = [(c, h, size // c // h) for c in range(1, size + 1) if size % c == 0 for h in (1, size // c)]
        return self.one(shape, shape, shape, (1, size, 1), self.one(*splits)) if len(shape) == 3 else self.one(*splits)

    def convolution(self, shape: tuple[int, ...]) -> ConvSynapse:
        channels, height, width = image = self.image(shape)
        pair = lambda least, most: (self.whole(least, most), self.whole(least, most))  # noqa: E731
        stride, padding, dilation = (
            self.one((1, 1), pair(1, 3)),
            self.one((1, 1), pair(0, 2)),
            self.one((1, 1), pair(1, 3)),
        )
        reach = (height + 2 * padding[0], width + 2 * padding[1])
        kernel = tuple(
            self.whole(1, min(3, (size - 1) // spread + 1)) for size, spread in zip(reach, dilation, strict=True)
        )
        groups = self.one(*[number for number in range(1, channels + 1) if channels % number == 0])
        # Small enough for plain Python.
        pixels = math.prod(ConvSynapse(np.zeros((1, channels, *kernel)), image, stride, padding, dilation).output_shape)
        out = groups * self.whole(1, max(1, min(WIDE, LARGEST // pixels) // groups))
        return ConvSynapse(self.weights(out, channels // groups, *kernel), image, stride, padding, dilation, groups)

    def neuron(self, shape: tuple[int, ...]) -> NeuronGroup:
        current, voltage = self.one(
            (4096, 0), (4096, 0), (4096, self.whole(0, 4095)), (self.whole(1, 4096), self.whole(0, 4095))
        )
        mantissas = self.random.integers(-200, 201, self.one(shape, (shape[0],) + (1,) * (len(shape) - 1)))
        threshold = self.one(0, self.whole(1, 100), self.whole(1, 1000))
        group = NeuronGroup(shape, threshold, current, voltage, self.one(mantissas, mantissas * 0), self.whole(0, 7))
        return self.one(group, group, programmable(self.random, group))

    def layer(self, index: int, sources: list[int], shapes: dict[int, tuple[int, ...]]) -> Layer:
        source = self.one(*sources)
        kind = self.one("any", "any", "relay", "dense", "conv", "conv", "conv", "conv")
        if kind in ("any", "relay"):
            size = math.prod(shapes[source])
            if kind == "any" and len(shapes[source]) == 3:
                channels, kernel = shapes[source][0], [self.whole(1, min(3, size)) for size in shapes[source][1:]]
                stride, padding = (self.whole(1, 2), self.whole(1, 3)), (self.whole(0, 1), self.whole(0, 1))
                synapse = ConvSynapse(
                    np.full((channels, 1, *kernel), 2), shapes[source], stride, padding, groups=channels
                )
            else:
                synapse = ConvSynapse(np.full((1, 1, 1, 1), 2), (1, size, 1))
            shape = self.one(synapse.output_shape, (math.prod(synapse.output_shape),))
            group = NeuronGroup(shape, self.one(0, 1, 1, 2), 4096, self.one(0, 7), np.zeros([1] * len(shape), int), 0)
            return Layer(f"united{index}", (Connection(source, synapse),), group, 1.0)
        if kind == "dense":
            synapse = DenseSynapse(self.weights(self.whole(1, 20), math.prod(shapes[source])))
        else:
            synapse = self.convolution(shapes[source])
        connections = [Connection(source, synapse)]
        size = math.prod(synapse.output_shape)
        shape = self.one(synapse.output_shape, synapse.output_shape, (size,))
        for other in (self.one(*sources), index):
            if self.one(True, False):
                continue
            read = size if other == index else math.prod(shapes[other])
            choices: list[Synapse] = [DenseSynapse(self.weights(size, read))]
            if read == size:
                choices.append(ConvSynapse(self.weights(1, 1, 3, 1), (1, size, 1), padding=(1, 0)))
                if len(shape) == 3:
                    choices.append(ConvSynapse(self.weights(shape[0], shape[0], 3, 3), shape, padding=(1, 1)))
            if other == source and isinstance(synapse, ConvSynapse):
                choices.append(
                    ConvSynapse(
                        self.weights(*synapse.weight.shape),
                        synapse.input_shape,
                        synapse.stride,
                        synapse.padding,
                        synapse.dilation,
                        synapse.groups,
                    )
                )
            connections.append(Connection(other, self.one(*choices)))
        return Layer(f"layer{index}", tuple(connections), self.neuron(shape), 1.0)

    def program(self) -> LoihiProgram:
        input_shape = self.one(
            (self.whole(1, 12),), (self.whole(1, 4), self.whole(1, 6), self.whole(1, 6)), (self.whole(5, 9), 3, 4)
        )
        shapes, before, layers = {INPUT: input_shape}, [INPUT], []
        for _ in range(self.whole(1, 4)):
            level = []
            for _ in range(self.whole(1, 2)):
                layers.append(self.delayed(self.layer(len(layers), before, shapes)))
                shapes[len(layers) - 1] = layers[-1].neuron.shape
                level.append(len(layers) - 1)
            before = level
        return LoihiProgram(input_shape, tuple(layers), largest_input=self.one(1, 1, 2, 255))

    def delayed(self, layer: Layer) -> Layer:
        """The layer with delays in some of its connections, of every length and the same for all or not."""
        longest = self.one(1, 3, 63)
        connections = []
        for connection in layer.connections:
            each = self.random.integers(0, longest + 1, math.prod(connection.synapse.input_shape))
            connections.append(replace(connection, delays=self.one(0, 0, self.whole(0, longest), each)))
        return replace(layer, connections=tuple(connections))


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    block=st.sampled_from([1, 500, 2**18]),
    sums=st.sampled_from([0, 2**18]),
    threads=st.sampled_from([1, 3]),
)
def test_every_layer_is_as_transcribed(seed: int, block: int, sums: int, threads: int):
    draw = Draw(seed)
    program = draw.program()
    steps = draw.one(4, 4, 9)
    spikes = (draw.random.random((steps, 2, *program.input_shape)) < draw.one(0.1, 0.5, 0.9)).astype(np.uint8)
    spikes *= draw.random.integers(1, program.largest_input + 1, spikes.shape, np.uint8)
    with (
        patch("spiq.hardware.loihi.simulator.compiled.BLOCK_BYTES", block),
        patch("spiq.hardware.loihi.simulator.layout.SUMS_BYTES", sums),
        patch.object(simulation, "thread_count", lambda: threads),
    ):
        layers = simulate_layers(program, spikes)
        output = simulate(program, spikes)
    for sample in range(2):
        expected = transcribed(program, spikes[:, sample].reshape(steps, -1))
        for found, plain in zip(layers, expected, strict=True):
            assert found[:, sample].reshape(steps, -1).tolist() == plain
        assert output[:, sample].tolist() == expected[-1]


def pooled(weight: int, threshold: int, channels: int = 5, **neuron) -> Layer:
    synapse = ConvSynapse(np.full((channels, 1, 2, 2), weight), (channels, 4, 4), (2, 2), groups=channels)
    fields = {"current_decay": 4096, "voltage_decay": 0, "bias_mantissa": np.zeros((1, 1, 1), int), "bias_exponent": 0}
    group = NeuronGroup(synapse.output_shape, threshold, **(fields | neuron))
    return Layer("pool", (Connection(0, synapse),), group, 1.0)


def one_to_one(weight: int, threshold: int, stride: int = 1, padding: int = 0, size: int = 80) -> Layer:
    synapse = ConvSynapse(np.full((1, 1, 1, 1), weight), (1, size, 1), (stride, 1), (padding, 0))
    shape = synapse.output_shape
    return Layer(
        "relay", (Connection(0, synapse),), NeuronGroup(shape, threshold, 4096, 0, np.zeros((1, 1, 1), int), 0), 1.0
    )


@pytest.mark.parametrize(
    ("name", "layer", "kind"),
    [
        ("pooling", pooled(2, 1), ANY),
        ("pooling with a leak", pooled(2, 1, voltage_decay=9), ANY),
        ("at the threshold", pooled(2, 2), INTEGRATE),
        ("one needs two", pooled(2, 3), INTEGRATE),
        ("with a bias", pooled(2, 1, bias_mantissa=np.full((1, 1, 1), -1)), INTEGRATE),
        ("with a memory of u", pooled(2, 1, current_decay=4095), WHOLE),
        ("too few channels", pooled(2, 1, channels=2), INTEGRATE),
        ("relay", one_to_one(2, 1), COPY),
        ("relay at the threshold", one_to_one(2, 2), INTEGRATE),
        ("every other one", one_to_one(2, 1, stride=2), INTEGRATE),
        ("shifted", one_to_one(2, 1, padding=1), INTEGRATE),
        ("shifted in as many places", one_to_one(2, 1, stride=2, padding=1, size=3), INTEGRATE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_leanest_loop_that_is_the_same(name: str, layer: Layer, kind: int):
    read = layer.connections[0].synapse.input_shape
    random = np.random.default_rng(0)
    channels = read[0]
    feeding = ConvSynapse(random.integers(-20, 21, (channels, 1, 3, 3)) * 2, (1, *read[1:]), padding=(1, 1))
    first = Layer(
        "first", (Connection(INPUT, feeding),), NeuronGroup(read, 2, 4096, 0, np.zeros((1, 1, 1), int), 0), 1.0
    )
    program = LoihiProgram((1, *read[1:]), (first, layer))
    compiled = compiled_layers({INPUT: program.input_shape}, dict(enumerate(program.layers)))
    assert compiled.layers["kind"].tolist() == [INTEGRATE, kind], name
    spikes = random.integers(0, 2, (6, 4, *program.input_shape)).astype(np.uint8)
    found = simulate(program, spikes)
    assert found.any()
    for sample in range(4):
        assert found[:, sample].tolist() == transcribed(program, spikes[:, sample].reshape(6, -1))[-1]


def small_program() -> LoihiProgram:
    draw = Draw(7)
    synapse = ConvSynapse(draw.weights(9, 2, 3, 3), (2, 6, 5), padding=(1, 1))
    first = Layer("first", (Connection(INPUT, synapse),), draw.neuron((9, 6, 5)), 1.0)
    second = Layer("second", (Connection(0, DenseSynapse(draw.weights(7, 270))),), draw.neuron((7,)), 1.0)
    return LoihiProgram((2, 6, 5), (first, second))


def test_spikes_in_any_memory():
    program = small_program()
    spikes = np.random.default_rng(1).integers(0, 2, (5, 8, 2, 6, 5)).astype(np.uint8)
    expected = simulate(program, spikes)
    assert expected.any()
    locked = spikes.copy()
    locked.setflags(write=False)
    assert np.array_equal(simulate(program, locked), expected)
    assert np.array_equal(simulate(program, np.asfortranarray(spikes)), expected)
    assert np.array_equal(simulate(program, spikes[::-1, ::2])[::-1], simulate(program, spikes[::-1].copy())[::-1, ::2])
    # Sources of a layer are read beside each other, whatever their memory.
    layer = Layer("both", tuple(Connection(source, program.layers[0].connections[0].synapse) for source in (0, 1)),
                  program.layers[0].neuron, 1.0)  # fmt: skip
    other = 1 - spikes
    found = layer_spikes(layer, 2, {0: spikes, 1: other})
    assert np.array_equal(layer_spikes(layer, 2, {0: np.asfortranarray(spikes), 1: other[:, ::-1][:, ::-1]}), found)
    assert np.array_equal(layer_spikes(layer, 2, {1: spikes, 0: other}), found)


def test_any_number_of_threads(monkeypatch):
    program = small_program()
    spikes = np.random.default_rng(1).integers(0, 2, (5, 67, 2, 6, 5)).astype(np.uint8)
    found = []
    for threads in (1, 2, 5, 100):
        monkeypatch.setattr(simulation, "thread_count", lambda threads=threads: threads)
        found.append(simulate(program, spikes))
    assert found[0].any()
    assert all(np.array_equal(other, found[0]) for other in found)


@pytest.mark.parametrize(("setting", "most"), [("1", 1), ("1,4", 1), ("0", None), ("", None), ("many", None)])
def test_threads_follow_the_environment(monkeypatch, setting: str, most: int | None):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    free = simulation.thread_count()
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert simulation.thread_count() == (most or free)


def test_no_samples():
    program = small_program()
    assert simulate(program, np.zeros((5, 0, 2, 6, 5), np.uint8)).shape == (5, 0, 7)


def test_numba_is_not_imported_before_it_is_needed():
    code = "import sys, spiq.hardware.loihi.device; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
