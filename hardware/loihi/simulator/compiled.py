"""A program in the kernels' layout, and which of its layers need less than the whole rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, Int32, Shaped, UInt8, UInt32

from ....export.nir.geometry import Shape
from .. import chip
from ..neuron_group import NeuronGroup, PerNeuron, ResetTo
from ..program import INPUT, Connection, Layer
from ..synapse import ConvSynapse, largest_activations
from . import kernels
from .kernel_tables import (
    ANY,
    AT_ONCE,
    CONNECTION,
    COPY,
    INTEGRATE,
    LATER,
    LAYER,
    PROGRAMMED,
    SETTINGS,
    SOURCE,
    TO_VOLTAGE,
    WHOLE,
)
from .layout import FREE, Order, channels_last, places, plain, synapse_rows, target_order, unions, word_rows

BLOCK_BYTES = 2**18
"""About how many bytes of spikes a sample has before the kernels at once: as many as stay in a core's own cache."""

ROW_BYTES = 64
"""A step's row of spikes is filled up to whole lines of the cache."""


_NO_PATTERN = np.uint32(2**32 - 1)
"""The pattern of the place behind a source's last."""


@dataclass(frozen=True, eq=False)
class CompiledLayers:
    """Layers as the kernels read them: `kernel_tables` says what the tables hold. The last layer is the output."""

    output_size: int
    layers: Shaped[np.ndarray, " layer"]
    connections: Shaped[np.ndarray, " connection"]
    given: Shaped[np.ndarray, " source"]
    tables: UInt32[np.ndarray, " entry"]
    weights: Int16[np.ndarray, " weight"]
    bias: Int32[np.ndarray, " neuron"]
    settings: Int32[np.ndarray, "number neuron"]
    output: UInt32[np.ndarray, " feature"]
    width: int

    def run(
        self,
        spikes: UInt8[np.ndarray, "time sample feature"],
        out: UInt8[np.ndarray, "time sample output"],
        samples: range,
    ) -> None:
        """Write the last layer's spikes of these samples to `out`; `spikes` has the sources' ones side by side.

        It holds no lock: several threads may run different samples.
        """
        block = max(1, min(len(spikes), BLOCK_BYTES // self.width))
        kernels.run(
            self.layers,
            self.connections,
            self.given,
            self.tables,
            self.weights,
            self.bias,
            self.settings,
            self.output,
            self.width,
            block,
            spikes,
            out,
            samples.start,
            samples.stop,
        )


def compiled_layers(shapes: Mapping[int, Shape], layers: Mapping[int, Layer], largest_input: int = 1) -> CompiledLayers:
    """These layers, by their index in the program, which read each other and spikes of these shapes from outside.

    `largest_input` is the program's: what the spikes of INPUT carry at most.
    """
    compiler = _Compiler(largest_input)
    for source, shape in shapes.items():
        compiler.add_source(source, math.prod(shape))
    for index, layer in layers.items():
        compiler.add_layer(index, layer)
    return compiler.compiled(max(layers))


class _Compiler:
    """Puts one layer after the other into tables."""

    def __init__(self, largest_input: int) -> None:
        self.largest_input = largest_input
        self.kept = 0
        self.orders: dict[int, Order] = {}
        self.at: dict[int, int] = {}
        self.width = 0
        self.neurons = 0
        self.entry_count = 0
        self.weight_count = 0
        self.layers: list[tuple] = []
        self.connections: list[tuple] = []
        self.given: list[tuple] = []
        self.tables: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.bias: list[np.ndarray] = []
        self.settings: list[np.ndarray] = []
        self.setting_count = 0

    def add_source(self, source: int, size: int) -> None:
        self.given.append((sum(entry[2] for entry in self.given), self.width, size))
        self._place(source, plain(size))

    def add_layer(self, index: int, layer: Layer) -> None:
        synapses = [connection.synapse for connection in layer.connections]
        first = len(self.connections)
        kind = self._united(index, layer)
        if kind is None:
            order = target_order(synapses, layer.neuron.shape)
            self._place(index, order)
            for connection in layer.connections:
                source = self.orders[connection.source]
                rows = synapse_rows(connection.synapse, source, order)
                is_graded = connection.source == INPUT and self.largest_input > 1
                summed = None if is_graded else word_rows(rows, source)
                place, *delays = self._delays(connection)
                chosen = summed or rows
                weights, row = self.weight_count, rows.weights.shape[1]
                self.weights += [chosen.weights.reshape(-1), np.zeros(row, np.int16)]
                self.weight_count += chosen.weights.size + row
                self.connections.append(
                    (
                        connection.source == index,
                        row if summed else 0,
                        place,
                        len(source),
                        self._table(np.append(chosen.pattern_of, _NO_PATTERN)),
                        self._table(np.append(chosen.weights_of + np.uint32(weights), np.uint32(0))),
                        weights + chosen.weights.size,
                        self._table(rows.first_run),
                        self._table(rows.runs),
                        0,
                        0,
                        is_graded,
                        *delays,
                    )
                )
            kind = _kind(layer, self.largest_input)
        neuron = layer.neuron
        order = self.orders[index]
        # Those of programmable neurons stand in the settings.
        threshold, current_decay, voltage_decay = (
            value if isinstance(value, int) else 0
            for value in (neuron.threshold, neuron.current_decay, neuron.voltage_decay)
        )
        self.layers.append(
            (
                kind,
                self.at[index],
                self.neurons,
                len(order),
                threshold << chip.INPUT_SHIFT,
                chip.DECAY_UNITY - current_decay,
                chip.DECAY_UNITY - voltage_decay,
                first,
                len(self.connections),
                _reset_kind(neuron),
                self.setting_count,
            )
        )
        self.bias.append(_placed(neuron.bias_mantissa.astype(np.int32) << neuron.bias_exponent, neuron, order, 0))
        self.neurons += len(order)
        if kind == PROGRAMMED:
            self.settings.append(_settings(neuron, order))
            self.setting_count += len(order)

    def compiled(self, last: int) -> CompiledLayers:
        output = self.at[last] + places(self.orders[last])
        return CompiledLayers(
            len(output),
            np.array(self.layers, LAYER),
            np.array(self.connections, CONNECTION),
            np.array(self.given, SOURCE),
            np.concatenate(self.tables) if self.tables else np.zeros(0, np.uint32),
            np.concatenate(self.weights) if self.weights else np.zeros(0, np.int16),
            np.concatenate(self.bias),
            np.concatenate(self.settings, axis=1) if self.settings else np.zeros((len(SETTINGS), 0), np.int32),
            output.astype(np.uint32),
            -(-self.width // ROW_BYTES) * ROW_BYTES,
        )

    def _united(self, index: int, layer: Layer) -> int | None:
        """COPY or ANY, put into the tables, where the layer can be that."""
        if not _fires_at_any(layer, self.largest_input):
            return None
        (connection,) = layer.connections
        synapse = connection.synapse
        if not isinstance(synapse, ConvSynapse) or connection.longest_delay:
            return None
        if connection.source == INPUT and self.largest_input > 1:
            return None
        source = self.orders[connection.source]
        entry = [False, 0, self.at[connection.source], len(source), *[0] * 12]
        if synapse.weight.size == 1 and (synapse.stride, synapse.padding) == ((1, 1), (0, 0)):
            self._place(index, source)
            self.connections.append(tuple(entry))
            return COPY
        found = unions(synapse, source)
        if found is None:
            return None
        self._place(index, channels_last(synapse.output_shape))
        entry[7:11] = self._table(found.first_run), self._table(found.runs), len(found.first_run) - 1, found.words
        self.connections.append(tuple(entry))
        return ANY

    def _delays(self, connection: Connection) -> tuple[int, int, int, int, int]:
        """Where the connection finds its spikes, and of `kernel_tables.CONNECTION` what tells its delays."""
        at, order = self.at[connection.source], self.orders[connection.source]
        if not connection.longest_delay:
            return at, 0, 0, 0, 0
        steps = np.zeros(len(order), np.uint32)
        used = order != FREE
        steps[used] = np.broadcast_to(connection.delays, (int(used.sum()),))[order[used]]
        own, kept_from, kept_steps = self.width, self.kept, connection.longest_delay + 1
        self.width += len(order)
        self.kept += kept_steps * len(order)
        return own, kept_steps, at, self._table(steps), kept_from

    def _place(self, index: int, order: Order) -> None:
        self.orders[index] = order
        self.at[index] = self.width
        self.width += len(order)

    def _table(self, entries: np.ndarray) -> int:
        at = self.entry_count
        self.tables.append(entries.reshape(-1))
        self.entry_count += entries.size
        return at


def _placed(values: PerNeuron, neuron: NeuronGroup, order: Order, free: int) -> Int32[np.ndarray, " place"]:
    """A number of each neuron at its place; `free` where there is none."""
    resolved = np.full(len(order), free, np.int32)
    resolved[order != FREE] = np.broadcast_to(values, neuron.shape).reshape(-1)[order[order != FREE]]
    return resolved


def _reset_kind(neuron: NeuronGroup) -> int:
    if isinstance(neuron.reset, ResetTo):
        return TO_VOLTAGE
    return AT_ONCE if neuron.reset.at_once else LATER


def _settings(neuron: NeuronGroup, order: Order) -> Int32[np.ndarray, "number place"]:
    """The rows of SETTINGS; a place without a neuron never spikes."""
    reset = neuron.reset
    reset_by = reset.voltage if isinstance(reset, ResetTo) else reset.amount << chip.INPUT_SHIFT
    return np.stack(
        [
            _placed(neuron.threshold << chip.INPUT_SHIFT, neuron, order, chip.STATE_LIMIT),
            _placed(chip.DECAY_UNITY - neuron.current_decay, neuron, order, 0),
            _placed(chip.DECAY_UNITY - neuron.voltage_decay, neuron, order, 0),
            _placed(reset_by, neuron, order, 0),
        ]
    )


def _kind(layer: Layer, largest_input: int) -> int:
    neuron = layer.neuron
    if not neuron.is_stock:
        return PROGRAMMED
    forgets, keeps = neuron.current_decay == chip.DECAY_UNITY, neuron.voltage_decay == 0
    lean = forgets and keeps and not _may_wrap(layer, largest_input)
    return INTEGRATE if lean else WHOLE


def _fires_at_any(layer: Layer, largest_input: int) -> bool:
    """Whether each neuron spikes at a step if and only if one that it reads does.

    So it is where every weight alone lies above the threshold, which is never negative, and nothing else moves v: it is
    0 before a step, stays there without a spike and is reset after one.
    """
    neuron = layer.neuron
    return (
        neuron.is_stock
        and len(layer.connections) == 1
        and bool(neuron.current_decay == chip.DECAY_UNITY)
        and not neuron.bias_mantissa.any()
        and bool(layer.connections[0].synapse.weight.min() > neuron.threshold)
        and not _may_wrap(layer, largest_input)
    )


def _may_wrap(layer: Layer, largest_input: int) -> bool:
    """Whether u, where it keeps nothing, can reach the ends of its 24 bits."""
    values = [largest_input if connection.source == INPUT else 1 for connection in layer.connections]
    largest = int(largest_activations([connection.synapse for connection in layer.connections], values).max())
    return largest << chip.INPUT_SHIFT >= chip.STATE_LIMIT
