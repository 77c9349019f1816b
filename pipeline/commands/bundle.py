"""spiq cosim, qasm, inspect, verify: what can be done with a bundle alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...export.bundle.epochs import training_in_words
from ...export.errors import InputError
from .options import BundlePath, Json, Limit, Shots, at_least_one, print_json, print_table, tell

if TYPE_CHECKING:
    import numpy as np

    from ...export.bundle.folder import Bundle


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("cosim")(cosim)
    app.command("qasm")(qasm)
    app.command("inspect")(inspect)
    app.command("verify")(verify)


def cosim(
    bundle: BundlePath,
    snn: Annotated[
        str, typer.Option("--snn", help="Spiking device: nir, loihi, lava or netx.", metavar="NAME")
    ] = "loihi",
    hardware: Annotated[
        bool, typer.Option("--hardware", help="With --snn lava: on a Loihi 2; needs Intel's lava-loihi.")
    ] = False,
    qpu: Annotated[
        str, typer.Option("--qpu", help="Quantum device: exact, pennylane or aer.", metavar="NAME")
    ] = "exact",
    shots: Shots = None,
    limit: Limit = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Your own images: x \\[sample, (channel,) height, width] and, if known, labels y. Floats lie in "
            "\\[0, 1]; integers are divided by the bundle's pixel range. "
            "The test set that the bundle names, by default.",
            metavar="FILE.npz",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="For shots; the bundle's by default.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write every intermediate value here.", metavar="FILE.npz")
    ] = None,
    json: Json = False,
) -> None:
    """Run both halves together: images in, predictions out.

    The encoder's spikes are also held against another device's: loihi's against the NIR file's in floating point,
    lava's and netx's against loihi's. Exit status 1 where these two are not equal to it. The agreement is that of the
    predictions with these other spikes, on the same quantum device with the same shots and seed.

    Example: [bold]spiq cosim runs/digits/bundle --snn loihi --qpu aer --shots 1024[/bold]
    """
    import time

    at_least_one("--shots", shots)
    at_least_one("--limit", limit)
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ...hardware.catalogue import MUST_BE_EQUAL, REFERENCES, quantum_device, spiking_device
    from ...hardware.comparison import compare
    from ...hardware.cosimulation import cosimulate
    from .progress import sample_bars

    epochs = opened.manifest.epochs
    if epochs is not None and not epochs.finished:
        tell(f"{bundle}: training is {training_in_words(epochs)}")
    spiking = spiking_device(snn, opened, hardware)
    if seed is None:
        seed = opened.manifest.seed
    quantum = quantum_device(qpu, opened, seed)
    pixels, labels = _images(opened, images, limit)
    started = time.perf_counter()
    with sample_bars() as watch:
        result = cosimulate(opened, spiking, quantum, pixels, shots, lambda done: watch(snn, done, len(pixels)))
        seconds = time.perf_counter() - started
        figures: dict[str, Any] = {
            "bundle": str(bundle),
            "snn": snn,
            "qpu": qpu,
            "shots": shots,
            "samples": len(pixels),
        }
        if labels is not None:
            from ..validation.rung import wilson

            right = int((result.predictions == labels).sum())
            figures |= {"accuracy": right / len(labels), "interval": wilson(right, len(labels))}
        if snn in REFERENCES:
            reference = REFERENCES[snn]
            other = cosimulate(
                opened, spiking_device(reference, opened), quantum_device(qpu, opened, seed), pixels, shots,
                lambda done: watch(reference, done, len(pixels)),
            )  # fmt: skip
            found = compare({"output": result.encoded}, {"output": other.encoded})
            figures |= {
                "compared_with": reference,
                "agreement": float((result.predictions == other.predictions).mean()),
                "spike_mismatches": found.mismatches["output"],
                "first_difference": found.first._asdict() if found.first else None,
            }
    figures["seconds"] = round(seconds, 3)
    if out is not None:
        from ...export.files.arrays import write_npz

        write_npz(out, result._asdict() | {"counts": result.counts, "predictions": result.predictions})
    if json:
        print_json(figures)
    else:
        print_table(
            f"{opened.manifest.name}", ("figure", "value"), [(key, _text(value)) for key, value in figures.items()]
        )
    if snn in MUST_BE_EQUAL and figures["spike_mismatches"]:
        raise typer.Exit(1)


def qasm(
    bundle: BundlePath,
    version: Annotated[int, typer.Option("--version", help="OpenQASM 3, angles as inputs; or 2, angles bound.")] = 3,
    sample: Annotated[
        int | None, typer.Option("--sample", help="Bind the angles of the bundle's golden sample I.", metavar="I")
    ] = None,
    angles: Annotated[
        Path | None,
        typer.Option(
            "--angles", help="Bind these: a .json list or .npy array, three angles a qubit, radians.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Print the quantum half as OpenQASM.

    Example: [bold]spiq qasm runs/digits/bundle --version 2 --sample 0 > head.qasm[/bold]
    """
    if version not in (2, 3):
        raise InputError(f"--version {version}: there is OpenQASM 2 and 3")
    if sample is not None and angles is not None:
        raise InputError("--sample and --angles both bind the angles; give one of them")
    if version == 2 and sample is None and angles is None:
        raise InputError("--version 2 has no inputs, so the angles must be bound: give --sample I or --angles FILE")
    if version == 3 and (sample is not None or angles is not None):
        raise InputError("--version 3 takes its angles as inputs; --sample and --angles are for --version 2")
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    if version == 3:
        typer.echo(opened.program, nl=False)
        return
    from ...export.circuit.qasm import to_openqasm2

    typer.echo(to_openqasm2(opened.circuit, _angles(opened, sample, angles)), nl=False)


