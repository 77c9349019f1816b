"""The NIR graph in floating point as a device that can be asked for."""

from ..devices import SpikingDevice
from ..entries import SpikingEntry
from ..parts import SpikingPart
from .nir_runtime import NirRuntime


def _make(part: SpikingPart) -> SpikingDevice:
    return NirRuntime(part.graph)


DEVICE = SpikingEntry("nir", "the NIR file in floating point, in float64", _make)
