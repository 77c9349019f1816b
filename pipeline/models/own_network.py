"""A network of anybody's parts: a spiking half, a circuit, and whatever classical layers lie between.

Its stages are added one after the other, each told what it reads. Each becomes plain data at once, so what cannot be
deployed is told where it is added. The parts themselves are kept, and give the trace that the deployed network is held
against.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import nn

from ...export.bundle.bundle import Bundle
from ...export.coding import Coding
from ...export.errors import InputError
from ...export.from_torch.classical import classical_stage
from ...export.from_torch.graph import to_nir
from ...export.network.decoding import Decode, Decoding
from ...export.network.network import INPUT, HybridNetwork
from ...export.network.signals import Signal
from ...export.network.spiking import spiking_stage
from ...export.network.stages import Encode, Quantum, Stage
from ...export.network.trace import Trace
from ...export.nir.geometry import Shape
from ...export.nir.time_step import DEFAULT_DT, DEFAULT_INTEGRATION, Integration
from ...hardware.network.bundling import Examples, Origin, bundle_network
from .over_time import OverTime
from .own_circuit import OwnCircuit, own_circuit

GOLDEN_SAMPLES = 8
"""Kept with every value where a bundle's golden samples are not named."""


class OwnNetwork:
    """Stages that are added one by one; each method gives the stage's name, which others read.

    The network answers with the stage that was added last.

    Args:
        input_shape: Of one sample, without time.
        steps: Time steps of the samples, if they are spikes; None for values.

    Raises:
        InputError: The shape or the steps are no positive integers.

    Example:
        network = spiq.OwnNetwork((1, 8, 8))
        spikes = network.encode("phase", steps=8)
        rates = network.decode("rate", network.spiking(encoder, spikes))
        network.classical(readout, network.circuit(qnode, rates))
        network.export("mine/third", calibration=x_train)
    """

    def __init__(self, input_shape: Sequence[int], steps: int | None = None) -> None:
        shape = _shape(input_shape)
        self.input = Signal("values", shape) if steps is None else Signal("spikes", shape, _positive("steps", steps))
        self.stages: dict[str, Stage] = {}
        self.reads: dict[str, tuple[str, ...]] = {}
        self.signals: dict[str, Signal] = {INPUT: self.input}
        self.parameter_count = 0
        self._parts: dict[str, Any] = {}
        self._lock = threading.Lock()

    def encode(self, coding: str | Coding = "phase", steps: int = 8, seed: int = 0, name: str = "spikes") -> str:
        """Values in [0, 1] become spikes.

        Args:
            coding: "phase", "rate" or "latency" (`export.coding`), or a Coding with its own steps.
            steps: Time steps.
            seed: Of "rate".
            name: The stage's name.

        Returns:
            The stage's name.

        Raises:
            InputError: There is no such coding, or the name is taken.
        """
        made = coding if isinstance(coding, Coding) else Coding(coding, steps, seed)  # type: ignore[arg-type]
        return self._add(name, Encode(made), (INPUT,))

    def spiking(
        self,
        encoder: nn.Module,
        reads: str = INPUT,
        name: str = "encoder",
        dt: float = DEFAULT_DT,
        integration: Integration = DEFAULT_INTEGRATION,
    ) -> str:
        """A spiking network, in evaluation mode.

        Args:
            encoder: Stock layers and snnTorch's neurons, as `to_nir` takes them.
            reads: The stage whose spikes it reads.
            name: The stage's name.
            dt: Duration of one time step in seconds.
            integration: What r of an IF neuron means in the NIR file (`export.nir.time_step`).

        Returns:
            The stage's name.

        Raises:
            InputError: A layer has no exact form in NIR, or does not fit what it reads.
        """
        _check_is(encoder, nn.Module, "encoder", "a torch.nn.Module")
        graph = to_nir(encoder, self._read(reads).shape, dt, integration)
        self._parts[name] = OverTime(encoder)
        self.parameter_count += sum(parameter.numel() for parameter in encoder.parameters() if parameter.requires_grad)
        return self._add(name, spiking_stage(graph, name, dt, integration), (reads,))

    def decode(
        self,
        kind: Decoding | Decode,
        reads: str,
        scale: float = 1.0,
        offset: float = 0.0,
        windows: int = 1,
        name: str = "decoded",
    ) -> str:
        """Spikes become numbers.

        Args:
            kind: "rate" (spikes per step), "count", "first_spike" (the step of the first spike), or a Decode.
            reads: The stage whose spikes it reads.
            scale: What the numbers are multiplied by.
            offset: What is added then.
            windows: Into how many equal parts the time is cut, each decoded by itself.
            name: The stage's name.

        Returns:
            The stage's name.

        Raises:
            InputError: There is no such decoding, or the steps cannot be cut so.
        """
        made = kind if isinstance(kind, Decode) else Decode(kind, scale, offset, windows)
        return self._add(name, made, (reads,))

    def circuit(
        self,
        circuit: Any,
        reads: str,
        name: str = "circuit",
        weights: Mapping[str, Any] | None = None,
        inputs: Any = None,
        observables: Sequence[Any] | None = None,
    ) -> str:
        """A circuit, whose inputs are what it reads as one vector.

        Args:
            circuit: What `spiq.network` takes (`own_circuit`).
            reads: The stage whose values it reads.
            name: The stage's name.
            weights: The other arguments of a QNode, by name.
            inputs: Which parameters of a QuantumCircuit are inputs, in their order.
            observables: What is measured, if the circuit does not say it.

        Returns:
            The stage's name.

        Raises:
            InputError: A gate or an angle cannot be deployed, or the inputs do not fit.
        """
        found = own_circuit(circuit, int(np.prod(self._read(reads).shape)), weights, inputs, observables)
        self._parts[name] = found
        self.parameter_count += found.parameter_count
        return self._add(name, Quantum(found.circuit), (reads,))

    def classical(self, module: nn.Module, *reads: str, name: str = "readout") -> str:
        """A module without a state that reads one or more values `[sample, *shape]`, in this order, and gives one.

        Args:
            module: Any module that ONNX can hold.
            reads: The stages whose values it reads.
            name: The stage's name.

        Returns:
            The stage's name.

        Raises:
            InputError: The module cannot be held by ONNX, or does not fit what it reads.
        """
        _check_is(module, nn.Module, name, "a torch.nn.Module")
        stage = classical_stage(module, tuple(self._read(source).shape for source in reads), name)
        self._parts[name] = module
        self.parameter_count += sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
        return self._add(name, stage, reads)

    def to_network(self) -> HybridNetwork:
        """The network as plain data. Raises InputError where a stage does not lead to the last one."""
        if not self.stages:
            raise InputError("the network must have at least one stage, got none")
        return HybridNetwork(self.input, dict(self.stages), dict(self.reads), next(reversed(self.stages)))

    def prepare(self) -> None:
        """Nothing: the parts were copied in float64 and evaluation mode when they were added."""

    @torch.no_grad()
    def traced(self, network: HybridNetwork, samples: Shaped[np.ndarray, "..."], first_sample: int = 0) -> Trace:
        """What every stage gives in PyTorch, PennyLane or Qiskit itself, in float64."""
        values: dict[str, np.ndarray] = {INPUT: samples}
        # The parts keep states.
        with self._lock:
            for name in network.order:
                read = [values[source] for source in network.reads[name]]
                values[name] = self._given(network, name, read, first_sample)
        return Trace(network, {name: values[name] for name in network.order})

    def export(
        self,
        path: Path | str,
        calibration: Any = None,
        golden: Any = None,
        name: str | None = None,
        replace: bool = False,
        seed: int = 0,
    ) -> Bundle:
        """Write the bundle and open it.

        Args:
            path: The bundle's folder.
            calibration: Samples that the network was trained with, 64 or more if there are so many: the fixed-point
                scales are chosen on them. Arrays or tensors.
            golden: A few samples, or (samples, labels), kept with every value. Each of the two stands in for the other
                if it is left out.
            name: The network's. Default: the folder's.
            replace: Replace a bundle that is there.
            seed: The bundle's: of shots, if no other is given.

        Returns:
            The bundle.

        Raises:
            InputError: The path is taken, the samples do not fit, or the parts as they run on their own give something
                else than the network's plain data.
        """
        network = self.to_network()
        samples, labels = golden if isinstance(golden, tuple) else (golden, None)
        if calibration is None and samples is None:
            raise InputError("export: calibration or golden samples must be given, got neither")
        training = self._samples(calibration if calibration is not None else samples, "calibration")
        kept = self._samples(samples if samples is not None else calibration, "golden")
        if samples is None:
            kept = kept[:, :GOLDEN_SAMPLES] if self.input.kind == "spikes" else kept[:GOLDEN_SAMPLES]
        examples = Examples(kept, self.traced(network, kept), _labels(labels), training, training)
        origin = Origin(name or Path(path).name or "network", seed=seed)
        return bundle_network(network, path, examples, origin, may_replace=replace)

    def __repr__(self) -> str:
        return (
            f"OwnNetwork of {self.parameter_count} parameters\n{self.to_network()!r}" if self.stages else "OwnNetwork"
        )

    def _read(self, name: str) -> Signal:
        if name not in self.signals:
            raise InputError(f"what is read must be one of {', '.join(self.signals)}, got {name!r}")
        return self.signals[name]

    def _add(self, name: str, stage: Stage, reads: tuple[str, ...]) -> str:
        if name in self.signals:
            raise InputError(f"stage {name!r}: there is one of this name; give it another by name=…")
        try:
            gives = stage.output(tuple(self._read(source) for source in reads))
        except InputError as error:
            raise InputError(f"stage {name!r}: {error}") from error
        self.stages[name], self.reads[name], self.signals[name] = stage, reads, gives
        return name

    def _given(self, network: HybridNetwork, name: str, read: list[np.ndarray], first_sample: int) -> np.ndarray:
        part = self._parts.get(name)
        match network.stages[name]:
            case Encode(coding):
                return coding.encode(read[0], first_sample)
            case Decode() as decode:
                return decode(read[0])
        if isinstance(part, OverTime):
            shape = network.signals[network.reads[name][0]].shape
            spikes = torch.from_numpy(read[0].reshape(*read[0].shape[:2], *shape)).double()
            return part(spikes).numpy().astype(np.uint8)
        if isinstance(part, OwnCircuit):
            return part.run(read[0].reshape(len(read[0]), -1).astype(np.float64))
        assert isinstance(part, nn.Module)
        return _applied(part, read)

    def _samples(self, given: Any, what: str) -> Shaped[np.ndarray, "..."]:
        array = np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given)
        if array.dtype.kind not in "fiub":
            raise InputError(f"{what}: samples must be numbers, got the type {array.dtype}")
        return array.astype(np.uint8 if self.input.kind == "spikes" else np.float64)


def _applied(module: nn.Module, read: list[np.ndarray]) -> Float[np.ndarray, "sample ..."]:
    """What a classical part gives, in its own precision."""
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float64)
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    was_training = module.training
    try:
        answer = module.eval()(*(torch.from_numpy(values).to(device, dtype) for values in read))
    finally:
        module.train(was_training)
    return answer.double().cpu().numpy()


def _labels(given: Any) -> Int64[np.ndarray, " sample"] | None:
    if given is None:
        return None
    return np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given).astype(np.int64)


def _shape(given: Any) -> Shape:
    try:
        shape = tuple(given)
    except TypeError:
        raise InputError(f"input_shape must be a tuple of sizes such as (1, 28, 28), got {given!r}") from None
    if not shape:
        raise InputError("input_shape must be a tuple of sizes such as (1, 28, 28), got ()")
    return tuple(_positive("input_shape", size) for size in shape)


def _positive(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{what} must hold integers from 1 on, got {value!r}")
    return int(value)


def _check_is(value: Any, kind: type, what: str, wanted: str) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{what} must be {wanted}, got a {type(value).__name__}")
