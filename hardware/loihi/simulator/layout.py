"""How spikes and weights lie in the kernels' memory.

An order says which neuron stands at each place: its number in channel-height-width order, or -1 at a place that is
left free and never spikes. What a convolution feeds stands channels-last, [height, width, channel], with free places
up to whole words, so that a spike's weights are for neighbours.

A synapse is, for each place of its source, a pattern and a row of weights; and, for each pattern, runs: so many
neighbouring targets from one place on, and the first of their weights within the row.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int16, Int64, UInt32

from ....export.nir.geometry import Shape
from ..synapse import ConvSynapse, DenseSynapse, Synapse
from .kernel_tables import WORD

Order = Int64[np.ndarray, " place"]

FREE = -1

PADDED_FROM = 3
"""The fewest channels that are filled up to whole words: with fewer, too many places would be free."""


HALF = WORD // 2
"""Spikes whose weights are summed up beforehand, for each of the SETS of them that there can be."""

SETS = 2**HALF

SUMS_BYTES = 2**19
"""The most that a synapse's sums may take: what stays in a core's own cache. More would be slower than adding."""


class Rows(NamedTuple):
    """A synapse in the kernels' layout: each place's pattern and weights, the patterns' first runs, and the runs."""

    pattern_of: UInt32[np.ndarray, " place"]
    weights_of: UInt32[np.ndarray, " place"]
    first_run: UInt32[np.ndarray, " pattern_and_end"]
    runs: UInt32[np.ndarray, "run 3"]
    weights: Int16[np.ndarray, "row weight"]


class WordRows(NamedTuple):
    """As Rows for whole words of the source: SETS rows of sums for each half of a word, one for each set of spikes."""

    pattern_of: UInt32[np.ndarray, " word"]
    weights_of: UInt32[np.ndarray, " word"]
    weights: Int16[np.ndarray, "row weight"]


class Unions(NamedTuple):
    """A pooling in words: which words of the source each target unites, for every target of `words` words."""

    first_run: UInt32[np.ndarray, " target_and_end"]
    runs: UInt32[np.ndarray, " run"]
    words: int


def plain(size: int) -> Order:
    """In channel-height-width order."""
    return _filled_up(np.arange(size))


def channels_last(shape: tuple[int, int, int]) -> Order:
    """[height, width, channel], the channels filled up to whole words where they are not very few."""
    channels = _padded(shape[0])
    order = np.full((*shape[1:], channels), FREE)
    order[..., : shape[0]] = np.arange(math.prod(shape)).reshape(shape).transpose(1, 2, 0)
    return _filled_up(order.reshape(-1))


def places(order: Order) -> Int64[np.ndarray, " neuron"]:
    """Where each neuron stands."""
    taken = np.flatnonzero(order != FREE)
    found = np.empty(len(taken), np.int64)
    found[order[taken]] = taken
    return found


def target_order(synapses: list[Synapse], shape: Shape) -> Order:
    """The order for a group that these synapses feed: the one that suits the one with the most to add."""
    images = [synapse for synapse in synapses if isinstance(synapse, ConvSynapse)]
    if not images:
        return plain(math.prod(shape))
    largest = max(images, key=lambda synapse: synapse.weight.size * math.prod(synapse.output_shape[1:]))
    return channels_last(largest.output_shape)


def synapse_rows(synapse: Synapse, source: Order, target: Order) -> Rows:
    """The synapse between groups in these orders."""
    match synapse:
        case DenseSynapse():
            return _dense_rows(synapse, source, target)
        case ConvSynapse():
            return _convolution_rows(synapse, source, target)


