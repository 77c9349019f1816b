"""The density matrix of the whole register, for noisy circuits whose light cone would meet itself.

It is held as the expectation of each of the 4^n Pauli strings, which is real. Noise then costs nothing: a block with
the noise before it is one transfer matrix on each qubit, and CZ gates exchange strings.
"""

from collections.abc import Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from .bloch import LocalMaps
from .controlled_z import PAULI_MATRICES, exchange_by_cz
from .register import grouped, kronecker, turned

GROUP = 2
"""Qubits that are turned at once: two make a matrix of 16 rows."""


def density_matrix_bloch_vectors(maps: LocalMaps, pairs: Sequence[tuple[int, int]]) -> Float[Tensor, "qubit 3 sample"]:
    """The Bloch vector (x, y, z) of each qubit before the last block and its noise, CZ on `pairs` between blocks."""
    n_qubits = len(maps.prepared)
    x, y, z = maps.prepared.movedim(-1, 0).unbind(-1)
    qubits = torch.stack((torch.ones_like(z), z, x, y), dim=-1)[..., None]
    state = reduce(kronecker, qubits.unbind(1)).movedim(-1, 1)
    source, sign = exchange_by_cz(n_qubits, pairs, state)
    for block in maps.between:
        matrices = block.movedim(-1, 1)
        groups = [reduce(kronecker, matrices[group.start : group.stop]) for group in grouped(n_qubits, GROUP)]
        state = turned(state.index_select(2, source) * sign, groups)
    state = state.index_select(2, source) * sign
    places = [pauli * PAULI_MATRICES ** (n_qubits - 1 - qubit) for qubit in range(n_qubits) for pauli in (2, 3, 1)]
    chosen = state[:, 0].index_select(1, torch.tensor(places, device=state.device))
    return chosen.unflatten(1, (n_qubits, 3)).movedim(0, -1)
