"""spiq nir: any NIR graph on any spiking device."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ...export.errors import InputError
from ...export.nir.time_step import DEFAULT_DT, INTEGRATIONS
from ...hardware.names import spiking_names
from ..terminal.printing import print_json, print_line, print_table
from .options import Json, SpikingDeviceNames, TimeStep

if TYPE_CHECKING:
    import numpy as np

    from ...export.nir.file import NirFile
    from ...export.nir.graph import ResolvedGraph, ResolvedNode
    from ...export.nir.time_step import Integration


def nir(
    graph: Annotated[Path, typer.Argument(help="A NIR graph of any framework.", metavar="GRAPH.nir")],
    spikes: Annotated[
        Path | None,
        typer.Option(
            "--spikes",
            help="Array x [time, sample, *shape]: spikes as uint8; on loihi and lava up to 255, on nir any numbers. "
            "Default: describe the graph.",
            metavar="FILE.npz",
        ),
    ] = None,
    on: SpikingDeviceNames = "nir",
    dt: TimeStep = DEFAULT_DT,
    integration: Annotated[
        str | None,
        typer.Option(
            "--if",
            help="What r of an IF or I neuron means: per-step, v + r·x; or euler, v + dt·r·x. Default: taken from r if "
            "r is 1 or 1/dt.",
            metavar="HOW",
        ),
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(
            "--reset",
            help="subtract: neurons whose v_reset is missing or 0 subtract the threshold one step after a spike, "
            "which is snnTorch's default.",
            metavar="HOW",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write array y [time, sample, feature]: spikes, or values if the graph ends in values.",
            metavar="FILE.npz",
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Compare two devices, or one device with array y of the spikes' file."),
    ] = False,
    json: Json = False,
) -> None:
    """On loihi and lava the graph is quantized with these spikes as its calibration, and what that takes from each
    layer is shown. Two devices are compared layer by layer. The exit status is 1 if a comparison with y, or of
    loihi with lava, finds a difference.

    Example: spiq nir graph.nir --spikes spikes.npz --on loihi,lava --compare
    """
    devices = _devices(on)
    if compare and spikes is None:
        raise InputError("--compare needs --spikes")
    if out is not None and spikes is None:
        raise InputError("--out needs --spikes")
    if spikes is not None and len(devices) > 1 and not compare:
        raise InputError(f"--on {on}: two devices need --compare")
    from ...hardware.registry import spiking_entry

    # Before anything that takes long.
    entries = [spiking_entry(name) for name in devices]
    for entry in entries:
        missing = entry.missing()
        if missing is not None:
            raise InputError(missing)
    if integration is not None and integration not in INTEGRATIONS:
        raise InputError(f"--if must be {' or '.join(INTEGRATIONS)}, got {integration}")
    if reset not in (None, "subtract"):
        raise InputError(f"--reset must be subtract, got {reset}; a reset to a value is written in the file")
    from ...export.nir.file import read_nir_file
    from ...export.nir.graph import resolve

    meant, subtract = cast("Integration | None", integration), reset is not None
    file = read_nir_file(graph)
    if subtract and file.says_resets:
        raise InputError(
            f"{graph}: --reset subtract is for files that cannot say it; this one was written by spiq, which writes a "
            "reset by subtraction as nodes of its own"
        )
    resolved, notes = resolve(file.graph, str(graph), dt, meant, subtract), list(_notes(file, subtract))
    if spikes is None:
        _describe(resolved, notes, json)
        return
    if compare and not resolved.ends_in_spikes:
        raise InputError(f"{graph}: its output is values, not spikes; --compare holds spikes against each other")
    from ..data.spike_file import read_spikes

    # What imports PyTorch waits until the file is known to be good.
    given = read_spikes(spikes, resolved.input_shape, devices != ["nir"])
    from ...export.nir.neurons import integrations
    from ..validation.nir_answers import answer, comparison

    answers = [answer(device, resolved, given.x, len(devices) == 2) for device in devices]
    output, lost = answers[0].output, answers[-1].losses
    found: dict[str, Any] = {
        "graph": str(graph),
        "on": devices,
        "dt": dt,
        "integration": dict(integrations(resolved)),
        "reset": reset,
        "steps": given.x.shape[0],
        "samples": given.x.shape[1],
        "features": output.shape[2],
        "spikes": int(output.sum()) if output.dtype == "uint8" else None,
    }
    if notes:
        found["notes"] = notes
    if compare:
        found |= comparison(answers, given.y, spikes)
    if out is not None:
        from ...export.files.arrays import write_npz

        write_npz(out, {"y": output})
    if lost:
        found |= {
            "quantization": [loss._asdict() for loss in lost],
            "warnings": [warning for loss in lost for warning in loss.warnings()],
        }
    if json:
        print_json(found)
    else:
        _print(found)
    equal = len(devices) == 1 or any(entry.must_be_equal and entry.reference in devices for entry in entries)
    if compare and found["first_difference"] and equal:
        raise typer.Exit(1)


def _devices(on: str) -> list[str]:
    devices = [name.strip() for name in on.split(",")]
    for device in devices:
        if device not in spiking_names():
            there = ", ".join(spiking_names())
            raise InputError(f"--on must name one of {there}, got {device}")
    if len(set(devices)) < len(devices) or len(devices) > 2:
        raise InputError(f"--on must be one device or two different ones, got {on}")
    return devices


def _print(found: dict[str, Any]) -> None:
    """The answer as a table, what of it differs by layer, what quantization took, then the warnings."""
    from ..terminal.figures import figure_rows
    from ..terminal.inspection_tables import quantization_table

    layers = found.pop("quantization", [])
    remarks = {kind: found.pop(kind, []) for kind in ("notes", "warnings")}
    kinds = sorted(set(found["integration"].values()))
    shown: dict[str, Any] = found | {
        "integration": found["integration"] if len(kinds) > 1 else "".join(kinds) or "no IF, no I"
    }
    differing = shown.pop("layer_mismatches", None)
    print_table(found["graph"], ("figure", "value"), figure_rows(shown))
    if differing is not None:
        first = found["first_difference"]
        rows = [
            (layer, f"{count:,}", "" if first is None or first["layer"] != layer else _place(first))
            for layer, count in differing.items()
        ]
        print_table(f"{' against '.join(found['on'])}", ("layer", "spikes that differ", "first difference"), rows)
    if layers:
        print_table(*quantization_table(layers))
    for kind, sentences in remarks.items():
        for sentence in sentences:
            print_line(f"{kind.removesuffix('s')}: {sentence}")


def _place(first: dict[str, Any]) -> str:
    return f"sample {first['sample']}, step {first['step']}, neuron {first['neuron']}"


def _notes(file: "NirFile", subtract: bool) -> Iterator[str]:
    """What was decided about the file where it does not say itself."""
    if subtract:
        yield "every neuron resets by subtraction, as --reset subtract says, whatever the file's v_reset"
    elif file.without_reset:
        named = ", ".join(map(repr, file.without_reset))
        yield (
            f"{named} {'has' if len(file.without_reset) == 1 else 'have'} no v_reset in the file and "
            "reset to 0 after a spike; for a network that was trained with reset by subtraction say --reset subtract"
        )


def _describe(resolved: "ResolvedGraph", notes: list[str], json: bool) -> None:
    from ...export.nir.nodes.table import type_name

    rows = [
        {
            "node": node.name,
            "type": type_name(node.node),
            "reads": list(node.sources),
            "reads the step before": list(node.delayed),
            "input": list(node.input_shape),
            "output": list(node.output_shape),
            "step": _step(resolved, node),
        }
        for node in resolved.nodes
    ]
    if json:
        print_json({"graph": resolved.name, "nodes": rows, "notes": notes})
    else:
        columns = tuple(rows[0])
        table = [tuple(_text(row[column]) for column in columns) for row in rows]
        print_table(resolved.name, columns, table, ("reads the step before", "input", "output"))
        for note in notes:
            print_line(f"note: {note}")


def _step(graph: "ResolvedGraph", resolved: "ResolvedNode") -> str:
    """How a neuron is read with the graph's time step, or why it cannot be."""
    from ...export.nir.neurons import integration_of, neuron_step
    from ...export.nir.nodes.table import has_state

    if not has_state(resolved.node):
        return ""
    try:
        parts = neuron_step(resolved, graph.step, str(resolved))
        meant = integration_of(resolved, graph)
    except InputError as error:
        return f"refused: {error}"
    if meant is not None:
        return meant
    fractions = {
        "dt/tau_syn": None if parts.current is None else parts.current.forgets,
        "dt/tau" if parts.current is None else "dt/tau_mem": parts.potential.forgets,
    }
    return ", ".join(f"{name} {_range(fraction)}" for name, fraction in fractions.items() if fraction is not None)


def _range(values: "np.ndarray") -> str:
    least, most = (f"{value:.4g}" for value in (values.min(), values.max()))
    return least if least == most else f"{least} to {most}"


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
