"""The spiking half as an ONNX model, whose spikes equal those of PyTorch in float64.

    spikes [time, sample, *shape]  →  counts [sample, feature] = Σ_time spikes of the last layer

Everything is computed in double. A sum in float32 is rounded, and near a threshold a rounding error is a spike too many
or too few. In double, weights that were float32 in training add up over a few hundred binary spikes without any
rounding, as long as their magnitudes lie within a factor of a million: so the order in which a runtime adds does not
matter. Other sums differ in the last of a double's digits at most, and a spike does where a sum meets its threshold
that closely.

onnxruntime's Conv has no double on the CPU (NOT_IMPLEMENTED in 1.31), and neither has its AveragePool. So a
convolution or a pooling is a Gather with a constant table, which lays out the pixels of every window, and then a
MatMul or a ReduceSum. Those nodes see time and sample as two batch axes and run once. A neuron group is one Scan over
time; its parameters stand in the Scan's body, once.

One time step is one Euler step of dt, from rest (v = v_leak, or 0 where there is none, and i = 0):

    IF, I      v ← v + r·input
    LIF, LI    v ← v + dt/tau·(v_leak - v + r·input)
    CubaLIF    i ← i + dt/tau_syn·(w_in·input - i),  then  v ← v + dt/tau_mem·(v_leak - v + r·i)

then spike = v > v_threshold, strictly, and v ← v_reset where it spiked; I and LI hand on v itself. A Threshold node has
no state: its spike is input > threshold. Each line is computed in the order in which it is written.
"""

import math

import nir
import numpy as np
import onnx
from jaxtyping import Float, Int
from onnx import TensorProto, helper

from .errors import InputError
from .geometry import Margins, Shape, convolution, matrix, parameter, pooling, windows
from .graph import SPIKING, PlacedGraph, PlacedNode
from .onnx_model import OnnxNodes, checked_model
from .time_step import checked_dt

SPIKES = "spikes"
"""The encoder's input: binary spikes, uint8 [time, sample, *shape]."""

COUNTS = "counts"
"""The encoder's output: how often each neuron of the last layer fired, int64 [sample, feature]."""

_DOUBLE, _BOOL, _INT64, _UINT8 = TensorProto.DOUBLE, TensorProto.BOOL, TensorProto.INT64, TensorProto.UINT8


def encoder_onnx(graph: PlacedGraph, dt: float) -> onnx.ModelProto:
    """The graph with time steps of `dt` seconds.

    Input `spikes`: uint8 [time, sample, *shape], 0 or 1. Output `counts`: int64 [sample, feature], the spikes of the
    last layer added up over time, its axes flattened in C order. The numbers of time steps and samples are open, from
    one on (onnxruntime's Scan and MatMul refuse none).

    Raises InputError where dt is not a positive time, the graph does not end in spikes, or it is recurrent.
    """
    nodes = OnnxNodes("", [], [])
    spikes, counts = encoder_nodes(nodes, graph, dt)
    return checked_model(
        "encoder",
        nodes,
        [spikes],
        [counts],
        "The spiking half of a network: how often each neuron of its last layer fires, for binary input spikes.",
        {"dt": repr(float(dt))},
    )


def encoder_nodes(nodes: OnnxNodes, graph: PlacedGraph, dt: float) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]:
    """Append the operators from `spikes` to `counts`; returns what the two are. Raises as `encoder_onnx` does."""
    checked_dt(dt)
    if not graph.ends_in_spikes:
        allowed = ", ".join(kind.__name__ for kind in SPIKING)
        raise InputError(
            f"{graph.name}: what reaches the output comes from {graph.last}; the spikes of one neuron group "
            f"({allowed}) are needed"
        )
    for placed in graph.nodes:
        if placed.delayed:
            sources = ", ".join(map(repr, placed.delayed))
            raise InputError(
                f"{graph.name}: {placed} reads {sources} a step later; recurrent connections are not supported in ONNX"
            )
    values: dict[str, str] = {}
    for placed in graph.nodes:
        here = nodes.under(f"{nodes.prefix}{placed.name}/")
        inputs = [values[source] for source in placed.sources]
        joined = here.add("Sum", inputs, "input") if len(inputs) > 1 else "".join(inputs)
        values[placed.name] = _lowered(here, placed, joined, dt, f"{graph.name}: {placed}")
    return (
        helper.make_tensor_value_info(SPIKES, _UINT8, ["time", "sample", *graph.input_shape]),
        helper.make_tensor_value_info(COUNTS, _INT64, ["sample", math.prod(graph.output_shape)]),
    )


