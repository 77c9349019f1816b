"""One stage of a network after the other: the host's own, and those that the devices run."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from ...export.errors import InputError
from ...export.network.decoding import Decode
from ...export.network.network import INPUT, HybridNetwork
from ...export.network.stages import Classical, Encode, Quantum, Spiking
from ..devices import QuantumDevice, SpikingDevice, checked_answer, checked_estimate
from ..runtime.onnx_session import run_onnx

Values = dict[str, Shaped[np.ndarray, "..."]]
"""What the stages gave so far, by their names; the samples themselves as INPUT."""


class Devices(NamedTuple):
    """A device for each spiking stage and for each circuit, by the stage's name."""

    spiking: Mapping[str, SpikingDevice]
    quantum: Mapping[str, QuantumDevice]


def run_stages(
    network: HybridNetwork,
    names: Iterable[str],
    values: Values,
    devices: Devices,
    shots: int | None = None,
    first_sample: int = 0,
) -> None:
    """Run these stages in the network's order and add what they give to `values`, which has what they read.

    `first_sample` is the number of the first sample within all of them. Raises InputError where a classical stage
    gives a value that is not finite, and DeviceError where a device fails or its answer is not what it must be.
    """
    chosen = set(names)
    for name in (name for name in network.order if name in chosen):
        read = [values[source] for source in network.reads[name]]
        match network.stages[name]:
            case Encode(coding):
                values[name] = coding.encode(read[0], first_sample)
            case Spiking() as stage:
                values[name] = _spikes(devices.spiking[name], stage, read[0])
            case Decode() as stage:
                values[name] = stage(read[0])
            case Quantum() as stage:
                inputs = read[0].reshape(len(read[0]), -1).astype(np.float64)
                device = devices.quantum[name]
                values[name] = checked_estimate(device, device.run(inputs, shots), len(inputs), shots).values
            case Classical() as stage:
                values[name] = run_classical(stage, read, name)


def missing_stages(network: HybridNetwork, known: Iterable[str]) -> set[str]:
    """The stages that must run so that the output is known, where what these gave is known already."""
    known = set(known)
    found: set[str] = set()
    waiting = [network.output]
    while waiting:
        name = waiting.pop()
        if name != INPUT and name not in known and name not in found:
            found.add(name)
            waiting += network.reads[name]
    return found


def run_classical(stage: Classical, read: list[np.ndarray], name: str) -> Shaped[np.ndarray, "sample ..."]:
    """What a classical stage, which errors call `name`, gives for what it reads.

    Raises InputError where onnxruntime cannot run it, and where a value is not finite.
    """
    given = {
        tensor.name: values.reshape(len(values), *tensor.shape).astype(tensor.dtype)
        for tensor, values in zip(stage.inputs, read, strict=True)
    }
    answer = run_onnx(stage.content, given, name)[stage.result.name]
    if not np.isfinite(answer).all():
        place = tuple(np.argwhere(~np.isfinite(answer))[0])
        where = ", ".join(map(str, place))
        raise InputError(f"{name}: every value must be finite, got {answer[place]} at [sample, …] = [{where}]")
    return answer


def _spikes(device: SpikingDevice, stage: Spiking, spikes: np.ndarray) -> np.ndarray:
    shape = stage.graph.input_shape
    features = int(np.prod(stage.graph.output_shape))
    return checked_answer(device, device.run(spikes.reshape(*spikes.shape[:2], *shape)), (*spikes.shape[:2], features))
