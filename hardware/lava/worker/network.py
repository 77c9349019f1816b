# pyright: reportMissingImports=false
"""A Loihi program as a network of Lava processes.

This file belongs to the worker and runs under Lava's interpreter. A program comes as the arrays that
`spiq.hardware.loihi.formats.storage` describes. Its samples follow each other without a pause: each takes as many of
Lava's steps as it has steps, and LIFReset brings the neurons to rest before each.

Lava holds images as [width, height, channel], a program as [channel, height, width]. A group that a convolution feeds
is held as an image in Lava, any other flat and in the program's order.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

INPUT = -1
"""The source of a connection that reads the spikes from outside."""

LARGEST_CONV = 127
"""Lava's Conv holds kernel size, stride, padding, dilation and groups as int8 (`lava/proc/conv/models.py`). Where one
is larger it fails or is silent."""

GRADED_BITS = 8
"""`num_message_bits` of a synapse whose spikes carry values. Lava only asks whether it is above 0, but its Conv holds
it as int8 (`lava/proc/conv/models.py`)."""

SPARSE_WEIGHTS, SPARSE_SHARE = 250_000, 0.05
"""A matrix of at least so many weights, of which at most this fraction is not 0, is faster as Lava's Sparse."""

Shape = tuple[int, ...]
Arrays = Mapping[str, np.ndarray]


class Values(NamedTuple):
    """A port of Lava, the shape of its values in the program, and whether Lava holds them as an image."""

    port: Any
    shape: Shape
    is_image: bool


class Synapse(NamedTuple):
    """A process of Lava with the ports s_in and a_out, and the shapes that it reads and feeds in the program."""

    process: Any
    input_shape: Shape
    output_shape: Shape
    is_conv: bool


