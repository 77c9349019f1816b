"""The simulator's inner loops, compiled by Numba: a whole program, sample by sample, in one call.

A sample passes layer by layer, a block of time steps at once, so that a layer's voltages stay in the processor's
nearest cache. Spikes lie as bytes, 0 or 1, in one row a step; a neuron's byte is found by its place (see `layout`).
Work follows the spikes: of each source only the places, or the words of 8 places, that spiked are visited, and each
adds its weights to runs of neighbouring neurons. A layer is stepped by the leanest loop that its `kind` allows, which
`compiled` proves to be the same as the whole rule in `simulate`:

    COPY         its spikes are its source's, neuron by neuron
    ANY          a neuron spikes where any of those that it reads does, and forgets
    INTEGRATE    u keeps nothing and cannot leave 24 bits and v has no leak, so weights are added to v itself
    WHOLE        the whole rule
    PROGRAMMED   the rule of programmable neurons

All places, offsets and counts are unsigned: Numba looks for negative indices otherwise, and then no loop becomes
vector instructions. Its integers of fewer than 64 bits are widened by every sum; the casts say where 32 bits wrap.
"""

import numba
import numpy as np
from numba.core import types

from .. import chip
from .kernel_cache import kept_on_disk
from .kernel_tables import ANY, AT_ONCE, CONNECTION, COPY, INTEGRATE, LAYER, PROGRAMMED, SOURCE, TO_VOLTAGE, WORD

_ZERO, _ONE, _TWO, _THREE, _WORD = (np.uintp(number) for number in (0, 1, 2, 3, WORD))
_LEAST, _REST, _MOST = (np.int32(number) for number in (1 - chip.STATE_LIMIT, 0, chip.STATE_LIMIT - 1))
_LIMIT, _SPAN = np.int32(chip.STATE_LIMIT), np.int32(2 * chip.STATE_LIMIT)
# Multiplying a word of bytes that are 0 or 1 with the first brings byte k to bit k of the highest eight.
_GATHER, _GATHERED = np.uintp(0x0102040810204080), np.uintp(56)
_HALF, _HALF_BITS = np.uintp(15), np.uintp(4)
_INPUT_SHIFT = np.int32(chip.INPUT_SHIFT)
_SHIFT, _ROUND = np.int64(chip.DECAY_SHIFT), np.int64(chip.DECAY_UNITY - 1)


_inner = numba.njit(error_model="numpy")


