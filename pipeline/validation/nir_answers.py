"""A NIR graph on a spiking device: what `spiq nir` runs and compares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt8

from ...export.errors import InputError
from ...export.nir.graph import PlacedGraph
from ...export.nir.nodes.table import gives_spikes
from ...hardware.comparison import compare
from ...hardware.loihi.lowering.losses import LayerLoss, losses
from ...hardware.loihi.lowering.lower import lower_to_loihi
from ...hardware.loihi.lowering.network import float_layers
from ...hardware.loihi.program import LoihiProgram
from ...hardware.loihi.simulator.simulate import simulate, simulate_layers
from ...hardware.runtime.nir_runtime import NirRuntime
from ..commands.progress import sample_bars, working


class Answer(NamedTuple):
    """A device's output, if asked for its neuron groups' spikes by name, and what quantization took from each layer."""

    output: Shaped[np.ndarray, "time sample feature"]
    layers: dict[str, UInt8[np.ndarray, "time sample *layer"]]
    losses: tuple[LayerLoss, ...] = ()


def answer(device: str, placed: PlacedGraph, x: UInt8[np.ndarray, "time sample *shape"], with_layers: bool) -> Answer:
    """What the device `nir`, `loihi` or `lava` gives for the spikes. The latter two are quantized with them."""
    with working(f"running on {device}"):
        if device == "nir":
            return _in_floating_point(placed, x, with_layers)
        program = lower_to_loihi(placed, x)
        if device == "loihi":
            return _of_program(placed, program, simulate_layers(program, x) if with_layers else (simulate(program, x),))
    from ...hardware.lava.device import LavaDevice

    with sample_bars() as watch:
        lava = LavaDevice(program, watch=lambda done: watch("lava", done, x.shape[1]))
        return _of_program(placed, program, lava.layers(x) if with_layers else (lava.run(x),))


def comparison(answers: Sequence[Answer], stored: np.ndarray | None, path: Path) -> dict[str, Any]:
    """Two devices' spikes against each other, layer by layer, or one's against those stored in the file `path`.

    Raises InputError where there is nothing to compare.
    """
    if not answers[0].output.shape[1]:
        raise InputError(f"{path}: x holds no samples; --compare needs at least one")
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


def _of_program(placed: PlacedGraph, program: LoihiProgram, spikes: tuple[np.ndarray, ...]) -> Answer:
    """The spikes of the program's last layers, by name."""
    names = [layer.name for layer in program.layers][-len(spikes) :]
    output = spikes[-1].reshape(*spikes[-1].shape[:2], program.output_size)
    return Answer(output, dict(zip(names, spikes, strict=True)), losses(float_layers(placed), program))


def _in_floating_point(placed: PlacedGraph, x: np.ndarray, with_layers: bool) -> Answer:
    runtime = NirRuntime(placed)
    if not with_layers:
        return Answer(runtime.run(x) if placed.ends_in_spikes else runtime.values(x), {})
    trace = runtime.trace(x)
    layers = {node.name: trace[node.name].astype("uint8") for node in placed.nodes if gives_spikes(node.node)}
    return Answer(trace[placed.nodes[-1].name].astype("uint8").reshape(*x.shape[:2], -1), layers)
