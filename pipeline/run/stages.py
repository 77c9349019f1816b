"""The stages of a run, one after the other: train, export, climb the ladder. What `spiq run` and `spiq.train` do.

What was decided for the user is told on the way, by the function `tell`.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...export.bundle.epochs import training_in_words
from ...export.errors import InputError
from ..config.schema import Config
from ..terminal.progress import sample_bars, training_bar, working
from . import folder as run_folder
from .lock import locked
from .resuming import check_resume

if TYPE_CHECKING:
    from ..data import ImageSet
    from ..training.checkpoint import Progress
    from ..validation.report import Report

Tell = Callable[[str | None], None]
"""Takes a sentence; None says nothing."""


class Losses(NamedTuple):
    """What each layer lost in the chip's 8 bits, and a sentence for each loss that is large."""

    layers: list[dict[str, Any]]
    warnings: list[str]


def whole_run(config: Config, folder: Path | None, force: bool, resume: bool, tell: Tell) -> "tuple[Path, Report]":
    """Every stage; the run's folder, runs/NAME if none is named, and the report."""
    with ExitStack() as held:
        data, folder = trained(config, folder, force, resume, tell, held)
        exported(folder, config, data, True, tell)
        return folder, climbed(folder, config, data)


def trained(
    config: Config, out: Path | None, force: bool, resume: bool, tell: Tell, held: ExitStack
) -> "tuple[ImageSet, Path]":
    """Train in the run's folder, which `held` keeps locked from then on."""
    folder = out or Path("runs") / config.name
    there = folder.is_dir()
    if there:
        held.enter_context(locked(folder, tell))
    run_folder.check_run(folder, config, force, resume)
    note = check_resume(folder, config) if resume else None
    from ..models.sqdr_cnn import SQDRCNN
    from ..training.kept_memory import keep_freed_memory
    from ..training.loop import train as train_network
    from ..training.loop import training_device
    from ..training.records.table import check_records

    data = images(config, tell)
    # What does not fit the images or the machine must be known before the folder is touched.
    SQDRCNN(config, data.train_images.shape[1:], data.classes)
    training_device(config.training)
    check_records(config.training.log)
    if not there and not held.enter_context(locked(folder, tell)):
        # Somebody else has made it meanwhile.
        run_folder.check_run(folder, config, force, resume)
    tell(note)
    run_folder.start_run(folder, config, resume)
    keep_freed_memory()
    with training_bar(config.training.epochs) as watch:
        train_network(config, data, folder, resume, watch)
    return data, folder


def exported(folder: Path, config: Config, data: "ImageSet", may_replace: bool, tell: Tell) -> Losses:
    """Write the bundle; what was left out and lost is told."""
    from ...export.bundle.entries import LOIHI
    from ...hardware.inspection.bundle import quantization_losses
    from ...hardware.parts import BundlePart
    from ..training.checkpoint import epochs_of, load_model
    from .exporting import export_bundle

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
    found = Losses([], [])
    for stage in bundle.network.spiking:
        if bundle.file(stage, LOIHI) in bundle.content:
            losses, sentences = quantization_losses(BundlePart(bundle, stage))
            found.layers.extend(loss._asdict() for loss in losses)
            found.warnings.extend(sentences)
    for warning in found.warnings:
        tell(f"{bundle.path}: {warning}")
    return found


def climbed(folder: Path, config: Config, data: "ImageSet") -> "Report":
    """Climb the ladder with the run's bundle and network, and write the report."""
    from ...export.bundle.folder import open_bundle
    from ..report.written import write_report
    from ..training.checkpoint import epochs_of, load_model
    from ..validation.ascent import Ascent
    from ..validation.ladder import climb
    from .exporting import is_bundle_of

    # Before anything is read: what changes meanwhile makes the report one of other files.
    made_of = run_folder.made_of(folder)
    bundle = open_bundle(folder / run_folder.BUNDLE)
    model, progress = load_model(folder, config)
    _check_fit(progress, data, folder)
    if bundle.network.input.shape != progress.image_shape or not is_bundle_of(bundle, model):
        raise InputError(
            f"{bundle.path}: was not made of the network that is in {folder / run_folder.CHECKPOINT} now",
            "export anew",
        )
    limit = config.ladder.limit
    ascent = Ascent(
        bundle,
        data.test_images[:limit],
        data.test_labels[:limit],
        config.ladder,
        config.gate,
        model,
        tuple(epoch._asdict() for epoch in progress.history),
        epochs_of(progress.history, config),
        config.model_dump(mode="json"),
    )
    with sample_bars() as watch:
        found = climb(ascent, watch).model_copy(update={"made_of": made_of})
    write_report(folder, found)
    return found


def images(config: Config, tell: Tell) -> "ImageSet":
    """The configuration's images, as many as it uses."""
    with working("loading the images"):
        from ..data import load_images

        data = load_images(config.data.source, config.data.pixel_range)
    tell(data.note)
    return data.limited(config.data.train_limit, config.data.test_limit)


def _check_fit(progress: "Progress", data: "ImageSet", folder: Path) -> None:
    """Raise InputError where the images have changed since the network was trained."""
    before, found = (progress.image_shape, progress.classes), (data.train_images.shape[1:], data.classes)
    if before != found:
        raise InputError(
            f"{folder}: was trained on images {list(before[0])} of {before[1]} classes, but {data.name} now has "
            f"{list(found[0])} and {found[1]}"
        )
