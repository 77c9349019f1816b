"""spiq cosim: both halves of a bundle together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal.printing import print_json, print_table, tell
from .options import BundlePath, Json, Limit, QuantumDeviceName, Shots, SpikingDeviceName, at_least_one

if TYPE_CHECKING:
    import numpy as np

    from ...export.network.trace import Trace

SHOWN = 10
"""Samples whose predictions are printed; --out writes them all."""


def cosim(
    bundle: BundlePath,
    snn: SpikingDeviceName = "loihi",
    hardware: Annotated[
        bool, typer.Option("--hardware", help="With --snn lava: run on a Loihi 2. Needs Intel's lava-loihi.")
    ] = False,
    qpu: QuantumDeviceName = "exact",
    shots: Shots = None,
    limit: Limit = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Your own images: x [sample, (channel,) height, width] and, if known, labels y. Floats must be from 0 "
            "to 1; integers are divided by the bundle's pixel range. Default: the test set that the bundle names.",
            metavar="FILE.npz",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of the shots. Default: the bundle's.", metavar="N")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write every intermediate value to this file.", metavar="FILE.npz")
    ] = None,
    json: Json = False,
) -> None:
    """The predictions of the first 10 samples are printed, each with its margin: how far the largest output is above
    the second largest. --out writes all of them.

    The encoder's spikes are compared with those of another device: loihi's with the NIR file's in floating point,
    lava's and netx's with loihi's. If these two differ from loihi, the exit status is 1. "Same prediction" is the
    fraction of samples with the same prediction from the other device's spikes, with the same quantum device, shots
    and seed.

    Example: spiq cosim runs/digits/bundle --snn loihi --qpu aer --shots 1024
    """
    import time

    at_least_one("--shots", shots)
    at_least_one("--limit", limit)
    from ...export.bundle.folder import open_bundle

    opened = open_bundle(bundle)
    from ...export.bundle.epochs import training_in_words
    from ...hardware.network.comparison import compare
    from ...hardware.network.cosimulation import check_samples, cosimulate
    from ...hardware.registry import devices, spiking_entry
    from ..data.samples import load_samples
    from ..terminal.progress import sample_bars

    epochs = opened.manifest.epochs
    if epochs is not None and not epochs.finished:
        tell(f"{bundle}: training is {training_in_words(epochs)}")
    entry = spiking_entry(snn)
    made = devices(opened, snn, qpu, seed, hardware)
    given = load_samples(opened, images, limit)
    tell(given.note)
    values, labels = given.values, given.labels
    network, count = opened.network, check_samples(opened.network, values)
    started = time.perf_counter()
    with sample_bars() as watch:
        result = cosimulate(network, made, values, shots, lambda done: watch(snn, done, count))
        seconds = time.perf_counter() - started
        figures: dict[str, Any] = {"bundle": str(bundle), "snn": snn, "qpu": qpu, "shots": shots, "samples": count}
        if labels is not None:
            from ..validation.analysis.confidence import wilson

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
    first = _first(result, labels)
    if json:
        print_json(figures | {"first": first})
    else:
        _print(opened.manifest.name, figures, first)
    if entry.must_be_equal and figures["spike_mismatches"]:
        raise typer.Exit(1)


def _first(result: "Trace", labels: "np.ndarray | None") -> list[dict[str, Any]]:
    """The first samples: label if known, prediction, margin."""
    predictions, margins = result.predictions[:SHOWN].tolist(), result.first(SHOWN).margins.tolist()
    known: list[dict[str, Any]] = [{}] * len(margins)
    if labels is not None:
        known = [{"label": label} for label in labels[:SHOWN].tolist()]
    return [
        {"sample": number, **label, "prediction": prediction, "margin": margin}
        for number, (label, prediction, margin) in enumerate(zip(known, predictions, margins, strict=True))
    ]


def _print(title: str, figures: dict[str, Any], first: list[dict[str, Any]]) -> None:
    from ..terminal.figures import figure_rows

    print_table(title, ("figure", "value"), figure_rows(figures))
    if not first:
        return
    columns = [*first[0], *(("",) if "label" in first[0] else ())]
    rows = []
    for sample in first:
        wrong = ("wrong" if sample["label"] != sample["prediction"] else "",) if "label" in sample else ()
        numbers = (str(value) for key, value in sample.items() if key != "margin")
        rows.append((*numbers, f"{sample['margin']:.4g}", *wrong))
    count = figures["samples"]
    print_table("the only sample" if count == 1 else f"the first {len(first)} of {count} samples", columns, rows)
