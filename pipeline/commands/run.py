"""spiq run, train, export, report: a run's folder and its stages."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...export.errors import InputError
from ...export.wording import one_line
from ..terminal.printing import print_json, print_line, print_table, tell
from .options import Changes, Force, Json

if TYPE_CHECKING:
    from ..validation.report import Report

ConfigPath = Annotated[Path, typer.Argument(help="A TOML file, such as examples/digits.toml.", metavar="CONFIG")]
RunPath = Annotated[Path, typer.Argument(help="A folder that `spiq train` or `spiq run` wrote.", metavar="RUN")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder. Default: runs/NAME.", metavar="RUN")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Continue a run that was stopped or, with more training.epochs than before, is finished."
    ),
]


def run(
    config: ConfigPath,
    out: Out = None,
    changes: Changes = None,
    force: Force = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """The exit status is 1 if the gate is not passed.

    Example: spiq run examples/digits.toml --out runs/digits
    """
    from ..config.file import load_config
    from ..run import stages
    from .assignments import assigned

    loaded = load_config(config, assigned(changes or ()))
    _check_choice(force, resume)
    with _resumable(out or Path("runs") / loaded.name):
        folder, found = stages.whole_run(loaded, out, force, resume, tell)
    _finish(found, folder, json)


def train(
    config: ConfigPath,
    out: Out = None,
    changes: Changes = None,
    force: Force = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Ctrl-C leaves a usable checkpoint, and --resume continues from the last complete epoch.

    training.csv in the run's folder has the figures of each epoch. With another training.epochs, --resume continues to
    that number: the learning rate of the epochs ahead is that of the new number, so the weights are not those of a run
    planned for it from the start.

    Example: spiq train examples/mnist.toml --set training.epochs=20
    """
    from ..config.file import load_config
    from ..run import folder as run_folder
    from ..run import stages
    from ..training.checkpoint import load
    from .assignments import assigned

    loaded = load_config(config, assigned(changes or ()))
    _check_choice(force, resume)
    with ExitStack() as held, _resumable(out or Path("runs") / loaded.name):
        _, folder = stages.trained(loaded, out, force, resume, tell, held)
        _, progress = load(folder / run_folder.CHECKPOINT)
    best = progress.history[progress.best]
    if json:
        print_json({"run": str(folder), "epoch": progress.best + 1, **best._asdict()})
    else:
        right = "" if best.validation is None else f", {best.validation:.2%} right on the images held out"
        print_line(f"{folder / run_folder.CHECKPOINT}: epoch {progress.best + 1}, loss {best.loss:.4f}{right}")


def export(run: RunPath, force: Force = False, json: Json = False) -> None:
    """The bundle holds NIR, ONNX, Loihi's fixed point, OpenQASM and golden samples.

    Example: spiq export runs/digits
    """
    from ..run import folder as run_folder
    from ..run.lock import locked

    bundle = run / run_folder.BUNDLE
    run_folder.open_run(run)
    with locked(run, tell):
        from ..run import stages

        config = run_folder.open_run(run)
        _free(bundle, force)
        lost, warnings = stages.exported(run, config, stages.images(config, tell), force, tell)
    if json:
        print_json({"bundle": str(bundle), "quantization": lost, "warnings": warnings})
    else:
        from ..terminal.inspection_tables import quantization_table

        print_table(*quantization_table(lost))
        print_line(f"{bundle}: written; `spiq verify {bundle}` runs its golden samples anywhere")


def report(
    run: RunPath,
    force: Force = False,
    show: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    json: Json = False,
) -> None:
    """If there is no report of this bundle yet, or with --force, the ladder is climbed first. The exit status is 1 if
    the gate is not passed.

    Example: spiq report runs/digits --open
    """
    from ..run import folder as run_folder
    from ..run.lock import locked
    from ..validation.report import read_report

    run_folder.open_run(run)
    stored = run / run_folder.REPORT_JSON
    found = read_report(stored) if stored.exists() and not force else None
    if found is None or not run_folder.is_made_of(found.made_of, run):
        with locked(run, tell):
            from ..run import stages

            config = run_folder.open_run(run)
            run_folder.check_bundle(run)
            found = stages.climbed(run, config, stages.images(config, tell))
    if show:
        _show(run, found)
    _finish(found, run, json)


def _check_choice(force: bool, resume: bool) -> None:
    if resume and force:
        raise InputError("--force starts anew and --resume goes on; give one of them")


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """After Ctrl-C it is said how to go on, if there is something to go on with."""
    from ..run import folder as run_folder

    try:
        yield
    except KeyboardInterrupt:
        if (folder / run_folder.CHECKPOINT).exists():
            typer.echo(one_line(f"spiq: {folder} holds the best checkpoint so far; --resume goes on"), err=True)
        raise


def _show(run: Path, found: "Report") -> None:
    """The page in a browser; it is made of the report if somebody took it away."""
    import webbrowser

    from ..report.names import REPORT_HTML

    page = run / REPORT_HTML
    if not page.exists():
        from ..report.written import write_report

        write_report(run, found)
    if not webbrowser.open(page.resolve().as_uri()):
        tell(f"no browser was found; open {page} in one")


def _finish(found: "Report", folder: Path, json: bool) -> None:
    """Print the report, and end with exit status 1 where the gate is not passed."""
    from ..report.names import REPORT_HTML
    from ..report.table import print_report

    if json:
        print_json(found.model_dump())
    else:
        print_report(found)
        print_line(f"{folder / REPORT_HTML}")
    if not found.gate.passed:
        raise typer.Exit(1)


def _free(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise InputError(f"{path}: exists already", "replace")
