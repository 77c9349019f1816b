"""The state vectors of a cone, for a batch of samples and members at once, exact and differentiable.

A run of gates on one qubit is a matrix [[a, -conj(b)], [b, conj(a)]] with |a|² + |b|² = 1, but for a global phase. It
is multiplied together before it touches the state, and a qubit joins the state when a gate first couples it to another.
"""

import cmath
import math
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ....export.circuit.circuit import ROTATIONS
from .cones import Cone

_ROOT = math.sqrt(0.5)


class _Turn(NamedTuple):
    """The first column of a qubit's matrix: numbers, or tensors [batch]."""

    a: Tensor | complex
    b: Tensor | complex


# Each but for a global phase, so that its determinant is 1.
_FIXED = {
    "x": _Turn(0, -1j),
    "y": _Turn(0, 1),
    "z": _Turn(-1j, 0),
    "h": _Turn(-1j * _ROOT, -1j * _ROOT),
    "s": _Turn(cmath.exp(-0.25j * math.pi), 0),
    "sdg": _Turn(cmath.exp(0.25j * math.pi), 0),
    "t": _Turn(cmath.exp(-0.125j * math.pi), 0),
    "tdg": _Turn(cmath.exp(0.125j * math.pi), 0),
    "sx": _Turn(_ROOT, -1j * _ROOT),
}


def cone_values(cone: Cone, angles: Float[Tensor, "rotation batch"]) -> Float[Tensor, " batch"]:
    """The expectation value of the product of Z on the cone's ends, for angles of its rotations in their order."""
    register = _Register(angles)
    number = 0
    for name, qubits in cone.operations:
        if name in ROTATIONS:
            register.turn(qubits[0], _rotation(name, angles[number]))
            number += 1
        elif len(qubits) == 1:
            register.turn(qubits[0], _FIXED[name])
        else:
            register.couple(name, *qubits)
    return register.value(cone.ends)


def _rotation(name: str, angle: Float[Tensor, " batch"]) -> _Turn:
    cos, sin = torch.cos(angle / 2), torch.sin(angle / 2)
    zero = torch.zeros_like(cos)
    match name:
        case "rx":
            return _Turn(torch.complex(cos, zero), torch.complex(zero, -sin))
        case "ry":
            return _Turn(torch.complex(cos, zero), torch.complex(sin, zero))
    return _Turn(torch.complex(cos, -sin), 0)


def _conjugate(value: Tensor | complex) -> Tensor | complex:
    return value.conj() if isinstance(value, Tensor) else complex(value).conjugate()


class _Register:
    """The qubits that have joined so far, the first one as the highest bit, and what waits on each qubit."""

    def __init__(self, angles: Float[Tensor, "rotation batch"]) -> None:
        self.batch = angles.shape[1]
        self.dtype = torch.complex128 if angles.dtype == torch.float64 else torch.complex64
        self.device = angles.device
        self.joined: list[int] = []
        self.waiting: dict[int, _Turn] = {}
        self.state: Complex[Tensor, "batch state"] = torch.ones(self.batch, 1, dtype=self.dtype, device=self.device)

    def turn(self, qubit: int, later: _Turn) -> None:
        """A gate on one qubit, which waits."""
        if qubit not in self.waiting:
            self.waiting[qubit] = later
            return
        (a, b), (c, d) = later, self.waiting[qubit]
        self.waiting[qubit] = _Turn(a * c - _conjugate(b) * d, b * c + _conjugate(a) * d)

    def couple(self, name: str, one: int, other: int) -> None:
        """A cx or cz."""
        self._ready(one)
        self._ready(other)
        states = torch.arange(self.state.shape[1], device=self.device)
        first, second = (states >> (len(self.joined) - 1 - self.joined.index(qubit)) & 1 for qubit in (one, other))
        if name == "cz":
            self.state = self.state * (1 - 2 * (first & second)).to(self.state.real.dtype)
        else:
            self.state = self.state.index_select(1, states ^ first << (len(self.joined) - 1 - self.joined.index(other)))

    def value(self, ends: tuple[int, ...]) -> Float[Tensor, " batch"]:
        """The expectation of the product of Z on these qubits. What still waits on others changes nothing."""
        for qubit in ends:
            self._ready(qubit)
        states = torch.arange(self.state.shape[1], device=self.device)
        odd = torch.zeros_like(states)
        for qubit in ends:
            odd ^= states >> (len(self.joined) - 1 - self.joined.index(qubit)) & 1
        probabilities = self.state.real.square() + self.state.imag.square()
        return probabilities @ (1 - 2 * odd).to(probabilities.dtype)

    def _ready(self, qubit: int) -> None:
        """Let the qubit join, and what waits on it act."""
        turn = self.waiting.pop(qubit, None)
        if qubit not in self.joined:
            a, b = turn or _Turn(1, 0)
            column = torch.stack([self._spread(a), self._spread(b)], dim=-1)
            self.state = (self.state.unsqueeze(-1) * column.unsqueeze(1)).flatten(1)
            self.joined.append(qubit)
            return
        if turn is None:
            return
        a, b = (self._spread(part)[:, None, None] for part in turn)
        below = 2 ** (len(self.joined) - 1 - self.joined.index(qubit))
        zero, one = self.state.unflatten(1, (-1, 2, below)).unbind(2)
        self.state = torch.stack([a * zero - b.conj() * one, b * zero + a.conj() * one], dim=2).flatten(1)

    def _spread(self, value: Tensor | complex) -> Complex[Tensor, " batch"]:
        return torch.as_tensor(value, dtype=self.dtype, device=self.device).expand(self.batch)