class Network:
    """The processes of a program, for samples of as many steps as are given.

    `sent` [step, *shape] are all samples one after the other. `adapters`, from Intel's lava-loihi, are what lies
    between the host and the chip; None in simulation.
    """

    def __init__(self, program: Arrays, sent: np.ndarray, steps: int, processes: Any, adapters: Any | None) -> None:
        self.program, self.steps, self.processes, self.adapters = program, steps, processes, adapters
        self.layers: list[Values] = []
        self.depths: list[int] = []
        self.input = self._source(sent)
        for index in range(int(program["layers"])):
            self._add_layer(index)

    def recorder(self, layers: list[int], heard: np.ndarray, tell: Any) -> Any:
        """A recorder of these layers, connected."""
        groups = [self.layers[index] for index in layers]
        shapes = [_held(group.shape, group.is_image) for group in groups]
        recorder = self.processes.recorder(shapes, [self.depths[index] for index in layers], heard, tell)
        for number, group in enumerate(groups):
            port = group.port
            if self.adapters:
                adapter = self.adapters.NxToPyAdapter(shape=port.shape)
                port.connect(adapter.inp)
                port = adapter.out
            port.connect(getattr(recorder, f"layer_{number}"))
        return recorder

    def _source(self, sent: np.ndarray) -> Values:
        shape = _shape(self.program["input_shape"])
        readers = [prefix for index in range(int(self.program["layers"])) for prefix in self._reads(index, INPUT)]
        is_image = any(
            str(self.program[f"{prefix}kind"]) == "conv" and _shape(self.program[f"{prefix}input_shape"]) == shape
            for prefix in readers
        )
        source = self.processes.source(sent.transpose(0, 3, 2, 1) if is_image else sent.reshape(len(sent), -1))
        port = source.spikes
        if self.adapters:
            adapter = self.adapters.PyToNxAdapter(shape=port.shape)
            port.connect(adapter.inp)
            port = adapter.out
        return Values(port, shape, is_image)

    def _reads(self, index: int, source: int) -> list[str]:
        """The keys of a layer's connections that read this source begin so."""
        prefixes = [f"{index}.{number}." for number in range(int(self.program[f"{index}.connections"]))]
        return [prefix for prefix in prefixes if int(self.program[f"{prefix}source"]) == source]

    def _add_layer(self, index: int) -> None:
        shape = _shape(self.program[f"{index}.shape"])
        graded = GRADED_BITS if int(self.program.get("largest_input", 1)) > 1 else 0
        reads = [
            (source, _synapse(self.program, prefix, graded if source == INPUT else 0), prefix)
            for source in range(INPUT, index + 1)
            for prefix in self._reads(index, source)
        ]
        depth = 1 + max(0 if source == INPUT else self.depths[source] for source, *_ in reads if source != index)
        is_image = any(synapse.is_conv and synapse.output_shape == shape for _, synapse, _ in reads)
        neurons = self._neurons(index, shape, is_image, depth)
        group = Values(neurons.s_out, shape, is_image)
        self.layers.append(group)
        self.depths.append(depth)
        for source, synapse, prefix in reads:
            spikes = self.input if source == INPUT else self.layers[source]
            if f"{prefix}delays" in self.program:
                spikes = self._late(spikes, 0 if source == INPUT else self.depths[source], f"{prefix}delays")
            if source == index:
                gate = self.processes.gate(_held(shape, is_image), depth, self.steps)
                spikes.port.connect(gate.inward)
                spikes = spikes._replace(port=gate.outward)
            _turned(spikes, synapse.input_shape, synapse.is_conv).connect(synapse.process.s_in)
            activations = Values(synapse.process.a_out, synapse.output_shape, synapse.is_conv)
            _turned(activations, shape, is_image).connect(neurons.a_in)

    def _late(self, spikes: Values, depth: int, key: str) -> Values:
        """These spikes, of a layer of this depth, with the delays that stand under the key."""
        shape, is_image = spikes.shape, spikes.is_image
        delays = np.broadcast_to(self.program[key].astype(int), (math.prod(shape),))
        held = delays.reshape(shape).transpose() if is_image else delays
        delay = self.processes.delay(_held(shape, is_image), depth, self.steps, held)
        spikes.port.connect(delay.inward)
        return spikes._replace(port=delay.outward)

    def _neurons(self, index: int, shape: Shape, is_image: bool, depth: int) -> Any:
        if f"{index}.reset" in self.program:
            return self._programmable_neurons(index, shape, is_image, depth)
        from lava.proc.lif.process import LIFReset

        bias = np.broadcast_to(self.program[f"{index}.bias_mantissa"], shape).astype(int)
        return LIFReset(
            shape=_held(shape, is_image),
            # A program has the effective decay; Lava adds 1 to its register (ds_offset in lava/proc/lif/models.py).
            du=int(self.program[f"{index}.current_decay"]) - 1,
            dv=int(self.program[f"{index}.voltage_decay"]),
            vth=int(self.program[f"{index}.threshold"]),
            bias_mant=bias.transpose() if is_image else bias.reshape(-1),
            bias_exp=int(self.program[f"{index}.bias_exponent"]),
            reset_interval=self.steps,
            reset_offset=1 + depth,
        )

    def _programmable_neurons(self, index: int, shape: Shape, is_image: bool, depth: int) -> Any:
        def held(values: np.ndarray) -> np.ndarray:
            values = np.broadcast_to(values, shape)
            return values.transpose() if is_image else values.reshape(-1)

        numbers = {
            key: held(self.program[f"{index}.{key}"])
            for key in ("threshold", "current_decay", "voltage_decay", "reset_by")
        }
        mantissa = self.program[f"{index}.bias_mantissa"].astype(np.int32)
        return self.processes.neurons(
            shape=_held(shape, is_image),
            reset=str(self.program[f"{index}.reset"]),
            interval=self.steps,
            offset=1 + depth,
            bias=held(mantissa << int(self.program[f"{index}.bias_exponent"])),
            **numbers,
        )


def _shape(values: np.ndarray) -> Shape:
    return tuple(values.tolist())


def _held(shape: Shape, is_image: bool) -> Shape:
    """The shape that Lava gives to a group of this one."""
    return shape[::-1] if is_image else (math.prod(shape),)


def _turned(values: Values, shape: Shape, as_image: bool) -> Any:
    """A port with the same values, as they are held in a group of this shape."""
    port = values.port
    if values.is_image and as_image and values.shape == shape:
        return port
    if values.is_image:
        port = port.transpose([2, 1, 0])
    if as_image:
        return port.reshape(shape).transpose([2, 1, 0])
    return port.flatten() if values.is_image else port


