"""The ideal quantum processor."""

import numpy as np
import torch

from ...export.circuit.circuit import Circuit
from ...export.circuit.reupload import as_reupload
from ..devices import Estimate
from ..entries import QuantumEntry
from .exact.lightcone import expectations


class ExactDevice:
    def __init__(self, circuit: Circuit, seed: int = 0) -> None:
        self.circuit, self.seed = circuit, seed

    def run(self, inputs, shots):
        values = self.circuit.checked_inputs(inputs)
        found = as_reupload(self.circuit)
        if shots is not None:
            from .pennylane_device import PennyLaneDevice

            return PennyLaneDevice(self.circuit, self.seed).run(inputs, shots)
        if found is None:
            from ...export.circuit.to_pennylane import to_qnode

            got = np.stack([np.broadcast_to(one, len(values)) for one in to_qnode(self.circuit)(values)], -1)
        else:
            with torch.no_grad():
                got = (
                    expectations(
                        torch.from_numpy(values.reshape(len(values), -1, 3)),
                        torch.from_numpy(found.weights.copy()),
                        found.entangler,
                    )
                    .numpy()
                    .clip(-1, 1)
                )
        return Estimate(got, np.zeros_like(got), None, {})


DEVICE = QuantumEntry("exact", "exact", lambda part: ExactDevice(part.circuit, part.seed))