@_inner
def _spiked(spikes, words, place, size, found):
    """Writes which of these places hold a spike, in order, to `found`. Returns how many."""
    count = _ZERO
    for word in range(place // _WORD, (place + size) // _WORD):
        if words[word]:
            for at in range(word * _WORD, (word + _ONE) * _WORD):
                # Written always and counted where it spiked: cheaper than a branch that cannot be foretold.
                found[count] = at - place
                count += np.uintp(spikes[at])
    return count


@_inner
def _receive(connection, spikes, words, row, found, tables, weights, received, neuron):
    """Adds the weights of the source's spikes to what its targets received.

    Up to four spikes of the same pattern are added at once: most of the time goes into reading and writing `received`.
    """
    place, size = connection.place, connection.size
    count = _spiked(spikes, words, row + place, size, found)
    # The place behind the last has a pattern of its own.
    found[count : count + _THREE] = size
    # Read once: for all that the compiler knows, a record may change with every write to an array.
    pattern_of, weights_of, no_weights = connection.pattern_of, connection.weights_of, connection.no_weights
    first_run, runs = connection.first_run, connection.runs
    number = _ZERO
    while number < count:
        place_0, place_1, place_2, place_3 = (
            found[number],
            found[number + _ONE],
            found[number + _TWO],
            found[number + _THREE],
        )
        pattern = tables[pattern_of + place_0]
        second = tables[pattern_of + place_1] == pattern
        third = second and tables[pattern_of + place_2] == pattern
        fourth = third and tables[pattern_of + place_3] == pattern
        first = np.uintp(tables[weights_of + place_0])
        one = np.uintp(tables[weights_of + place_1]) if second else no_weights
        two = np.uintp(tables[weights_of + place_2]) if third else no_weights
        three = np.uintp(tables[weights_of + place_3]) if fourth else no_weights
        number += _ONE + np.uintp(second) + np.uintp(third) + np.uintp(fourth)
        start, stop = np.uintp(tables[first_run + pattern]), np.uintp(tables[first_run + pattern + _ONE])
        for entry in range(runs + _THREE * start, runs + _THREE * stop, _THREE):
            target = neuron + tables[entry]
            offset = np.uintp(tables[entry + _ONE])
            length = np.uintp(tables[entry + _TWO])
            if second:
                for lane in range(offset, offset + length):
                    together = weights[first + lane] + weights[one + lane] + weights[two + lane] + weights[three + lane]
                    received[target + (lane - offset)] += np.int32(np.int16(together)) << _INPUT_SHIFT
            else:
                for lane in range(length):
                    received[target + lane] += np.int32(weights[first + offset + lane]) << _INPUT_SHIFT


@_inner
def _receive_words(connection, words, row, tables, weights, received, neuron):
    """As `_receive`, from weights that are summed up beforehand for every half of a word that there can be."""
    pattern_of, weights_of = connection.pattern_of, connection.weights_of
    first_run, runs, width = connection.first_run, connection.runs, connection.row
    first_word = (row + connection.place) // _WORD
    for number in range(connection.size // _WORD):
        word = words[first_word + number]
        if not word:
            continue
        spiked = (word * _GATHER) >> _GATHERED
        low = tables[weights_of + number] + (spiked & _HALF) * width
        high = tables[weights_of + number] + (_HALF + _ONE + (spiked >> _HALF_BITS)) * width
        pattern = first_run + tables[pattern_of + number]
        start, stop = np.uintp(tables[pattern]), np.uintp(tables[pattern + _ONE])
        for entry in range(runs + _THREE * start, runs + _THREE * stop, _THREE):
            target = neuron + tables[entry]
            offset = np.uintp(tables[entry + _ONE])
            for lane in range(np.uintp(tables[entry + _TWO])):
                together = weights[low + offset + lane] + weights[high + offset + lane]
                received[target + lane] += np.int32(np.int16(together)) << _INPUT_SHIFT


@_inner
def _receive_graded(connection, spikes, row, tables, weights, received, neuron):
    """As `_receive`, from spikes that carry values: each adds its weights that many times."""
    pattern_of, weights_of = connection.pattern_of, connection.weights_of
    first_run, runs, first_place = connection.first_run, connection.runs, row + connection.place
    for place in range(connection.size):
        value = np.int32(spikes[first_place + place])
        if not value:
            continue
        first = np.uintp(tables[weights_of + place])
        pattern = first_run + tables[pattern_of + place]
        start, stop = np.uintp(tables[pattern]), np.uintp(tables[pattern + _ONE])
        for entry in range(runs + _THREE * start, runs + _THREE * stop, _THREE):
            target = neuron + tables[entry]
            offset = np.uintp(tables[entry + _ONE])
            for lane in range(np.uintp(tables[entry + _TWO])):
                received[target + lane] += np.int32(value * weights[first + offset + lane]) << _INPUT_SHIFT


@_inner
def _hold_back(connection, spikes, source_row, row, step, tables, waiting):
    """Puts the source's spikes of so many steps before to the connection's own places, and keeps those of now.

    Each place is written to the slot of the step at which it is due: those of a step are read, and free again then.
    """
    count, size = connection.kept_steps, connection.size
    source, target = source_row + connection.source_place, row + connection.place
    delays, first = connection.delays, connection.waiting
    now = step % count
    for place in range(size):
        due = now + tables[delays + place]
        due = due - count if due >= count else due
        waiting[first + due * size + place] = spikes[source + place]
        spikes[target + place] = waiting[first + now * size + place]


@_inner
def _any(layer, connection, words, row, tables):
    """A target's word is the union of the words that it reads."""
    target = (row + layer.place) // _WORD
    source = (row + connection.place) // _WORD
    first_run, runs, size = connection.first_run, connection.runs, connection.words
    for pattern in range(first_run, first_run + connection.patterns):
        for lane in range(size):
            united = _ZERO
            for run in range(np.uintp(tables[pattern]), np.uintp(tables[pattern + _ONE])):
                united |= words[source + tables[runs + run] + lane]
            words[target + lane] = united
        target += size


@_inner
def _integrate(layer, v, bias, spikes, place):
    """One step of neurons whose v already holds what they received.

    v is not clipped from above: every threshold lies below the clip, so what is above it spikes and is forgotten.
    """
    threshold, first = layer.threshold, layer.neuron
    for lane in range(layer.size):
        voltage = np.int32(v[first + lane] + bias[first + lane])
        voltage = _LEAST if voltage < _LEAST else voltage
        spikes[place + lane] = np.uint8(voltage > threshold)
        v[first + lane] = _REST if voltage > threshold else voltage


@_inner
def _kept(state, kept):
    """trunc(state·kept / 4096)."""
    product = np.int64(state) * np.int64(kept)
    # A shift to the right rounds down: 4095 more lets it round negative numbers up.
    return np.int32((product + ((product >> np.int64(63)) & _ROUND)) >> _SHIFT)


@_inner
def _whole(layer, u, v, bias, received, spikes, place):
    """One step of neurons by the whole rule; empties what they received."""
    threshold, first = layer.threshold, layer.neuron
    kept_current, kept_voltage = layer.kept_current, layer.kept_voltage
    for lane in range(layer.size):
        at = first + lane
        current = np.int32(_kept(u[at], kept_current) + received[at])
        received[at] = _REST
        current = np.int32(current - _SPAN) if current > _LIMIT else current
        current = np.int32(current + _SPAN) if current <= -_LIMIT else current
        u[at] = current
        voltage = np.int32(_kept(v[at], kept_voltage) + current + bias[at])
        voltage = _LEAST if voltage < _LEAST else voltage
        spikes[place + lane] = np.uint8(voltage > threshold)
        v[at] = _REST if voltage > threshold else voltage


@_inner
def _clipped(voltage):
    return min(max(np.int32(voltage), _LEAST), _MOST)


@_inner
def _programmed(layer, settings, u, v, bias, received, spikes, place):
    """One step of programmable neurons, each with its own numbers; empties what they received."""
    first, column, reset = layer.neuron, layer.settings, layer.reset
    threshold, kept_current, kept_voltage, reset_by = settings[0], settings[1], settings[2], settings[3]
    for lane in range(layer.size):
        at, own = first + lane, column + lane
        current = np.int32(_kept(u[at], kept_current[own]) + received[at])
        received[at] = _REST
        current = np.int32(current - _SPAN) if current > _LIMIT else current
        current = np.int32(current + _SPAN) if current <= -_LIMIT else current
        u[at] = current
        voltage = _clipped(_kept(v[at], kept_voltage[own]) + current + bias[at])
        if reset == TO_VOLTAGE:
            spiked = voltage > threshold[own]
            v[at] = reset_by[own] if spiked else voltage
        else:
            left = _clipped(voltage - (reset_by[own] if v[at] > threshold[own] else _REST))
            spiked = left > threshold[own]
            v[at] = _clipped(voltage - (reset_by[own] if spiked else _REST)) if reset == AT_ONCE else left
        spikes[place + lane] = np.uint8(spiked)


_UINTP, _INT32 = types.uintp, types.int32
_SIGNATURE = types.void(
    numba.from_dtype(LAYER)[::1],
    numba.from_dtype(CONNECTION)[::1],
    numba.from_dtype(SOURCE)[::1],
    types.uint32[::1],
    types.int16[::1],
    _INT32[::1],
    _INT32[:, ::1],
    types.uint32[::1],
    _UINTP,
    _UINTP,
    types.Array(types.uint8, 3, "A", readonly=True),
    types.uint8[:, :, ::1],
    _UINTP,
    _UINTP,
)


@kept_on_disk(_SIGNATURE)
def run(layers, connections, sources, tables, weights, bias, settings, output, width, block, given, out, first, last):
    """Samples `first` to `last` of `given` [time, sample, feature] through the layers, into the same ones of `out`.

    A step's spikes are `width` bytes; a block has `block` steps. `output` has the places of what comes out.
    """
    time = np.uintp(given.shape[0])
    spikes = np.zeros(block * width, np.uint8)
    words = spikes.view(np.uint64)
    found = np.empty(width + _WORD, np.uint32)
    u, v, received = np.zeros_like(bias), np.zeros_like(bias), np.zeros_like(bias)
    kept = _ZERO
    for connection in connections:
        kept += connection.kept_steps * connection.size
    waiting = np.empty(kept, np.uint8)
    for sample in range(first, last):
        u[:] = 0
        v[:] = 0
        waiting[:] = 0
        for start in range(_ZERO, time, block):
            steps = min(block, time - start)
            for source in sources:
                for step in range(steps):
                    row = step * width + source.place
                    for at in range(source.size):
                        spikes[row + at] = given[start + step, sample, source.feature + at]
            for layer in layers:
                state = v if layer.kind == INTEGRATE else received
                for step in range(steps):
                    row = step * width
                    place = row + layer.place
                    if layer.kind == COPY:
                        source_place = row + connections[layer.first_connection].place
                        for at in range(layer.size):
                            spikes[place + at] = spikes[source_place + at]
                        continue
                    if layer.kind == ANY:
                        _any(layer, connections[layer.first_connection], words, row, tables)
                        continue
                    for number in range(layer.first_connection, layer.last_connection):
                        connection = connections[number]
                        read = row
                        if connection.recurrent:
                            if start + step == _ZERO:
                                continue
                            read = (step if step > _ZERO else block) * width - width
                        if connection.kept_steps:
                            _hold_back(connection, spikes, read, row, start + step, tables, waiting)
                            read = row
                        if connection.graded:
                            _receive_graded(connection, spikes, read, tables, weights, state, layer.neuron)
                        elif connection.row:
                            _receive_words(connection, words, read, tables, weights, state, layer.neuron)
                        else:
                            _receive(connection, spikes, words, read, found, tables, weights, state, layer.neuron)
                    if layer.kind == INTEGRATE:
                        _integrate(layer, v, bias, spikes, place)
                    elif layer.kind == PROGRAMMED:
                        _programmed(layer, settings, u, v, bias, received, spikes, place)
                    else:
                        _whole(layer, u, v, bias, received, spikes, place)
            for step in range(steps):
                for feature in range(np.uintp(output.size)):
                    out[start + step, sample, feature] = spikes[step * width + output[feature]]
