"""The circuit on PennyLane's simulators, differentiable by backpropagation: what `lightcone` is judged by."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pennylane as qml
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ...export.circuit.reupload import Entangler, reupload_layers
from ...export.errors import InputError
from .noise import Noise

MOST_AMPLITUDES = 2**18
"""Complex numbers that the states of the samples that run at once may have: 2^n of a state vector, 4^n of a density
matrix. With noise backpropagation keeps some 20 such states a block and qubit: 1.5 GB for 9 qubits and 2 blocks."""


def check_qubits(n_qubits: int, noisy: bool) -> None:
    """Raises `InputError` where one sample's state would have more than `MOST_AMPLITUDES` complex numbers."""
    if _amplitudes(n_qubits, noisy) > MOST_AMPLITUDES:
        most = next(fewer for fewer in range(n_qubits, 0, -1) if _amplitudes(fewer, noisy) <= MOST_AMPLITUDES)
        raise InputError(
            f"circuit.qubits must be at most {most} on PennyLane's simulator {'with' if noisy else 'without'} noise, "
            f"got {n_qubits}, since a sample takes {_amplitudes(n_qubits, noisy)} complex numbers"
        )


def pennylane_expectations_in_parts(
    angles: Float[Tensor, "sample qubit 3"],
    weights: Float[Tensor, "block qubit 3"],
    entangler: Entangler,
    noise: Noise | None = None,
) -> Float[Tensor, "sample qubit"]:
    """As `pennylane_expectations`, of parts of the samples that are computed again for their gradients.

    So memory does not grow with the number of samples. Raises `InputError` as `check_qubits` does.
    """
    n_qubits = weights.shape[1]
    check_qubits(n_qubits, bool(noise))
    step = MOST_AMPLITUDES // _amplitudes(n_qubits, bool(noise))
    if len(angles) <= step:
        return pennylane_expectations(angles, weights, entangler, noise)
    parts = [
        checkpoint(
            pennylane_expectations, part, weights, entangler, noise, use_reentrant=False, preserve_rng_state=False
        )
        for part in angles.split(step)
    ]
    return torch.cat(parts)


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


def _amplitudes(n_qubits: int, noisy: bool) -> int:
    return (4 if noisy else 2) ** n_qubits


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
