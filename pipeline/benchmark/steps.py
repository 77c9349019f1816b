"""One optimizer step of joint training: the paper's model, against the same with its circuit run sample by sample."""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ...export.circuit import Entangler
from ...hardware.qpu.qnode import pennylane_expectations
from ..model import SQDRCNN, ReuploadHead
from .comparison import Result, Work, compared, side_by_side
from .networks import network

BATCH = 128
STEPS = 8


class SampleBySample(nn.Module):
    """The head as the code published with the paper runs it: one circuit after the other."""

    def __init__(self, head: ReuploadHead) -> None:
        super().__init__()
        self.weights = head.weights
        self.entangler: Entangler = head.entangler

    def forward(self, angles: Float[Tensor, "sample qubit 3"], noisy: bool) -> Float[Tensor, "sample qubit"]:
        circuits = [pennylane_expectations(sample, self.weights, self.entangler) for sample in angles]
        return torch.stack(circuits)


def step_comparisons(repetitions: int, quick: bool) -> Iterator[Result]:
    """train.step."""
    batch = 32 if quick else BATCH
    chosen = network((2, 4, 8), "average", 28, STEPS)
    loop = with_loop(copy.deepcopy(chosen.model))
    yield compared(
        "train.step",
        f"the paper's model, 28x28, T = {STEPS}, batch {BATCH}, forward, backward and Adam",
        "the same model with a loop over samples through the QNode" + (f" (batch {batch})" if quick else ""),
        side_by_side(
            training_step(copy.deepcopy(chosen.model), BATCH), training_step(loop, batch), min(repetitions, 3)
        ),
        needed=80,
    )


def with_loop(model: SQDRCNN) -> SQDRCNN:
    """The model with its circuit run sample by sample."""
    model.head = SampleBySample(model.head)  # type: ignore[assignment]
    return model


def training_step(model: SQDRCNN, batch: int) -> Work:
    """One step of Adam on a batch of images of the model's network."""
    model = model.train()
    chosen = network((2, 4, 8), "average", 28, STEPS)
    spikes = torch.from_numpy(chosen.spikes(batch))
    target = torch.arange(batch) % 10
    optimizer = torch.optim.Adam(model.parameters())

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(spikes.float()), target).backward()
        optimizer.step()

    return Work(run, batch)
