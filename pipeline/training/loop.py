"""Joint training: one loss, cross-entropy on the logits, through readout, circuit and spikes.

Adam with a learning rate that falls to zero along a half cosine. The network that is kept is the one of the epoch
with the best accuracy on images held out of the training set; the test set is not looked at.

Every random choice follows from the configuration's seed and the epoch, so a run that was stopped and resumed gives
the weights that an unbroken run gives.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from ...export.coding import Coding
from ...export.errors import InputError
from ..config.schema import Config, Training
from ..data import ImageSet
from ..models.sqdr_cnn import SQDRCNN
from ..run.folder import CHECKPOINT, RESUME, remove_bundle
from . import checkpoint
from .checkpoint import Epoch, Progress

EVALUATION_BATCH = 256
"""Samples a forward pass without gradients takes at once."""

TrainingWatch = Callable[[int, int, int, float, float, float | None], None]
"""Told after each batch, and once more when the epoch is kept: epoch, batch, batches, mean loss, training accuracy, the
newest validation accuracy (None before there is one)."""


class Part(NamedTuple):
    """Images with their labels."""

    images: Float32[np.ndarray, "sample channel height width"]
    labels: Int64[np.ndarray, " sample"]

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Part":
        return Part(self.images[index], self.labels[index])


def train(
    config: Config, data: ImageSet, run: Path, resume: bool = False, watch: TrainingWatch | None = None
) -> SQDRCNN:
    """Train and leave the best network in the run's folder; with `resume`, go on where an earlier call was stopped.

    Ctrl-C leaves a usable checkpoint: the best so far, or, in the first epoch, the weights as they are.
    """
    device = training_device(config.training)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    torch.manual_seed(config.seed)
    shape = data.train_images.shape[1:]
    model = SQDRCNN(config, shape, data.classes).to(device)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=config.training.learning_rate, weight_decay=config.training.weight_decay
    )
    progress = Progress(shape, data.classes, -1, ())
    if resume and (run / RESUME).exists():
        tensors, progress = checkpoint.load(run / RESUME)
        checkpoint.fill_model(model, tensors, run / RESUME)
        checkpoint.restore_optimizer(optimizer, tensors)
    elif resume and (run / CHECKPOINT).exists():
        # Without a file to resume from the run is finished, or it was stopped before its first epoch was whole.
        _, kept = checkpoint.load(run / CHECKPOINT)
        progress = kept if len(kept.history) >= config.training.epochs else progress
    training, validation = split(
        Part(data.train_images, data.train_labels), config.data.validation_fraction, config.seed
    )
    try:
        for number in range(len(progress.history), config.training.epochs):
            last = progress.history[-1].validation if progress.history else None
            loss, accuracy = _epoch(model, optimizer, config, training, number, device, watch, last)
            held = evaluate(model, config.coding_scheme, validation, device) if len(validation.labels) else None
            progress = _noted(progress, Epoch(loss, accuracy, held))
            if progress.best == number:
                _keep(run, model.state_dict(), progress)
            checkpoint.save(run / RESUME, model.state_dict() | checkpoint.optimizer_tensors(optimizer), progress)
            if watch:
                batches = _batch_count(training, config.training)
                watch(number, batches, batches, loss, accuracy, held)
    except KeyboardInterrupt:
        if not (run / CHECKPOINT).exists():
            _keep(run, model.state_dict(), progress)
        raise
    best, kept = checkpoint.load(run / CHECKPOINT)
    if kept != progress:
        _keep(run, best, progress)
    (run / RESUME).unlink(missing_ok=True)
    model.load_state_dict(best)
    return model.eval()


def training_device(config: Training) -> torch.device:
    """The GPU where there is one, unless the configuration says otherwise."""
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise InputError('training.device is "cuda", but PyTorch finds no CUDA device; "auto" and "cpu" are allowed')
    return torch.device("cuda" if available and config.device != "cpu" else "cpu")


def split(part: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """Training and validation: of each class, in random order, that fraction is held out, but never all of it."""
    random = np.random.default_rng(seed)
    held = np.zeros(len(part.labels), dtype=bool)
    for label in np.unique(part.labels):
        members = random.permutation(np.flatnonzero(part.labels == label))
        held[members[: min(round(fraction * len(members)), len(members) - 1)]] = True
    return part.take(np.flatnonzero(~held)), part.take(np.flatnonzero(held))


@torch.no_grad()
def evaluate(model: SQDRCNN, coding: Coding, part: Part, device: torch.device) -> float:
    """The share of right predictions, in the model's own precision."""
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
    """The images' spikes as a float32 tensor."""
    return torch.from_numpy(coding.encode(images, first)).to(device).float()


def _epoch(
    model: SQDRCNN,
    optimizer: torch.optim.Optimizer,
    config: Config,
    part: Part,
    number: int,
    device: torch.device,
    watch: TrainingWatch | None,
    last: float | None,
) -> tuple[float, float]:
    """One pass over the training images; the mean loss and the accuracy on the way."""
    model.train()
    count = len(part.labels)
    batches = _batch_count(part, config.training)
    total_loss, right, seen = 0.0, 0, 0
    for step, (images, labels) in enumerate(_batches(part, config.training.batch_size, (config.seed, number))):
        done = (number + step / batches) / config.training.epochs
        for group in optimizer.param_groups:
            group["lr"] = config.training.learning_rate * (1 + math.cos(math.pi * done)) / 2
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
        if watch:
            watch(number, step + 1, batches, total_loss / seen, right / seen, last)
    return total_loss / seen, right / seen


def _keep(run: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Save the checkpoint; what was made of an earlier one is taken away first."""
    remove_bundle(run)
    checkpoint.save(run / CHECKPOINT, tensors, progress)


def _batch_count(part: Part, config: Training) -> int:
    return math.ceil(len(part.labels) / config.batch_size)


def _batches(part: Part, size: int, seed: tuple[int, int]) -> Iterator[Part]:
    order = np.random.default_rng(seed).permutation(len(part.labels))
    for start in range(0, len(order), size):
        yield part.take(order[start : start + size])


def _noted(progress: Progress, epoch: Epoch) -> Progress:
    """The progress with one epoch more; the best is the one with the highest validation, the earlier of equals.

    Without validation images the best is the latest.
    """
    number = len(progress.history)
    if epoch.validation is None or progress.best < 0:
        best = number
    else:
        before = progress.history[progress.best].validation
        best = number if before is None or epoch.validation > before else progress.best
    return progress._replace(best=best, history=(*progress.history, epoch))
