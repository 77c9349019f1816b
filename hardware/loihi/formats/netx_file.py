"""Loihi programs as netx files: HDF5 in the form that lava-dl 0.6.0 loads onto a Loihi 2, or into Lava.

The form is what `lava.lib.dl.netx.hdf5.Network` reads, bit by bit what the program says:

    layer/0                  input     shape, as [channel, height, width]; spikes go in as they are
    layer/1, layer/2, …      conv      shape  weight  bias  stride  padding  dilation  groups  neuron/…
                             flatten   shape, between a map and a matrix
                             dense     shape  weight  bias  neuron/…
                             dense_rec the same and weight_rec
    neuron/…                 type "CUBA"  iDecay  vDecay  vThMant  refDelay  gradedSpike

Kernels are in PyTorch's order and not flipped: the reader turns them. A bias has one value a channel, or where that is
not enough one a neuron, as [width, height, channel]. In Lava the samples of T steps stream through like this:

    from lava.lib.dl.netx import hdf5
    network = hdf5.Network(net_config="encoder.net", reset_interval=T, reset_offset=1)
    source.s_out.connect(network.inp)      step t of sample n in Lava's step 1 + t + n·T, as [width, height, channel]
    network.out.connect(sink.a_in)         step t of sample n in Lava's step 1 + len(network) + t + n·T
    network.run(RunSteps(num_steps=len(network) + n_samples * T), run_config)

`run_config` is Loihi2SimCfg(select_tag="fixed_pt") for Lava. For a board it is Loihi2HwCfg(), and an adapter of Intel's
lava-loihi (lava.proc.embedded_io) stands at both ends; no board was at hand to try that. A recurrent layer, which is
network.layers[k], needs a pause after each of Lava's steps k + 1 + n·T, to set synapse_rec.a_buff to 0: LIFReset brings
the neurons to rest, but not what a layer has sent to itself.

The format has one exponent for all biases, chains only, and a reader that changes some matrices: `write_netx` refuses
what would not run as the program does.
"""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Int16, UInt8

from ....export.errors import InputError
from ....export.files.atomic import new_file
from ....export.files.hdf5 import flattened, read_hdf5
from .. import chip
from ..lowering.fold import MATRIX_LIMIT
from ..neuron_group import NeuronGroup
from ..program import INPUT, Connection, LoihiProgram
from ..synapse import ConvSynapse, DenseSynapse, Synapse, activation

BIAS_EXPONENT = 6
"""The exponent that the reader gives every bias (`Network.get_neuron_params` in lava-dl 0.6.0's netx/hdf5.py)."""

LARGEST_CONV = 127
"""Lava's Conv holds kernel size, stride, padding, dilation and groups as int8 (`lava/proc/conv/models.py`). Beyond that
it is silent or fails."""

CHUNK_VALUES = 2**24
"""How many unit spikes are sent through a synapse at once to find its matrix."""

Image = tuple[int, int, int]
"""(channel, height, width)"""
Fields = dict[str, Any]


def write_netx(path: Path | str, program: LoihiProgram) -> None:
    """Write the program as a netx file. The same program gives the same bytes.

    Raises InputError, naming the layer, before anything is written: where a layer needs a programmable neuron; where
    it reads anything but the one before it and, through a matrix, itself; where it reads with delays, or graded spikes
    from outside; where a bias is no multiple of 64 or has more than 13 bits then; where a convolution is larger than
    Lava's Conv holds; and where the reader would change a matrix's weights. Raises it too where the file cannot be
    written.
    """
    content = netx_content(_entries(program))
    with new_file(Path(path)) as file:
        file.write_bytes(content)


def check_netx(program: LoihiProgram) -> None:
    """Raises InputError as `write_netx` does, and writes nothing."""
    _entries(program)


def netx_content(entries: Mapping[str, Any]) -> bytes:
    """The file that has these entries under these paths. The same entries give the same bytes."""
    # HDF5 that meets a full disk can end the process; what is made in memory fails as any other file does.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for key, value in entries.items():
            file[key] = value
    return content.getvalue()


def netx_differences(content: bytes, program: LoihiProgram) -> int:
    """How many entries of a netx file are missing, too many, or not what the program says.

    Raises InputError as `write_netx` and `read_hdf5` do.
    """
    wanted, found = _entries(program), flattened(read_hdf5(content, "encoder.net").root)
    differing = [key for key in wanted.keys() & found.keys() if not np.array_equal(wanted[key], found[key])]
    return len(differing) + len(wanted.keys() ^ found.keys())


def _entries(program: LoihiProgram) -> Fields:
    """Every entry of the file by its path."""
    return {
        f"layer/{index}/{key}": value
        for index, fields in enumerate(_file_layers(program))
        for key, value in fields.items()
    }


