"""A run's folder, and what lies where in it.

    RUN/config.toml   checkpoint.safetensors   bundle/   report.json   report.html

and resume.safetensors while training is under way.
"""

import shutil
from pathlib import Path

from ..export.atomic import new_file
from ..export.errors import InputError
from .config import Config, load_config

CONFIG = "config.toml"
CHECKPOINT = "checkpoint.safetensors"
RESUME = "resume.safetensors"
BUNDLE = "bundle"
REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def check_run(run: Path, config: Config, force: bool = False, resume: bool = False) -> None:
    """Raise InputError where the folder is there already, unless `force` lets its files be replaced or `resume` goes on
    with a run of the same configuration.
    """
    if resume and force:
        raise InputError("--force starts anew and --resume goes on; give one of them")
    if resume:
        if open_run(run) != config:
            raise InputError(
                f"{run / CONFIG}: differs from the configuration given; --resume goes on with the same one"
            )
        return
    if run.exists() and not force:
        raise InputError(f"{run}: exists already; --force replaces what is in it, --resume goes on with it")
    if run.exists() and not run.is_dir():
        raise InputError(f"{run}: is a file; a folder is needed")
    # The bundle's module takes longer to import than a command's help may take.
    from ..export.bundle import MANIFEST

    bundle = run / BUNDLE
    if bundle.exists() and not (bundle / MANIFEST).is_file():
        raise InputError(f"{bundle}: exists and is not a bundle, so it is not replaced")


def start_run(run: Path, config: Config, resume: bool = False) -> None:
    """Make the folder and write the configuration into it; what an earlier run left there is taken away."""
    if resume:
        return
    with new_file(run / CONFIG) as written:
        for name in (CHECKPOINT, RESUME, REPORT_JSON, REPORT_HTML):
            (run / name).unlink(missing_ok=True)
        shutil.rmtree(run / BUNDLE, ignore_errors=True)
        written.write_text(config.to_toml(), encoding="utf-8")


def open_run(run: Path) -> Config:
    """The configuration of a run. Raises InputError where the folder is none."""
    if not (run / CONFIG).is_file():
        raise InputError(f"{run}: not a run's folder, for it holds no {CONFIG}; `spiq train` and `spiq run` make one")
    return load_config(run / CONFIG)