def _synapse(program: Arrays, prefix: str, message_bits: int) -> Synapse:
    weight = program[f"{prefix}weight"].astype(np.int32)
    if str(program[f"{prefix}kind"]) == "dense":
        return _matrix(weight, weight.shape[1:], weight.shape[:1], message_bits)
    read = _shape(program[f"{prefix}input_shape"])
    stride, padding, dilation = (_shape(program[f"{prefix}{key}"]) for key in ("stride", "padding", "dilation"))
    groups = int(program[f"{prefix}groups"])
    if max(*weight.shape[2:], *stride, *padding, *dilation, groups) > LARGEST_CONV:
        matrix, fed = _unrolled(weight, read, stride, padding, dilation)
        return _matrix(matrix, read, fed, message_bits)
    from lava.proc.conv.process import Conv

    process = Conv(
        # Lava flips the kernel, as a convolution does: a program's cross-correlation goes in flipped.
        weight=np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)),
        input_shape=read[::-1],
        stride=stride[::-1],
        padding=padding[::-1],
        dilation=dilation[::-1],
        groups=groups,
        num_message_bits=message_bits,
    )
    width, height, channels = (int(size) for size in process.output_shape)
    return Synapse(process, read, (channels, height, width), True)


def _matrix(weight: Any, read: Shape, fed: Shape, message_bits: int) -> Synapse:
    """A matrix over flat groups, from an array or from one of SciPy's sparse matrices."""
    from lava.proc.dense.process import Dense
    from lava.proc.sparse.process import Sparse
    from scipy.sparse import issparse

    size = math.prod(weight.shape)
    if issparse(weight) or (size >= SPARSE_WEIGHTS and np.count_nonzero(weight) <= SPARSE_SHARE * size):
        return Synapse(Sparse(weights=weight, num_message_bits=message_bits), read, fed, False)
    return Synapse(Dense(weights=weight, num_message_bits=message_bits), read, fed, False)


def _unrolled(weight: np.ndarray, read: Shape, stride: Shape, padding: Shape, dilation: Shape) -> tuple[Any, Shape]:
    """A convolution as a sparse matrix over flat groups, and the shape that it feeds."""
    from scipy.sparse import coo_matrix

    out, in_per_group, *kernel = weight.shape
    groups = read[0] // in_per_group
    fed = tuple(
        (size + 2 * pad - spread * (taps - 1) - 1) // step + 1
        for size, taps, step, pad, spread in zip(read[1:], kernel, stride, padding, dilation, strict=True)
    )
    fed_neuron = np.arange(out * math.prod(fed)).reshape(out, *fed)
    read_neuron = np.arange(math.prod(read)).reshape(read)
    rows, columns, values = [], [], []
    for (o, i, *tap), value in np.ndenumerate(weight):
        if not value:
            continue
        # Along each axis: which places are fed from inside the image, and from where.
        places = [np.arange(size) for size in fed]
        origins = [p * s + d * t - pad for p, s, d, t, pad in zip(places, stride, dilation, tap, padding, strict=True)]
        inside = [(origin >= 0) & (origin < size) for origin, size in zip(origins, read[1:], strict=True)]
        (y, x), (from_y, from_x) = (
            [at[where] for at, where in zip(axes, inside, strict=True)] for axes in (places, origins)
        )
        rows.append(fed_neuron[o][np.ix_(y, x)].reshape(-1))
        columns.append(read_neuron[i + o // (out // groups) * in_per_group][np.ix_(from_y, from_x)].reshape(-1))
        values.append(np.full(rows[-1].size, value, np.int32))
    index = (np.concatenate([np.zeros(0, int), *rows]), np.concatenate([np.zeros(0, int), *columns]))
    entries = np.concatenate([np.zeros(0, np.int32), *values])
    shape = (fed_neuron.size, read_neuron.size)
    return coo_matrix((entries, index), shape=shape, dtype=np.int32).tocsr(), (out, *fed)
