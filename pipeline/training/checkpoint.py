"""A trained network on disk: safetensors, with what is needed to build the network again in the file's metadata.

RUN/checkpoint.safetensors   the best weights so far, and how training went
RUN/resume.safetensors       the latest weights and the optimizer's state: what training goes on from
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...export.bundle.epochs import Epochs
from ...export.errors import InputError
from ...export.files.atomic import new_file
from ...export.files.plain import check_plain
from ...export.nir.geometry import Shape
from ..config.schema import Config
from ..models.sqdr_cnn import SQDRCNN
from ..run.folder import CHECKPOINT

METADATA = "spiq"
"""The one key of the file's metadata."""

OPTIMIZER = "optimizer."
"""What the names of the optimizer's tensors begin with."""

SCHEMA = 2
"""Version of what stands in the metadata. Version 1, of spiq 0.1, is read too: it has no learning rates."""


class Epoch(NamedTuple):
    """How one epoch went: mean training loss, and accuracies in [0, 1] (validation: None where none was held out).

    learning_rate: at the epoch's first step; None for epochs that version 0.1 trained.
    """

    loss: float
    accuracy: float
    validation: float | None
    learning_rate: float | None = None


class Progress(NamedTuple):
    """What is known beside the weights: how images look, and the epochs so far; `best` counts from 0, -1 before one."""

    image_shape: Shape
    classes: int
    best: int
    history: tuple[Epoch, ...]


def epochs_of(history: Sequence[Epoch], config: Config) -> Epochs:
    """How far a run of this configuration was trained: a checkpoint's history is as long as what it was trained for."""
    return Epochs(trained=len(history), planned=config.training.epochs)


def save(path: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Write a file that takes the old one's place when it is whole."""
    history = [epoch._asdict() for epoch in progress.history]
    # safetensors writes the keys of its metadata in any order: with a single key the same run gives the same bytes.
    metadata = {METADATA: json.dumps({"schema": SCHEMA, **progress._asdict(), "history": history})}
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with new_file(path) as written:
        try:
            save_file(owned, written, metadata=metadata)
        except SafetensorError as error:
            raise InputError(f"{path}: cannot be written: {error}") from error


def load(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """Read what `save` wrote. Raises InputError where the file is missing, damaged or of another schema."""
    # safetensors opens it once more, by its name.
    check_plain(path, "a checkpoint, which `spiq train` makes")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file: {error}") from error
    try:
        stored = json.loads(metadata[METADATA])
        if stored["schema"] not in (1, SCHEMA):
            raise InputError(f"{path}: its schema must be 1 or {SCHEMA}, got {stored['schema']!r}")
        history = tuple(Epoch(**epoch) for epoch in stored["history"])
        shape = tuple(int(size) for size in stored["image_shape"])
        return tensors, Progress(shape, int(stored["classes"]), int(stored["best"]), history)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its metadata is missing or damaged: {error}") from error


def load_model(run: Path, config: Config) -> tuple[SQDRCNN, Progress]:
    """The run's best network in evaluation mode. Raises InputError where the weights do not fit the configuration."""
    path = run / CHECKPOINT
    tensors, progress = load(path)
    model = SQDRCNN(config, progress.image_shape, progress.classes)
    fill_model(model, tensors, path)
    return model.eval(), progress


def fill_model(model: SQDRCNN, tensors: dict[str, Tensor], path: Path) -> None:
    """Put the weights into the network; an optimizer's state beside them is left out.

    Raises InputError, naming the file, where they are those of another network.
    """
    try:
        model.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith(OPTIMIZER)})
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"{path}: does not fit its run's configuration or images: {first}") from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as named tensors: `optimizer.PARAMETER.KEY`."""
    return {
        f"{OPTIMIZER}{index}.{key}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(OPTIMIZER):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
