"""The spiking half as an ONNX model, whose spikes equal those of PyTorch in float64.

    spikes [time, sample, *shape]  →  counts [sample, feature] = Σ_time spikes of the last layer

Everything is computed in double. A sum in float32 is rounded, and near a threshold a rounding error is a spike too many
or too few. In double, weights that were float32 in training add up over a few hundred binary spikes without any
rounding, as long as their magnitudes lie within a factor of a million: so the order in which a runtime adds does not
matter. Other sums differ in the last of a double's digits at most, and a spike does where a sum meets its threshold
that closely.

Nodes without a state see time and sample as two batch axes and run once (`operations`). A neuron group, or a cycle
with all its nodes, is one Scan over time (`scan`), whose body is a step (`neurons`).
"""

import math

import nir
import numpy as np
import onnx
from onnx import TensorProto, helper

from ...errors import InputError
from ...nir.geometry import Shape
from ...nir.graph import ResolvedGraph, ResolvedNode
from ...nir.neurons import decided_step
from ...nir.nodes.table import NODES, has_state
from ...nir.value_range import overflowing
from ..empty_batch import admit_no_samples
from ..model import SPIKES, OnnxNodes, checked_model
from .operations import operation_nodes
from .scan import scanned

COUNTS = "counts"
"""The encoder's output: how often each neuron of the last layer fired, int64 [sample, feature]."""

_DOUBLE, _BOOL, _INT64, _UINT8 = TensorProto.DOUBLE, TensorProto.BOOL, TensorProto.INT64, TensorProto.UINT8


def encoder_onnx(graph: ResolvedGraph) -> onnx.ModelProto:
    """The graph as a model.

    Input `spikes`: uint8 [time, sample, *shape], 0 or 1. Output `counts`: int64 [sample, feature], the spikes of the
    last layer added up over time, its axes flattened in C order. The numbers of time steps, from one on, and of
    samples, from none on, are open.

    Raises InputError where the graph does not end in spikes, where a neuron cannot be read with the graph's time step
    (`neurons.neuron_step`), where a Delay in a cycle is too long, and where a value might leave the range of a double.
    """
    nodes = OnnxNodes("", [], [])
    spikes = spikes_value(SPIKES, graph.input_shape)
    fired = spiking_nodes(nodes, graph, nodes.under("input/").add("Cast", [SPIKES], "spikes", to=_DOUBLE))
    last = nodes.under("output/")
    total = last.add("ReduceSum", [fired, last.constant("time_axis", np.array([0]))], "sum", keepdims=0)
    nodes.operators.append(helper.make_node("Cast", [total], [COUNTS], name="output/counts", to=_INT64))
    counts = helper.make_tensor_value_info(COUNTS, _INT64, ["sample", math.prod(graph.output_shape)])
    admit_no_samples(nodes, [(spikes, 1)], [counts])
    return checked_model(
        "encoder",
        nodes,
        [spikes],
        [counts],
        "The spiking half of a network: how often each neuron of its last layer fires, for binary input spikes.",
        step_properties(graph),
    )


def step_properties(graph: ResolvedGraph) -> dict[str, str]:
    """The time step that the graph is read with, for a model's properties."""
    step = decided_step(graph)
    return {"dt": repr(float(step.dt))} | ({} if step.integration is None else {"integration": step.integration})


def spikes_value(name: str, shape: Shape, time: int | str = "time") -> onnx.ValueInfoProto:
    """Binary spikes, uint8 [time, sample, *shape], as a model's input of that name; a word leaves the time open."""
    return helper.make_tensor_value_info(name, _UINT8, [time, "sample", *shape])


def spiking_nodes(nodes: OnnxNodes, graph: ResolvedGraph, spikes: str) -> str:
    """Append the operators from the value `spikes`, double [time, sample, *shape], to those of the last layer.

    Returns the name of these, double [time, sample, feature]. Raises as `encoder_onnx` does.
    """
    if not graph.ends_in_spikes:
        allowed = ", ".join(node.__name__ for node, kind in NODES.items() if kind.spikes)
        raise InputError(
            f"{graph.name}: what reaches the output must be the spikes of one neuron group ({allowed}), got what comes "
            f"from {graph.last}"
        )
    too_large = [resolved for resolved in graph.nodes if resolved.name in overflowing(graph)]
    if too_large:
        raise InputError(f"{graph.name}: {too_large[0]}: its values might leave the range of a double")
    values: dict[str, str] = {}
    groups = {group[0].name: group for group in graph.recurrent_groups}
    for resolved in graph.nodes:
        here = nodes.under(f"{nodes.prefix}{resolved.name}/")
        if resolved.name in groups or (has_state(resolved.node) and resolved.name not in values):
            scanned(here, groups.get(resolved.name, (resolved,)), values, graph.step, graph.name)
        elif resolved.name not in values:
            inputs = [values[source] for source in resolved.sources]
            joined = here.add("Sum", inputs, "input") if len(inputs) > 1 else "".join(inputs)
            values[resolved.name] = _lowered(here, resolved, joined, graph, spikes)
    return values[graph.nodes[-1].name]


def _lowered(nodes: OnnxNodes, resolved: ResolvedNode, x: str, graph: ResolvedGraph, spikes: str) -> str:
    """Add what a node without a state means; returns the name of its output, double [time, sample, *output_shape]."""
    if isinstance(resolved.node, nir.Input):
        return spikes
    if isinstance(resolved.node, nir.Output):
        return nodes.reshaped(x, (math.prod(resolved.output_shape),), "flat")
    operation = resolved.operation(graph.step, f"{graph.name}: {resolved}")
    return operation_nodes(nodes, operation, x, resolved.input_shape, resolved.output_shape)
