"""spiq nir: any NIR graph on any spiking device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..export.errors import InputError
from .cli_options import Json, print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from ..export.graph import PlacedGraph

DEVICES = ("nir", "loihi")
"""Where a graph can run: in floating point, or in Loihi's fixed point."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("nir")(nir)


def nir(
    graph: Annotated[Path, typer.Argument(help="A NIR graph, from whatever framework.", metavar="GRAPH.nir")],
    spikes: Annotated[
        Path | None,
        typer.Option(
            "--spikes",
            help="Array x, uint8 \\[time, sample, *shape]; without it the graph is described.",
            metavar="FILE.npz",
        ),
    ] = None,
    on: Annotated[
        str, typer.Option("--on", help="nir, loihi, or both with a comma between.", metavar="DEVICE")
    ] = "nir",
    dt: Annotated[float | None, typer.Option("--dt", help="Seconds a time step stands for.  [default: 1e-4]")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write array y \\[time, sample, feature]: spikes, or values if the graph ends in them.",
            metavar="FILE.npz",
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Two devices with each other, or one with the array y of the spikes' file."),
    ] = False,
    json: Json = False,
) -> None:
    """Run a NIR graph on spikes, and compare. Exit status 1 where a comparison with y finds a difference.

    On loihi the graph is quantized with these spikes as its calibration.

    Example: [bold]spiq nir graph.nir --spikes spikes.npz --on loihi --out answer.npz[/bold]
    """
    devices = _devices(on)
    if compare and spikes is None:
        raise InputError("--compare needs --spikes")
    if out is not None and spikes is None:
        raise InputError("--out needs --spikes")
    if spikes is not None and len(devices) > 1 and not compare:
        raise InputError(f"--on {on}: two devices are for --compare")
    from ..export.graph import place, read_nir
    from ..export.time_step import DEFAULT_DT

    placed = place(read_nir(graph), str(graph))
    if spikes is None:
        _describe(placed, json)
        return
    if compare and not placed.ends_in_spikes:
        raise InputError(f"{graph}: its output is values, not spikes; --compare holds spikes against each other")
    from .spike_file import read_spikes

    given = read_spikes(spikes, placed.input_shape)
    answers = [_run(device, placed, given.x, DEFAULT_DT if dt is None else dt) for device in devices]
    found: dict[str, Any] = {
        "graph": str(graph),
        "on": devices,
        "steps": given.x.shape[0],
        "samples": given.x.shape[1],
        "features": answers[0].shape[2],
        "spikes": int(answers[0].sum()) if answers[0].dtype == "uint8" else None,
    }
    if compare:
        other = answers[1] if len(devices) == 2 else given.y
        if other is None:
            raise InputError(f"{spikes}: --compare needs its array y, or two devices for --on")
        found |= _comparison(answers[0], other, spikes)
    if out is not None:
        from ..export.arrays import write_npz

        write_npz(out, {"y": answers[0]})
    if json:
        print_json(found)
    else:
        print_table(str(graph), ("figure", "value"), [(key, str(value)) for key, value in found.items()])
    if compare and len(devices) == 1 and found["spike_mismatches"]:
        raise typer.Exit(1)


def _devices(on: str) -> list[str]:
    devices = on.split(",")
    for device in devices:
        if device not in DEVICES:
            raise InputError(f"--on {device}: there is no such device for a graph; there are {', '.join(DEVICES)}")
    if len(set(devices)) < len(devices) or len(devices) > 2:
        raise InputError(f"--on {on}: one device, or two different ones, can be named")
    return devices


def _run(device: str, placed: "PlacedGraph", x: "np.ndarray", dt: float) -> "np.ndarray":
    from .progress import working

    with working(f"running on {device}"):
        if device == "loihi":
            from ..hardware.loihi.device import LoihiDevice
            from ..hardware.loihi.lower import lower_to_loihi

            return LoihiDevice(lower_to_loihi(placed, dt, x)).run(x)
        from ..hardware.nir_runtime import NirRuntime

        runtime = NirRuntime(placed, dt)
        return runtime.run(x) if placed.ends_in_spikes else runtime.values(x)


def _comparison(ours: "np.ndarray", other: "np.ndarray", path: Path) -> dict[str, Any]:
    import numpy as np

    if ours.shape != other.shape:
        raise InputError(f"{path}: y has the shape {list(other.shape)}, but the answer has {list(ours.shape)}")
    different = ours != other
    first = None
    if different.any():
        sample, step, feature = np.argwhere(different.transpose(1, 0, 2))[0]
        first = {"sample": int(sample), "step": int(step), "neuron": int(feature)}
    return {"spike_mismatches": int(different.sum()), "first_difference": first}


def _describe(placed: "PlacedGraph", json: bool) -> None:
    rows = [
        {
            "node": node.name,
            "type": type(node.node).__name__,
            "reads": list(node.sources),
            "input": list(node.input_shape),
            "output": list(node.output_shape),
        }
        for node in placed.nodes
    ]
    if json:
        print_json({"graph": placed.name, "nodes": rows})
    else:
        columns = ("node", "type", "reads", "input", "output")
        print_table(placed.name, columns, [tuple(_text(row[column]) for column in columns) for row in rows])


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
