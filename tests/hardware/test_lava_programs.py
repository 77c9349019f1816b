"""Random programs in real Lava: every layer's spikes equal the simulator's.

SPIQ_LAVA_PROGRAMS=5000 asks for more programs than a usual run takes. Program n is the same in every run.
"""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator

from shared.programmable import programmable
from spiq.export.errors import InputError
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.lava.jobs import Layers, ProgramJob, run_jobs
from spiq.hardware.loihi import chip
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate_layers
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse

PROGRAMS = int(os.environ.get("SPIQ_LAVA_PROGRAMS", "200"))

BATCH = 50
"""Programs to one start of a worker."""

MANY = 2 * 64**2
"""Inputs enough for sums of weights that leave 24 bits once they are shifted up by 6."""

Shape = tuple[int, ...]


def random_job(seed: int) -> ProgramJob:
    """A program and its input, to be run for every layer."""
    rng = np.random.default_rng(seed)
    makers = (images, flat, limits, borders, large_numbers)
    program = makers[rng.choice(len(makers), p=[0.45, 0.2, 0.15, 0.1, 0.1])](rng)
    steps, samples = int(rng.integers(1, 7)), int(rng.integers(1, 5))
    rate = rng.choice([0.1, 0.4, 0.8, 1.0])
    spikes = (rng.random((steps, samples, *program.input_shape)) < rate).astype(np.uint8)
    if rng.random() < 0.3:
        program = delayed(rng, program)
    if rng.random() < 0.3:
        program = graded(rng, program)
        spikes *= rng.integers(1, program.largest_input + 1, spikes.shape, np.uint8)
    return ProgramJob(program, spikes, every_layer=True)


def delayed(rng: Generator, program: LoihiProgram) -> LoihiProgram:
    """With delays in about half of the connections, some longer than a sample."""
    layers = []
    for layer in program.layers:
        connections = []
        for connection in layer.connections:
            longest = int(rng.choice([1, 4, chip.DELAYS[1]], p=[0.3, 0.5, 0.2]))
            each = rng.integers(0, longest + 1, math.prod(connection.synapse.input_shape))
            delays = each if rng.random() < 0.6 else longest
            connections.append(replace(connection, delays=delays if rng.random() < 0.5 else 0))
        layers.append(replace(layer, connections=tuple(connections)))
    return replace(program, layers=tuple(layers))


def graded(rng: Generator, program: LoihiProgram) -> LoihiProgram:
    """With the largest input of some that fits, if there is one."""
    for largest in rng.permutation([2, 9, 130, 255]).tolist():
        try:
            return replace(program, largest_input=largest)
        except InputError:
            continue
    return program


def images(rng: Generator) -> LoihiProgram:
    """Convolutions, poolings and dense layers over images, with side paths and layers that read themselves."""
    height, width = rng.integers(4, 9, 2).tolist()
    return grown(rng, (int(rng.integers(1, 5)), height, width))


def flat(rng: Generator) -> LoihiProgram:
    """The same over inputs that are no image."""
    return grown(rng, tuple(rng.integers(2, 12, int(rng.integers(1, 3))).tolist()))


def grown(rng: Generator, shape: Shape) -> LoihiProgram:
    """Up to four layers. Each reads one source or two of the same depth, and now and then itself."""
    layers: list[Layer] = []
    sources = {0: [(INPUT, shape)]}
    for index in range(int(rng.integers(1, 5))):
        depth = int(rng.choice(list(sources), p=_late(len(sources))))
        there = sources[depth]
        source, read = there[int(rng.integers(len(there)))]
        synapses = [(source, first_synapse(rng, read))]
        fed = synapses[0][1].output_shape
        if rng.random() < 0.3:
            source, read = there[int(rng.integers(len(there)))]
            synapses.append((source, joining_synapse(rng, read, fed)))
        group = group_shape(rng, fed)
        if rng.random() < 0.3:
            synapses.append((index, joining_synapse(rng, group, fed)))
        layers.append(layer(rng, f"layer {index}", synapses, group))
        sources.setdefault(depth + 1, []).append((index, group))
    return LoihiProgram(shape, tuple(layers))


