"""Real numbers to the chip's integers, layer by layer, with as few changed spikes as can be found.

A small scale rounds the weights coarsely; a large one cuts off the largest. Which is best is measured: of a grid of
scales the one is taken with which the fewest spikes differ from the float network's own, where the layer reads what
the quantized layers before it really give and, where it is recurrent, what it gives itself. A layer that is exact in
integers (an OR-pooling, a network that was trained on a grid) is not searched for: it takes the scale that makes
it exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ....export.nir.geometry import Shape
from ..program import INPUT, Layer, LoihiProgram
from ..simulator.simulate import layer_spikes
from .float_layer import FloatLayer
from .scaling import at_scale, exact_scale, full_scale, largest_scale

CalibrationSpikes = UInt8[np.ndarray, "time sample *shape"]

COARSE_RATIOS = np.linspace(0.5, 1.5, 21)
"""The scales tried first, as parts of the one at which the largest weight just fits."""

HALVED_RATIOS = 0.5 ** np.arange(10)
"""The scales tried before those where graded spikes are read: what they add to u may leave its 24 bits long before
their weights leave 8."""

FINE_RATIOS = np.linspace(0.96, 1.04, 9)
"""The scales tried then, as parts of the best of the first."""

DIGITS = 9
"""How many digits behind the point of a ratio are more than rounding."""

COARSE_SAMPLES = 64
"""How many samples the first search sees; the second sees all."""


class Calibration(NamedTuple):
    """What the float network does with some samples: its input, and the spikes of its neuron nodes by name."""

    spikes: UInt8[np.ndarray, "time sample *shape"]
    neurons: Mapping[str, UInt8[np.ndarray, "time sample *layer"]]


def quantize(
    layers: Sequence[FloatLayer], input_shape: Shape, calibration: Calibration | None, largest_input: int = 1
) -> LoihiProgram:
    """The program for these layers. Without a calibration every scale is the one at which the largest weight just fits.

    `largest_input` is the program's.

    Raises InputError, naming the layer, where the chip cannot hold its weights, threshold and bias at one scale.
    """
    quantized: list[Layer] = []
    given: dict[int, CalibrationSpikes] = {INPUT: calibration.spikes} if calibration else {}
    for index, layer in enumerate(layers):
        reads = {source: given[source] for source in layer.forward_sources(index)} if calibration else {}
        scale = exact_scale(layer)
        if scale is None:
            scale = full_scale(layer)
            # A neuron that only stands for a bias fires always, whatever its scale.
            if calibration is not None and layer.name in calibration.neurons:
                search = _Search(layer, index, largest_input)
                scale = search.scale_near(scale, reads, calibration.neurons[layer.name])
        quantized.append(at_scale(layer, scale))
        if calibration is not None:
            given[index] = layer_spikes(quantized[-1], index, reads, largest_input)
    return LoihiProgram(input_shape, tuple(quantized), largest_input=largest_input)


@dataclass(frozen=True)
class _Search:
    """For the scale of one layer, the one of this index."""

    layer: FloatLayer
    index: int
    largest_input: int

    def scale_near(self, scale: float, reads: Mapping[int, CalibrationSpikes], target: CalibrationSpikes) -> float:
        """The scale near this one with which the fewest spikes differ from the target."""
        some = slice(0, COARSE_SAMPLES)
        few = {source: spikes[:, some] for source, spikes in reads.items()}
        if max(self.layer.largest_values) > 1:
            scale = self._best(scale, HALVED_RATIOS, few, target[:, some])
        coarse = self._best(scale, COARSE_RATIOS, few, target[:, some])
        return self._best(coarse, FINE_RATIOS, reads, target)

    def _best(
        self, centre: float, ratios: np.ndarray, reads: Mapping[int, CalibrationSpikes], target: CalibrationSpikes
    ) -> float:
        """Of the scale `centre` times each of the ratios, as far as they fit, the best."""
        most = largest_scale(self.layer)
        allowed = sorted({min(float(scale), most) for scale in centre * ratios})
        changed = {scale: self._changed(scale, reads, target) for scale in allowed}
        # Of equally good scales, the one nearest the centre: the search's noise should not drive it away. Of two that
        # are as near, the smaller one, whatever the last digits say.
        return min(allowed, key=lambda scale: (changed[scale], round(abs(scale / centre - 1), DIGITS)))

    def _changed(self, scale: float, reads: Mapping[int, CalibrationSpikes], target: CalibrationSpikes) -> int:
        """How many spikes differ from the target."""
        found = layer_spikes(at_scale(self.layer, scale), self.index, reads, self.largest_input)
        return int((found != target).sum())