def inspect(
    bundle: BundlePath,
    test_set: Annotated[
        bool,
        typer.Option("--test-set", help="Measure on the test set that the bundle names, not on its golden samples."),
    ] = False,
    images: Annotated[
        Path | None, typer.Option("--images", help="Measure on your own images, as in cosim.", metavar="FILE.npz")
    ] = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """Say what is in a bundle: layers, circuit, files, and what the layers take of a Loihi 2.

    Spikes and synaptic operations are measured on the golden samples, or on what you name. Energy and time are an
    estimate for the first Loihi, from figures published for it (2018); none are public for Loihi 2.

    Example: [bold]spiq inspect runs/digits/bundle --test-set --limit 1000[/bold]
    """
    at_least_one("--limit", limit)
    if test_set and images is not None:
        raise InputError("--test-set and --images both say what to measure on; give one of them")
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ...hardware.catalogue import loihi_program
    from ...hardware.inspection.bundle import inspection
    from ..report.inspection_tables import inspection_tables
    from .progress import sample_bars

    if test_set or images is not None:
        pixels, _ = _images(opened, images, limit)
        measured_on = f"the test set of {opened.manifest.data}" if images is None else str(images)
    else:
        pixels, measured_on = opened.golden.images[:limit], "the golden samples"
    with sample_bars() as watch:
        found = inspection(
            opened,
            loihi_program(opened),
            pixels,
            measured_on,
            lambda done: watch("loihi", done, len(pixels)),
        )
    if json:
        print_json(found)
        return
    for table in inspection_tables(found):
        print_table(*table)


def verify(bundle: BundlePath, json: Json = False) -> None:
    """Run the golden samples through every file and compare. Exit status 1 where one differs.

    Example: [bold]spiq verify runs/digits/bundle[/bold]
    """
    from ...export.bundle.folder import open_bundle
    from ...hardware.verification import verify as checks

    opened = open_bundle(bundle)
    found = list(checks(opened))
    passed = all(check.passed for check in found)
    if json:
        print_json({"passed": passed, "checks": [{**check._asdict(), "passed": check.passed} for check in found]})
    else:
        rows = [
            (check.file, check.what, _text(check.difference), _text(check.allowed), "ok" if check.passed else "DIFFERS")
            for check in found
        ]
        title = f"{opened.manifest.name}: {len(opened.golden.labels)} golden samples"
        print_table(title, ("file", "compared", "found", "allowed", ""), rows)
    if not passed:
        raise typer.Exit(1)


def _images(bundle: "Bundle", path: Path | None, limit: int | None) -> "tuple[np.ndarray, np.ndarray | None]":
    from ..data import load_images, load_npz_images

    if path is not None:
        given = load_npz_images(path, bundle.image_shape, bundle.manifest.classes, bundle.manifest.pixel_range)
        tell(given.note)
        return given.images[:limit], None if given.labels is None else given.labels[:limit]
    data = load_images(bundle.manifest.data, bundle.manifest.pixel_range).limited(None, limit)
    tell(data.note)
    if data.test_images.shape[1:] != bundle.image_shape:
        found, needed = list(data.test_images.shape[1:]), list(bundle.image_shape)
        raise InputError(f"{bundle.manifest.data}: its images have the shape {found}, but the bundle reads {needed}")
    return data.test_images, data.test_labels


def _angles(bundle: "Bundle", sample: int | None, path: Path | None) -> "np.ndarray":
    if path is not None:
        from ..data.angle_file import read_angles

        return read_angles(path, bundle.circuit.n_qubits)
    count = len(bundle.golden.angles)
    if sample is None or not 0 <= sample < count:
        raise InputError(f"--sample {sample}: the bundle's golden samples are 0 to {count - 1}")
    return bundle.golden.angles[sample]


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " × ".join(map(_text, value))
    return str(value)
