"""What lava-dl's reader takes from a netx file, checked before it does.

The reader (`lava.lib.dl.netx.hdf5.Network` of lava-dl 0.6.0) believes what a file says. Here the layers are gone
through in the same order: shapes must follow from weights, weights must be integers that are in the file, and
what Lava makes processes of is bounded. What the reader does not look at is left out. `hardware.loihi.netx_file`
describes the format.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...export.errors import InputError
from ...export.files.hdf5 import Group, Value, flattened
from ...export.nir.geometry import Shape, whole_numbers, windows
from ..loihi.formats.netx_file import LARGEST_CONV

MOST_LAYERS = 128
"""Lava runs each layer in two processes of the operating system."""

MOST_NEURONS = 2**22
"""How many neurons all layers may have together: four Loihi 2 chips are full of them."""

NEURON_TYPES = ("CUBA", "LOIHI")
"""The neurons whose spikes are 0 or 1 and that the reader makes LIF of."""

_LARGEST = 2**31 - 1

_REFUSED = {
    "delay": "delays, which leak from one sample into the next",
    "neuron/messageBits": "graded spikes",
    "neuron/sigma_output": "graded spikes",
}
"""What the reader would act on and a `SpikingDevice` cannot be."""


class NetxLayers(NamedTuple):
    """The layers' entries by their paths, as they are to be written, and the sizes of what goes in and comes out."""

    entries: dict[str, Value]
    input_size: int
    output_size: int


def checked_layers(root: Group, name: str) -> NetxLayers:
    """The layers that the reader would find in a file with this root; `name` names the file in the errors.

    Raises InputError, naming the layer, for anything else than an input followed by layers of the types conv, flatten,
    dense and dense_rec, whose entries fit each other.
    """
    stored = root.get("layer")
    if not isinstance(stored, dict) or stored.keys() != {str(index) for index in range(len(stored))}:
        raise InputError(f"{name}: not a well-formed netx file: it has no group 'layer' whose members are 0, 1, 2, …")
    if len(stored) > MOST_LAYERS:
        raise InputError(f"{name}: must have at most {MOST_LAYERS} layers, got {len(stored)}")
    groups = [stored[str(index)] for index in range(len(stored))]
    layers = [
        _Layer(flattened(group) if isinstance(group, dict) else {}, f"{name}: layer {index}")
        for index, group in enumerate(groups)
    ]
    types = [layer.type() for layer in layers]
    if len(types) < 2 or types[0] != "input" or "input" in types[1:] or types[-1] == "flatten":
        raise InputError(
            f"{name}: its layers must be an input and at least one more, with no flatten last, got {', '.join(types)}"
        )
    shape = entry = layers[0].input()
    neurons = 0
    for kind, layer in zip(types[1:], layers[1:], strict=True):
        if kind == "flatten":
            shape = (math.prod(shape),)
            continue
        shape = layer.conv(shape) if kind == "conv" else layer.dense(shape, kind == "dense_rec")
        neurons += math.prod(shape)
        if neurons > MOST_NEURONS:
            raise InputError(f"{name}: must have at most {MOST_NEURONS} neurons, got {neurons} or more")
    entries = {
        f"layer/{index}/{key}": value for index, layer in enumerate(layers) for key, value in layer.checked.items()
    }
    return NetxLayers(entries, math.prod(entry), math.prod(shape))


