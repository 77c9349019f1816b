"""Joint training: one loss, cross-entropy on the logits, through readout, circuit and spikes.

Adam with the learning rate of `schedule`. The network that is kept is the one of the epoch with the best accuracy on
images held out of the training set; the test set is not looked at.

Every random choice follows from the configuration's seed and the epoch, so a run that was stopped and resumed gives
the weights that an unbroken run gives.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ...export.errors import InputError
from ..config.schema import Config, Training
from ..data import ImageSet
from ..models.sqdr_cnn import SQDRCNN
from ..run.folder import CHECKPOINT, RESUME, remove_bundle
from . import checkpoint
from .checkpoint import Epoch, Progress
from .curves import write_curves
from .determinism import deterministic
from .epoch import evaluate, run_epoch
from .images import Part, batch_count, split
from .records.table import opened_records
from .schedule import learning_rate

TrainingWatch = Callable[[int, int, int, float, float, float | None], None]
"""Told after each batch, and once more when the epoch is kept: epoch, batch, batches, mean loss, training accuracy, the
newest validation accuracy (None before there is one)."""


def train(
    config: Config, data: ImageSet, run: Path, resume: bool = False, watch: TrainingWatch | None = None
) -> SQDRCNN:
    """Train and leave the best network in the run's folder; with `resume`, go on from where an earlier call has ended.

    Ctrl-C leaves a usable checkpoint: the best so far, or, in the first epoch, the weights as they are.
    """
    device = training_device(config.training)
    with deterministic(device):
        return _trained(config, data, run, device, resume, watch)


def _trained(
    config: Config, data: ImageSet, run: Path, device: torch.device, resume: bool, watch: TrainingWatch | None
) -> SQDRCNN:
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    torch.manual_seed(config.seed)
    shape = data.train_images.shape[1:]
    model = SQDRCNN(config, shape, data.classes).to(device)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=config.training.learning_rate, weight_decay=config.training.weight_decay
    )
    progress = Progress(shape, data.classes, -1, ())
    if resume:
        progress = _restored(run, config.training.epochs, model, optimizer, progress)
    # A kill may have come between the two files.
    write_curves(run, progress.history)
    training, validation = split(
        Part(data.train_images, data.train_labels), config.data.validation_fraction, config.seed
    )
    size = batch_count(training, config.training.batch_size)
    left = range(len(progress.history), config.training.epochs)
    try:
        with opened_records(config if left else None, run, progress.history) as note:
            for number in left:
                last = progress.history[-1].validation if progress.history else None

                def tell(*figures: float, number: int = number, last: float | None = last) -> None:
                    if watch:
                        watch(number, *figures, last)  # type: ignore[arg-type]

                loss, accuracy = run_epoch(model, optimizer, config, training, number, device, tell)
                held = evaluate(model, config.coding_scheme, validation, device) if len(validation.labels) else None
                epoch = Epoch(loss, accuracy, held, learning_rate(config.training, number))
                progress = _noted(progress, epoch)
                if progress.best == number:
                    _keep(run, model.state_dict(), progress)
                checkpoint.save(run / RESUME, model.state_dict() | checkpoint.optimizer_tensors(optimizer), progress)
                write_curves(run, progress.history)
                note(number, epoch)
                if watch:
                    watch(number, size, size, loss, accuracy, held)
    except KeyboardInterrupt:
        if not (run / CHECKPOINT).exists():
            _keep(run, model.state_dict(), progress)
        raise
    best, kept = checkpoint.load(run / CHECKPOINT)
    if kept != progress:
        _keep(run, best, progress)
    model.load_state_dict(best)
    return model.eval()


def training_device(config: Training) -> torch.device:
    """The GPU where there is one, unless the configuration says otherwise."""
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise InputError('training.device must be "auto" or "cpu" where PyTorch finds no CUDA device, got "cuda"')
    return torch.device("cuda" if available and config.device != "cpu" else "cpu")


def _restored(run: Path, epochs: int, model: SQDRCNN, optimizer: torch.optim.Optimizer, nothing: Progress) -> Progress:
    """How far the run is, its latest weights and the optimizer's state put back; `nothing` where it starts anew."""
    if (run / RESUME).exists():
        tensors, progress = checkpoint.load(run / RESUME)
        checkpoint.fill_model(model, tensors, run / RESUME)
        checkpoint.restore_optimizer(optimizer, tensors)
        return progress
    if (run / CHECKPOINT).exists():
        # Without a file to resume from, version 0.1 finished the run, or it was stopped in its first epoch.
        _, kept = checkpoint.load(run / CHECKPOINT)
        return kept if len(kept.history) >= epochs else nothing
    return nothing


def _keep(run: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Save the checkpoint; what was made of an earlier one is taken away first."""
    remove_bundle(run)
    checkpoint.save(run / CHECKPOINT, tensors, progress)


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
