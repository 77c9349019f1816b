"""A run's folder, and what lies where in it.

    RUN/config.toml   checkpoint.safetensors   resume.safetensors   training.csv   bundle/   report.json   report.html

and, if training.log asks for them, training.tensorboard/ and training.wandb/. The bundle is made of the checkpoint, the
report of both. What was made of a file is taken away before the file changes, so that what a kill leaves still belongs
together.
"""

import hashlib
import os
from pathlib import Path

from ...export.bundle.manifest import RUN_BUNDLE
from ...export.errors import InputError
from ...export.files.atomic import new_file, remove_folder
from ...export.files.plain import opened
from ..config.file import load_config
from ..config.schema import Config
from ..report.names import REPORT_HTML, REPORT_JSON

CONFIG = "config.toml"
CHECKPOINT = "checkpoint.safetensors"
RESUME = "resume.safetensors"
CURVES = "training.csv"
TENSORBOARD = "training.tensorboard"
WANDB = "training.wandb"
BUNDLE = RUN_BUNDLE

FILES = (CONFIG, CHECKPOINT, RESUME, CURVES, TENSORBOARD, WANDB, BUNDLE, REPORT_JSON, REPORT_HTML)
"""All that spiq writes into the folder."""


def check_run(run: Path, config: Config, force: bool = False, resume: bool = False) -> None:
    """Raise InputError where the folder is there already, unless `force` lets its files be replaced or `resume` goes on
    with the run in it (`resuming` says whether it can with this configuration).
    """
    if resume:
        open_run(run)
    elif run.exists() and not force:
        raise InputError(f"{run}: exists already", "replace or resume")
    elif run.exists() and not run.is_dir():
        raise InputError(f"{run}: must be a folder, got a file")
    # The bundle's module takes longer to import than a command's help may take.
    from ...export.bundle.folder import MANIFEST

    bundle = run / BUNDLE
    if bundle.exists() and not (bundle / MANIFEST).is_file():
        raise InputError(f"{bundle}: exists and is not a bundle, so it is not replaced")


def start_run(run: Path, config: Config, resume: bool = False) -> None:
    """Make the folder and write the configuration into it; what an earlier run left there is taken away.

    With `resume` its checkpoint stays, and only what was made of another configuration is taken away.
    """
    before = open_run(run) if resume else None
    if before == config:
        return
    with new_file(run / CONFIG) as written:
        if before is not None and before.training.epochs == config.training.epochs:
            remove_report(run)
        else:
            # A bundle says for how many epochs its network was to be trained.
            remove_bundle(run)
        if before is None:
            _remove_training(run)
        written.write_text(config.to_toml(), encoding="utf-8")


def _remove_training(run: Path) -> None:
    for name in (CHECKPOINT, RESUME, CURVES):
        (run / name).unlink(missing_ok=True)
    for name in (TENSORBOARD, WANDB):
        if (run / name).exists():
            remove_folder(run / name)


def remove_report(run: Path) -> None:
    """Take the report away, for its bundle is about to change. Raises InputError where that is not allowed."""
    for name in (REPORT_JSON, REPORT_HTML):
        try:
            (run / name).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{run / name}: cannot be removed: {error.strerror}") from error


def remove_bundle(run: Path) -> None:
    """Take the report and the bundle away, for their checkpoint is about to change.

    Raises InputError where that is not allowed.
    """
    remove_report(run)
    if (run / BUNDLE).exists():
        remove_folder(run / BUNDLE)


def made_of(run: Path) -> dict[str, str]:
    """What a report of the run is made of, as it is now: the sha256 of each file that is there, by its name."""
    from ...export.bundle.folder import MANIFEST

    names = (CONFIG, CHECKPOINT, f"{BUNDLE}/{MANIFEST}")
    return {name: _hash(run / name) for name in names if os.path.lexists(run / name)}


def is_made_of(made: dict[str, str], run: Path) -> bool:
    """Whether a report that says this of what it was made is one of the run as it is now.

    A report of version 0.1 says nothing of the configuration, and is not held against it.
    """
    now = made_of(run)
    return made == (now if CONFIG in made else {name: found for name, found in now.items() if name != CONFIG})


def _hash(path: Path) -> str:
    with opened(path, "a file of the run") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_run(run: Path) -> Config:
    """The configuration of a run. Raises InputError where the folder is none."""
    if not (run / CONFIG).is_file():
        raise InputError(f"{run}: not a run's folder, for it holds no {CONFIG}; `spiq train` and `spiq run` make one")
    return load_config(run / CONFIG)


def check_bundle(run: Path) -> None:
    """Raise InputError where the run has no bundle."""
    if not (run / BUNDLE).exists():
        raise InputError(f"{run / BUNDLE}: there is no such bundle; `spiq export {run}` makes it")
