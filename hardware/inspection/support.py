"""What of a graph can run where, node by node, without running it.

    nir      the float runtime           loihi    Loihi's fixed point       netx    a netx file, for lava-dl's reader
    onnx     an ONNX model               lava     the same on real Lava

A node is asked on its own, and then the graph as a whole is carried as far as it goes: what depends on several nodes
(paths of different lengths, one scale for a layer, a chain for netx) shows only there.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import nir

from ...export.errors import InputError
from ...export.nir.graph import ResolvedGraph, ResolvedNode
from ...export.nir.neurons import neuron_step
from ...export.nir.nodes.table import has_state, is_linear, is_neuron
from ...export.onnx.stages.encoder import encoder_onnx
from ..loihi.formats.netx_file import BIAS_EXPONENT, check_netx
from ..loihi.lowering.lower import lower_to_loihi
from ..loihi.lowering.neurons import neurons
from ..loihi.lowering.paths import is_delay
from ..runtime.nir_runtime import NirRuntime

TARGETS = ("nir", "onnx", "loihi", "lava", "netx")
"""Where a graph can go."""

FROM_PROGRAM = ("loihi", "lava", "netx")
"""Those that a program for the chip is made for."""


class NodeSupport(NamedTuple):
    """A node, its type, and why it cannot go somewhere, by target; a target that is missing takes it."""

    name: str
    kind: str
    refused: Mapping[str, str]


class Support(NamedTuple):
    """Every node, and for each target why the whole cannot go there, or None where it can."""

    nodes: tuple[NodeSupport, ...]
    whole: Mapping[str, str | None]


def supported(graph: ResolvedGraph) -> Support:
    """What of the graph can run where."""
    nodes = tuple(_node(resolved, graph) for resolved in graph.nodes)
    whole: dict[str, str | None] = {
        "nir": _refusal(lambda: NirRuntime(graph)),
        "onnx": _refusal(lambda: encoder_onnx(graph)),
    }
    whole["loihi"] = whole["lava"] = _refusal(lambda: lower_to_loihi(graph, None))
    # netx knows one exponent for all biases.
    whole["netx"] = _refusal(lambda: check_netx(lower_to_loihi(graph, None, BIAS_EXPONENT)))
    return Support(nodes, whole)


def _node(resolved: ResolvedNode, graph: ResolvedGraph) -> NodeSupport:
    where = str(resolved)
    if isinstance(resolved.node, nir.Input | nir.Output):
        return NodeSupport(resolved.name, resolved.type_name, {})
    if has_state(resolved.node):
        read = _refusal(lambda: neuron_step(resolved, graph.step, where))
    else:
        read = _refusal(lambda: resolved.operation(graph.step, where))
    if read is not None:
        return NodeSupport(resolved.name, resolved.type_name, dict.fromkeys(TARGETS, read))
    refused: dict[str, str] = {}
    if is_neuron(resolved.node):
        on_chip = _refusal(lambda: neurons(resolved, graph.step, where))
    elif is_linear(resolved.node) or is_delay(resolved):
        on_chip = None
    else:
        on_chip = f"{where}: is no spiking neuron, and not part of one"
    if on_chip is not None:
        refused |= dict.fromkeys(FROM_PROGRAM, on_chip)
    elif is_neuron(resolved.node) and not neurons(resolved, graph.step, where).is_stock:
        refused["netx"] = f"{where}: needs a programmable neuron; a netx file holds Lava's LIF only"
    elif is_delay(resolved):
        refused["netx"] = f"{where}: a netx file holds no delays"
    return NodeSupport(resolved.name, resolved.type_name, refused)


def _refusal(attempt: Callable[[], object]) -> str | None:
    """Why it is refused; None if it is not."""
    try:
        attempt()
    except InputError as error:
        return str(error)
    return None
