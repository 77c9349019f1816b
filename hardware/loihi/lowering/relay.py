"""Relays: layers that repeat spikes a step later, so that all paths to a layer are equally long.

On the chip every synapse takes a step. Where a layer reads spikes of the same step over paths of different lengths,
those of the shorter one would come early. A relay is a neuron group that fires whenever the neuron that it reads does:
one weight, which is above the threshold, and nothing that it remembers. A relay is shared by all that read its spikes.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....export.errors import InputError
from ....export.nir.geometry import Shape
from ..program import INPUT
from .float_layer import FloatConnection, FloatLayer
from .fold import one_to_one


def with_relays(
    layers: Sequence[FloatLayer], input_name: str, input_shape: Shape, largest_input: int = 1
) -> tuple[FloatLayer, ...]:
    """The layers in the same order with relays between them, so that each reads only what is one synapse before it.

    A layer stands as early as it can: a synapse behind the latest that it reads. The relays of `pool` are called
    `pool + 1 step`, `pool + 2 steps` and so on. Connections' delays are no ways: they come on top.

    Raises InputError, naming the layer, where a relay would have to repeat spikes of the input that carry more than 1,
    up to `largest_input`.
    """
    names = {INPUT: input_name} | {index: layer.name for index, layer in enumerate(layers)}
    shapes = {INPUT: input_shape} | {index: layer.shape for index, layer in enumerate(layers)}
    taken = set(names.values())
    found: list[FloatLayer] = []
    depths = {INPUT: 0}
    # Where the spikes of a layer, so many steps late, are found among the layers with relays.
    places = {(INPUT, 0): INPUT}

    def place(source: int, steps: int) -> int:
        if (source, steps) not in places:
            name = f"{names[source]} + {steps} step{'s' if steps > 1 else ''}"
            while name in taken:
                name += "'"
            taken.add(name)
            read = place(source, steps - 1)
            places[source, steps] = len(found)
            found.append(_relay(name, read, shapes[source]))
        return places[source, steps]

    for index, layer in enumerate(layers):
        before = max(depths[source] for source in layer.forward_sources(index))
        depths[index] = before + 1
        if largest_input > 1 and before and INPUT in layer.forward_sources(index):
            steps = f"{before} step{'s' if before > 1 else ''}"
            raise InputError(
                f"node {layer.name!r}: beside what comes from other neurons it reads the input's graded spikes, up to "
                f"{largest_input}, which would have to be repeated for {steps}; on Loihi only spikes of 0 and 1 can be"
            )
        read = {source: place(source, before - depths[source]) for source in layer.forward_sources(index)}
        places[index, 0] = read[index] = len(found)
        connections = tuple(replace(connection, source=read[connection.source]) for connection in layer.connections)
        found.append(replace(layer, connections=connections))
    return tuple(found)


def _relay(name: str, read: int, shape: Shape) -> FloatLayer:
    synapse = one_to_one(math.prod(shape), 1.0)
    return FloatLayer(name, (FloatConnection(read, synapse),), np.zeros(shape), 0.5, 1.0, 0.0)