def _late(count: int) -> np.ndarray:
    """Chances for depths, the deeper the larger."""
    chances = 3.0 ** np.arange(count)
    return chances / chances.sum()


def limits(rng: Generator) -> LoihiProgram:
    """Sums of weights up to the activation limit: u wraps, more than once, and v is clipped."""
    many = int(rng.choice([600, 2000, MANY, 32800]))
    # About as many of each sign, so that what adds up to the limit still wraps to either side.
    weight = np.where(rng.random((4, many)) < rng.normal(0.5, 0.05, (4, 1)), -256, 254)
    if rng.random() < 0.3:
        weight[:] = rng.choice([255, -255])
    synapse: Synapse = DenseSynapse(weight.astype(np.int16))
    shape: Shape = (many,)
    if many == MANY and rng.random() < 0.5:
        shape = (2, 64, 64)
        synapse = ConvSynapse(weight.astype(np.int16).reshape(4, *shape), shape)
    first = layer(rng, "wide", [(INPUT, synapse)], synapse.output_shape)
    threshold = int(rng.choice([0, 1000, 60000, chip.THRESHOLDS[1]]))
    first = replace(first, neuron=replace(first.neuron, threshold=threshold))
    return LoihiProgram(shape, (first, layer(rng, "after", [(0, dense(rng, 4, 3))], (3,))))


def borders(rng: Generator) -> LoihiProgram:
    """Activations that bring u onto the very edge of 24 bits, and next to it."""
    edge = chip.STATE_LIMIT >> chip.INPUT_SHIFT
    totals = [sign * times * edge + off for sign in (1, -1) for times in (1, 2, 3) for off in (-2, 0, 2)]
    weight = np.zeros((len(totals), 1700), np.int16)
    for row, total in zip(weight, totals, strict=True):
        unit = 254 if total > 0 else -256
        whole, rest = divmod(abs(total), abs(unit))
        row[:whole], row[whole] = unit, math.copysign(rest, total)
    first = layer(rng, "edge", [(INPUT, DenseSynapse(weight))], (len(totals),))
    return LoihiProgram((weight.shape[1],), (first, layer(rng, "after", [(0, dense(rng, len(totals), 3))], (3,))))


def large_numbers(rng: Generator) -> LoihiProgram:
    """Convolutions with a number that Lava's Conv cannot hold, or only just, and matrices with many zeros."""
    large = int(rng.integers(126, 135))
    match rng.integers(6):
        case 0:
            shape = (large, 3, 2)
            synapse = ConvSynapse(weights(rng, (2 * large, 1, 2, 2)), shape, padding=(1, 0), groups=large)
        case 1:
            shape = (2, large + 5, 2)
            synapse = ConvSynapse(weights(rng, (2, 2, large, 1)), shape)
        case 2:
            shape = (2, 3, 300)
            synapse = ConvSynapse(weights(rng, (2, 2, 2, 3)), shape, stride=(1, large))
        case 3:
            shape = (2, 3, 4)
            synapse = ConvSynapse(weights(rng, (2, 2, 2, 3)), shape, stride=(20, 1), padding=(large, 1))
        case 4:
            shape = (2, 4, 300)
            synapse = ConvSynapse(weights(rng, (2, 2, 2, 3)), shape, dilation=(1, large), padding=(0, 2))
        case _:
            shape = (600,)
            weight = weights(rng, (600, 600))
            synapse = DenseSynapse(np.where(rng.random(weight.shape) < rng.choice([0.01, 0.04]), weight, 0))
    return LoihiProgram(shape, (layer(rng, "large", [(INPUT, synapse)], synapse.output_shape),))


