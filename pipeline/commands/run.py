"""spiq run, train, export, report: a run's folder and its stages."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...export.bundle.epochs import training_in_words
from ...export.wording import one_line
from ..run import folder as run_folder
from ..run.lock import locked
from .options import Force, Json, print_json, print_line, print_table, tell

if TYPE_CHECKING:
    from ..config.schema import Config
    from ..data import ImageSet
    from ..training.checkpoint import Progress
    from ..validation.rung import Report

ConfigPath = Annotated[Path, typer.Argument(help="A TOML file, such as examples/digits.toml.", metavar="CONFIG")]
RunPath = Annotated[Path, typer.Argument(help="A folder that `spiq train` or `spiq run` wrote.", metavar="RUN")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder; runs/NAME by default.", metavar="RUN")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("train")(train)
    app.command("export")(export)
    app.command("report")(report)


def run(config: ConfigPath, out: Out = None, force: Force = False, resume: Resume = False, json: Json = False) -> None:
    """Train, export, climb the ladder, report. Exit status 1 where the gate is not passed.

    Example: [bold]spiq run examples/digits.toml --out runs/digits[/bold]
    """
    with ExitStack() as held:
        loaded, data, folder = _trained(config, out, force, resume, held)
        _exported(folder, loaded, data, may_replace=True)
        found = _climbed(folder, loaded, data)
    _finish(found, folder, json)


def train(
    config: ConfigPath, out: Out = None, force: Force = False, resume: Resume = False, json: Json = False
) -> None:
    """Train jointly; the run's folder then holds the best checkpoint.

    Ctrl-C leaves a usable checkpoint, and --resume goes on from the last whole epoch.

    Example: [bold]spiq train examples/mnist.toml --out runs/mnist[/bold]
    """
    from ..training.checkpoint import load

    with ExitStack() as held:
        _, _, folder = _trained(config, out, force, resume, held)
        _, progress = load(folder / run_folder.CHECKPOINT)
    best = progress.history[progress.best]
    if json:
        print_json({"run": str(folder), "epoch": progress.best + 1, **best._asdict()})
    else:
        right = "" if best.validation is None else f", {best.validation:.2%} right on the images held out"
        print_line(f"{folder / run_folder.CHECKPOINT}: epoch {progress.best + 1}, loss {best.loss:.4f}{right}")


def export(run: RunPath, force: Force = False, json: Json = False) -> None:
    """Write the bundle of a trained run: NIR, ONNX, Loihi's fixed point, OpenQASM, golden samples.

    Example: [bold]spiq export runs/digits[/bold]
    """
    bundle = run / run_folder.BUNDLE
    run_folder.open_run(run)
    with locked(run, tell):
        config = run_folder.open_run(run)
        _free(bundle, force)
        lost, warnings = _exported(run, config, _images(config), may_replace=force)
    if json:
        print_json({"bundle": str(bundle), "quantization": lost, "warnings": warnings})
    else:
        from ..report.inspection_tables import quantization_table

        print_table(*quantization_table(lost))
        print_line(f"{bundle}: written; `spiq verify {bundle}` runs its golden samples anywhere")


def report(run: RunPath, force: Force = False, json: Json = False) -> None:
    """Print a run's report; climb the ladder first where there is none of this bundle yet, or with --force.

    Example: [bold]spiq report runs/digits[/bold]
    """
    from ..validation.rung import read_report

    run_folder.open_run(run)
    stored = run / run_folder.REPORT_JSON
    found = read_report(stored) if stored.exists() and not force else None
    if found is None or not run_folder.is_made_of(found.made_of, run):
        with locked(run, tell):
            config = run_folder.open_run(run)
            run_folder.check_bundle(run)
            found = _climbed(run, config, _images(config))
    _finish(found, run, json)


def _trained(
    config_path: Path, out: Path | None, force: bool, resume: bool, held: ExitStack
) -> "tuple[Config, ImageSet, Path]":
    """Train in the run's folder, which `held` keeps locked from then on."""
    from ..config.file import load_config

    config = load_config(config_path)
    folder = out or Path("runs") / config.name
    there = folder.is_dir()
    if there:
        held.enter_context(locked(folder, tell))
    run_folder.check_run(folder, config, force, resume)
    from ..models.sqdr_cnn import SQDRCNN
    from ..training.kept_memory import keep_freed_memory
    from ..training.loop import train as train_network
    from ..training.loop import training_device
    from .progress import training_bar

    data = _images(config)
    # What does not fit the images or the machine must be known before the folder is touched.
    SQDRCNN(config, data.train_images.shape[1:], data.classes)
    training_device(config.training)
    if not there and not held.enter_context(locked(folder, tell)):
        # Somebody else has made it meanwhile.
        run_folder.check_run(folder, config, force, resume)
    run_folder.start_run(folder, config, resume)
    keep_freed_memory()
    try:
        with training_bar(config.training.epochs) as watch:
            train_network(config, data, folder, resume, watch)
    except KeyboardInterrupt:
        typer.echo(one_line(f"spiq: {folder} holds the best checkpoint so far; --resume goes on"), err=True)
        raise
    return config, data, folder


