"""A NIR graph on a spiking device: what `spiq nir` runs and compares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8

from ...export.errors import InputError
from ...export.nir.graph import ResolvedGraph
from ...export.nir.nodes.table import gives_spikes
from ...hardware.devices import LayeredDevice, WatchedDevice
from ...hardware.loihi.lowering.losses import LayerLoss, losses
from ...hardware.loihi.lowering.network import float_layers
from ...hardware.loihi.program import LoihiProgram
from ...hardware.network.comparison import compare
from ...hardware.parts import GraphPart
from ...hardware.registry import spiking_entry
from ...hardware.runtime.nir_runtime import NirRuntime
from ..terminal.progress import sample_bars, working

FLOAT = "nir"
"""The device that runs the graph itself, whose output need not be spikes."""


class Answer(NamedTuple):
    """A device's output, if asked for its neuron groups' spikes by name, and what quantization took from each layer."""

    output: Shaped[np.ndarray, "time sample feature"]
    layers: dict[str, UInt8[np.ndarray, "time sample *layer"]]
    losses: tuple[LayerLoss, ...] = ()


def answer(
    device: str, resolved: ResolvedGraph, x: UInt8[np.ndarray, "time sample *shape"], with_layers: bool
) -> Answer:
    """What the spiking device of that name gives for the spikes, with which its program is quantized."""
    if device == FLOAT:
        with working(f"running on {device}"):
            return _in_floating_point(resolved, x, with_layers)
    with working(f"running on {device}"):
        part = GraphPart(resolved, x)
        made = spiking_entry(device).make(part)
    with sample_bars() as watch:
        if isinstance(made, WatchedDevice):
            made.watch = lambda done: watch(device, done, x.shape[1])
        if with_layers and isinstance(made, LayeredDevice):
            return _of_program(resolved, part.program, made.layers(x))
        output = made.run(x)
    name = part.program.layers[-1].name
    return Answer(output, {name: output}, losses(float_layers(resolved), part.program))


def comparison(answers: Sequence[Answer], stored: np.ndarray | None, path: Path) -> dict[str, Any]:
    """Two devices' spikes against each other, layer by layer where both tell them, or one's against the file `path`'s.

    Raises InputError where there is nothing to compare.
    """
    if not answers[0].output.shape[1]:
        raise InputError(f"{path}: x must hold at least one sample, got none")
    if len(answers) == 2:
        one, other = answers
        found = compare(one.layers, other.layers)
        layers = {"layer_mismatches": found.mismatches}
        # The output is the last layer's, under whatever name.
        mismatches = int((one.output != other.output).sum())
    else:
        if stored is None:
            raise InputError(f"{path}: a comparison needs its array y, or two devices")
        ours = answers[0].output
        if ours.shape != stored.shape:
            raise InputError(
                f"{path}: y must have the shape {list(ours.shape)}, which the answer has, got {list(stored.shape)}"
            )
        found, layers = compare({"output": ours}, {"output": stored}), {}
        mismatches = found.mismatches["output"]
    first = found.first._asdict() if found.first else None
    return {"spike_mismatches": mismatches, "first_difference": first, **layers}


def _of_program(resolved: ResolvedGraph, program: LoihiProgram, spikes: tuple[np.ndarray, ...]) -> Answer:
    """The spikes of the program's last layers, by name."""
    names = [layer.name for layer in program.layers][-len(spikes) :]
    output = spikes[-1].reshape(*spikes[-1].shape[:2], program.output_size)
    return Answer(output, dict(zip(names, spikes, strict=True)), losses(float_layers(resolved), program))


def _in_floating_point(resolved: ResolvedGraph, x: np.ndarray, with_layers: bool) -> Answer:
    runtime = NirRuntime(resolved)
    if not with_layers:
        return Answer(runtime.run(x) if resolved.ends_in_spikes else runtime.values(x), {})
    trace = runtime.trace(x)
    layers = {node.name: trace[node.name].astype("uint8") for node in resolved.nodes if gives_spikes(node.node)}
    return Answer(trace[resolved.nodes[-1].name].astype("uint8").reshape(*x.shape[:2], -1), layers)
