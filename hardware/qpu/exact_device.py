"""The ideal quantum processor: exact values by the circuit's light cones, shots from its state vector."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from ...export.circuit.circuit import Circuit
from ..devices import Estimate, QuantumDevice
from ..entries import QuantumEntry
from ..parts import QuantumPart
from .exact.circuit import circuit_expectations
from .measurement import check_shots, exact_estimate, seed_sequence


class ExactDevice:
    """A quantum device without noise, in float64. `seed` is for finite shots only.

    Shots of several qubits are correlated, which the observables alone do not tell: they are drawn from PennyLane's
    state vector. Each call draws new ones; a new device with the same seed draws the same ones for the same calls.
    """

    def __init__(self, circuit: Circuit, seed: int = 0) -> None:
        seed_sequence(seed)
        self.circuit, self._seed = circuit, seed

    @cached_property
    def _sampled(self) -> QuantumDevice:
        # PennyLane takes more than a second to import, and most runs draw no shots here.
        from .pennylane_device import PennyLaneDevice

        return PennyLaneDevice(self.circuit, self._seed)

    def run(self, inputs: Float[np.ndarray, "sample input"], shots: int | None) -> Estimate:
        """The circuit's observables for each sample's inputs; exact when `shots` is None.

        Raises `InputError` for inputs that do not fit the circuit, fewer shots than one, and more qubits or blocks than
        fit the memory.
        """
        check_shots(shots)
        if shots is not None:
            return self._sampled.run(inputs, shots)
        given = torch.from_numpy(self.circuit.checked_inputs(inputs))
        with torch.no_grad():
            values = circuit_expectations(self.circuit, given)
        return exact_estimate(self.circuit, values.numpy())


def _make(part: QuantumPart) -> QuantumDevice:
    return ExactDevice(part.circuit, part.seed)


DEVICE = QuantumEntry("exact", "the circuit's light cones, exact; shots from its state vector", _make)
