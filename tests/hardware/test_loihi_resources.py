"""What a program takes of the chip: every count against the matrix of the whole connection, worked out by PyTorch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.hardware.loihi.cost.activity import Activity, LayerActivity, measured
from spiq.hardware.loihi.cost.connectivity import fan_in, fan_out
from spiq.hardware.loihi.cost.energy import estimate
from spiq.hardware.loihi.cost.resources import Encoding, encoding, resources, stored_fan_out
from spiq.hardware.loihi.neuron_group import TakeOff
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse


def matrix(synapse: Synapse, nonzero: bool) -> np.ndarray:
    """[neuron, source]: 1 where a synapse joins the two."""
    present = (synapse.weight != 0) if nonzero else np.ones_like(synapse.weight)
    if isinstance(synapse, DenseSynapse):
        return present.astype(int)
    size = math.prod(synapse.input_shape)
    one_hot = torch.eye(size, dtype=torch.float64).reshape(size, *synapse.input_shape)
    kernel = torch.from_numpy(present.astype(np.float64))
    reached = F.conv2d(one_hot, kernel, None, synapse.stride, synapse.padding, synapse.dilation, synapse.groups)
    return reached.reshape(size, -1).T.numpy().astype(int)


def random_weight(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Even integers, a part of them zero."""
    return random.integers(-20, 21, shape) * 2 * (random.random(shape) < random.choice([0.1, 0.5, 1.0]))


