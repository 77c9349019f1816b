"""spiq check: what of a file is supported where."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ...export.errors import InputError
from ...export.nir.time_step import DEFAULT_DT, INTEGRATIONS
from ..terminal.printing import print_json, print_line, print_table
from .options import Json, TimeStep

if TYPE_CHECKING:
    from ...export.nir.graph import ResolvedGraph
    from ...export.nir.time_step import Integration

PROCESSOR = "aer"
"""Where an OpenQASM program runs."""

SUPPORTED = "yes"

NAMES = ("node", "type")
"""The columns that say which node it is."""


def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A NIR graph, a bundle, or an OpenQASM 3 program. Default: list the nodes that are known.",
            metavar="FILE",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--for", help="Check only this target: nir, onnx, loihi, lava or netx; aer for a program.", metavar="TARGET"
        ),
    ] = None,
    dt: TimeStep = DEFAULT_DT,
    integration: Annotated[
        str | None, typer.Option("--if", help="What r of an IF or I neuron means: per-step or euler.", metavar="HOW")
    ] = None,
    json: Json = False,
) -> None:
    """It goes through the file node by node and runs nothing. The exit status is 1 if the target that --for names does
    not support the file.

    Example: spiq check graph.nir --for lava
    """
    if file is None:
        from ..report.node_reference import reference

        typer.echo(reference(), nl=False)
        return
    if integration is not None and integration not in INTEGRATIONS:
        raise InputError(f"--if must be {' or '.join(INTEGRATIONS)}, got {integration}")
    if file.is_dir():
        found = _bundle(file, target)
    elif file.suffix == ".qasm":
        found = _program(file, target)
    else:
        from ...export.nir.file import read_nir
        from ...export.nir.graph import resolve

        meant = cast("Integration | None", integration)
        found = _graph(resolve(read_nir(file), str(file), dt, meant), target)
    if json:
        print_json({"file": str(file), **found})
    else:
        _print(str(file), found)
    if target is not None and any(reason is not None for reason in found["supported"].values()):
        raise typer.Exit(1)


def _targets(target: str | None, allowed: Sequence[str]) -> list[str]:
    if target is not None and target not in allowed:
        raise InputError(f"--for must be one of {', '.join(allowed)} for such a file, got {target}")
    return [target] if target else list(allowed)


def _graph(graph: "ResolvedGraph", target: str | None) -> dict[str, Any]:
    from ...hardware.inspection.support import TARGETS, supported

    targets = _targets(target, TARGETS)
    support = supported(graph)
    nodes = [
        {"node": node.name, "type": node.kind} | {one: node.refused.get(one, SUPPORTED) for one in targets}
        for node in support.nodes
    ]
    return {"nodes": nodes, "supported": {one: support.whole[one] for one in targets}}


def _program(path: Path, target: str | None) -> dict[str, Any]:
    from ...export.files.plain import MOST_TEXT_BYTES, read_file

    _targets(target, [PROCESSOR])
    try:
        text = read_file(path, "an OpenQASM 3 program (.qasm)", most=MOST_TEXT_BYTES).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8: {error.reason} at byte {error.start}") from error
    return _gates(text)


def _gates(text: str) -> dict[str, Any]:
    from ...hardware.qpu.aer import read_program

    try:
        program = read_program(text)
    except InputError as error:
        return {"gates": {}, "supported": {PROCESSOR: str(error)}}
    return {"gates": dict(program.unitary.count_ops()), "supported": {PROCESSOR: None}}


def _bundle(path: Path, target: str | None) -> dict[str, Any]:
    from ...export.bundle.folder import open_bundle
    from ...hardware.inspection.support import TARGETS

    targets = _targets(target, [*TARGETS, PROCESSOR])
    bundle = open_bundle(path)
    found: dict[str, Any] = {"nodes": [], "gates": {}, "supported": {}}
    if target != PROCESSOR:
        for stage in bundle.network.spiking.values():
            part = _graph(stage.graph, target)
            found["nodes"] += part["nodes"]
            _add(found["supported"], part["supported"])
    if PROCESSOR in targets:
        for name in bundle.network.quantum:
            program = _gates(bundle.program(name))
            found["gates"] = dict(Counter(found["gates"]) + Counter(program["gates"]))
            _add(found["supported"], program["supported"])
    return found


def _add(whole: dict[str, str | None], part: dict[str, str | None]) -> None:
    """What a part is refused for, the whole is refused for too; the first reason is told."""
    for target, reason in part.items():
        whole[target] = whole.get(target) or reason


def _print(title: str, found: dict[str, Any]) -> None:
    nodes, gates = found.get("nodes"), found.get("gates")
    if nodes:
        columns = tuple(nodes[0])
        print_table(title, columns, [tuple(_cell(key, row[key]) for key in columns) for row in nodes])
    if gates:
        counts = [(name, str(count)) for name, count in gates.items()]
        print_table("circuit" if nodes else title, ("gate", "how many"), counts)
    whole: dict[str | None, list[str]] = {}
    for target, reason in found["supported"].items():
        whole.setdefault(reason, []).append(target)
    for reason, targets in whole.items():
        print_line(f"{', '.join(targets)}: {'yes' if reason is None else f'no: {reason}'}")
    told = [reason for reason in whole if reason is not None]
    for reason in dict.fromkeys(row[key] for row in nodes or () for key in row if key not in NAMES):
        # What the graph as a whole is refused for need not be said twice.
        if reason != SUPPORTED and not any(reason in sentence for sentence in told):
            print_line(reason)


def _cell(key: str, value: str) -> str:
    return value if key in NAMES or value == SUPPORTED else "no"
