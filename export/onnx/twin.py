"""The whole twin as one ONNX model: from input spikes to the score of each class, for whoever has onnxruntime only.

    spikes [time, sample, *shape]
      → counts [sample, feature]              encoder.onnx's operators, in double
      → angles [sample, qubit, 3]             angle_scale / T · count, T the number of time steps in the spikes
      → expectations [sample, qubit]          the circuit, exact, in double
      → logits [sample, class]                readout.onnx's operators, in float32

The counts are those of encoder.onnx, spike by spike. The circuit differs from a state vector simulator in the last
digits of a double.
"""

import math

import numpy as np
import onnx
from jaxtyping import Float
from onnx import TensorProto

from ..angles import ANGLES
from ..circuit.reupload import ReuploadCircuit
from ..errors import InputError
from ..nir.graph import PlacedGraph
from .empty_batch import admit_no_samples
from .encoder import COUNTS, encoder_nodes, step_properties
from .head import HEAD_EXPECTATIONS, head_nodes
from .model import SPIKES, OnnxNodes, checked_model
from .readout import readout_nodes


def twin_onnx(
    graph: PlacedGraph,
    angle_scale: float,
    circuit: ReuploadCircuit,
    weight: Float[np.ndarray, "class qubit"],
    bias: Float[np.ndarray, " class"],
    relu: bool,
) -> onnx.ModelProto:
    """The encoder, the circuit, and the readout with a ReLU on top if `relu`.

    Input `spikes`: uint8 [time, sample, *shape], 0 or 1. Outputs: `logits` float32 [sample, class], and on the way
    there `counts` int64 [sample, feature] and `expectations` float64 [sample, qubit]. The numbers of time steps, from
    one on, and of samples, from none on, are open.

    Raises InputError where the parts do not fit each other, and as `encoder_onnx`, `head_onnx` and `readout_onnx` do.
    """
    features, needed = math.prod(graph.output_shape), ANGLES * circuit.n_qubits
    if features != needed:
        raise InputError(f"{graph.name}: gives {features} features, but {circuit.n_qubits} qubits read {needed}")
    if not math.isfinite(angle_scale):
        raise InputError(f"angle_scale: found {angle_scale!r}; a finite number is needed")
    operators: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def part(name: str) -> OnnxNodes:
        return OnnxNodes(f"{name}/", operators, constants)

    spikes, counts = encoder_nodes(part("encoder"), graph)
    angles = _angles(part("angles"), circuit.n_qubits, angle_scale)
    expectations = head_nodes(part("head"), angles, circuit)
    readout = part("readout")
    single = readout.add("Cast", [HEAD_EXPECTATIONS], "expectations", to=TensorProto.FLOAT)
    logits = readout_nodes(readout, single, weight, bias, relu)
    found = np.shape(weight)[1]
    if found != circuit.n_qubits:
        raise InputError(f"readout: reads {found} qubits, but the circuit has {circuit.n_qubits}")
    answers = [logits, counts, expectations]
    admit_no_samples(readout, spikes, 1, answers)
    return checked_model(
        "model",
        readout,
        [spikes],
        answers,
        "A spiking-quantum network: the score of each class for binary input spikes.",
        {**step_properties(graph), "angle_scale": repr(float(angle_scale))},
    )


def _angles(nodes: OnnxNodes, n_qubits: int, angle_scale: float) -> str:
    """The rule of `angles_from_counts`, in the same order of its factors."""
    steps = nodes.add("Shape", [SPIKES], "time", start=0, end=1)
    steps = nodes.add("Cast", [steps], "steps", to=TensorProto.DOUBLE)
    factor = nodes.add("Div", [nodes.constant("angle_scale", np.array(float(angle_scale))), steps], "angle_of_a_spike")
    counts = nodes.add("Cast", [COUNTS], "counts", to=TensorProto.DOUBLE)
    flat = nodes.add("Mul", [counts, factor], "flat")
    # The samples are open, so their number is what is left.
    shape = nodes.constant("shape", np.array([-1, n_qubits, ANGLES]))
    return nodes.add("Reshape", [flat, shape], "angles")
