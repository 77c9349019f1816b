"""The simulated chip as a device."""

import numpy as np
from jaxtyping import UInt8

from ..devices import SpikingDevice
from ..entries import SpikingEntry
from ..parts import SpikingPart
from .program import LoihiProgram
from .simulator.simulate import simulate, simulate_layers


class LoihiDevice:
    """Loihi in fixed point with this program: a `SpikingDevice`."""

    def __init__(self, program: LoihiProgram) -> None:
        self.program = program

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The last layer's spikes; step t of the answer belongs to step t of the input.

        Raises InputError where the spikes are not uint8 of 0 to the program's largest input, or do not have the
        program's input shape.
        """
        return simulate(self.program, spikes)

    def layers(
        self, spikes: UInt8[np.ndarray, "time sample *shape"]
    ) -> tuple[UInt8[np.ndarray, "time sample *layer"], ...]:
        """Every layer's spikes, each in its group's shape. Raises as `run` does."""
        return simulate_layers(self.program, spikes)


def _make(part: SpikingPart) -> SpikingDevice:
    return LoihiDevice(part.program)


DEVICE = SpikingEntry("loihi", "Loihi's fixed point, simulated", _make, reference="nir")
