"""spiq validate: the ladder for any bundle."""

from pathlib import Path
from typing import Annotated

import typer

from ...export.errors import InputError
from ..printing import print_json, print_line, tell
from .options import BundlePath, Json, Limit, at_least_one


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    bundle: BundlePath,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Your own samples: x as the network reads them, and labels y. The test set that the bundle names, by "
            "default.",
            metavar="FILE.npz",
        ),
    ] = None,
    limit: Limit = None,
    shots: Annotated[
        int | None, typer.Option("--shots", help="Measurements a sample on the rung shots; 1024 by default.")
    ] = None,
    lava_samples: Annotated[
        int | None, typer.Option("--lava-samples", help="Samples on real Lava; 64 by default.", metavar="N")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write report.json and report.html into this folder.", metavar="DIR")
    ] = None,
    json: Json = False,
) -> None:
    """Climb the ladder with a bundle alone: from its NIR file to hardware. Exit status 1 where the gate is not passed.

    Example: [bold]spiq validate runs/digits/bundle --images mine.npz[/bold]
    """
    at_least_one("--limit", limit)
    at_least_one("--shots", shots)
    at_least_one("--lava-samples", lava_samples)
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ..config.schema import Gate, Ladder
    from ..data.samples import load_samples
    from ..progress import sample_bars
    from ..report.table import print_report
    from ..report.written import write_report
    from ..validation.ladder import Ascent, climb

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
