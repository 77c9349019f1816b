"""spiq validate: the ladder for any bundle."""

from pathlib import Path
from typing import Annotated

import typer

from ...export.errors import InputError
from ..terminal.printing import print_json, print_line, tell
from .options import BundlePath, Json, Limit, at_least_one


def validate(
    bundle: BundlePath,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Your own samples: x as the network reads them, and labels y. Default: the test set that the bundle "
            "names.",
            metavar="FILE.npz",
        ),
    ] = None,
    limit: Limit = None,
    shots: Annotated[
        int | None, typer.Option("--shots", help="Shots per sample on the rung shots. Default: 1024.", metavar="N")
    ] = None,
    lava_samples: Annotated[
        int | None, typer.Option("--lava-samples", help="Number of samples on real Lava. Default: 64.", metavar="N")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write report.json and report.html into this folder.", metavar="DIR")
    ] = None,
    json: Json = False,
) -> None:
    """The ladder goes from the bundle's NIR file to hardware. The exit status is 1 if the gate is not passed.

    Example: spiq validate runs/digits/bundle --images mine.npz
    """
    at_least_one("--limit", limit)
    at_least_one("--shots", shots)
    at_least_one("--lava-samples", lava_samples)
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ..config.schema import Gate, Ladder
    from ..data.samples import load_samples
    from ..report.table import print_report
    from ..report.written import write_report
    from ..terminal.progress import sample_bars
    from ..validation.ascent import Ascent
    from ..validation.ladder import climb

    given = load_samples(opened, images, limit)
    tell(given.note)
    if given.labels is None:
        raise InputError(f"{images}: has no labels y, without which there is no accuracy")
    chosen = {"shots": shots, "lava_samples": lava_samples}
    ladder = Ladder(**{key: value for key, value in chosen.items() if value is not None})
    ascent = Ascent(opened, given.values, given.labels, ladder, Gate(), epochs=opened.manifest.epochs)
    with sample_bars() as watch:
        found = climb(ascent, watch)
    if out is not None:
        write_report(out, found)
    if json:
        print_json(found.model_dump())
    else:
        print_report(found)
        if out is not None:
            print_line(f"{out}: report.html and report.json")
    if not found.gate.passed:
        raise typer.Exit(1)
