"""Loihi programs as files: one .npz with an array for each field, and nothing else.

    format            "spiq-loihi-program"          version           4, 3 or 2
    input_shape       integers                 layers            how many there are
    dt                float64, seconds              integration       "euler", "per-step" or "", where dt is there
    largest_input     an integer, where it is not 1
    I.name            text, for each layer I from 0
    I.shape           I.threshold   I.current_decay   I.voltage_decay   I.bias_exponent     integers
    I.bias_mantissa   int16, broadcasting to I.shape
    I.scale           float64                       I.connections     how many there are
    I.C.source        a layer's number, or -1 for the input, for each connection C from 0
    I.C.delays        uint8, one number or one for each neuron of the source, where there are delays
    I.C.kind          "conv" or "dense"
    I.C.weight        int16, [out, in a group, height, width] or [out, in]
    I.C.input_shape   I.C.stride   I.C.padding   I.C.dilation   I.C.groups    integers, where I.C.kind is "conv"

Where a layer needs a programmable neuron, it has

    I.reset           "voltage", "amount" or "amount at once"
    I.reset_by        that voltage or amount
    I.reset_by   I.threshold   I.current_decay   I.voltage_decay    an integer, or int32, broadcasting to I.shape

A program without anything that came with version 4 is of version 3. The entries are not compressed and carry no time of
writing, so the same program gives the same bytes.
"""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ....export.errors import InputError
from ....export.files.arrays import read_every_array
from ....export.files.atomic import new_file
from ....export.nir.time_step import TimeStep
from .. import chip
from ..neuron_group import TO_REST, NeuronGroup, PerNeuron, ResetTo, TakeOff
from ..program import Connection, Layer, LoihiProgram
from ..synapse import ConvSynapse, DenseSynapse
from .limits import MOST_AXES, MOST_BYTES, MOST_LAYERS, ProgramSize

FORMAT = "spiq-loihi-program"
VERSION = 4

OLD_VERSION = 3
"""What is written where a program has nothing that came with version 4: delays, a largest input above 1, programmable
neurons."""

READ_VERSIONS = (2, OLD_VERSION, VERSION)
"""2 is as 3 without dt and integration."""

VOLTAGE, AMOUNT, AMOUNT_AT_ONCE = RESETS = ("voltage", "amount", "amount at once")
"""The words for a programmable neuron's reset."""

_Part = TypeVar("_Part")


def write_program(path: Path | str, program: LoihiProgram) -> None:
    """Write the program as an .npz file. The same program gives the same bytes.

    Raises InputError where the file cannot be written.
    """
    with new_file(Path(path)) as written, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for key, value in _entries(program).items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(value), allow_pickle=False)
            # A ZipInfo made by hand has the date 1980-01-01, whatever the time.
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), content.getvalue())


def read_program(source: Path | str | bytes, where: str | None = None) -> LoihiProgram:
    """The program in the file, or in a file's content, which errors call `where`.

    Raises InputError, naming the file and the key, where the file is missing, is not such an .npz, lacks a key, has
    one too many, holds what the chip cannot, or is larger than `limits` allows.
    """
    if isinstance(source, bytes):
        entries = _Entries(source, where or "the program")
    else:
        entries = _Entries(Path(source), where or str(source))
    if entries.text("format") != FORMAT:
        raise entries.error("format", repr(FORMAT))
    entries.version = entries.whole("version")
    if entries.version not in READ_VERSIONS:
        raise entries.error("version", f"{', '.join(map(str, READ_VERSIONS[:-1]))} or {VERSION}")
    input_shape = entries.wholes("input_shape")
    step = _time_step(entries)
    largest_input = entries.whole("largest_input") if entries.has_new("largest_input") else 1
    size = ProgramSize()
    entries.built("", lambda: size.add_neurons(input_shape, "input_shape"))
    count = entries.whole("layers")
    if count > MOST_LAYERS:
        raise entries.error("layers", f"at most {MOST_LAYERS}")
    layers = tuple(_layer(entries, f"{index}.", size) for index in range(count))
    entries.check_all_read()
    return entries.built("", lambda: LoihiProgram(input_shape, layers, step, largest_input))