def _lowered(nodes: OnnxNodes, placed: PlacedNode, x: str, dt: float, where: str) -> str:
    """Add what the node means; returns the name of its output, double [time, sample, *output_shape]."""
    node = placed.node
    match node:
        case nir.Input():
            return nodes.add("Cast", [SPIKES], "spikes", to=_DOUBLE)
        case nir.Output():
            spikes = nodes.reshaped(x, (math.prod(placed.output_shape),), "flat")
            axes = nodes.constant("time_axis", np.array([0]))
            counts = nodes.add("ReduceSum", [spikes, axes], "sum", keepdims=0)
            nodes.operators.append(
                helper.make_node("Cast", [counts], [COUNTS], name=f"{nodes.prefix}counts", to=_INT64)
            )
            return COUNTS
        case nir.Conv1d() | nir.Conv2d():
            return _convolved(nodes, placed, node, x, where)
        case nir.SumPool2d() | nir.AvgPool2d():
            return _pooled(nodes, placed, node, x, where)
        case nir.Linear() | nir.Affine():
            weight, bias = matrix(node, where)
            product = nodes.add("MatMul", [x, nodes.constant("weight", weight.T)], "product")
            return _biased(nodes, product, bias)
        case nir.Scale():
            # In full: onnxruntime would move a single factor behind the next MatMul, which rounds otherwise.
            scale = parameter(node.scale, "scale", placed.input_shape, where)
            return nodes.add("Mul", [x, nodes.constant("scale", scale)], "scaled")
        case nir.Flatten():
            return nodes.reshaped(x, placed.output_shape, "flat")
        case nir.Threshold():
            threshold = _compact(parameter(node.threshold, "threshold", placed.input_shape, where))
            return _spikes(nodes, nodes.add("Greater", [x, nodes.constant("threshold", threshold)], "spike"))
        case nir.IF() | nir.LIF() | nir.CubaLIF() | nir.I() | nir.LI():
            return _scanned(nodes, placed, x, dt, where)
    raise InputError(f"{where}: not supported in ONNX")


