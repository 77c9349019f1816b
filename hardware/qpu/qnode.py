"""The circuit on PennyLane's simulators, differentiable by backpropagation: what `lightcone` is judged by."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pennylane as qml
import torch
from jaxtyping import Float
from torch import Tensor

from ...export.circuit import Entangler, reupload_layers
from .noise import Noise


def pennylane_expectations(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    entangler: Entangler,
    noise: Noise | None = None,
) -> Float[Tensor, "sample qubit"]:
    """<Z> of each qubit, with the meaning of `lightcone.expectations`.

    A state vector (`default.qubit`); with noise a density matrix (`default.mixed`), which takes 2^n times as long.
    """
    values = _circuit(weights.shape[1], entangler, noise)(angles, weights)
    return torch.stack(list(values), dim=-1).to(angles.dtype)


@lru_cache(maxsize=16)
def _circuit(n_qubits: int, entangler: Entangler, noise: Noise | None) -> Callable[[Tensor, Tensor], Any]:
    device = qml.device("default.mixed" if noise else "default.qubit", wires=n_qubits)

    @qml.qnode(device, interface="torch", diff_method="backprop")
    def circuit(angles: Tensor, weights: Tensor) -> list:
        reupload_layers(angles, weights, entangler, noise.queue if noise else None)
        if noise:
            for qubit in range(n_qubits):
                noise.queue_readout(qubit)
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return circuit