def _entries(program: LoihiProgram) -> dict[str, object]:
    entries: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION if program.is_delayed or program.is_graded or program.is_programmable else OLD_VERSION,
        "input_shape": program.input_shape,
        "layers": len(program.layers),
    }
    if program.step is not None:
        entries |= {"dt": float(program.step.dt), "integration": program.step.integration or ""}
    if program.is_graded:
        entries["largest_input"] = program.largest_input
    for index, layer in enumerate(program.layers):
        neuron = layer.neuron
        fields: dict[str, object] = {
            "name": layer.name,
            "shape": neuron.shape,
            "threshold": neuron.threshold,
            "current_decay": neuron.current_decay,
            "voltage_decay": neuron.voltage_decay,
            "bias_mantissa": neuron.bias_mantissa,
            "bias_exponent": neuron.bias_exponent,
            "scale": float(layer.scale),
            "connections": len(layer.connections),
        }
        if not neuron.is_stock:
            fields |= _reset_entries(neuron.reset)
        for number, connection in enumerate(layer.connections):
            fields |= {f"{number}.{key}": value for key, value in _connection_entries(connection).items()}
        entries |= {f"{index}.{key}": value for key, value in fields.items()}
    return entries


def _reset_entries(reset: ResetTo | TakeOff) -> dict[str, object]:
    match reset:
        case ResetTo():
            return {"reset": VOLTAGE, "reset_by": reset.voltage}
        case TakeOff():
            return {"reset": AMOUNT_AT_ONCE if reset.at_once else AMOUNT, "reset_by": reset.amount}


def _connection_entries(connection: Connection) -> dict[str, object]:
    synapse = connection.synapse
    entries: dict[str, object] = {"source": connection.source, "weight": synapse.weight}
    if connection.longest_delay:
        entries["delays"] = np.asarray(connection.delays, np.uint8)
    match synapse:
        case ConvSynapse():
            return entries | {
                "kind": "conv",
                "input_shape": synapse.input_shape,
                "stride": synapse.stride,
                "padding": synapse.padding,
                "dilation": synapse.dilation,
                "groups": synapse.groups,
            }
        case DenseSynapse():
            return entries | {"kind": "dense"}


def _time_step(entries: "_Entries") -> TimeStep | None:
    if "dt" not in entries.unread:
        return None
    dt, integration = entries.number("dt"), entries.text("integration")
    # What is no such word is told by TimeStep.
    return entries.built("", lambda: TimeStep(dt, integration or None))  # type: ignore[arg-type]


def _layer(entries: "_Entries", prefix: str, size: ProgramSize) -> Layer:
    name = entries.text(f"{prefix}name")
    shape = entries.wholes(f"{prefix}shape")
    entries.built(prefix, lambda: size.add_neurons(shape, "shape"))
    make_neurons = _neurons(entries, prefix, shape)
    scale = entries.number(f"{prefix}scale")
    count = entries.whole(f"{prefix}connections")
    connections = tuple(_connection(entries, f"{prefix}{number}.") for number in range(count))
    entries.built(prefix, lambda: size.add_synapses([connection.synapse for connection in connections]))
    for number, one in enumerate(connections):
        neurons, longest = math.prod(one.synapse.input_shape), one.longest_delay
        entries.built(f"{prefix}{number}.", lambda neurons=neurons, longest=longest: size.add_delays(neurons, longest))
    return entries.built(
        prefix,
        lambda: Layer(name, connections, make_neurons(), scale),
    )


def _neurons(entries: "_Entries", prefix: str, shape: tuple[int, ...]) -> Callable[[], NeuronGroup]:
    """What makes the layer's group. It raises InputError where the numbers do not fit."""
    is_stock = not entries.has_new(f"{prefix}reset")
    keys = {
        "threshold": chip.THRESHOLDS,
        "current_decay": chip.CURRENT_DECAYS,
        "voltage_decay": chip.VOLTAGE_DECAYS,
    }
    numbers = {key: (entries.whole if is_stock else entries.per_neuron)(f"{prefix}{key}") for key in keys}
    exponent = entries.whole(f"{prefix}bias_exponent")
    mantissa = entries.numbers(f"{prefix}bias_mantissa", np.int16)
    reset = TO_REST if is_stock else _reset(entries, prefix)

    def built() -> NeuronGroup:
        for key, allowed in keys.items() if is_stock else ():
            chip.check_range(key, np.asarray(numbers[key]), *allowed)
        threshold, current_decay, voltage_decay = numbers.values()
        return NeuronGroup(shape, threshold, current_decay, voltage_decay, mantissa, exponent, reset)

    return built