def weights(rng: Generator, shape: Shape) -> np.ndarray:
    """Whole weights on one of the chip's grids, its ends often among them."""
    match rng.choice(["mixed", "even", "excitatory", "inhibitory"], p=[0.5, 0.2, 0.2, 0.1]):
        case "mixed":
            drawn = rng.choice([-256, 254, 0, *range(-256, 255, 2)], shape).astype(np.int16)
            # The draw may hold one sign only, and then the ends are other ones.
            grid = chip.weight_grid(drawn)
            return np.clip(drawn, grid.least, grid.most)
        case "even":
            return (rng.integers(-30, 31, shape) * 2).astype(np.int16)
        case "excitatory":
            return rng.integers(0, 256, shape).astype(np.int16)
        case _:
            return -rng.integers(0, 256, shape).astype(np.int16)


def first_synapse(rng: Generator, read: Shape) -> Synapse:
    """A synapse to a new group."""
    if len(read) == 3 and rng.random() < 0.75:
        return pooling(read) if min(read[1:]) >= 2 and rng.random() < 0.25 else convolution(rng, read)
    size = math.prod(read)
    if rng.random() < 0.2:
        return relay(rng, size)
    return dense(rng, size, int(rng.integers(1, 9)))


def joining_synapse(rng: Generator, read: Shape, fed: Shape) -> Synapse:
    """A synapse to a group that there is already."""
    size, wanted = math.prod(read), math.prod(fed)
    if size == wanted and rng.random() < 0.3:
        return relay(rng, size)
    if len(read) == 3 and read == fed and rng.random() < 0.5:
        return ConvSynapse(weights(rng, (read[0], read[0], 3, 3)), read, padding=(1, 1))
    if wanted < 40 and rng.random() < 0.3:
        return ConvSynapse(weights(rng, (wanted, 1, size, 1)), (1, size, 1))
    return dense(rng, size, wanted)


def dense(rng: Generator, size: int, out: int) -> DenseSynapse:
    return DenseSynapse(weights(rng, (out, size)))


def relay(rng: Generator, size: int) -> Synapse:
    """Each neuron to its like, as a matrix or as a convolution."""
    if rng.random() < 0.5:
        return DenseSynapse((np.eye(size) * 64).astype(np.int16))
    return ConvSynapse(np.full((1, 1, 1, 1), 64, np.int16), (1, size, 1))


def pooling(read: Shape) -> ConvSynapse:
    return ConvSynapse(np.full((read[0], 1, 2, 2), 64, np.int16), image(read), (2, 2), groups=read[0])


