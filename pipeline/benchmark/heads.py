"""The circuit: our light cone against PennyLane, forward and backward, float32.

PennyLane is run as its users run it: `default.qubit` with backpropagation, the batch broadcast; the same QNode called
for one sample at a time, as the code published with arXiv 2512.03895 does; `default.mixed` where there is noise.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ...export.angles import ANGLES
from ...hardware.qpu.lightcone import expectations
from ...hardware.qpu.noise import Noise
from ...hardware.qpu.qnode import pennylane_expectations
from .comparison import Result, Work, compared, side_by_side

QUBITS = 9
BLOCKS = 2

PAPER_NOISE = Noise(bit_flip=0.02, depolarizing=0.03, amplitude_damping=0.05)
"""The paper's channels after each block; it does not say its damping."""

Circuit = Callable[[Tensor, Tensor], Float[Tensor, "sample qubit"]]


def head_comparisons(repetitions: int, quick: bool) -> Iterator[Result]:
    """head.train, head.train.loop, head.noisy, head.deep, head.wide."""
    batch = 256 if quick else 1024
    ours = _step(lightcone(), batch)
    peer = _step(pennylane(), batch)
    yield compared(
        "head.train",
        f"forward and backward, {QUBITS} qubits, {BLOCKS} blocks, batch {batch}",
        "PennyLane default.qubit, backprop, broadcast",
        side_by_side(ours, peer, repetitions),
        needed=70,
    )
    loop = _loop(pennylane(), 4 if quick else 16)
    yield compared(
        "head.train.loop",
        "the same",
        f"the same QNode, one sample at a time ({loop.units} of the samples)",
        side_by_side(ours, loop, repetitions),
        needed=3000,
    )
    mixed = _loop(pennylane(PAPER_NOISE), 1 if quick else 2)
    yield compared(
        "head.noisy",
        "the same with bit flip, depolarizing and amplitude damping after each block",
        f"PennyLane default.mixed ({mixed.units} of the samples)",
        side_by_side(_step(lightcone(PAPER_NOISE), batch), mixed, 1 if quick else min(repetitions, 3)),
        needed=10_000,
    )
    deep, wide_batch = 4, 256
    yield compared(
        "head.deep",
        f"forward and backward, {QUBITS} qubits, {deep} blocks, batch {wide_batch}",
        "PennyLane default.qubit, backprop, broadcast",
        side_by_side(
            _step(lightcone(), wide_batch, QUBITS, deep), _step(pennylane(), wide_batch, QUBITS, deep),
            repetitions,
        ),
        needed=10,
    )  # fmt: skip
    few, many = 8, 64
    # Eight times the qubits may take ten times as long: so the ratio of the times, small to large, is at least 1/10.
    yield compared(
        "head.wide",
        f"forward and backward, {many} qubits, {BLOCKS} blocks, batch {wide_batch}, exact",
        f"ours with {few} qubits; at most 10 times as long",
        side_by_side(_step(lightcone(), wide_batch, many), _step(lightcone(), wide_batch, few), repetitions * 3),
        needed=0.1,
    )


def head_step(n_qubits: int, n_blocks: int, batch: int, device: str = "cpu") -> Work:
    """One forward and backward pass of our circuit, for the growth tables."""
    return _step(lightcone(), batch, n_qubits, n_blocks, device)


def lightcone(noise: Noise | None = None) -> Circuit:
    """Our way: <Z> for angles and weights of a ring."""
    return lambda angles, weights: expectations(angles, weights, "ring", noise)


def pennylane(noise: Noise | None = None) -> Circuit:
    """The peer's way."""
    return lambda angles, weights: pennylane_expectations(angles, weights, "ring", noise)


def inputs(batch: int, n_qubits: int, n_blocks: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Angles and weights that ask for gradients, the same ones in every run."""
    random = torch.Generator().manual_seed(0)
    angles = torch.rand(batch, n_qubits, ANGLES, generator=random) * 3
    weights = torch.randn(n_blocks, n_qubits, ANGLES, generator=random)
    return angles.to(device).requires_grad_(), weights.to(device).requires_grad_()


def _step(circuit: Circuit, batch: int, n_qubits: int = QUBITS, n_blocks: int = BLOCKS, device: str = "cpu") -> Work:
    angles, weights = inputs(batch, n_qubits, n_blocks, device)

    def run() -> None:
        angles.grad = weights.grad = None
        circuit(angles, weights).sum().backward()
        if device != "cpu":
            torch.cuda.synchronize()

    return Work(run, batch)


def _loop(circuit: Circuit, samples: int) -> Work:
    angles, weights = inputs(samples, QUBITS, BLOCKS)

    def run() -> None:
        angles.grad = weights.grad = None
        torch.stack([circuit(sample, weights) for sample in angles]).sum().backward()

    return Work(run, samples)