def _reset(entries: "_Entries", prefix: str) -> ResetTo | TakeOff:
    kind, number = entries.text(f"{prefix}reset"), entries.per_neuron(f"{prefix}reset_by")
    if kind not in RESETS:
        raise entries.error(f"{prefix}reset", f"{', '.join(map(repr, RESETS[:-1]))} or {RESETS[-1]!r}")
    return ResetTo(number) if kind == VOLTAGE else TakeOff(number, at_once=kind == AMOUNT_AT_ONCE)


def _connection(entries: "_Entries", prefix: str) -> Connection:
    source = entries.whole(f"{prefix}source")
    kind = entries.text(f"{prefix}kind")
    weight = entries.numbers(f"{prefix}weight", np.int16)
    delays = entries.numbers(f"{prefix}delays", np.uint8) if entries.has_new(f"{prefix}delays") else 0
    if kind == "dense":
        return entries.built(prefix, lambda: Connection(source, DenseSynapse(weight), delays))
    if kind != "conv":
        raise entries.error(f"{prefix}kind", "'conv' or 'dense'")
    sizes = entries.wholes(f"{prefix}input_shape", 3)
    stride, padding, dilation = (entries.wholes(f"{prefix}{key}", 2) for key in ("stride", "padding", "dilation"))
    groups = entries.whole(f"{prefix}groups")

    def built() -> Connection:
        synapse = ConvSynapse(weight, sizes, stride, padding, dilation, groups)  # type: ignore[arg-type]
        return Connection(source, synapse, delays)

    return entries.built(prefix, built)


class _Entries:
    """The arrays of an .npz, each read once under a known key."""

    def __init__(self, source: Path | bytes, where: str) -> None:
        self.where = where
        self.unread = read_every_array(source, where, "a Loihi program (.npz)", MOST_BYTES)
        self.found: dict[str, np.ndarray] = {}
        self.version = OLD_VERSION

    def has_new(self, key: str) -> bool:
        """Whether there is this key, which came with version 4."""
        return self.version == VERSION and key in self.unread

    def error(self, key: str, allowed: str) -> InputError:
        array = self.found[key]
        found = repr(array.item()) if array.size == 1 else f"{array.dtype} {list(array.shape)}"
        return InputError(f"{self.where}: {key} must be {allowed}, got {found}")

    def text(self, key: str) -> str:
        array = self._taken(key)
        if array.dtype.kind != "U" or array.shape != ():
            raise self.error(key, "a text")
        return str(array)

    def whole(self, key: str) -> int:
        array = self._taken(key)
        if array.dtype != np.int64 or array.shape != ():
            raise self.error(key, "an integer (int64)")
        return int(array)

    def per_neuron(self, key: str) -> PerNeuron:
        array = self._taken(key)
        if array.dtype == np.int64 and array.shape == ():
            return int(array)
        if array.dtype != np.int32 or not array.ndim:
            raise self.error(key, "an integer (int64), or one for each neuron (int32)")
        return array

    def wholes(self, key: str, count: int | None = None) -> tuple[int, ...]:
        array = self._taken(key)
        if array.dtype != np.int64 or array.ndim != 1 or count not in (None, len(array)) or len(array) > MOST_AXES:
            raise self.error(key, f"{f'at most {MOST_AXES}' if count is None else count} integers (int64)")
        return tuple(array.tolist())

    def number(self, key: str) -> float:
        array = self._taken(key)
        if array.dtype != np.float64 or array.shape != ():
            raise self.error(key, "a number (float64)")
        return float(array)

    def numbers(self, key: str, dtype: type[np.generic]) -> np.ndarray:
        array = self._taken(key)
        if array.dtype != dtype:
            raise self.error(key, f"{np.dtype(dtype)}")
        return array

    def built(self, prefix: str, build: Callable[[], _Part]) -> _Part:
        """What `build` makes, its errors naming the file and the layer's keys."""
        try:
            return build()
        except InputError as error:
            raise InputError(f"{self.where}: {prefix}{error}") from error

    def check_all_read(self) -> None:
        for key in self.unread:
            raise InputError(f"{self.where}: the key {key} is not known")

    def _taken(self, key: str) -> np.ndarray:
        if key not in self.unread:
            raise InputError(f"{self.where}: the key {key} is missing")
        self.found[key] = self.unread.pop(key)
        return self.found[key]