def _file_layers(program: LoihiProgram) -> list[Fields]:
    """Every layer of the file, the input's first."""
    image = entry = _entry_image(program)
    size = math.prod(program.input_shape)
    layers: list[Fields] = []
    for index, layer in enumerate(program.layers):
        where = f"layer {layer.name!r}"
        if not layer.neuron.is_stock:
            raise InputError(
                f"{where}: needs a programmable neuron ({', '.join(layer.neuron.beyond_stock)}); a netx file holds "
                "Lava's LIF only"
            )
        forward, recurrent = _connections(program, index)
        synapse = forward.synapse if recurrent is None else _matrix(forward.synapse, where)
        synapse = _as_read(synapse, image, where)
        if isinstance(synapse, ConvSynapse):
            _check_conv(synapse, where)
            image = synapse.output_shape
            layers.append(_conv(synapse, layer.neuron, where))
        else:
            if image and layers:
                layers.append({"type": _type("flatten"), "shape": np.array([size])})
            image = None
            layers.append(_dense(synapse, recurrent and _matrix(recurrent.synapse, where), layer.neuron, where))
        size = layer.neuron.size
    shape = entry if layers[0]["type"] == _type("conv") else program.input_shape
    return [{"type": _type("input"), "shape": np.array(shape)}, *layers]


def _entry_image(program: LoihiProgram) -> Image | None:
    """The input as a map; None where it is a vector, which is what the first convolution says it is."""
    match program.input_shape:
        case (channel, height, width):
            return channel, height, width
        case (channel, length):
            return channel, length, 1
        case _:
            synapse = _connections(program, 0)[0].synapse
            return synapse.input_shape if isinstance(synapse, ConvSynapse) else None


def _connections(program: LoihiProgram, index: int) -> tuple[Connection, Connection | None]:
    """What the layer of this index has from the layer before it, and from itself."""
    layer = program.layers[index]
    before = index - 1 if index else INPUT
    sources = [connection.source for connection in layer.connections]
    if sorted(set(sources)) != sorted(sources) or not {before} <= set(sources) <= {before, index}:
        names = {INPUT: "the input"} | {number: repr(other.name) for number, other in enumerate(program.layers)}
        raise InputError(
            f"layer {layer.name!r}: in a netx file it must read what comes before it, {names[before]}, once, and "
            f"itself at most, got {', '.join(names[source] for source in sources)}"
        )
    if any(connection.longest_delay for connection in layer.connections):
        raise InputError(f"layer {layer.name!r}: it reads spikes with delays; a netx file holds none")
    if INPUT in sources and program.is_graded:
        raise InputError(
            f"layer {layer.name!r}: in a netx file what comes from outside must be 0 or 1, got graded spikes, up to "
            f"{program.largest_input}"
        )
    by_source = {connection.source: connection for connection in layer.connections}
    return by_source[before], by_source.get(index)


def _as_read(synapse: Synapse, image: Image | None, where: str) -> Synapse:
    """The same synapse as the reader can have it behind a map of that shape, or behind a vector (None)."""
    if isinstance(synapse, DenseSynapse):
        return synapse
    if image == synapse.input_shape:
        return _in_larger_groups(synapse)
    is_one_to_one = synapse.weight.shape == (1, 1, 1, 1) and synapse.input_shape == synapse.output_shape
    if image and is_one_to_one:
        return _in_larger_groups(ConvSynapse(np.repeat(synapse.weight, image[0], 0), image, groups=image[0]))
    return _matrix(synapse, where)


def _in_larger_groups(synapse: ConvSynapse) -> ConvSynapse:
    """The convolution with as many groups as Lava holds, and weights of 0 where two groups became one."""
    groups = max(count for count in range(1, LARGEST_CONV + 1) if synapse.groups % count == 0)
    joined = synapse.groups // groups
    out, in_per_group, *kernel = synapse.weight.shape
    weight = np.zeros((out, joined, in_per_group, *kernel), np.int16)
    place = np.arange(out) // (out // synapse.groups) % joined
    weight[np.arange(out), place] = synapse.weight
    weight = weight.reshape(out, joined * in_per_group, *kernel)
    return ConvSynapse(weight, synapse.input_shape, synapse.stride, synapse.padding, synapse.dilation, groups)