def word_rows(rows: Rows, source: Order) -> WordRows | None:
    """The rows summed up for words; None where a word's places differ in their pattern, or the sums take too much."""
    words = source.reshape(-1, WORD)
    pattern_of, used = rows.pattern_of.reshape(words.shape), words != FREE
    first = pattern_of[np.arange(len(words)), used.argmax(1)]
    if (pattern_of != first[:, None])[used].any():
        return None
    width = rows.weights.shape[1]
    # The free places read the row of zeros behind the others.
    numbers = np.where(used, rows.weights_of.reshape(words.shape) // width, len(rows.weights))
    different, which = np.unique(numbers, axis=0, return_inverse=True)
    if different.size // HALF * SETS * width * rows.weights.itemsize > SUMS_BYTES:
        return None
    weights = np.pad(rows.weights, ((0, 1), (0, 0)))[different.reshape(-1, HALF)]
    sets = (np.arange(SETS)[:, None] >> np.arange(HALF) & 1).astype(np.int16)
    weights_of = which.reshape(-1) * (WORD // HALF * SETS * width)
    return WordRows(first, _unsigned(weights_of), (sets @ weights).reshape(-1, width))


def unions(synapse: ConvSynapse, source: Order) -> Unions | None:
    """The convolution, from and to channels last, every weight taken for 1; None where it does not join whole words."""
    channels = synapse.input_shape[0]
    fits = (
        synapse.weight.shape[:2] == (channels, 1)
        and _padded(channels) % WORD == 0
        and np.array_equal(source, channels_last(synapse.input_shape))
    )
    if not fits:
        return None
    words = _padded(channels) // WORD
    pairs = _pixel_pairs(synapse)
    by_target = np.lexsort((pairs.source, pairs.target))
    first_run = _starts(pairs.target, math.prod(synapse.output_shape[1:]))
    return Unions(first_run, (pairs.source[by_target] * words).astype(np.uint32), words)


def _dense_rows(synapse: DenseSynapse, source: Order, target: Order) -> Rows:
    used = target != FREE
    weights = np.zeros((synapse.weight.shape[1], len(target)), np.int16)
    weights[:, used] = synapse.weight.T[:, target[used]]
    rows = np.maximum(source, 0) * len(target)
    run = np.array([[0, 0, len(target)]], np.uint32)
    return Rows(_unsigned(np.zeros(len(source))), _unsigned(rows), _unsigned([0, 1]), run, weights)


def _convolution_rows(synapse: ConvSynapse, source: Order, target: Order) -> Rows:
    """The patterns are the pixels of each group of channels; a row has a channel's weights [height, width, out]."""
    groups = synapse.groups
    out, in_per_group, kernel_height, kernel_width = synapse.weight.shape
    out_per_group, pixels = out // groups, math.prod(synapse.input_shape[1:])
    fits = np.array_equal(target, channels_last(synapse.output_shape))
    # Where neighbours stand otherwise, each target is a run of its own.
    length = (_padded(out) if groups == 1 else out_per_group) if fits else 1
    row = max(length, out_per_group)
    heads = np.arange(0, out_per_group, length)

    columns = _column_order(synapse)
    kernel = synapse.weight.reshape(groups, out_per_group, in_per_group, kernel_height, kernel_width)
    weights = np.zeros((groups, in_per_group, kernel_height, kernel_width, row), np.int16)
    weights[:, :, :, columns, :out_per_group] = kernel.transpose(0, 2, 3, 4, 1)

    pairs = _pixel_pairs(synapse)
    group = np.arange(groups)[:, None, None]
    neuron = (group * out_per_group + heads) * math.prod(synapse.output_shape[1:]) + pairs.target[:, None]
    pattern = np.broadcast_to(group * pixels + pairs.source[:, None], neuron.shape).reshape(-1)
    resolved = places(target)[neuron].reshape(-1)
    weight = (pairs.row * kernel_width + columns[pairs.column])[:, None] * row + heads
    weight = np.broadcast_to(weight, neuron.shape).reshape(-1)
    runs = _runs(pattern, resolved, weight, length)

    channel, pixel = np.divmod(np.maximum(source, 0), pixels)
    return Rows(
        _unsigned(channel // in_per_group * pixels + pixel),
        _unsigned(channel * (kernel_height * kernel_width * row)),
        _starts(runs[:, 0], groups * pixels),
        _unsigned(runs[:, 1:]),
        weights.reshape(synapse.input_shape[0], -1),
    )


class _PixelPairs(NamedTuple):
    """Which pixels of the source feed which of the target, and the kernel's row and column by which they do."""

    source: Int64[np.ndarray, " pair"]
    target: Int64[np.ndarray, " pair"]
    row: Int64[np.ndarray, " pair"]
    column: Int64[np.ndarray, " pair"]


def _pixel_pairs(synapse: ConvSynapse) -> _PixelPairs:
    (from_y, to_y, row), (from_x, to_x, column) = (_axis_pairs(synapse, axis) for axis in (0, 1))
    shape = len(from_y), len(from_x)
    return _PixelPairs(
        (from_y[:, None] * synapse.input_shape[2] + from_x).reshape(-1),
        (to_y[:, None] * synapse.output_shape[2] + to_x).reshape(-1),
        np.broadcast_to(row[:, None], shape).reshape(-1),
        np.broadcast_to(column, shape).reshape(-1),
    )


def _axis_pairs(synapse: ConvSynapse, axis: int) -> tuple[Int64[np.ndarray, " pair"], ...]:
    """The source's position, the target's and the kernel's, of all three that belong together."""
    to, kernel = (
        grid.reshape(-1) for grid in np.indices((synapse.output_shape[1 + axis], synapse.weight.shape[2 + axis]))
    )
    at = synapse.stride[axis] * to + synapse.dilation[axis] * kernel - synapse.padding[axis]
    inside = (at >= 0) & (at < synapse.input_shape[1 + axis])
    return at[inside], to[inside], kernel[inside]


def _column_order(synapse: ConvSynapse) -> Int64[np.ndarray, " column"]:
    """Where each column of the kernel stands in a row of weights, so that neighbouring targets have neighbours.

    One target further to the right, the same spike meets the column stride / dilation further to the left.
    """
    columns = np.arange(synapse.weight.shape[3])
    stride, dilation = synapse.stride[1], synapse.dilation[1]
    step = stride // math.gcd(stride, dilation)
    return np.argsort(np.lexsort((-columns, columns % step)))


def _runs(
    pattern: Int64[np.ndarray, " pair"],
    place: Int64[np.ndarray, " pair"],
    weight: Int64[np.ndarray, " pair"],
    length: int,
) -> Int64[np.ndarray, "run 4"]:
    """(pattern, first place, first weight, length), sorted, with runs that go on where another ends made one."""
    sort = np.lexsort((place, pattern))
    pattern, place, weight = pattern[sort], place[sort], weight[sort]
    goes_on = (np.diff(pattern) == 0) & (np.diff(place) == length) & (np.diff(weight) == length)
    first = np.flatnonzero(np.concatenate(([True], ~goes_on))[: len(pattern)])
    lengths = np.diff(np.append(first, len(pattern))) * length
    return np.stack([pattern[first], place[first], weight[first], lengths], axis=1)


def _starts(of: Int64[np.ndarray, " entry"], count: int) -> UInt32[np.ndarray, " start_and_end"]:
    """Where the entries of each number below `count` begin once they are sorted."""
    return _unsigned(np.concatenate(([0], np.bincount(of, minlength=count).cumsum())))


def _padded(size: int) -> int:
    return -(-size // WORD) * WORD if size >= PADDED_FROM else size


def _filled_up(order: Order) -> Order:
    return np.pad(order, (0, -len(order) % WORD), constant_values=FREE)


def _unsigned(values: object) -> UInt32[np.ndarray, "..."]:
    return np.asarray(values).astype(np.uint32)
