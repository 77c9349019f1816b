"""One pass over the training images, and how good a network is on others."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from ...export.coding import Coding
from ...export.errors import InputError
from ..config.schema import Config
from ..models.sqdr_cnn import SQDRCNN
from .images import Part, batch_count, batches
from .schedule import learning_rate

EVALUATION_BATCH = 256
"""Samples a forward pass without gradients takes at once."""


def run_epoch(
    model: SQDRCNN,
    optimizer: torch.optim.Optimizer,
    config: Config,
    part: Part,
    number: int,
    device: torch.device,
    watch: Callable[[int, int, float, float], None],
) -> tuple[float, float]:
    """One pass over the training images; the mean loss and the accuracy on the way.

    `number` counts from 0. `watch` is told after each batch: batch, batches, mean loss, accuracy so far. Raises
    InputError if the loss is no longer a finite number.
    """
    model.train()
    count = len(part.labels)
    steps = batch_count(part, config.training.batch_size)
    total_loss, right, seen = 0.0, 0, 0
    for step, (images, labels) in enumerate(batches(part, config.training.batch_size, (config.seed, number))):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.training, number + step / steps)
        # A random coding draws anew in every epoch: a sample's number goes on from epoch to epoch.
        spikes = encoded(config.coding_scheme, images, number * count + seen, device)
        target = torch.from_numpy(labels).to(device)
        logits = model(spikes)
        loss = F.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"training diverged in epoch {number + 1}: the loss is {value}; a smaller training.learning_rate than "
                f"{config.training.learning_rate} may help"
            )
        total_loss += value * len(labels)
        right += int((logits.detach().argmax(-1) == target).sum())
        seen += len(labels)
        watch(step + 1, steps, total_loss / seen, right / seen)
    return total_loss / seen, right / seen


@torch.no_grad()
def evaluate(model: SQDRCNN, coding: Coding, part: Part, device: torch.device) -> float:
    """The fraction of right predictions, in the model's own precision."""
    model.eval()
    right = 0
    for start in range(0, len(part.labels), EVALUATION_BATCH):
        images, labels = (array[start : start + EVALUATION_BATCH] for array in part)
        logits = model(encoded(coding, images, start, device))
        right += int((logits.argmax(-1).cpu().numpy() == labels).sum())
    return right / len(part.labels)


def encoded(
    coding: Coding, images: Float32[np.ndarray, "sample channel height width"], first: int, device: torch.device
) -> Float[Tensor, "time sample channel height width"]:
    """The images' spikes as a float32 tensor; `first` is the number of the first sample."""
    return torch.from_numpy(coding.encode(images, first)).to(device).float()