def convolution(rng: Generator, read: Shape) -> ConvSynapse:
    channels = read[0]
    while True:
        groups = int(rng.choice([number for number in range(1, channels + 1) if channels % number == 0]))
        kernel, stride, padding, dilation = (
            (int(a), int(b)) for a, b in (rng.integers(low, high, 2) for low, high in ((1, 4), (1, 4), (0, 3), (1, 3)))
        )
        weight = weights(rng, (groups * int(rng.integers(1, 4)), channels // groups, *kernel))
        try:
            return ConvSynapse(weight, image(read), stride, padding, dilation, groups)
        except InputError:
            # The kernel is larger than the image; another one is drawn.
            continue


def image(shape: Shape) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height, width


def group_shape(rng: Generator, fed: Shape) -> Shape:
    """The shape that a synapse feeds, or another of as many neurons."""
    match rng.choice(["same", "flat", "image"], p=[0.7, 0.2, 0.1]):
        case "same":
            return fed
        case "flat":
            return (math.prod(fed),)
        case _:
            size = math.prod(fed)
            channels = int(rng.choice([number for number in range(1, size + 1) if size % number == 0]))
            return (channels, size // channels, 1)


def layer(rng: Generator, name: str, synapses: list[tuple[int, Synapse]], shape: Shape) -> Layer:
    """A layer whose neurons have some of any kind of parameters, their ends often among them."""
    # About what a few spikes bring: so neurons neither stay silent nor fire at each step.
    usual = max(
        float(np.abs(synapse.weight, dtype=float).sum() / len(synapse.weight)) ** 0.5 for _, synapse in synapses
    )
    exponent = int(rng.integers(0, 8))
    bias_shape = tuple(size if rng.random() < 0.5 else 1 for size in shape)
    mantissa = rng.integers(chip.BIAS_MANTISSAS[0], chip.BIAS_MANTISSAS[1] + 1, bias_shape)
    if rng.random() < 0.7:
        # Between nothing and half the threshold's scale.
        mantissa = (mantissa * usual / 128 // 2**exponent).clip(*chip.BIAS_MANTISSAS).astype(int)
    threshold = min(int(rng.random() * 12 * usual), chip.THRESHOLDS[1])
    current_decay = rng.choice([chip.DECAY_UNITY, 1, 4095, int(rng.integers(1, 4097))], p=[0.5, 0.1, 0.1, 0.3])
    voltage_decay = rng.choice([0, 1, 4095, int(rng.integers(0, 4096))], p=[0.5, 0.1, 0.1, 0.3])
    neuron = NeuronGroup(
        shape=shape,
        threshold=int(rng.choice([threshold, *chip.THRESHOLDS], p=[0.9, 0.05, 0.05])),
        current_decay=int(current_decay),
        voltage_decay=int(voltage_decay),
        bias_mantissa=mantissa.astype(np.int16) * int(rng.random() < 0.7),
        bias_exponent=exponent,
    )
    if rng.random() < 0.3:
        neuron = programmable(rng, neuron)
    return Layer(name, tuple(Connection(source, synapse) for source, synapse in synapses), neuron, 1.0)


def first_difference(job: ProgramJob, found: Layers) -> str:
    """Where Lava's spikes differ from the simulator's; "" if nowhere."""
    for number, (ours, lava) in enumerate(zip(simulate_layers(job.program, job.spikes), found, strict=True)):
        if not np.array_equal(ours, lava):
            ours, lava = (spikes.reshape(*spikes.shape[:2], -1).swapaxes(0, 1) for spikes in (ours, lava))
            sample, step, neuron = np.argwhere(ours != lava)[0].tolist()
            wrong = int((ours != lava).sum())
            return (
                f"layer {number}, sample {sample}, step {step}, neuron {neuron}: the simulator has "
                f"{ours[sample, step, neuron]}, Lava {lava[sample, step, neuron]} ({wrong} of {ours.size} differ)"
            )
    return ""


@pytest.mark.lava
@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_every_spike_of_a_random_program_is_lavas(first: int) -> None:
    numbers = range(first, min(first + BATCH, PROGRAMS))
    jobs = [random_job(number) for number in numbers]
    for number, job, found in zip(numbers, jobs, run_jobs(required("lava").python, jobs), strict=True):
        difference = first_difference(job, found)
        assert not difference, f"program {number}, {difference}"


def test_random_programs_hold_what_they_are_to_try() -> None:
    jobs = [random_job(number) for number in range(PROGRAMS)]
    rates = [spikes.mean() for job in jobs for spikes in simulate_layers(job.program, job.spikes)]
    alive = [rate for rate in rates if 0 < rate < 1]
    assert len(alive) > 0.55 * len(rates)
    assert sum(job.program.is_recurrent for job in jobs) > PROGRAMS / 10
    layers = [(index, layer) for job in jobs for index, layer in enumerate(job.program.layers)]
    programmed = [(index, layer) for index, layer in layers if not layer.neuron.is_stock]
    assert PROGRAMS / 3 < len(programmed) < len(layers) / 2
    assert sum(any(part.source == index for part in layer.connections) for index, layer in programmed) > PROGRAMS / 30
    assert sum("threshold below rest" in layer.neuron.beyond_stock for _, layer in programmed) > PROGRAMS / 30
    assert sum(job.program.is_delayed for job in jobs) > PROGRAMS / 10
    assert sum(job.program.is_delayed and job.program.is_recurrent for job in jobs) > PROGRAMS / 50
    assert sum(job.program.is_graded for job in jobs) > PROGRAMS / 10
    assert any(len(layer.connections) > 2 for job in jobs for layer in job.program.layers)
    assert any(len(set(job.program.depths)) < len(job.program.layers) for job in jobs)
    assert {1, 2, 5} <= {job.spikes.shape[0] for job in jobs}