def _matrix(synapse: Synapse, where: str) -> DenseSynapse:
    """The synapse as a matrix, whose columns are what single spikes cause."""
    if isinstance(synapse, DenseSynapse):
        return synapse
    size_in, size_out = math.prod(synapse.input_shape), math.prod(synapse.output_shape)
    if size_in * size_out > MATRIX_LIMIT:
        raise InputError(
            f"{where}: its convolution must have at most {MATRIX_LIMIT} values as a matrix, the only form in which a "
            f"netx file can hold it, got [{size_out}, {size_in}]"
        )
    weight = np.empty((size_out, size_in), np.int16)
    step = max(1, CHUNK_VALUES // max(size_in, size_out))
    for start in range(0, size_in, step):
        units: UInt8[np.ndarray, "unit neuron"] = np.eye(min(step, size_in - start), size_in, start, np.uint8)
        weight[:, start : start + step] = activation(synapse, units.reshape(1, -1, *synapse.input_shape))[0].T
    return DenseSynapse(weight)


def _check_conv(synapse: ConvSynapse, where: str) -> None:
    for key, sizes in (
        ("kernel size", synapse.weight.shape[2:]),
        ("stride", synapse.stride),
        ("padding", synapse.padding),
        ("dilation", synapse.dilation),
    ):
        if max(sizes) > LARGEST_CONV:
            raise InputError(f"{where}: its {key} must be at most {LARGEST_CONV}, as in Lava, got {list(sizes)}")


def _conv(synapse: ConvSynapse, neuron: NeuronGroup, where: str) -> Fields:
    channels, height, width = synapse.output_shape
    bias = np.broadcast_to(_bias(neuron, where), neuron.shape).reshape(channels, height, width)
    is_per_channel = (bias == bias[:, :1, :1]).all()
    return {
        "type": _type("conv"),
        "shape": np.array(synapse.output_shape),
        "inChannels": synapse.input_shape[0],
        "outChannels": channels,
        "kernelSize": np.array(synapse.weight.shape[2:]),
        "stride": np.array(synapse.stride),
        "padding": np.array(synapse.padding),
        "dilation": np.array(synapse.dilation),
        "groups": synapse.groups,
        "weight": synapse.weight,
        "bias": bias[:, 0, 0] if is_per_channel else bias.transpose(),
        **_neuron(neuron),
    }


def _dense(forward: DenseSynapse, recurrent: DenseSynapse | None, neuron: NeuronGroup, where: str) -> Fields:
    matrices = [forward.weight] if recurrent is None else [forward.weight, recurrent.weight]
    if not _is_kept(matrices):
        least, most = (end(int(end(matrix)) for matrix in map(np.ravel, matrices)) for end in (min, max))
        raise InputError(
            f"{where}: its weights must be such as lava-dl keeps when it reads the matrix (even ones of both signs, or "
            f"none below 0 and one above), got {least} to {most}"
        )
    return {
        "type": _type("dense" if recurrent is None else "dense_rec"),
        "shape": np.array([neuron.size]),
        "inFeatures": forward.weight.shape[1],
        "outFeatures": neuron.size,
        **dict(zip(("weight", "weight_rec"), matrices, strict=False)),
        "bias": np.broadcast_to(_bias(neuron, where), neuron.shape).reshape(-1),
        **_neuron(neuron),
    }


def _neuron(neuron: NeuronGroup) -> Fields:
    # The reader takes 1 off iDecay, which the chip adds again.
    return {
        "neuron/type": np.bytes_("CUBA"),
        "neuron/iDecay": neuron.current_decay,
        "neuron/vDecay": neuron.voltage_decay,
        "neuron/vThMant": neuron.threshold,
        "neuron/refDelay": 1,
        "neuron/gradedSpike": False,
    }


def _bias(neuron: NeuronGroup, where: str) -> Int16[np.ndarray, "*bias"]:
    """The mantissas for the reader's exponent."""
    bias = neuron.bias_mantissa.astype(np.int64) << neuron.bias_exponent
    unit = 2**BIAS_EXPONENT
    least, most = chip.BIAS_MANTISSAS
    for value in bias[(bias % unit != 0) | (bias < least * unit) | (bias > most * unit)]:
        raise InputError(
            f"{where}: its bias must hold multiples of {unit} from {least * unit} to {most * unit}, as a netx file "
            f"does, got {value}"
        )
    return (bias >> BIAS_EXPONENT).astype(np.int16)


def _is_kept(matrices: list[Int16[np.ndarray, "out in"]]) -> bool:
    """Whether Lava multiplies with the weights of these matrices, forward and recurrent, as they stand in the file.

    The reader shifts them together up to 8 bits (`optimize_weight_bits` in lava-dl's netx/utils.py), and tells Lava
    how many bits are used. Lava cuts off the rest, for each matrix by the grid of its own signs (`clip_weights` and
    `truncate_weights` in lava-nc's utils/weightutils.py). Of matrices with no weight above 0 the two think differently.
    """
    least = min(int(matrix.min()) for matrix in matrices)
    most = max(int(matrix.max()) for matrix in matrices)
    if least == most == 0 or (least < 0 < most and most > chip.MIXED.most):
        return False
    is_mixed = least < 0 <= most
    up, down = (127, 128) if is_mixed else (255, 256)
    scale = min(up / most if most > 0 else math.inf, down / -least if least < 0 else math.inf)
    shift = math.floor(math.log2(scale)) + is_mixed
    unused = next(bits for bits in range(8, -1, -1) if not any((matrix % 2**bits).any() for matrix in matrices))
    for matrix in matrices:
        grid = chip.weight_grid(matrix)
        cut = shift + unused - is_mixed + (grid is chip.MIXED)
        shifted = matrix.astype(np.int64) << shift
        if cut < 0 or shifted.min() < grid.least or (shifted % 2**cut).any():
            return False
    return True


def _type(name: str) -> np.ndarray:
    return np.array([name], "S10")
