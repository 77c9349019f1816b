"""What a device must be: one method, for each of the two halves.

A device knows nothing of the model or its training. It is handed plain data at the border: binary spikes for the
spiking half, a circuit and its rotation angles for the quantum half.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from ..export.circuit import ReuploadCircuit
from ..export.errors import InputError
from ..export.geometry import Shape

Watch = Callable[[int], None]
"""Told how many samples are done."""


class SpikingDevice(Protocol):
    """Runs one spiking network, which its constructor was given."""

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The last layer's spikes for these input spikes.

        Every sample starts from rest. Delays of the device are taken out: step t of the answer belongs to step t of
        the input, and there are as many steps.
        """
        ...


@runtime_checkable
class WatchedDevice(Protocol):
    """A slow device that says how far a run is: `watch` is told how many of its samples are done."""

    watch: Watch | None


class QuantumDevice(Protocol):
    """Runs re-upload circuits."""

    def expectations(
        self, circuit: ReuploadCircuit, angles: Float[np.ndarray, "sample qubit 3"], shots: int | None
    ) -> Float[np.ndarray, "sample qubit"]:
        """<Z> of each qubit for each sample's angles (radians), in [-1, 1].

        `shots` is how many measurements each sample's estimate is made from; None asks for the exact value.
        """
        ...


def checked_spikes(spikes: np.ndarray, shape: Shape) -> UInt8[np.ndarray, "time sample *shape"]:
    """The spikes, if they are uint8, 0 or 1, and [time, sample, *shape]. Raises InputError otherwise."""
    if spikes.dtype != np.uint8:
        raise InputError(f"spikes are {spikes.dtype}; uint8 is needed")
    if spikes.shape[2:] != shape or spikes.ndim != 2 + len(shape) or spikes.shape[0] < 1:
        needed = ", ".join(["time", "sample", *map(str, shape)])
        raise InputError(f"spikes have the shape {list(spikes.shape)}; [{needed}] is needed")
    if spikes.size and spikes.max() > 1:
        raise InputError(f"spikes hold the value {spikes.max()}; 0 and 1 are allowed")
    return spikes
