"""The whole network as one ONNX model, for whoever has onnxruntime only.

It begins where the host has coded the samples: its inputs are the spikes of each Encode stage, uint8 [time, sample,
*shape] under the stage's name, and `input`, the samples themselves, where another stage reads them. Its outputs are the
values of each circuit and of the stage that answers, [sample, value] under the stage's name.

Spiking stages, decoding and circuits are computed in double; a classical stage is its own model. The spikes are those
of each spiking stage's own model. A circuit differs from a state vector simulator in the last digits of a double.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..network.decoding import Decode
from ..network.network import INPUT, HybridNetwork
from ..network.signals import Signal
from ..network.stages import Classical, Encode, Quantum, Spiking
from .empty_batch import admit_no_samples
from .inlined import classical_nodes
from .model import OnnxNodes, checked_model
from .signature import OnnxValue
from .stages.decode import decode_nodes
from .stages.encoder import spikes_value, spiking_nodes, step_properties
from .stages.head import head_nodes
from .value import Value, cast, shaped

_DOUBLE, _UINT8 = TensorProto.DOUBLE, TensorProto.UINT8


def twin_signature(network: HybridNetwork) -> tuple[dict[str, OnnxValue], dict[str, OnnxValue]]:
    """What the network's twin reads and gives, by name."""
    inputs, outputs = {}, {}
    for name, signal in network.signals.items():
        stage = None if name == INPUT else network.stages[name]
        if isinstance(stage, Encode):
            inputs[name] = OnnxValue(_UINT8, (_time(network, signal), "sample", *signal.shape))
        elif stage is None and _reads_input(network):
            spikes = signal.kind == "spikes"
            axes = (_time(network, signal), "sample") if spikes else ("sample",)
            inputs[name] = OnnxValue(_UINT8 if spikes else _DOUBLE, (*axes, *signal.shape))
        elif isinstance(stage, Quantum) or name == network.output:
            outputs[name] = OnnxValue(_element(stage), ("sample", math.prod(signal.shape)))
    return inputs, outputs


def twin_onnx(network: HybridNetwork) -> onnx.ModelProto:
    """The network as a model. The numbers of time steps, from one on, and of samples, from none on, are open; that of
    the time steps is the network's where a stage decodes windows of them, or the step of the first spike.

    Raises InputError where a stage has no form in ONNX: as `encoder_onnx` and `head_onnx` do, and where a classical
    stage's model is of a version of the operators that cannot be made today's.
    """
    inputs, outputs = twin_signature(network)
    operators: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    whole = OnnxNodes("", operators, constants)
    values: dict[str, Value] = {}
    given: list[tuple[onnx.ValueInfoProto, int]] = []
    properties: dict[str, str] = {}
    for name, value in inputs.items():
        spikes = value.element == _UINT8
        shape = network.signals[name].shape
        info = (
            spikes_value(name, shape, value.shape[0])
            if spikes
            else helper.make_tensor_value_info(name, _DOUBLE, ["sample", *shape])
        )
        given.append((info, int(spikes)))
        started = whole.under(f"{name}/").add("Cast", [name], "double", to=_DOUBLE) if spikes else name
        values[name] = Value(started, _DOUBLE, shape)
    for name in network.order:
        stage, part = network.stages[name], whole.under(f"{name}/")
        read = [values[source] for source in network.reads[name] if source in values]
        match stage:
            case Encode():
                continue
            case Spiking():
                spikes = shaped(part, read[0], stage.graph.input_shape, 2)
                found = spiking_nodes(part, stage.graph, spikes)
                step = step_properties(stage.graph)
                properties |= {f"{name}.{key}": text for key, text in step.items()}
                element = _DOUBLE
            case Decode():
                steps = network.signals[network.reads[name][0]].steps or 0
                found, element = decode_nodes(part, stage, read[0], steps), _DOUBLE
            case Quantum():
                flat = shaped(part, cast(part, read[0], _DOUBLE), (stage.circuit.input_size,), 1)
                found, element = head_nodes(part, flat, stage.circuit), _DOUBLE
            case Classical():
                found, element = classical_nodes(part, stage, read), _element(stage)
        values[name] = Value(found, element, network.signals[name].shape)
    answers = []
    for name, value in outputs.items():
        flat = shaped(whole.under(f"{name}/answer/"), values[name], value.shape[1:], 1)
        operators.append(helper.make_node("Identity", [flat], [name], name=f"{name}/answer"))
        answers.append(helper.make_tensor_value_info(name, value.element, ["sample", *value.shape[1:]]))
    admit_no_samples(whole, given, answers)
    description = "A hybrid spiking-quantum network, from the spikes of its coded samples to its answer."
    return checked_model("model", whole, [info for info, _ in given], answers, description, properties)


def _reads_input(network: HybridNetwork) -> bool:
    return any(
        INPUT in sources and not isinstance(network.stages[name], Encode) for name, sources in network.reads.items()
    )


def _time(network: HybridNetwork, signal: Signal) -> int | str:
    """The length of the time axis: open, unless a stage decodes windows of it or counts its steps."""
    is_open = all(decode.windows == 1 and decode.kind != "first_spike" for decode in network.decodes.values())
    return "time" if is_open or signal.steps is None else signal.steps


def _element(stage: object) -> int:
    if isinstance(stage, Classical):
        return helper.np_dtype_to_tensor_dtype(np.dtype(stage.result.dtype))
    return _DOUBLE
