"""What CZ gates do to Pauli strings: a signed exchange.

CZ turns X_i into X_i Z_j, Y_i into Y_i Z_j, and leaves Z alone. In the order I, Z, X, Y a Pauli matrix is two bits,
(flips, phase): I = 00, Z = 01, X = 10, Y = 11. A qubit whose Pauli matrix flips puts a Z on each qubit joined to it.
The factors i that products of Pauli matrices bring cancel over the string, so that each qubit has a real rule of its
own, once for each joined qubit that flips:

    I → Z,  Z → I,  X → Y,  Y → -X
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

PAULI_MATRICES = 4


@lru_cache(maxsize=4)
def _exchange(n_qubits: int, pairs: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, np.ndarray]:
    strings = np.arange(PAULI_MATRICES**n_qubits)
    flips, phases = [], []
    for qubit in range(n_qubits):
        matrix = strings >> 2 * (n_qubits - 1 - qubit)
        flips.append(matrix >> 1 & 1)
        phases.append(matrix & 1)
    source, negative = np.zeros_like(strings), np.zeros_like(strings)
    for qubit in range(n_qubits):
        joined = sum((flips[a] * (b == qubit) + flips[b] * (a == qubit) for a, b in pairs), np.zeros_like(strings))
        # Two quarter turns X → Y → -X are a minus; an odd one more makes a minus only out of Y.
        negative += flips[qubit] * (joined // 2 + joined % 2 * phases[qubit])
        source = source << 2 | flips[qubit] << 1 | (phases[qubit] ^ joined % 2)
    return source, negative % 2


def exchange_by_cz(
    n_qubits: int, pairs: Sequence[tuple[int, int]], like: Tensor
) -> tuple[Int[Tensor, " string"], Float[Tensor, " string"]]:
    """The exchange of the 4^n Pauli strings by a CZ gate on each of `pairs`.

    The coefficient of string k comes out as sign[k] times that of string source[k]. Qubit 0 is the highest digit. It is
    its own inverse, so it holds for operators read forwards and backwards.
    """
    source, negative = _exchange(n_qubits, tuple(pairs))
    sign = torch.as_tensor(1 - 2 * negative, dtype=like.dtype, device=like.device)
    return torch.as_tensor(source, device=like.device), sign
