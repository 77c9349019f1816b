"""From a NIR graph to a program for the chip."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from ....export.errors import InputError
from ....export.nir.graph import ResolvedGraph
from ....export.nir.neurons import decided_step
from ....export.nir.nodes.table import is_neuron
from ...runtime.network_input import checked_spikes
from ...runtime.nir_runtime import NirRuntime
from .. import chip
from ..cost.resources import resources
from ..program import LoihiProgram
from ..simulator.simulate import sample_chunks
from .network import float_layers
from .quantize import Calibration, quantize


def lower_to_loihi(
    graph: ResolvedGraph,
    calibration_spikes: UInt8[np.ndarray, "time sample *shape"] | None,
    bias_exponent: int | None = None,
    largest_input: int | None = None,
) -> LoihiProgram:
    """The graph in Loihi's fixed point.

    The calibration spikes are typical inputs of the graph; with them the scales are chosen so that the fewest spikes
    change. Without, each layer's largest weight just fits. Every bias takes `bias_exponent`, or, where that is None,
    the smallest with which it can be held, layer by layer. The same arguments give the same program.

    The program reads spikes of 0 and 1 or, where `largest_input` is above 1, graded ones of 0 to that many, 255 at
    most. Where it is None, the largest value of the calibration spikes takes its place.

    Raises InputError, naming the node, for a graph that cannot run on the chip (see `float_layers`, `quantize` and
    `resources`), and for calibration spikes, a bias exponent or a largest input that do not fit.
    """
    most = chip.INPUT_VALUES[1]
    if largest_input is not None and not 1 <= largest_input <= most:
        raise InputError(f"largest_input must lie from 1 to {most}, got {largest_input}")
    if calibration_spikes is not None:
        checked_spikes(calibration_spikes, graph.input_shape, largest_input or most)
    if largest_input is None:
        largest_input = 1 if calibration_spikes is None else max(1, int(calibration_spikes.max(initial=0)))
    layers = float_layers(graph, largest_input)
    if bias_exponent is not None:
        least, most = chip.BIAS_EXPONENTS
        if not least <= bias_exponent <= most:
            raise InputError(f"bias_exponent must lie from {least} to {most}, got {bias_exponent}")
        layers = tuple(replace(layer, bias_exponents=(bias_exponent, bias_exponent)) for layer in layers)
    calibration = None
    if calibration_spikes is not None:
        names = [resolved.name for resolved in graph.nodes if is_neuron(resolved.node)]
        calibration = float_spikes(graph, names, calibration_spikes)
    program = replace(quantize(layers, graph.input_shape, calibration, largest_input), step=decided_step(graph))
    # A neuron whose synapses no core can hold is past the chip, however many cores there are.
    resources(program)
    return program


def float_spikes(
    graph: ResolvedGraph, names: list[str], spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Calibration:
    """The spikes of the float graph's nodes of these names."""
    shapes = {resolved.name: resolved.output_shape for resolved in graph.nodes}
    found = {name: np.empty((*spikes.shape[:2], *shapes[name]), np.uint8) for name in names}
    runtime = NirRuntime(graph)
    # A trace holds every node at once, in float64.
    held = sum(int(np.prod(shape)) for shape in shapes.values())
    for chunk in sample_chunks(spikes, held):
        trace = runtime.trace(spikes[:, chunk])
        for name in names:
            found[name][:, chunk] = trace[name]
    return Calibration(spikes, found)
