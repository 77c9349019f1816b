"""One optimizer step of joint training: the paper's model, against the same with its circuit run sample by sample."""

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ...export.circuit.reupload import Entangler
from ...hardware.qpu.qnode import pennylane_expectations
from ..models.sqdr_cnn import SQDRCNN, ReuploadHead
from .comparison import Result, Work, compared, side_by_side
from .networks import network

BATCH = 128
STEPS = 8


class Broadcast(nn.Module):
    """The head on PennyLane's state vector, all samples at once."""

    def __init__(self, head: ReuploadHead) -> None:
        super().__init__()
        self.weights = head.weights
        self.entangler: Entangler = head.entangler

    def forward(self, angles: Float[Tensor, "sample qubit 3"], noisy: bool) -> Float[Tensor, "sample qubit"]:
        return pennylane_expectations(angles, self.weights, self.entangler)


class SampleBySample(Broadcast):
    """The head as the code published with the paper runs it: one circuit after the other."""

    def forward(self, angles: Float[Tensor, "sample qubit 3"], noisy: bool) -> Float[Tensor, "sample qubit"]:
        return torch.stack([super(SampleBySample, self).forward(sample, noisy) for sample in angles])


def step_comparisons(repetitions: int, quick: bool) -> Iterator[Result]:
    """train.step, train.step.broadcast and, where there is a GPU, train.step.cuda."""
    batch = 32 if quick else BATCH
    chosen = network((2, 4, 8), "average", 28, STEPS)
    work = f"the paper's model, 28x28, T = {STEPS}, batch {BATCH}, forward, backward and Adam"
    ours = training_step(copy.deepcopy(chosen.model), BATCH)
    loop = training_step(with_head(chosen.model, SampleBySample), batch)
    yield compared(
        "train.step",
        work,
        "the same model with a loop over samples through the QNode" + (f" (batch {batch})" if quick else ""),
        side_by_side(ours, loop, min(repetitions, 3)),
        needed=80,
    )
    broadcast = training_step(with_head(chosen.model, Broadcast), BATCH)
    yield compared(
        "train.step.broadcast",
        work,
        "the same model, PennyLane default.qubit, backprop, broadcast",
        side_by_side(ours, broadcast, repetitions),
    )
    if torch.cuda.is_available():
        yield compared(
            "train.step.cuda",
            f"{work}, on {torch.cuda.get_device_name()}",
            "the same model on the same GPU, PennyLane default.qubit, backprop, broadcast",
            side_by_side(
                training_step(copy.deepcopy(chosen.model), BATCH, "cuda"),
                training_step(with_head(chosen.model, Broadcast), BATCH, "cuda"),
                repetitions,
            ),
        )


def with_head(model: SQDRCNN, head: type[Broadcast]) -> SQDRCNN:
    """A copy of the model with its circuit run that way."""
    copied = copy.deepcopy(model)
    copied.head = head(copied.head)  # type: ignore[assignment]
    return copied


def training_step(model: SQDRCNN, batch: int, device: str = "cpu") -> Work:
    """One step of Adam on a batch of images of the model's network."""
    model = model.to(device).train()
    chosen = network((2, 4, 8), "average", 28, STEPS)
    spikes = torch.from_numpy(chosen.spikes(batch)).to(device)
    target = torch.arange(batch, device=device) % 10
    optimizer = torch.optim.Adam(model.parameters())

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(spikes.float()), target).backward()
        optimizer.step()
        if device == "cuda":
            # A GPU works on behind the call, which would end too early.
            torch.cuda.synchronize()

    return Work(run, batch)
