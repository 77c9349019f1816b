"""The circuit: our light cone against PennyLane, forward and backward.

PennyLane is run as its users run it: `default.qubit` with backpropagation, the batch broadcast; the same QNode called
for one sample at a time, as the code published with arXiv 2512.03895 does; `lightning.qubit` with adjoint
differentiation; `default.mixed` where there is noise. Both get float32 where nothing else is said; PennyLane's state
vector is complex, and double within.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ...export.circuit.reupload import ANGLES, reupload_layers
from ...hardware.qpu.exact.lightcone import expectations
from ...hardware.qpu.noise import Noise
from ...hardware.qpu.qnode import pennylane_expectations
from .comparison import Result, Work, compared, side_by_side

QUBITS = 9
BLOCKS = 2
DEEP = 4
FEW, MANY = 8, 64

BATCH = 1024
QUICK_BATCH = 256
SMALL_BATCH = 256
LIGHTNING_BATCH = 4
"""Samples: lightning.qubit takes a broadcast batch apart and runs one after the other."""

PAPER_NOISE = Noise(bit_flip=0.02, depolarizing=0.03, amplitude_damping=0.05)
"""The paper's channels after each block; it does not say its damping."""

Circuit = Callable[[Tensor, Tensor], Float[Tensor, "sample qubit"]]


def head_comparisons(repetitions: int, quick: bool) -> Iterator[Result]:
    """head.train, head.train.double, head.train.loop, head.train.lightning, head.noisy, head.deep, head.wide."""
    batch = QUICK_BATCH if quick else BATCH
    work = f"forward and backward, {QUBITS} qubits, {BLOCKS} blocks, batch {batch}"
    ours = head_step(lightcone(), batch)
    yield compared(
        "head.train",
        work,
        "PennyLane default.qubit, backprop, broadcast",
        side_by_side(ours, head_step(pennylane(), batch), repetitions),
        needed=70,
    )
    yield compared(
        "head.train.double",
        f"{work}, float64",
        "PennyLane default.qubit, backprop, broadcast",
        side_by_side(
            head_step(lightcone(), batch, dtype=torch.float64),
            head_step(pennylane(), batch, dtype=torch.float64),
            repetitions,
        ),
    )
    loop = head_loop(pennylane(), 4 if quick else 16)
    yield compared(
        "head.train.loop",
        work,
        f"the same QNode, one sample at a time ({loop.units} of the samples)",
        side_by_side(ours, loop, repetitions),
        needed=3000,
    )
    few = head_step(lightning(QUBITS), LIGHTNING_BATCH)
    yield compared(
        "head.train.lightning",
        work,
        f"PennyLane lightning.qubit, adjoint, broadcast ({few.units} of the samples)",
        side_by_side(ours, few, 3),
    )
    mixed = head_loop(pennylane(PAPER_NOISE), 1)
    yield compared(
        "head.noisy",
        f"{work}, with bit flip, depolarizing and amplitude damping after each block",
        f"PennyLane default.mixed ({mixed.units} of the samples)",
        side_by_side(head_step(lightcone(PAPER_NOISE), batch), mixed, 3),
        needed=10_000,
    )
    yield compared(
        "head.deep",
        f"forward and backward, {QUBITS} qubits, {DEEP} blocks, batch {SMALL_BATCH}",
        "PennyLane default.qubit, backprop, broadcast",
        side_by_side(
            head_step(lightcone(), SMALL_BATCH, QUBITS, DEEP),
            head_step(pennylane(), SMALL_BATCH, QUBITS, DEEP),
            repetitions,
        ),
        needed=10,
    )
    # The peer are we ourselves: eight times the qubits may take ten times as long, so the ratio must be 1/10 or more.
    yield compared(
        "head.wide",
        f"forward and backward, {MANY} qubits, {BLOCKS} blocks, batch {SMALL_BATCH}, exact",
        f"spiq with {FEW} qubits; at most 10 times as long is allowed",
        side_by_side(head_step(lightcone(), SMALL_BATCH, MANY), head_step(lightcone(), SMALL_BATCH, FEW), repetitions),
        needed=0.1,
    )


def lightcone(noise: Noise | None = None) -> Circuit:
    """Our way: <Z> for angles and weights of a ring."""
    return lambda angles, weights: expectations(angles, weights, "ring", noise)


def pennylane(noise: Noise | None = None) -> Circuit:
    """The peer's way."""
    return lambda angles, weights: pennylane_expectations(angles, weights, "ring", noise)


def lightning(n_qubits: int) -> Circuit:
    """PennyLane's compiled state vector, for that many qubits."""
    import pennylane as qml

    @qml.qnode(qml.device("lightning.qubit", wires=n_qubits), interface="torch", diff_method="adjoint")
    def circuit(angles: Tensor, weights: Tensor) -> list:
        reupload_layers(angles, weights, "ring")
        return [qml.expval(qml.Z(qubit)) for qubit in range(n_qubits)]

    return lambda angles, weights: torch.stack(list(circuit(angles, weights)), dim=-1)


def inputs(batch: int, n_qubits: int, n_blocks: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Angles and weights that ask for gradients, the same ones in every run."""
    random = torch.Generator().manual_seed(0)
    angles = torch.rand(batch, n_qubits, ANGLES, generator=random) * 3
    weights = torch.randn(n_blocks, n_qubits, ANGLES, generator=random)
    return angles.to(dtype).requires_grad_(), weights.to(dtype).requires_grad_()


def head_step(
    circuit: Circuit,
    batch: int,
    n_qubits: int = QUBITS,
    n_blocks: int = BLOCKS,
    dtype: torch.dtype = torch.float32,
) -> Work:
    """A forward and a backward pass, the batch at once."""
    angles, weights = inputs(batch, n_qubits, n_blocks, dtype)

    def run() -> None:
        angles.grad = weights.grad = None
        circuit(angles, weights).sum().backward()

    return Work(run, batch)


def head_loop(circuit: Circuit, samples: int) -> Work:
    """The same, one sample after the other."""
    angles, weights = inputs(samples, QUBITS, BLOCKS)

    def run() -> None:
        angles.grad = weights.grad = None
        torch.stack([circuit(sample, weights) for sample in angles]).sum().backward()

    return Work(run, samples)
