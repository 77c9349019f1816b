"""Measuring the spiking half: for each stage its layers, and the spikes of one sample."""

from ..failures import failures, reason
from .climbed import Climbed
from .layers import measured_layers
from .raster import raster
from .spiking import SpikingHalf


def spiking_halves(climbed: Climbed) -> list[SpikingHalf]:
    """Every spiking stage of the network, in its order."""
    return [_half(climbed, name) for name in climbed.bundle.network.spiking]


def _half(climbed: Climbed, stage: str) -> SpikingHalf:
    shape = list(climbed.bundle.network.spiking[stage].graph.input_shape)
    # What a ladder has proved must not be lost because it cannot be explained.
    try:
        found = measured_layers(climbed, stage)
        drawn = raster(climbed, stage)
    except failures() as error:
        return SpikingHalf(
            stage=stage, input_shape=shape, layers=[], samples=0, steps=0, raster=None, notes=[reason(error)]
        )
    notes = [] if found.left_out is None else [f"no form on the chip: {found.left_out}"]
    return SpikingHalf(
        stage=stage,
        input_shape=shape,
        layers=found.layers,
        samples=found.samples,
        steps=found.steps,
        raster=drawn,
        notes=notes,
    )