def _exported(
    folder: Path, config: "Config", data: "ImageSet", may_replace: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the bundle; what each layer lost to the chip's 8 bits, and the warnings, which are told."""
    from ...export.bundle.entries import LOIHI
    from ...hardware.inspection.bundle import quantization_losses
    from ...hardware.parts import BundlePart
    from ..run.exporting import export_bundle
    from ..training.checkpoint import epochs_of, load_model
    from .progress import working

    model, progress = load_model(folder, config)
    _check_fit(progress, data, folder)
    epochs = epochs_of(progress.history, config)
    with working("exporting"):
        bundle = export_bundle(
            config,
            model,
            data,
            folder / run_folder.BUNDLE,
            may_replace,
            before_replacing=lambda: run_folder.remove_report(folder),
            epochs=epochs,
        )
    if not epochs.finished:
        tell(f"{folder}: training is {training_in_words(epochs)}, and the bundle says so")
    for name, reason in bundle.manifest.left_out.items():
        tell(f"{bundle.path / name}: left out: {reason}")
    lost: list[dict[str, Any]] = []
    warnings: list[str] = []
    for stage in bundle.network.spiking:
        if bundle.file(stage, LOIHI) in bundle.content:
            losses, sentences = quantization_losses(BundlePart(bundle, stage))
            lost += [loss._asdict() for loss in losses]
            warnings += sentences
    for warning in warnings:
        tell(f"{bundle.path}: {warning}")
    return lost, warnings


def _climbed(folder: Path, config: "Config", data: "ImageSet") -> "Report":
    from ...export.bundle.folder import open_bundle
    from ...export.errors import InputError
    from ..report.written import write_report
    from ..run.exporting import is_bundle_of
    from ..training.checkpoint import epochs_of, load_model
    from ..validation.ladder import Ascent, climb
    from .progress import sample_bars

    # Before anything is read: what changes meanwhile makes the report one of other files.
    made_of = run_folder.made_of(folder)
    bundle = open_bundle(folder / run_folder.BUNDLE)
    model, progress = load_model(folder, config)
    _check_fit(progress, data, folder)
    if bundle.network.input.shape != progress.image_shape or not is_bundle_of(bundle, model):
        raise InputError(
            f"{bundle.path}: was not made of the network that is in {folder / run_folder.CHECKPOINT} now; "
            f"`spiq export {folder} --force` makes it anew"
        )
    limit = config.ladder.limit
    with sample_bars() as watch:
        ascent = Ascent(
            bundle,
            data.test_images[:limit],
            data.test_labels[:limit],
            config.ladder,
            config.gate,
            model,
            tuple(epoch._asdict() for epoch in progress.history),
            epochs_of(progress.history, config),
        )
        found = climb(ascent, watch)
    found = found.model_copy(update={"made_of": made_of})
    write_report(folder, found)
    return found


def _finish(found: "Report", folder: Path, json: bool) -> None:
    """Print the report, and end with exit status 1 where the gate is not passed."""
    from ..report.table import print_report

    if json:
        print_json(found.model_dump())
    else:
        print_report(found)
        print_line(f"{folder / run_folder.REPORT_HTML}")
    if not found.gate.passed:
        raise typer.Exit(1)


def _check_fit(progress: "Progress", data: "ImageSet", folder: Path) -> None:
    """Raise InputError where the images have changed since the network was trained."""
    from ...export.errors import InputError

    trained, found = (progress.image_shape, progress.classes), (data.train_images.shape[1:], data.classes)
    if trained != found:
        raise InputError(
            f"{folder}: was trained on images {list(trained[0])} of {trained[1]} classes, but {data.name} now has "
            f"{list(found[0])} and {found[1]}"
        )


def _images(config: "Config") -> "ImageSet":
    from .progress import working

    with working("loading the images"):
        from ..data import load_images

        data = load_images(config.data.source, config.data.pixel_range)
    tell(data.note)
    return data.limited(config.data.train_limit, config.data.test_limit)


def _free(path: Path, force: bool) -> None:
    from ...export.errors import InputError

    if path.exists() and not force:
        raise InputError(f"{path}: exists already; --force replaces it")
