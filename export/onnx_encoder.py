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

One time step is that of `neurons`, from rest, each line computed in the order in which it is written there; I and LI
hand on v itself. A Threshold node has no state: its spike is input > threshold.
"""

import math

import nir
import numpy as np
import onnx
from jaxtyping import Float, Int
from onnx import TensorProto, helper

from .errors import InputError
from .geometry import Margins, Shape, windows
from .graph import PlacedGraph, PlacedNode
from .neuron_step import Integrator, NeuronStep, Subtraction, ToValue
from .neurons import decided_step, neuron_step
from .node_table import NODES, gives_spikes, has_state
from .onnx_empty_batch import admit_no_samples
from .onnx_model import OnnxNodes, checked_model
from .operations import Comparison, Convolution, DelayLine, Factor, Matrix, Pooling, Reshape
from .time_step import TimeStep
from .value_range import overflowing

SPIKES = "spikes"
"""The encoder's input: binary spikes, uint8 [time, sample, *shape]."""

COUNTS = "counts"
"""The encoder's output: how often each neuron of the last layer fired, int64 [sample, feature]."""

_DOUBLE, _BOOL, _INT64, _UINT8 = TensorProto.DOUBLE, TensorProto.BOOL, TensorProto.INT64, TensorProto.UINT8


def encoder_onnx(graph: PlacedGraph) -> onnx.ModelProto:
    """The graph as a model.

    Input `spikes`: uint8 [time, sample, *shape], 0 or 1. Output `counts`: int64 [sample, feature], the spikes of the
    last layer added up over time, its axes flattened in C order. The numbers of time steps, from one on, and of
    samples, from none on, are open.

    Raises InputError where the graph does not end in spikes, where it is recurrent, where a neuron cannot be read with
    the graph's time step (`neurons.neuron_step`), and where a value might leave the range of a double.
    """
    nodes = OnnxNodes("", [], [])
    spikes, counts = encoder_nodes(nodes, graph)
    admit_no_samples(nodes, spikes, 1, [counts])
    return checked_model(
        "encoder",
        nodes,
        [spikes],
        [counts],
        "The spiking half of a network: how often each neuron of its last layer fires, for binary input spikes.",
        step_properties(graph),
    )


def step_properties(graph: PlacedGraph) -> dict[str, str]:
    """The time step that the graph is read with, for a model's properties."""
    step = decided_step(graph)
    return {"dt": repr(float(step.dt))} | ({} if step.integration is None else {"integration": step.integration})


def encoder_nodes(nodes: OnnxNodes, graph: PlacedGraph) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]:
    """Append the operators from `spikes` to `counts`; returns what the two are. Raises as `encoder_onnx` does."""
    if not graph.ends_in_spikes:
        allowed = ", ".join(node.__name__ for node, kind in NODES.items() if kind.spikes)
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
    too_large = [placed for placed in graph.nodes if placed.name in overflowing(graph)]
    if too_large:
        raise InputError(f"{graph.name}: {too_large[0]}: its values might leave the range of a double")
    values: dict[str, str] = {}
    for placed in graph.nodes:
        here = nodes.under(f"{nodes.prefix}{placed.name}/")
        inputs = [values[source] for source in placed.sources]
        joined = here.add("Sum", inputs, "input") if len(inputs) > 1 else "".join(inputs)
        values[placed.name] = _lowered(here, placed, joined, graph.step, f"{graph.name}: {placed}")
    return (
        helper.make_tensor_value_info(SPIKES, _UINT8, ["time", "sample", *graph.input_shape]),
        helper.make_tensor_value_info(COUNTS, _INT64, ["sample", math.prod(graph.output_shape)]),
    )


def _lowered(nodes: OnnxNodes, placed: PlacedNode, x: str, time_step: TimeStep, where: str) -> str:
    """Add what the node means; returns the name of its output, double [time, sample, *output_shape]."""
    if isinstance(placed.node, nir.Input):
        return nodes.add("Cast", [SPIKES], "spikes", to=_DOUBLE)
    if isinstance(placed.node, nir.Output):
        spikes = nodes.reshaped(x, (math.prod(placed.output_shape),), "flat")
        axes = nodes.constant("time_axis", np.array([0]))
        counts = nodes.add("ReduceSum", [spikes, axes], "sum", keepdims=0)
        nodes.operators.append(helper.make_node("Cast", [counts], [COUNTS], name=f"{nodes.prefix}counts", to=_INT64))
        return COUNTS
    if has_state(placed.node):
        return _scanned(nodes, placed, x, time_step, where)
    match placed.operation(time_step, where):
        case Convolution() as conv:
            return _convolved(nodes, placed, conv, x)
        case Pooling() as pool:
            return _pooled(nodes, placed, pool, x)
        case Matrix(weight, bias):
            product = nodes.add("MatMul", [x, nodes.constant("weight", weight.T)], "product")
            return _biased(nodes, product, bias)
        case Factor(factor):
            # In full: onnxruntime would move a single factor behind the next MatMul, which rounds otherwise.
            return nodes.add("Mul", [x, nodes.constant("scale", factor)], "scaled")
        case Reshape(shape):
            return nodes.reshaped(x, shape, "flat")
        case Comparison(threshold):
            return _spikes(nodes, nodes.add("Greater", [x, nodes.constant("threshold", _compact(threshold))], "spike"))
        case DelayLine(steps):
            return _delayed(nodes, steps, x)


def _convolved(nodes: OnnxNodes, placed: PlacedNode, conv: Convolution, x: str) -> str:
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


