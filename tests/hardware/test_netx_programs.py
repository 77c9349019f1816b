"""Random programs as netx files: what lava-dl's reader makes of them fires as the simulator does.

Everywhere, the file is read by a second, plain transcription of the reader and of Lava's arithmetic, neuron by neuron.
Where Lava's environment is, lava-dl itself reads and Lava runs it. SPIQ_NETX_PROGRAMS=1000 asks for more programs than
a usual run takes. Program n is the same in every run.
"""

import math
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from scipy.signal import convolve2d

from spiq.export.errors import InputError
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.lava.jobs import run_jobs
from spiq.hardware.lava.netx_device import NETX_WORKER, NetxJob, open_netx
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.loihi.synapse import ConvSynapse, DenseSynapse, Synapse

PROGRAMS = int(os.environ.get("SPIQ_NETX_PROGRAMS", "40"))

Shape = tuple[int, ...]


def random_weights(rng: Generator, shape: Shape) -> np.ndarray:
    """Whole weights on one of the chip's grids, coarse or fine, now and then with its ends."""
    coarse = 2 ** int(rng.integers(0, 7))
    match rng.choice(["mixed", "excitatory", "inhibitory"], p=[0.6, 0.3, 0.1]):
        case "mixed":
            weight = rng.integers(-128 // coarse, 128 // coarse, shape) * 2 * int(rng.choice([1, coarse]))
            # Without one above 0, these are inhibitory.
            weight = weight if weight.max() > 0 else np.maximum(weight, -255)
        case "excitatory":
            weight = rng.integers(0, 256 // coarse, shape) * int(rng.choice([1, coarse]))
        case _:
            weight = -rng.integers(1, 256 // coarse, shape) * int(rng.choice([1, coarse]))
    return weight.astype(np.int16)


def random_conv(rng: Generator, image: tuple[int, int, int]) -> ConvSynapse:
    channels = image[0]
    while True:
        groups = int(rng.choice([count for count in range(1, channels + 1) if channels % count == 0]))
        kernel, stride, padding, dilation = (
            (int(a), int(b)) for a, b in (rng.integers(low, high, 2) for low, high in ((1, 4), (1, 4), (0, 3), (1, 3)))
        )
        weight = random_weights(rng, (groups * int(rng.integers(1, 4)), channels // groups, *kernel))
        try:
            return ConvSynapse(weight, image, stride, padding, dilation, groups)
        except InputError:
            # The kernel is larger than the image; another one is drawn.
            continue


def random_neuron(rng: Generator, shape: Shape, synapse: Synapse) -> NeuronGroup:
    drive = np.abs(synapse.weight, dtype=np.float64).reshape(len(synapse.weight), -1).sum(1).mean()
    threshold = min(int(drive * rng.choice([0.01, 0.03, 0.1])), 2**17 - 1)
    exponent = int(rng.choice([0, 3, 6, 7]))
    # In multiples of 64, which are what the format has.
    finest = max(0, 6 - exponent)
    largest = min(4095 >> finest, threshold // 3 + 1)
    values = rng.integers(-largest // 2, largest + 1, tuple(int(rng.choice([1, size])) for size in shape))
    mantissa = (values // 2 if exponent == 7 else values << finest).astype(np.int16)
    current, voltage = rng.choice([4096, 1, int(rng.integers(1, 4097))]), rng.choice([0, 4095, int(rng.integers(4096))])
    return NeuronGroup(shape, threshold, int(current), int(voltage), mantissa, exponent)


def random_program(seed: int) -> LoihiProgram:
    """One to four layers: convolutions, poolings, identities, and matrices with and without recurrence."""
    rng = np.random.default_rng(seed)
    shape: Shape = (int(rng.integers(1, 5)), *rng.integers(3, 9, 2).tolist())[: int(rng.choice([3, 3, 3, 2, 1]))]
    outside, layers = shape, []
    is_image = len(shape) > 1
    for index in range(int(rng.integers(1, 5))):
        kind = rng.choice(["conv", "identity", "dense"], p=[0.6, 0.1, 0.3])
        own: tuple[Connection, ...] = ()
        size = math.prod(shape)
        if kind == "conv" and is_image:
            synapse: Synapse = random_conv(rng, (shape[0], shape[1], math.prod(shape[2:])))
            # A group over a line may be [channel, length] too.
            shape = synapse.output_shape[: 2 if synapse.output_shape[2] == 1 and rng.random() < 0.7 else 3]
        elif kind == "identity":
            synapse = ConvSynapse(np.full((1, 1, 1, 1), rng.integers(1, 256), np.int16), (1, size, 1))
        else:
            shape, is_image = (int(rng.integers(1, 12)),), False
            synapse = DenseSynapse(random_weights(rng, (*shape, size)))
            if rng.random() < 0.4:
                own = (Connection(index, DenseSynapse(random_weights(rng, (*shape, *shape)))),)
        connections = (*own, Connection(index - 1 if index else INPUT, synapse))
        layers.append(Layer(f"layer {index}", connections, random_neuron(rng, shape, synapse), 1.0))
    return LoihiProgram(outside, tuple(layers))


def random_spikes(seed: int, program: LoihiProgram) -> np.ndarray:
    """One to six steps of one to three samples."""
    rng = np.random.default_rng([seed, 1])
    shape = (int(rng.integers(1, 7)), int(rng.integers(1, 4)), *program.input_shape)
    return (rng.random(shape) < rng.choice([0.2, 0.5, 0.8])).astype(np.uint8)


def writable(folder: Path, seeds: range) -> list[tuple[Path, LoihiProgram, np.ndarray]]:
    """The programs of these numbers that the format can hold, as files, and spikes for each."""
    found = []
    for seed in seeds:
        program, path = random_program(seed), folder / f"{seed}.net"
        try:
            write_netx(path, program)
        except InputError as error:
            # The one limit that these programs meet.
            if "its weights must be such as lava-dl keeps" not in str(error):
                raise
        else:
            found.append((path, program, random_spikes(seed, program)))
    return found


class PlainLayer:
    """A layer of a file as lava-dl's `create_conv` and `create_dense` read it, its arrays held as Lava holds them."""

    def __init__(self, stored: h5py.Group) -> None:
        self.kind = stored["type"][0].decode()
        weight = stored["weight"][()].astype(int)
        self.shape: Shape = tuple(stored["shape"][()][::-1].tolist())
        self.recurrent = np.zeros((0, 0), int)
        if self.kind == "conv":
            self.weight = weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
            self.stride, self.padding, self.dilation = (
                stored[key][()][::-1].tolist() for key in ("stride", "padding", "dilation")
            )
            self.groups = int(stored["groups"][()])
        else:
            recurrent = stored["weight_rec"][()].astype(int) if self.kind == "dense_rec" else weight[:, :0]
            self.weight, self.recurrent = as_read(weight, recurrent)
        bias = stored["bias"][()].astype(int)
        self.bias = np.broadcast_to(bias, self.shape) << 6
        neuron = stored["neuron"]
        self.threshold = int(neuron["vThMant"][()]) << 6
        self.current_decay, self.voltage_decay = int(neuron["iDecay"][()] - 1) + 1, int(neuron["vDecay"][()])
        self.rest()

    def rest(self) -> None:
        self.u, self.v = np.zeros(self.shape, int), np.zeros(self.shape, int)
        self.spikes = np.zeros(self.shape, int)

    def step(self, spikes: np.ndarray) -> np.ndarray:
        arriving = self.convolved(spikes) if self.kind == "conv" else self.weight @ spikes
        if self.recurrent.size:
            arriving = arriving + self.recurrent @ self.spikes
        for place in np.ndindex(self.shape):
            u = int(self.u[place] * (4096 - self.current_decay) / 4096) + (int(arriving[place]) << 6)
            u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
            v = int(self.v[place] * (4096 - self.voltage_decay) / 4096) + u + int(self.bias[place])
            v = max(-(2**23) + 1, min(2**23 - 1, v))
            self.u[place], self.spikes[place] = u, v > self.threshold
            self.v[place] = 0 if v > self.threshold else v
        return self.spikes.copy()

    def convolved(self, spikes: np.ndarray) -> np.ndarray:
        """`conv_scipy` of lava-nc's lava/proc/conv/utils.py, for one step."""
        (px, py), (dx, dy), (sx, sy) = self.padding, self.dilation, self.stride
        out, width, height, in_per_group = self.weight.shape
        kernel = np.zeros((out, dx * (width - 1) + 1, dy * (height - 1) + 1, in_per_group), int)
        kernel[:, ::dx, ::dy] = self.weight
        padded = np.pad(spikes, ((px, px), (py, py), (0, 0)))
        received = np.zeros(self.shape, int)
        for o in range(out):
            first = o // (out // self.groups) * in_per_group
            for i in range(in_per_group):
                received[:, :, o] += convolve2d(padded[:, :, first + i], kernel[o, :, :, i], "valid")[::sx, ::sy]
        return received


def as_read(*matrices: np.ndarray) -> list[np.ndarray]:
    """What is left of matrices that `optimize_weight_bits` shifts and Lava's Dense clips, truncates and shifts back.

    Raises OverflowError for nothing but zeros, as the reader does.
    """
    joined = np.hstack(matrices)
    most, least = joined.max(), joined.min()
    if most > 254 and least < 0:
        matrices = tuple(np.clip(matrix, -256, 254) for matrix in matrices)
        most = np.int64(254)
    with np.errstate(divide="ignore", invalid="ignore"):
        if most < 0:
            signed, scale = 0, -256 / least
        elif least >= 0:
            signed, scale = 0, 255 / most
        else:
            signed, scale = 1, min(127 / most, -128 / least)
    shift = int(np.floor(np.log2(scale))) + signed
    n = 8
    while n > 0 and np.abs(joined / 2**n - np.round(joined / 2**n)).sum():
        n -= 1
    bits = 8 - shift - (n - signed)
    found = []
    for matrix in matrices:
        weight = matrix << shift
        sign = -1 if weight.size and weight.max() <= 0 and weight.min() < 0 else 1
        mixed = bool(weight.size) and weight.min() < 0 < weight.max()
        weight = np.clip(sign * weight, -256 if mixed else 0, 255)
        cut = 8 - bits + mixed
        # A shift by less than nothing shifts all bits out.
        # Lava shifts back the sums, so that half a weight counts too.
        found.append(sign * (weight >> cut << cut if cut >= 0 else 0 * weight) / 2**shift)
    return found


def plain_run(path: Path, spikes: np.ndarray) -> np.ndarray:
    """The file's output [time, sample, feature], each layer seeing step t at step t."""
    steps, samples = spikes.shape[:2]
    answers = []
    with h5py.File(path) as file:
        stored = [file[f"layer/{index}"] for index in range(len(file["layer"]))]
        held = stored[0]["shape"][()].tolist()
        kinds = [layer["type"][0].decode() for layer in stored[1:]]
        layers = [PlainLayer(layer) for layer, kind in zip(stored[1:], kinds, strict=True) if kind != "flatten"]
    flattened = [kinds[index - 1] == "flatten" for index, kind in enumerate(kinds) if kind != "flatten"]
    for sample in range(samples):
        for layer in layers:
            layer.rest()
        for step in range(steps):
            passed = spikes[step, sample].reshape(held)
            passed = passed.transpose() if layers[0].kind == "conv" else passed.reshape(-1)
            for layer, flat in zip(layers, flattened, strict=True):
                passed = layer.step(passed.transpose().reshape(-1) if flat else passed)
            answers.append(passed.transpose().reshape(-1))
    return np.stack(answers).reshape(samples, steps, -1).swapaxes(0, 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_plain_reader_of_the_file_fires_as_the_simulator(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    for path, program, spikes in writable(tmp_path_factory.mktemp("netx"), range(seed, seed + 1)):
        assert np.array_equal(plain_run(path, spikes), simulate(program, spikes))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_matrix_is_refused_just_where_the_reader_changes_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    size, out = rng.integers(1, 4, 2).tolist()
    matrices = [random_weights(rng, (out, size)), random_weights(rng, (out, out))][: int(rng.integers(1, 3))]
    connections = tuple(
        Connection(source, DenseSynapse(matrix)) for source, matrix in zip((INPUT, 0), matrices, strict=False)
    )
    neuron = NeuronGroup((out,), 10, 4096, 0, np.zeros(1, np.int16), 6)
    program = LoihiProgram((size,), (Layer("matrix", connections, neuron, 1.0),))
    whole = [matrix.astype(int) for matrix in matrices]
    try:
        is_kept = all(map(np.array_equal, as_read(*whole), whole))
    except OverflowError:
        is_kept = False
    path = tmp_path_factory.getbasetemp() / "matrix.net"
    if is_kept:
        write_netx(path, program)
    else:
        with pytest.raises(InputError, match="layer 'matrix': its weights must be such as lava-dl keeps"):
            write_netx(path, program)


def test_the_random_programs_hold_what_they_are_to_try(tmp_path: Path) -> None:
    written = writable(tmp_path, range(PROGRAMS))
    assert len(written) > 30
    programs = [program for _, program, _ in written]
    fired = [simulate(program, spikes).mean() for _, program, spikes in written]
    assert sum(0 < rate < 1 for rate in fired) > len(written) / 3
    assert sum(program.is_recurrent for program in programs) > 2
    assert {len(program.input_shape) for program in programs} == {1, 2, 3}
    assert len({len(spikes) for _, _, spikes in written}) > 3


@pytest.mark.netx
def test_every_spike_of_a_random_program_is_that_of_lava_dl(tmp_path: Path) -> None:
    written = writable(tmp_path, range(PROGRAMS))
    jobs = [NetxJob(open_netx(path), spikes) for path, _, spikes in written]
    done = run_jobs(required("netx").python, jobs, script=NETX_WORKER)
    for (path, program, spikes), (found,) in zip(written, done, strict=True):
        ours = simulate(program, spikes)
        wrong = np.argwhere(ours != found)
        assert not len(wrong), f"{path.name}: {len(wrong)} of {ours.size}, first at {wrong[0].tolist()}"
