"""What a device must be: one method, for each of the two halves.

A device knows nothing of the model or its training. It is handed plain data at the border: spikes for the spiking
half (`network_input`), a circuit and its rotation angles for the quantum half.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from ..export.circuit.reupload import ReuploadCircuit
from ..export.errors import DeviceError

Watch = Callable[[int], None]
"""Told how many samples are done."""

ROUNDING = 1e-9
"""How far outside of [-1, 1] an <Z> may lie."""


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


def checked_answer(
    device: SpikingDevice, answer: np.ndarray, shape: tuple[int, int, int]
) -> UInt8[np.ndarray, "time sample feature"]:
    """What a spiking device gave, if it is uint8, 0 or 1, and of that shape [time, sample, feature].

    Raises DeviceError otherwise: a delay that was left in, say, would make each sample's rates wrong, and unnoticed.
    """
    name = type(device).__name__
    if not isinstance(answer, np.ndarray) or answer.dtype != np.uint8:
        found = getattr(answer, "dtype", type(answer).__name__)
        raise DeviceError(f"{name}: its spikes are {found}; an array of uint8 is needed")
    if answer.shape != shape:
        raise DeviceError(f"{name}: its spikes have the shape {list(answer.shape)}; {list(shape)} is needed")
    if answer.size and answer.max() > 1:
        raise DeviceError(f"{name}: its spikes hold the value {answer.max()}; 0 and 1 are allowed")
    return answer


def checked_expectations(
    device: QuantumDevice, answer: np.ndarray, shape: tuple[int, int]
) -> Float[np.ndarray, "sample qubit"]:
    """What a quantum device gave, if it is floating-point numbers in [-1, 1] of that shape [sample, qubit].

    Raises DeviceError otherwise.
    """
    name = type(device).__name__
    if not isinstance(answer, np.ndarray) or not np.issubdtype(answer.dtype, np.floating):
        found = getattr(answer, "dtype", type(answer).__name__)
        raise DeviceError(f"{name}: its <Z> are {found}; an array of floating-point numbers is needed")
    if answer.shape != shape:
        raise DeviceError(f"{name}: its <Z> have the shape {list(answer.shape)}; {list(shape)} is needed")
    outside = answer[~(np.abs(answer) <= 1 + ROUNDING)]
    if outside.size:
        raise DeviceError(f"{name}: its <Z> hold the value {outside[0]}; -1 to 1 is allowed")
    return answer
