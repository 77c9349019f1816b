"""From a NIR graph to a program for the chip."""

import numpy as np
from jaxtyping import UInt8

from ...export.graph import PlacedGraph
from ..devices import checked_spikes
from ..nir_runtime import NirRuntime
from .chain import float_layers
from .program import LoihiProgram
from .quantize import Calibration, quantize
from .simulate import sample_chunks


def lower_to_loihi(
    graph: PlacedGraph, dt: float, calibration_spikes: UInt8[np.ndarray, "time sample *shape"] | None
) -> LoihiProgram:
    """The graph in Loihi's fixed point, for time steps of `dt` seconds.

    The calibration spikes are typical inputs of the graph; with them the scales are chosen so that the fewest spikes
    change. Without, each layer's largest weight just fits. The same arguments give the same program.

    Raises InputError, naming the node, for a graph that cannot run on the chip (see `float_layers` and `quantize`),
    and for calibration spikes that do not fit it.
    """
    layers = float_layers(graph, dt)
    if calibration_spikes is None:
        return quantize(layers, graph.input_shape, None)
    checked_spikes(calibration_spikes, graph.input_shape)
    names = [layer.name for layer in layers]
    return quantize(layers, graph.input_shape, float_spikes(graph, dt, names, calibration_spikes))


def float_spikes(
    graph: PlacedGraph, dt: float, names: list[str], spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Calibration:
    """The spikes of the float graph's nodes of these names."""
    shapes = {placed.name: placed.output_shape for placed in graph.nodes}
    found = {name: np.empty((*spikes.shape[:2], *shapes[name]), np.uint8) for name in names}
    runtime = NirRuntime(graph, dt)
    # A trace holds every node at once, in float64.
    held = sum(int(np.prod(shape)) for shape in shapes.values())
    for chunk in sample_chunks(spikes, held):
        trace = runtime.trace(spikes[:, chunk])
        for name in names:
            found[name][:, chunk] = trace[name]
    return Calibration(spikes, tuple(found[name] for name in names))