def _pooled(nodes: OnnxNodes, placed: PlacedNode, pool: Pooling, x: str) -> str:
    image = _image(placed.input_shape)
    table = _window_table(image, pool.kernel, pool.stride, pool.padding, (1, 1))
    gathered = _windows(nodes, x, placed.input_shape[0], image, table)
    axes = nodes.constant("window_axis", np.array([3]))
    total = nodes.add("ReduceSum", [gathered, axes], "sum", keepdims=0)
    if pool.averages:
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


def _scanned(nodes: OnnxNodes, placed: PlacedNode, x: str, time_step: TimeStep, where: str) -> str:
    """A neuron group: one Scan over time, from rest."""
    parts = neuron_step(placed, time_step, where)
    step = _step(nodes.prefix, placed, parts)
    currents = len(step.input) - 2
    size = nodes.add("Shape", [x], "state_size", start=1)
    zero = helper.make_tensor(f"{nodes.prefix}rest_value", _DOUBLE, [1], [0.0])
    zeros = nodes.add("ConstantOfShape", [size], "rest", value=zero)
    rest = zeros
    start = parts.potential.start
    if start.any():
        rest = nodes.add("Add", [zeros, nodes.constant("v_rest", _compact(start))], "v_rest_of_all")
    starts = [*[zeros] * currents, rest]
    ends = [f"{nodes.prefix}end_{number}" for number in range(len(starts))]
    output = f"{nodes.prefix}over_time"
    nodes.operators.append(
        helper.make_node("Scan", [*starts, x], [*ends, output], name=output, body=step, num_scan_inputs=1)
    )
    return _spikes(nodes, output) if gives_spikes(placed.node) else output


def _delayed(nodes: OnnxNodes, steps: Int[np.ndarray, "*shape"], x: str) -> str:
    """Zeros in front of time, and of what is longer then so many steps back; each delay's values alone."""
    total = None
    time = nodes.add("Shape", [x], "time", start=0, end=1)
    axis = nodes.constant("time_axis", np.array([0]))
    first = nodes.constant("first", np.array([0]))
    zero = nodes.constant("nothing", np.array(0.0))
    for count in np.unique(steps):
        under = nodes.under(f"{nodes.prefix}{count}/")
        pads = under.constant("pads", np.array([int(count), 0]))
        padded = under.add("Pad", [x, pads, zero, axis], "padded")
        late = under.add("Slice", [padded, first, time, axis], "late")
        alone = under.add("Mul", [late, under.constant("these", (steps == count).astype(np.float64))], "alone")
        total = alone if total is None else under.add("Add", [total, alone], "total")
    assert total is not None
    return total


def _step(prefix: str, placed: PlacedNode, parts: NeuronStep) -> onnx.GraphProto:
    """One time step of a neuron group, the body of its Scan: (states, input) → (states, spike or v)."""
    body = OnnxNodes(f"{prefix}step.", [], [])
    x, v, i = (f"{body.prefix}{name}" for name in ("x", "v", "i"))

    def constant(part: str, value: Float[np.ndarray, "..."]) -> str:
        return body.constant(part, _compact(value))

    states, current = {}, x
    if parts.current is not None:
        states[i] = current = _integrated(body, parts.current, i, x, "i", ("w_in", "i_leak", "dt_over_tau_syn"))
    moved = _integrated(body, parts.potential, v, current, "v", ("r", "v_leak", "dt_over_tau"))
    out, kind = moved, _DOUBLE
    states[v] = moved
    if parts.threshold is not None:
        threshold, kind = constant("v_threshold", parts.threshold), _BOOL
        match parts.reset:
            case ToValue(value):
                out = body.add("Greater", [moved, threshold], "spike")
                states[v] = body.add("Where", [out, constant("v_reset", value), moved], "v_after")
            case Subtraction(amount, at_once):
                zero, taken_off = body.constant("nothing", np.array(0.0)), constant("subtracted", amount)
                above = body.add("Greater", [v, threshold], "was_above")
                owed = body.add("Where", [above, taken_off, zero], "owed")
                left = body.add("Sub", [moved, owed], "v_left")
                out = body.add("Greater", [left, threshold], "spike")
                states[v] = left
                if at_once:
                    paid = body.add("Where", [out, taken_off, zero], "paid")
                    states[v] = body.add("Sub", [moved, paid], "v_after")
    else:
        out = body.add("Identity", [moved], "v_out")

    def info(name: str, kind: int = _DOUBLE) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, ["sample", *placed.input_shape])

    return helper.make_graph(
        body.operators,
        f"{prefix}step",
        [info(name) for name in (*states, x)],
        [*map(info, states.values()), info(out, kind)],
        body.constants,
    )


def _integrated(body: OnnxNodes, line: Integrator, v: str, x: str, part: str, names: tuple[str, str, str]) -> str:
    """The line's step; returns the name of the new v."""
    gain, rest, leak = names
    drive = body.add("Mul", [body.constant(gain, _compact(line.gain)), x], f"{gain}_times_input")
    if line.leak is None or line.rest is None:
        return body.add("Add", [v, drive], f"{part}_new")
    distance = body.add("Sub", [body.constant(rest, _compact(line.rest)), v], f"{part}_distance")
    if line.held is not None:
        pulled = body.constant(f"{part}_pulled", _compact((~line.held).astype(np.float64)))
        distance = body.add("Mul", [pulled, distance], f"{part}_kept_distance")
    pull = body.add("Add", [distance, drive], f"{part}_pull")
    change = body.add("Mul", [body.constant(leak, _compact(line.leak)), pull], f"{part}_change")
    return body.add("Add", [v, change], f"{part}_new")


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
