"""A run's folder, and what lies where in it.

    RUN/config.toml   checkpoint.safetensors   bundle/   report.json   report.html

and resume.safetensors while training is under way. The bundle is made of the checkpoint, the report of both. What was
made of a file is taken away before the file changes, so that what a kill leaves still belongs together.
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
BUNDLE = RUN_BUNDLE

FILES = (CONFIG, CHECKPOINT, RESUME, BUNDLE, REPORT_JSON, REPORT_HTML)
"""All that spiq writes into the folder."""


def check_run(run: Path, config: Config, force: bool = False, resume: bool = False) -> None:
    """Raise InputError where the folder is there already, unless `force` lets its files be replaced or `resume` goes on
    with a run of the same configuration.
    """
    if resume:
        if open_run(run) != config:
            raise InputError(f"{run / CONFIG}: differs from the configuration given", "resume")
    elif run.exists() and not force:
        raise InputError(f"{run}: exists already", "replace or resume")
    elif run.exists() and not run.is_dir():
        raise InputError(f"{run}: is a file; a folder is needed")
    # The bundle's module takes longer to import than a command's help may take.
    from ...export.bundle.folder import MANIFEST

    bundle = run / BUNDLE
    if bundle.exists() and not (bundle / MANIFEST).is_file():
        raise InputError(f"{bundle}: exists and is not a bundle, so it is not replaced")


def start_run(run: Path, config: Config, resume: bool = False) -> None:
    """Make the folder and write the configuration into it; what an earlier run left there is taken away."""
    if resume:
        return
    with new_file(run / CONFIG) as written:
        remove_bundle(run)
        for name in (CHECKPOINT, RESUME):
            (run / name).unlink(missing_ok=True)
        written.write_text(config.to_toml(), encoding="utf-8")


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
