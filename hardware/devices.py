"""What a device must be: made for one part of a network, then run.

A device knows nothing of the model or its training. It is handed plain data at the border: a NIR graph or a fixed-point
program and then spikes (`runtime/network_input.py`), or a circuit and then values of its inputs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from ..export.circuit.circuit import Circuit
from ..export.errors import DeviceError

SampleWatch = Callable[[int], None]
"""Told how many samples are done."""

ROUNDING = 1e-9
"""How far outside of its bounds the value of an observable may lie, as a fraction of them."""


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

    watch: SampleWatch | None


@runtime_checkable
class LayeredDevice(Protocol):
    """A device of a fixed-point program that tells the spikes of each of its layers."""

    def layers(
        self, spikes: UInt8[np.ndarray, "time sample *shape"]
    ) -> tuple[UInt8[np.ndarray, "time sample *layer"], ...]:
        """Every layer's spikes in the program's order, each in its group's shape."""
        ...


class Estimate(NamedTuple):
    """What a quantum device found.

    `values` are the observables' expectation values, `standard_errors` those of the values: 0 where they are exact.
    `shots` is how many measurements of each basis were made for each sample, None where the values are exact.
    `metadata` is what the device wants to say of the run, such as the job's identifier or the processor: plain
    data that JSON can hold.
    """

    values: Float[np.ndarray, "sample observable"]
    standard_errors: Float[np.ndarray, "sample observable"]
    shots: int | None
    metadata: dict[str, Any]


class QuantumDevice(Protocol):
    """Runs one circuit, which its constructor was given."""

    circuit: Circuit

    def run(self, inputs: Float[np.ndarray, "sample input"], shots: int | None) -> Estimate:
        """The circuit's observables for each sample's inputs.

        `shots` is how many measurements of each basis per sample's estimate is made from; None asks for exact values.
        """
        ...


@runtime_checkable
class QueuedDevice(QuantumDevice, Protocol):
    """A quantum device whose answer takes long: a handle outlives the process, and any other process may fetch it."""

    def submit(self, inputs: Float[np.ndarray, "sample input"], shots: int | None) -> str:
        """Ask for what `run` gives, and have a handle at once: a text on one line that names the job for ever."""
        ...

    def fetch(self, handle: str) -> Estimate | None:
        """The job's answer, or None while it waits or runs. Raises DeviceError where the job failed or is unknown."""
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
        raise DeviceError(f"{name}: its spikes must be an array of uint8, got {found}")
    if answer.shape != shape:
        raise DeviceError(f"{name}: its spikes must have the shape {list(shape)}, got {list(answer.shape)}")
    if answer.size and answer.max() > 1:
        raise DeviceError(f"{name}: its spikes must be 0 or 1, got {answer.max()}")
    return answer


def checked_estimate(device: QuantumDevice, answer: Estimate, samples: int, shots: int | None) -> Estimate:
    """What a quantum device gave, if it is an Estimate for so many samples and these shots.

    Raises DeviceError where it is none, or its values or standard errors are not floating-point numbers of the shape
    [sample, observable], or a value lies outside of what the observable can have.
    """
    name = type(device).__name__
    if not isinstance(answer, Estimate):
        raise DeviceError(f"{name}: its answer must be an Estimate, got {type(answer).__name__}")
    if answer.shots != shots:
        raise DeviceError(f"{name}: the shots of its answer must be {shots}, as asked for, got {answer.shots}")
    wanted = (samples, device.circuit.output_size)
    for what, found in (("values", answer.values), ("standard errors", answer.standard_errors)):
        if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating):
            kind = getattr(found, "dtype", type(found).__name__)
            raise DeviceError(f"{name}: its {what} must be an array of floating-point numbers, got {kind}")
        if found.shape != wanted:
            raise DeviceError(f"{name}: its {what} must have the shape {list(wanted)}, got {list(found.shape)}")
    bounds = device.circuit.bounds
    outside = np.argwhere(~(np.abs(answer.values) <= bounds * (1 + ROUNDING)))
    if len(outside):
        sample, observable = map(int, outside[0])
        raise DeviceError(
            f"{name}: observable {observable} of sample {sample} must lie from {-bounds[observable]:g} to "
            f"{bounds[observable]:g}, got {answer.values[sample, observable]}"
        )
    wrong = ~(answer.standard_errors >= 0)
    if wrong.any():
        raise DeviceError(
            f"{name}: its standard errors must be numbers from 0 on, got {answer.standard_errors[wrong][0]}"
        )
    return answer