class _Layer:
    """One layer's entries by their paths, and those of them that were checked."""

    def __init__(self, stored: Mapping[str, Value], where: str) -> None:
        self.stored, self.where = stored, where
        self.checked: dict[str, Value] = {}
        for key, what in _REFUSED.items():
            if key in stored:
                raise InputError(f"{where}: has {key}; {what} are not supported")

    def type(self) -> str:
        kind = self._word("type")
        if kind not in ("input", "conv", "flatten", "dense", "dense_rec"):
            raise InputError(f"{self.where}: its type must be input, conv, flatten, dense or dense_rec, got {kind!r}")
        return kind

    def input(self) -> Shape:
        shape = self._shape()
        if any(key.startswith("neuron/") for key in self.stored):
            self._neuron()
            for key in ("weight", "bias"):
                if key in self.stored:
                    self._whole(key, -_LARGEST, _LARGEST, ())
        if math.prod(shape) > MOST_NEURONS:
            raise InputError(f"{self.where}: must read at most {MOST_NEURONS} spikes, got {list(shape)}")
        return shape

    def conv(self, read: Shape) -> Shape:
        """Its output's shape, for an input of the shape [channel, height, width]."""
        weight = np.asarray(self._values("weight"))
        if weight.ndim == 5 and weight.shape[4] == 1:
            weight = weight[..., 0]
        if len(read) != 3 or weight.ndim != 4 or not weight.size:
            raise InputError(
                f"{self.where}: weight must have the shape [out, in, height, width], and what comes to it [channel, "
                f"height, width], got {list(weight.shape)} and {list(read)}"
            )
        stride, padding, dilation = (
            self._whole(key, least, LARGEST_CONV, (), (2,))
            for key, least in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        groups = self._whole("groups", 1, LARGEST_CONV, ())[0]
        out, per_group, *kernel = weight.shape
        if per_group * groups != read[0] or out % groups or max(kernel) > LARGEST_CONV:
            raise InputError(
                f"{self.where}: weight must fit {groups} groups and an input of the shape {list(read)}, with a kernel "
                f"of at most {LARGEST_CONV}, got {list(weight.shape)}"
            )
        axes = zip(read[1:], kernel, stride, padding, dilation, strict=True)
        found = (out, *(windows(size, taps, step, (pad, pad), spread) for size, taps, step, pad, spread in axes))
        if self._shape() != found or min(found) < 1:
            raise InputError(
                f"{self.where}: shape must be {list(found)}, which its weight and input give, got {list(self._shape())}"
            )
        self._neuron()
        self._bias((out,), found[::-1])
        self.checked["weight"] = weight
        return found

    def dense(self, read: Shape, is_recurrent: bool) -> Shape:
        """Its output's shape."""
        size = math.prod(self._shape())
        matrices = {"weight": math.prod(read)} | ({"weight_rec": size} if is_recurrent else {})
        for key, columns in matrices.items():
            weight = np.asarray(self._values(key))
            if (
                weight.ndim > 2
                or weight.size != size * columns
                or weight.shape not in ((size, columns), (weight.size,))
            ):
                raise InputError(
                    f"{self.where}: {key} must have the shape {[size, columns]} here, got {list(weight.shape)}"
                )
            self.checked[key] = weight.reshape(size, columns)
        if any(key.startswith("neuron/") for key in self.stored):
            self._neuron()
        self._bias((size,))
        return (size,)

    def _neuron(self) -> None:
        kind = self._word("neuron/type")
        if kind not in NEURON_TYPES:
            raise InputError(f"{self.where}: its neuron must be {' or '.join(NEURON_TYPES)}, got {kind!r}")
        for key, largest in (("iDecay", 4096), ("vDecay", 4096), ("vThMant", _LARGEST)):
            self._whole(f"neuron/{key}", 0, largest, ())

    def _bias(self, *shapes: Shape) -> None:
        if "bias" in self.stored:
            self._whole("bias", -_LARGEST, _LARGEST, *shapes)

    def _shape(self) -> Shape:
        return tuple(self._whole("shape", 1, _LARGEST, (1,), (2,), (3,)))

    def _word(self, key: str) -> str:
        """A text, alone or as the first of an array."""
        value = self.stored.get(key)
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.size:
            value = value[0]
        if not isinstance(value, bytes):
            raise InputError(f"{self.where}: has no text {key!r}, as a netx file's layers have")
        self.checked[key] = np.bytes_(value)
        return value.decode("ascii", errors="backslashreplace")

    def _whole(self, key: str, least: int, most: int, *shapes: Shape) -> list[int]:
        """The integers of an entry of one of these shapes; one alone comes as two."""
        values = np.asarray(self._values(key))
        if values.shape not in shapes or (values.size and (values.min() < least or values.max() > most)):
            found = f", from {values.min()} to {values.max()}" if values.size else ""
            raise InputError(
                f"{self.where}: {key} must be {' or '.join(map(_in_words, shapes))}, from {least} to {most}, got "
                f"{_in_words(values.shape)}{found}"
            )
        self.checked[key] = self.stored[key]
        return [int(values)] * 2 if values.shape == () else values.reshape(-1).tolist()

    def _values(self, key: str) -> Value:
        if key not in self.stored:
            raise InputError(f"{self.where}: has no {key!r}")
        value = self.stored[key]
        if isinstance(value, bytes) or not whole_numbers(np.asarray(value), -_LARGEST):
            found = "a text" if isinstance(value, bytes) else f"{np.asarray(value).dtype} that holds others"
            raise InputError(f"{self.where}: {key} must be made of integers above {-_LARGEST - 1}, got {found}")
        return value


def _in_words(shape: Shape) -> str:
    return str(list(shape)) if shape else "one number"
