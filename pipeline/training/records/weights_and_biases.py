"""Weights & Biases: a run of the project "spiq" for each call that trains, its files in RUN/training.wandb.

Nothing leaves the machine unless the user has set that up: with neither WANDB_MODE nor WANDB_API_KEY in the environment
it is offline, and `wandb sync` uploads the files later. The calls of one run, stopped and resumed, share a group.
"""

import os
from pathlib import Path

from ....export.errors import InputError
from ...config.schema import Config
from ...run.folder import WANDB
from ..checkpoint import Epoch
from .record import figures

PROJECT = "spiq"
"""The project's name unless WANDB_PROJECT names another."""


class WandbRecord:
    """A Record at Weights & Biases."""

    def __init__(self, config: Config, run: Path) -> None:
        # It is an extra, and takes a second to import.
        import wandb  # pyright: ignore[reportMissingImports]

        folder = run / WANDB
        folder.mkdir(exist_ok=True)
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=config.name,
                group=config.name,
                dir=str(folder),
                mode=None if os.environ.keys() & {"WANDB_MODE", "WANDB_API_KEY"} else "offline",
                config=config.model_dump(mode="json"),
                # stdout is for results, and neither a user's code nor his repository is ours to send.
                settings=wandb.Settings(console="off", silent=True, save_code=False, disable_git=True),
            )
        except (wandb.Error, OSError) as error:
            raise InputError(f'training.log names "wandb", which cannot start: {error}') from error

    def note(self, number: int, epoch: Epoch) -> None:
        self._run.log(figures(epoch), step=number)

    def close(self) -> None:
        self._run.finish()
