"""The ideal quantum processor: <Z> by the circuit's light cone, shots from its state vector."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from ...export.circuit.reupload import ReuploadCircuit
from ..devices import QuantumDevice
from .exact.lightcone import expectations
from .measurement import check_shots, seed_sequence


class ExactDevice:
    """A quantum device without noise, in float64. `seed` is for finite shots only.

    Shots of several qubits are correlated, which <Z> of each alone does not tell: they are drawn from PennyLane's state
    vector. Each call draws new ones; a new device with the same seed draws the same ones for the same calls.
    """

    def __init__(self, seed: int = 0) -> None:
        seed_sequence(seed)
        self._seed = seed

    @cached_property
    def _sampled(self) -> QuantumDevice:
        # PennyLane takes more than a second to import, and most runs draw no shots here.
        from .pennylane_device import PennyLaneDevice

        return PennyLaneDevice(self._seed)

    def expectations(
        self, circuit: ReuploadCircuit, angles: Float[np.ndarray, "sample qubit 3"], shots: int | None
    ) -> Float[np.ndarray, "sample qubit"]:
        """<Z> of each qubit for each sample's angles (radians), in [-1, 1]; exact when `shots` is None.

        Raises `InputError` for angles that do not fit the circuit, fewer shots than one, and more qubits or blocks than
        fit the memory.
        """
        check_shots(shots)
        if shots is not None:
            return self._sampled.expectations(circuit, angles, shots)
        given = torch.from_numpy(circuit.checked_angles(angles))
        weights = torch.from_numpy(circuit.weights.copy())
        with torch.no_grad():
            values = expectations(given, weights, circuit.entangler)
        # Rounding may leave a value a hair outside of what <Z> can be.
        return values.numpy().clip(-1.0, 1.0)