def random_convolution(random: np.random.Generator, size: tuple[int, int, int] | None = None) -> ConvSynapse | None:
    groups = int(random.integers(1, 4)) if size is None else int(random.choice([1, size[0]]))
    size = size or (groups * int(random.integers(1, 3)), int(random.integers(1, 8)), int(random.integers(1, 8)))
    kernel, stride, dilation = (tuple(int(number) for number in random.integers(1, 4, 2)) for _ in range(3))
    padding = tuple(int(number) for number in random.integers(0, 4, 2))
    if any(s + 2 * p <= d * (k - 1) for s, p, d, k in zip(size[1:], padding, dilation, kernel, strict=True)):
        return None
    weight = random_weight(random, (groups * int(random.integers(1, 3)), size[0] // groups, *kernel))
    return ConvSynapse(weight, size, stride, padding, dilation, groups)  # type: ignore[arg-type]


def group(shape: tuple[int, ...], threshold: int = 20) -> NeuronGroup:
    return NeuronGroup(shape, threshold, 4096, 0, np.zeros([1] * len(shape), np.int16), 0)


def one_layer(synapse: Synapse, name: str = "only") -> LoihiProgram:
    layer = Layer(name, (Connection(INPUT, synapse),), group(synapse.output_shape), 1.0)
    return LoihiProgram(synapse.input_shape, (layer,))


def random_program(random: np.random.Generator) -> LoihiProgram | None:
    """A convolution; two ways from it, one through a layer and one through a relay; a layer that reads itself."""
    first = random_convolution(random)
    if first is None:
        return None
    shape = first.output_shape
    size = math.prod(shape)
    relay = ConvSynapse(np.full((shape[0], 1, 1, 1), 64), shape, groups=shape[0])
    second = random_convolution(random, shape)
    if second is None:
        return None
    wide = math.prod(second.output_shape)
    loop = random_weight(random, (5, 5))
    layers = (
        Layer("first", (Connection(INPUT, first), Connection(INPUT, first)), group(shape, 6), 1.0),
        Layer("second", (Connection(0, second),), group(second.output_shape, 6), 1.0),
        Layer("relay", (Connection(0, relay),), group(shape, 32), 1.0),
        Layer(
            "last",
            (
                Connection(1, DenseSynapse(random_weight(random, (5, wide)))),
                Connection(2, DenseSynapse(random_weight(random, (5, size)))),
                Connection(3, DenseSynapse(loop)),
            ),
            group((5,), 6),
            1.0,
        ),
    )
    return LoihiProgram(first.input_shape, layers)


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=150)
@given(seed=seeds, nonzero=st.booleans())
def test_fans_of_a_convolution(seed: int, nonzero: bool) -> None:
    synapse = random_convolution(np.random.default_rng(seed))
    assume(synapse is not None)
    assert synapse is not None
    expected = matrix(synapse, nonzero)
    assert np.array_equal(fan_out(synapse, nonzero), expected.sum(0))
    assert np.array_equal(fan_in(synapse, nonzero), expected.sum(1))


def test_a_stride_can_pass_neurons_over() -> None:
    synapse = ConvSynapse(np.ones((2, 1, 1, 2), int), (1, 1, 5), stride=(1, 3), padding=(0, 1))
    assert fan_out(synapse, nonzero=False).tolist() == [2, 0, 2, 2, 0]
    assert fan_in(synapse, nonzero=False).tolist() == [1, 2, 1, 2]


def test_a_long_signal_is_counted_without_its_matrix() -> None:
    synapse = ConvSynapse(np.ones((1, 1, 3, 1), int), (1, 200_000, 1), padding=(1, 0))
    assert fan_out(synapse, nonzero=False).sum() == fan_in(synapse, nonzero=True).sum() == 3 * 200_000 - 2


@settings(deadline=None, max_examples=60)
@given(seed=seeds)
def test_resources_and_activity_of_a_program(seed: int) -> None:
    random = np.random.default_rng(seed)
    program = random_program(random)
    assume(program is not None)
    assert program is not None
    taken = resources(program)
    steps, samples = int(random.integers(1, 5)), int(random.integers(1, 4))
    spikes = random.integers(0, 2, (steps, samples, *program.input_shape)).astype(np.uint8)
    fired = {INPUT: spikes, **dict(enumerate(simulate_layers(program, spikes)))}
    activity = measured(program, [spikes[:, :1], spikes[:, 1:]])
    assert activity[:3] == (samples, steps, int(spikes.sum()))
    outgoing = {source: np.zeros(math.prod(found.shape[2:]), int) for source, found in fired.items()}
    for layer, found, active in zip(program.layers, taken.layers, activity.layers, strict=True):
        whole = [matrix(connection.synapse, nonzero=False) for connection in layer.connections]
        assert found.fan_in == np.sum([part.sum(1) for part in whole], 0).max()
        assert found.synapses == sum(part.sum() for part in whole)
        assert found.nonzero == sum(matrix(connection.synapse, True).sum() for connection in layer.connections)
        operations = 0
        for connection, part, each in zip(layer.connections, whole, found.connections, strict=True):
            outgoing[connection.source] += part.sum(0)
            stored = matrix(connection.synapse, each.encoding.kind == "sparse")
            for step, sample in np.ndindex(steps, samples):
                operations += int((stored @ fired[connection.source][step, sample].reshape(-1)).sum())
        assert active.operations == operations
    assert taken.input_fan_out == outgoing.pop(INPUT).max()
    assert [layer.fan_out for layer in taken.layers] == [int(np.max(count)) for count in outgoing.values()]
    assert [layer.spikes for layer in activity.layers] == [int(fired[index].sum()) for index in range(4)]
    assert activity.spikes == sum(int(found.sum()) for found in fired.values())


def test_the_last_step_of_a_recurrent_layer_is_delivered() -> None:
    loop = Connection(0, DenseSynapse(np.zeros((2, 2), int) + 2))
    program = LoihiProgram((2,), (Layer("a", (Connection(INPUT, DenseSynapse(np.eye(2, dtype=int) * 64)), loop),
                                        group((2,)), 1.0),))  # fmt: skip
    spikes = np.array([[[1, 0]]], np.uint8)
    # One spike goes in through the one weight of its that is stored, comes out, and goes back to both.
    assert measured(program, [spikes]) == Activity(1, 1, 1, (LayerActivity(1, (1, 2)),))


@pytest.mark.parametrize(
    ("synapse", "expected"),
    [
        # 8 bits tell 256 levels apart, whatever the signs; a full matrix needs no indices.
        (DenseSynapse(np.full((4, 4), 3)), Encoding("dense", 8)),
        (DenseSynapse(np.full((4, 4), -3)), Encoding("dense", 8)),
        # 1000 neurons take an index of 10 bits: 1000 · 18 bits for the identity, against 1000 · 1000 · 8.
        (DenseSynapse(np.eye(1000, dtype=int) * 64), Encoding("sparse", 18)),
        # One of two neurons takes 1 bit: 2 · 9 bits against 4 · 8.
        (DenseSynapse(np.eye(2, dtype=int)), Encoding("sparse", 9)),
        # Of the channels of a group, 3 by 2 taps each: 6 positions, 3 bits.
        (ConvSynapse(np.eye(4, dtype=int)[:2].reshape(2, 1, 2, 2), (2, 5, 5), groups=2), Encoding("sparse", 10)),
        (ConvSynapse(np.ones((2, 2, 3, 2), int), (2, 5, 5)), Encoding("dense", 8)),
        (DenseSynapse(np.zeros((3, 3), int)), Encoding("sparse", 10)),
    ],
    ids=["positive", "negative", "relay", "pair", "grouped", "full", "nothing"],
)
def test_the_smaller_encoding_is_taken(synapse: Synapse, expected: Encoding) -> None:
    assert encoding(synapse) == expected
    assert np.array_equal(stored_fan_out(synapse), matrix(synapse, expected.kind == "sparse").sum(0))


@pytest.mark.parametrize(
    ("synapse", "cores", "synaptic_bytes"),
    [
        # 125 rows of 1000 bytes are under 131072, 143 rows are over.
        (DenseSynapse(np.ones((1000, 1000), int)), 8, 1_000_000),
        (DenseSynapse(np.ones((131, 1000), int)), 1, 131_000),
        (DenseSynapse(np.ones((132, 1000), int)), 2, 132_000),
        # 24 bytes a neuron leave room for (192 - 20) · 1024 / 24 = 7338 neurons and their shared kernel of 9 bytes.
        (ConvSynapse(np.ones((1, 1, 3, 3), int), (1, 7338, 1), padding=(1, 1)), 1, 9),
        (ConvSynapse(np.ones((1, 1, 3, 3), int), (1, 7339, 1), padding=(1, 1)), 2, 18),
        # Cut in two at neuron 5000 of 2 · 5000: each core holds one channel's kernel. Of 3 · 4000, one is on both.
        (ConvSynapse(np.ones((2, 1, 3, 3), int), (1, 5000, 1), padding=(1, 1)), 2, 18),
        (ConvSynapse(np.ones((3, 1, 3, 3), int), (1, 4000, 1), padding=(1, 1)), 2, 36),
    ],
    ids=["eight", "just-one", "one-more", "state", "state-and-one", "channels", "shared-channel"],
)
def test_cores_worked_out_by_hand(synapse: Synapse, cores: int, synaptic_bytes: int) -> None:
    found = resources(one_layer(synapse))
    assert (found.cores, found.layers[0].synaptic_bytes, found.chips) == (cores, synaptic_bytes, 1)


@pytest.mark.parametrize(("differing", "neurons"), [(0, 7338), (1, 6289), (2, 5503)])
def test_numbers_that_differ_from_neuron_to_neuron_take_memory(differing: int, neurons: int) -> None:
    """4 bytes each: (192 - 20) · 1024 bytes hold 7338 neurons of 24, 6289 of 28 or 5503 of 32, and a kernel."""
    for more, cores in ((0, 1), (1, 2)):
        layer = one_layer(ConvSynapse(np.ones((1, 1, 3, 3), int), (1, neurons + more, 1), padding=(1, 1))).layers[0]
        shape = layer.neuron.shape
        numbers = [np.arange(math.prod(shape)).reshape(shape) % 9 + 1] * differing
        own = dict(zip(("threshold", "voltage_decay"), numbers, strict=False))
        found = LoihiProgram(shape, (replace(layer, neuron=replace(layer.neuron, **own, reset=TakeOff(7))),))
        assert resources(found).cores == cores


def plain_runs(layer: Layer, cores: int) -> list[int] | None:
    """The bytes of synapses on each of so many cores, counted neuron by neuron; None where one does not fit."""
    neurons, found = layer.neuron.size, []
    for core in range(cores):
        run, bits = range(core * neurons // cores, (core + 1) * neurons // cores), 0
        for connection in layer.connections:
            synapse, chosen = connection.synapse, encoding(connection.synapse)
            positions = math.prod(synapse.output_shape[1:])
            for row in {neuron // positions for neuron in run}:
                weights = synapse.weight[row]
                bits += chosen.bits * (np.count_nonzero(weights) if chosen.kind == "sparse" else weights.size)
        held = -(-bits // 8)
        if len(run) > 8192 or held > 128 * 1024 or held + 24 * len(run) > (192 - 20) * 1024:
            return None
        found.append(held)
    return found


@settings(deadline=None, max_examples=40)
@given(seed=seeds, density=st.sampled_from([0.02, 0.5, 1.0]))
def test_no_fewer_cores_would_do(seed: int, density: float) -> None:
    random = np.random.default_rng(seed)
    channels, out = int(random.integers(1, 40)), int(random.integers(1, 60))
    shape = (channels, int(random.integers(1, 30)), 7)
    kernel = random.integers(-9, 10, (out, channels, 5, 5)) * 2 * (random.random((out, channels, 5, 5)) < density)
    synapse = ConvSynapse(kernel, shape, padding=(2, 2))
    neurons = math.prod(synapse.output_shape)
    more = DenseSynapse(random.integers(0, 3, (neurons, int(random.integers(1, 60)))))
    source = Layer("source", (Connection(INPUT, DenseSynapse(np.ones((more.weight.shape[1], 1), int))),),
                   group((more.weight.shape[1],)), 1.0)  # fmt: skip
    feeds = Layer("map", (Connection(INPUT, DenseSynapse(np.ones((math.prod(shape), 1), int))),), group(shape), 1.0)
    both = Layer("both", (Connection(1, synapse), Connection(0, more)), group(synapse.output_shape), 1.0)
    found = resources(LoihiProgram((1,), (source, feeds, both))).layers[-1]
    held = plain_runs(both, found.cores)
    assert held is not None
    assert sum(held) == found.synaptic_bytes
    assert all(plain_runs(both, cores) is None for cores in range(1, found.cores))


def test_chips_are_filled_core_by_core() -> None:
    # 131 rows of 1000 bytes fit on a core.
    assert resources(one_layer(DenseSynapse(np.ones((128 * 131, 1000), np.int16)))).chips == 1
    assert resources(one_layer(DenseSynapse(np.ones((128 * 131 + 1, 1000), np.int16)))).chips == 2


def test_a_neuron_that_no_core_holds_is_refused() -> None:
    assert resources(one_layer(DenseSynapse(np.full((2, 131_072), 2)))).cores == 2
    with pytest.raises(
        InputError, match=r"layer 'wide': the synapses of one neuron must take at most 131072 bytes, .* got 131073"
    ):
        resources(one_layer(DenseSynapse(np.full((2, 131_073), 2)), "wide"))


def test_estimate_worked_out_by_hand() -> None:
    """Two layers: 1000 neurons on 8 cores read 1000 inputs, 10 neurons on 1 core read those and themselves."""
    wide = Layer("wide", (Connection(INPUT, DenseSynapse(np.ones((1000, 1000), int))),), group((1000,)), 1.0)
    reads = (Connection(0, DenseSynapse(np.ones((10, 1000), int))), Connection(1, DenseSynapse(np.ones((10, 10), int))))
    program = LoihiProgram((1000,), (wide, Layer("narrow", reads, group((10,)), 1.0)))
    taken = resources(program)
    assert [layer.cores for layer in taken.layers] == [8, 1]
    activity = Activity(4, 16, 40, (LayerActivity(200, (40_000,)), LayerActivity(12, (2_000, 120))))
    found = estimate(program, taken, activity)
    assert found.operations_pj == pytest.approx(23.6 * 42_120 / 4)
    assert found.neuron_updates_pj == pytest.approx(81 * 16 * 1010)
    # An input spike goes to 8 cores, a spike of the first layer and of the second to 1.
    assert found.spikes_pj == pytest.approx(1.7 * (40 * 8 + 200 + 12) / 4)
    assert found.computing_us == pytest.approx((3.5 * 10_000 + 8.4 * 16 * 1000) / 8 / 1000)
    assert found.barrier_us == pytest.approx(0.465 * 16)
    assert found.energy_pj == pytest.approx(found.operations_pj + found.neuron_updates_pj + found.spikes_pj)
    assert found.time_us == pytest.approx(found.computing_us + found.barrier_us)
    # With the second layer busier than a core of the first, it sets the pace.
    busy = activity._replace(layers=(activity.layers[0], LayerActivity(12, (400_000, 0))))
    assert estimate(program, taken, busy).computing_us == pytest.approx((3.5 * 100_000 + 8.4 * 16 * 10) / 1000)


def test_twice_the_samples_cost_the_same_a_sample() -> None:
    program = random_program(np.random.default_rng(3))
    assert program is not None
    spikes = np.random.default_rng(4).integers(0, 2, (6, 5, *program.input_shape)).astype(np.uint8)
    taken = resources(program)
    one, two = measured(program, [spikes]), measured(program, [spikes, spikes])
    assert estimate(program, taken, one) == pytest.approx(estimate(program, taken, two))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "at least one sample of spikes to measure on, got none"),
        ([(3, 0, 4)], "at least one sample of spikes to measure on, got none"),
        ([(0, 2, 4)], "must have at least one step, got 0"),
        ([(3, 2, 4), (2, 1, 4)], "must have 3 steps, as those before, got 2"),
        ([(3, 2, 5)], "shape"),
    ],
    ids=["nothing", "no-samples", "no-steps", "unequal-steps", "other-shape"],
)
def test_what_cannot_be_measured_is_refused(shapes: list[tuple[int, ...]], message: str) -> None:
    program = one_layer(DenseSynapse(np.ones((2, 4), int)))
    with pytest.raises(InputError, match=message):
        measured(program, [np.zeros(shape, np.uint8) for shape in shapes])