def _convolved(nodes: OnnxNodes, placed: PlacedNode, node: nir.Conv1d | nir.Conv2d, x: str, where: str) -> str:
    conv = convolution(node, placed.input_shape, where)
    out_channels, in_group = conv.weight.shape[:2]
    image = _image(placed.input_shape)
    table = _window_table(image, conv.weight.shape[2:], conv.stride, conv.padding, conv.dilation)
    pixels, positions = table.shape
    columns = _windows(nodes, x, placed.input_shape[0], image, table)
    rows = in_group * pixels
    columns = nodes.reshaped(columns, (conv.groups, rows, positions), "columns")
    weight = nodes.constant("weight", conv.weight.reshape(conv.groups, out_channels // conv.groups, rows))
    product = nodes.add("MatMul", [weight, columns], "product")
    joined = nodes.reshaped(product, placed.output_shape, "image")
    return _biased(nodes, joined, conv.bias.reshape(-1, *(1,) * (len(placed.output_shape) - 1)))


def _pooled(nodes: OnnxNodes, placed: PlacedNode, node: nir.SumPool2d | nir.AvgPool2d, x: str, where: str) -> str:
    pool = pooling(node, placed.input_shape, where)
    image = _image(placed.input_shape)
    table = _window_table(image, pool.kernel, pool.stride, pool.padding, (1, 1))
    gathered = _windows(nodes, x, placed.input_shape[0], image, table)
    axes = nodes.constant("window_axis", np.array([3]))
    total = nodes.add("ReduceSum", [gathered, axes], "sum", keepdims=0)
    if isinstance(node, nir.AvgPool2d):
        total = nodes.add("Div", [total, nodes.constant("kernel_size", np.array(float(len(table))))], "mean")
    return nodes.reshaped(total, placed.output_shape, "image")


def _window_table(
    image: tuple[int, int],
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    padding: Margins,
    dilation: tuple[int, int],
) -> Int[np.ndarray, "pixel position"]:
    """Which pixel of the flattened image stands at each place of each window; height · width means the padding's 0."""
    height, width = image

    def reached(axis: int) -> Int[np.ndarray, "kernel window"]:
        count = windows(image[axis], kernel[axis], stride[axis], padding[axis], dilation[axis])
        first = np.arange(count) * stride[axis] - padding[axis][0]
        return first + dilation[axis] * np.arange(kernel[axis])[:, None]

    row, column = reached(0)[:, None, :, None], reached(1)[None, :, None, :]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    table = np.where(inside, row * width + column, height * width)
    return table.reshape(math.prod(kernel), -1).astype(np.int32)


def _windows(
    nodes: OnnxNodes, x: str, channels: int, image: tuple[int, int], table: Int[np.ndarray, "pixel position"]
) -> str:
    """The windows' pixels, [time, sample, channel, pixel, position]."""
    size = math.prod(image)
    flat = nodes.reshaped(x, (channels, size), "pixels")
    if (table == size).any():
        pads, axis = nodes.constant("pads", np.array([0, 1])), nodes.constant("pixel_axis", np.array([3]))
        flat = nodes.add("Pad", [flat, pads, nodes.constant("zero", np.array(0.0)), axis], "padded")
    return nodes.add("Gather", [flat, nodes.constant("window_table", table)], "windows", axis=3)


def _scanned(nodes: OnnxNodes, placed: PlacedNode, x: str, dt: float, where: str) -> str:
    """A neuron group: one Scan over time, from rest."""
    step = _step(nodes.prefix, placed, dt, where)
    currents = len(step.input) - 2
    size = nodes.add("Shape", [x], "state_size", start=1)
    zero = helper.make_tensor(f"{nodes.prefix}rest_value", _DOUBLE, [1], [0.0])
    zeros = nodes.add("ConstantOfShape", [size], "rest", value=zero)
    rest = zeros
    if hasattr(placed.node, "v_leak"):
        v_leak = parameter(placed.node.v_leak, "v_leak", placed.input_shape, where)  # type: ignore[attr-defined]
        rest = (
            nodes.add("Add", [zeros, nodes.constant("v_rest", _compact(v_leak))], "v_rest_of_all")
            if v_leak.any()
            else zeros
        )
    starts = [*[zeros] * currents, rest]
    ends = [f"{nodes.prefix}end_{number}" for number in range(len(starts))]
    output = f"{nodes.prefix}over_time"
    nodes.operators.append(
        helper.make_node("Scan", [*starts, x], [*ends, output], name=output, body=step, num_scan_inputs=1)
    )
    return _spikes(nodes, output) if isinstance(placed.node, SPIKING) else output


def _step(prefix: str, placed: PlacedNode, dt: float, where: str) -> onnx.GraphProto:
    """One time step of a neuron group, the body of its Scan: (states, input) → (states, spike or v)."""
    node = placed.node
    body = OnnxNodes(f"{prefix}step.", [], [])
    x, v, i = (f"{body.prefix}{name}" for name in ("x", "v", "i"))

    def value(key: str) -> Float[np.ndarray, "..."]:
        return _compact(parameter(getattr(node, key), key, placed.input_shape, where))

    def driven(key: str, by: str) -> str:
        return body.add("Mul", [body.constant(key, value(key)), by], f"{key}_times_input")

    def pulled(state: str, pull: str, tau: str, part: str) -> str:
        change = body.add("Mul", [body.constant(f"dt_over_{tau}", dt / value(tau)), pull], f"{part}_change")
        return body.add("Add", [state, change], f"{part}_new")

    def leaked(drive: str, tau: str) -> str:
        distance = body.add("Sub", [body.constant("v_leak", value("v_leak")), v], "v_distance")
        return pulled(v, body.add("Add", [distance, drive], "v_pull"), tau, "v")

    states = {}
    match node:
        case nir.CubaLIF():
            states[i] = pulled(i, body.add("Sub", [driven("w_in", x), i], "i_pull"), "tau_syn", "i")
            v_new = leaked(driven("r", states[i]), "tau_mem")
        case nir.LIF() | nir.LI():
            v_new = leaked(driven("r", x), "tau")
        case _:
            v_new = body.add("Add", [v, driven("r", x)], "v_new")
    if isinstance(node, SPIKING):
        out, kind = body.add("Greater", [v_new, body.constant("v_threshold", value("v_threshold"))], "spike"), _BOOL
        states[v] = body.add("Where", [out, body.constant("v_reset", value("v_reset")), v_new], "v_after")
    else:
        out, kind = body.add("Identity", [v_new], "v_out"), _DOUBLE
        states[v] = v_new

    def info(name: str, kind: int = _DOUBLE) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, ["sample", *placed.input_shape])

    return helper.make_graph(
        body.operators,
        f"{prefix}step",
        [info(name) for name in (*states, x)],
        [*map(info, states.values()), info(out, kind)],
        body.constants,
    )


def _compact(value: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The same values with one entry along each axis where they do not change: broadcasting gives the rest."""
    for axis in range(value.ndim):
        first = value.take([0], axis)
        if (value == first).all():
            value = first
    return value


def _biased(nodes: OnnxNodes, x: str, bias: Float[np.ndarray, "..."]) -> str:
    return nodes.add("Add", [x, nodes.constant("bias", bias)], "biased") if bias.any() else x


def _spikes(nodes: OnnxNodes, spike: str) -> str:
    return nodes.add("Cast", [spike], "spikes", to=_DOUBLE)


def _image(shape: Shape) -> tuple[int, int]:
    """Height and width; a signal of [channel, length] is an image of length × 1."""
    height, width = (*shape[1:], 1)[:2]
    return height, width
