"""spiq nir: any NIR graph on any spiking device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..export.errors import InputError
from .cli_options import Json, print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from ..export.graph import PlacedGraph
    from ..hardware.loihi.program import LoihiProgram

DEVICES = ("nir", "loihi", "lava")
"""Where a graph can run: in floating point, in Loihi's fixed point, or as the same on real Lava."""

EQUAL = {"loihi", "lava"}
"""Two devices whose spikes must be the same."""


class Answer(NamedTuple):
    """A device's output [time, sample, feature], and, where asked for, its neuron groups' spikes by name."""

    output: "np.ndarray"
    layers: "dict[str, np.ndarray]"


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
        str, typer.Option("--on", help="nir, loihi or lava; two with a comma between.", metavar="DEVICE")
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
    """Run a NIR graph on spikes, and compare.

    On loihi and lava the graph is quantized with these spikes as its calibration. Two devices are compared layer by
    layer. Exit status 1 where a comparison with y, or of loihi with lava, finds a difference.

    Example: [bold]spiq nir graph.nir --spikes spikes.npz --on loihi,lava --compare[/bold]
    """
    devices = _devices(on)
    if compare and spikes is None:
        raise InputError("--compare needs --spikes")
    if out is not None and spikes is None:
        raise InputError("--out needs --spikes")
    if spikes is not None and len(devices) > 1 and not compare:
        raise InputError(f"--on {on}: two devices are for --compare")
    if "lava" in devices:
        from ..hardware.lava.environment import required

        # Before anything that takes long.
        required("lava")
    from ..export.graph import place
    from ..export.nir_file import read_nir
    from ..export.time_step import DEFAULT_DT

    placed = place(read_nir(graph), str(graph))
    if spikes is None:
        _describe(placed, json)
        return
    if compare and not placed.ends_in_spikes:
        raise InputError(f"{graph}: its output is values, not spikes; --compare holds spikes against each other")
    from .spike_file import read_spikes

    given = read_spikes(spikes, placed.input_shape)
    seconds = DEFAULT_DT if dt is None else dt
    answers = [_run(device, placed, given.x, seconds, len(devices) == 2) for device in devices]
    output = answers[0].output
    found: dict[str, Any] = {
        "graph": str(graph),
        "on": devices,
        "steps": given.x.shape[0],
        "samples": given.x.shape[1],
        "features": output.shape[2],
        "spikes": int(output.sum()) if output.dtype == "uint8" else None,
    }
    if compare:
        found |= _comparison(answers, given.y, spikes)
    if out is not None:
        from ..export.arrays import write_npz

        write_npz(out, {"y": output})
    if json:
        print_json(found)
    else:
        print_table(str(graph), ("figure", "value"), [(key, str(value)) for key, value in found.items()])
    if compare and found["first_difference"] and (len(devices) == 1 or set(devices) == EQUAL):
        raise typer.Exit(1)


def _devices(on: str) -> list[str]:
    devices = [name.strip() for name in on.split(",")]
    for device in devices:
        if device not in DEVICES:
            raise InputError(f"--on {device}: there is no such device for a graph; there are {', '.join(DEVICES)}")
    if len(set(devices)) < len(devices) or len(devices) > 2:
        raise InputError(f"--on {on}: one device, or two different ones, can be named")
    return devices


def _run(device: str, placed: "PlacedGraph", x: "np.ndarray", dt: float, with_layers: bool) -> Answer:
    from .progress import working

    with working(f"running on {device}"):
        if device == "nir":
            return _in_floating_point(placed, x, dt, with_layers)
        from ..hardware.loihi.lower import lower_to_loihi
        from ..hardware.loihi.simulate import simulate, simulate_layers

        program = lower_to_loihi(placed, dt, x)
        if device == "loihi":
            return _answer(program, simulate_layers(program, x) if with_layers else (simulate(program, x),))
    from ..hardware.lava.device import LavaDevice
    from .progress import sample_bars

    with sample_bars() as watch:
        lava = LavaDevice(program, watch=lambda done: watch("lava", done, x.shape[1]))
        return _answer(program, lava.layers(x) if with_layers else (lava.run(x),))


def _answer(program: "LoihiProgram", spikes: "tuple[np.ndarray, ...]") -> Answer:
    """The spikes of the program's last layers, by name."""
    names = [layer.name for layer in program.layers][-len(spikes) :]
    output = spikes[-1].reshape(*spikes[-1].shape[:2], program.output_size)
    return Answer(output, dict(zip(names, spikes, strict=True)))


def _in_floating_point(placed: "PlacedGraph", x: "np.ndarray", dt: float, with_layers: bool) -> Answer:
    from ..export.graph import SPIKING
    from ..hardware.nir_runtime import NirRuntime

    runtime = NirRuntime(placed, dt)
    if not with_layers:
        return Answer(runtime.run(x) if placed.ends_in_spikes else runtime.values(x), {})
    trace = runtime.trace(x)
    layers = {node.name: trace[node.name].astype("uint8") for node in placed.nodes if isinstance(node.node, SPIKING)}
    return Answer(trace[placed.nodes[-1].name].astype("uint8").reshape(*x.shape[:2], -1), layers)


def _comparison(answers: list[Answer], stored: "np.ndarray | None", path: Path) -> dict[str, Any]:
    from ..hardware.comparison import compare

    if len(answers) == 2:
        one, other = answers
        found = compare(one.layers, other.layers)
        layers = {"layer_mismatches": found.mismatches}
        # The output is the last layer's, under whatever name.
        mismatches = int((one.output != other.output).sum())
    else:
        if stored is None:
            raise InputError(f"{path}: --compare needs its array y, or two devices for --on")
        ours = answers[0].output
        if ours.shape != stored.shape:
            raise InputError(f"{path}: y has the shape {list(stored.shape)}, but the answer has {list(ours.shape)}")
        found, layers = compare({"output": ours}, {"output": stored}), {}
        mismatches = found.mismatches["output"]
    first = found.first._asdict() if found.first else None
    return {"spike_mismatches": mismatches, "first_difference": first, **layers}


def _describe(placed: "PlacedGraph", json: bool) -> None:
    rows = [
        {
            "node": node.name,
            "type": type(node.node).__name__,
            "reads": list(node.sources),
            "reads the step before": list(node.delayed),
            "input": list(node.input_shape),
            "output": list(node.output_shape),
        }
        for node in placed.nodes
    ]
    if json:
        print_json({"graph": placed.name, "nodes": rows})
    else:
        columns = tuple(rows[0])
        print_table(placed.name, columns, [tuple(_text(row[column]) for column in columns) for row in rows])


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
