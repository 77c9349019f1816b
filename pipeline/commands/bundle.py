"""spiq qasm, inspect, verify: what is in a bundle, and whether its files agree."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...export.errors import InputError
from ..terminal.printing import print_json, print_table, tell
from .options import BundlePath, Json, Limit, at_least_one

if TYPE_CHECKING:
    import numpy as np

    from ...export.bundle.bundle import Bundle


def qasm(
    bundle: BundlePath,
    version: Annotated[int, typer.Option("--version", help="OpenQASM 3 with inputs, or 2 with the inputs bound.")] = 3,
    sample: Annotated[
        int | None, typer.Option("--sample", help="Bind the inputs of the bundle's golden sample I.", metavar="I")
    ] = None,
    angles: Annotated[
        Path | None,
        typer.Option(
            "--angles", help="Bind these inputs of the circuit: a .json list or a .npy array.", metavar="FILE"
        ),
    ] = None,
    circuit: Annotated[
        str | None, typer.Option("--circuit", help="Which circuit, if the network has several.", metavar="STAGE")
    ] = None,
) -> None:
    """OpenQASM 3 has the circuit's inputs as inputs; OpenQASM 2 has none, so they are bound to numbers.

    Example: spiq qasm runs/digits/bundle --version 2 --sample 0 > head.qasm
    """
    if version not in (2, 3):
        raise InputError(f"--version must be 2 or 3, got {version}")
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
    """The costs are what the layers take of a Loihi 2.

    Spikes and synaptic operations are counted on the golden samples, or on the samples that you name. Energy and time
    are a range over published models, each of a chip of its own; none are public for Loihi 2.

    Example: spiq inspect runs/digits/bundle --test-set --limit 1000
    """
    at_least_one("--limit", limit)
    if test_set and images is not None:
        raise InputError("--test-set and --images both say what to measure on; give one of them")
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ...hardware.inspection.bundle import inspection
    from ...hardware.network.cosimulation import check_samples, sliced
    from ..terminal.inspection_tables import inspection_tables
    from ..terminal.progress import sample_bars

    if test_set or images is not None:
        from ..data.samples import load_samples

        given = load_samples(opened, images, limit)
        tell(given.note)
        values = given.values
        measured_on = f"the test set of {opened.manifest.data}" if images is None else str(images)
    else:
        count = opened.golden.samples if limit is None else min(limit, opened.golden.samples)
        values, measured_on = sliced(opened.network, opened.golden.input, slice(0, count)), "the golden samples"
    count = check_samples(opened.network, values)
    with sample_bars() as watch:
        found = inspection(opened, values, measured_on, lambda done: watch("loihi", done, count))
    if json:
        print_json(found)
        return
    for table in inspection_tables(found):
        print_table(*table)


def verify(bundle: BundlePath, json: Json = False) -> None:
    """Each answer is compared with the stored one. The exit status is 1 if one differs.

    Example: spiq verify runs/digits/bundle
    """
    from ...export.bundle.folder import open_bundle
    from ...hardware.network.verification import verify as checks
    from ..terminal.figures import number

    opened = open_bundle(bundle)
    found = list(checks(opened))
    passed = all(check.passed for check in found)
    if json:
        print_json({"passed": passed, "checks": [{**check._asdict(), "passed": check.passed} for check in found]})
    else:
        rows = [
            (
                check.file,
                check.what,
                number(check.difference),
                number(check.allowed),
                "ok" if check.passed else "DIFFERS",
            )
            for check in found
        ]
        title = f"{opened.manifest.name}: {opened.golden.samples} golden samples"
        print_table(title, ("file", "compared", "found", "allowed", "result"), rows)
    if not passed:
        raise typer.Exit(1)


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
