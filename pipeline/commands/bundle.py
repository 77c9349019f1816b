"""spiq cosim, qasm, inspect, verify: what can be done with a bundle alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...export.bundle.epochs import training_in_words
from ...export.errors import InputError
from ...hardware.names import quantum_names, spiking_names
from ..printing import print_json, print_table, tell
from .options import BundlePath, Json, Limit, Shots, at_least_one

if TYPE_CHECKING:
    import numpy as np

    from ...export.bundle.bundle import Bundle


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("cosim")(cosim)
    app.command("qasm")(qasm)
    app.command("inspect")(inspect)
    app.command("verify")(verify)


def cosim(
    bundle: BundlePath,
    snn: Annotated[
        str, typer.Option("--snn", help=f"Spiking device: {', '.join(spiking_names())}.", metavar="NAME")
    ] = "loihi",
    hardware: Annotated[
        bool, typer.Option("--hardware", help="With --snn lava: on a Loihi 2; needs Intel's lava-loihi.")
    ] = False,
    qpu: Annotated[
        str, typer.Option("--qpu", help=f"Quantum device: {', '.join(quantum_names())}.", metavar="NAME")
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
    from ...hardware.comparison import compare
    from ...hardware.cosimulation import cosimulate
    from ...hardware.registry import devices, spiking_entry
    from ..progress import sample_bars

    epochs = opened.manifest.epochs
    if epochs is not None and not epochs.finished:
        tell(f"{bundle}: training is {training_in_words(epochs)}")
    entry = spiking_entry(snn)
    made = devices(opened, snn, qpu, seed, hardware)
    values, labels = _samples(opened, images, limit)
    network, count = opened.network, check_count(opened, values)
    started = time.perf_counter()
    with sample_bars() as watch:
        result = cosimulate(network, made, values, shots, lambda done: watch(snn, done, count))
        seconds = time.perf_counter() - started
        figures: dict[str, Any] = {"bundle": str(bundle), "snn": snn, "qpu": qpu, "shots": shots, "samples": count}
        if labels is not None:
            from ..analysis.confidence import wilson

            right = int((result.predictions == labels).sum())
            figures |= {"accuracy": right / len(labels), "interval": wilson(right, len(labels))}
        reference = entry.reference
        if reference is not None and network.spiking:
            held = devices(opened, reference, qpu, seed)
            other = cosimulate(network, held, values, shots, lambda done: watch(reference, done, count))
            spiking = tuple(network.spiking)
            found = compare({name: result[name] for name in spiking}, {name: other[name] for name in spiking})
            figures |= {
                "compared_with": reference,
                "agreement": float((result.predictions == other.predictions).mean()),
                "spike_mismatches": sum(found.mismatches.values()),
                "first_difference": found.first._asdict() if found.first else None,
            }
    figures["seconds"] = round(seconds, 3)
    if out is not None:
        from ...export.files.arrays import write_npz

        counts = {f"{name}_counts": result[name].sum(0, dtype="int64") for name in network.spiking}
        write_npz(out, {**result, **counts, "predictions": result.predictions})
    if json:
        print_json(figures)
    else:
        print_table(
            f"{opened.manifest.name}", ("figure", "value"), [(key, _text(value)) for key, value in figures.items()]
        )
    if entry.must_be_equal and figures["spike_mismatches"]:
        raise typer.Exit(1)


def qasm(
    bundle: BundlePath,
    version: Annotated[int, typer.Option("--version", help="OpenQASM 3 with inputs; or 2, inputs bound.")] = 3,
    sample: Annotated[
        int | None, typer.Option("--sample", help="Bind the inputs of the bundle's golden sample I.", metavar="I")
    ] = None,
    angles: Annotated[
        Path | None,
        typer.Option(
            "--angles", help="Bind these: a .json list or .npy array of the circuit's inputs.", metavar="FILE"
        ),
    ] = None,
    circuit: Annotated[
        str | None, typer.Option("--circuit", help="Which circuit, where the network has several.", metavar="STAGE")
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
    stage = _circuit_stage(opened, circuit)
    if version == 3:
        typer.echo(opened.program(stage), nl=False)
        return
    from ...export.circuit.qasm import to_openqasm2

    typer.echo(to_openqasm2(opened.network.quantum[stage].circuit, _inputs(opened, stage, sample, angles)), nl=False)


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

    Spikes and synaptic operations are counted on the golden samples, or on what you name. Energy and time are a range
    over published models, each of a chip of its own; none are public for Loihi 2.

    Example: [bold]spiq inspect runs/digits/bundle --test-set --limit 1000[/bold]
    """
    at_least_one("--limit", limit)
    if test_set and images is not None:
        raise InputError("--test-set and --images both say what to measure on; give one of them")
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ...hardware.cosimulation import sliced
    from ...hardware.inspection.bundle import inspection
    from ..progress import sample_bars
    from ..report.inspection_tables import inspection_tables

    if test_set or images is not None:
        values, _ = _samples(opened, images, limit)
        measured_on = f"the test set of {opened.manifest.data}" if images is None else str(images)
    else:
        count = opened.golden.samples if limit is None else min(limit, opened.golden.samples)
        values, measured_on = sliced(opened.network, opened.golden.input, slice(0, count)), "the golden samples"
    count = check_count(opened, values)
    with sample_bars() as watch:
        found = inspection(opened, values, measured_on, lambda done: watch("loihi", done, count))
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
        title = f"{opened.manifest.name}: {opened.golden.samples} golden samples"
        print_table(title, ("file", "compared", "found", "allowed", ""), rows)
    if not passed:
        raise typer.Exit(1)


def check_count(bundle: "Bundle", values: "np.ndarray") -> int:
    """How many samples these are. Raises InputError where they do not fit the bundle."""
    from ...hardware.cosimulation import check_samples

    return check_samples(bundle.network, values)


def _samples(bundle: "Bundle", path: Path | None, limit: int | None) -> "tuple[np.ndarray, np.ndarray | None]":
    from ..data.samples import load_samples

    given = load_samples(bundle, path, limit)
    tell(given.note)
    return given.values, given.labels


def _circuit_stage(bundle: "Bundle", asked: str | None) -> str:
    """The circuit that is meant: the one asked for, or the only one."""
    there = tuple(bundle.network.quantum)
    if not there:
        raise InputError(f"{bundle.path}: the network has no circuit")
    if asked is None and len(there) > 1:
        raise InputError(f"{bundle.path}: has the circuits {', '.join(there)}; --circuit says which")
    if asked is not None and asked not in there:
        raise InputError(f"--circuit {asked}: the bundle's circuits are {', '.join(there)}")
    return asked or next(iter(there))


def _inputs(bundle: "Bundle", stage: str, sample: int | None, path: Path | None) -> "np.ndarray":
    if path is not None:
        from ..data.input_file import read_circuit_inputs

        return read_circuit_inputs(path, bundle.network.quantum[stage].circuit)
    count = bundle.golden.samples
    if sample is None or not 0 <= sample < count:
        raise InputError(f"--sample {sample}: the bundle's golden samples are 0 to {count - 1}")
    (source,) = bundle.network.reads[stage]
    values = bundle.golden.input if source == "input" else bundle.golden.trace[source]
    return values[sample].reshape(-1)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " × ".join(map(_text, value))
    return str(value)
