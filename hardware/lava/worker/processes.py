# pyright: reportMissingImports=false
"""Lava processes for what Lava lacks: a source of spikes, a recorder, a gate and a delay line before synapses, and
programmable neurons (`neuron_process`).

This file belongs to the worker and runs under Lava's interpreter. Lava is imported when `make_processes` is called, so
that the file can be read where there is no Lava.

Lava counts its steps from 1. What a process sends arrives within the step; a synapse sends what it made of the step
before. So the source sends step 0 of the first sample in Lava's step 1, and a layer that lies `depth` synapses behind
it computes that step of the sample in Lava's step 1 + depth.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Processes(NamedTuple):
    """What makes each process. `process_model` of its class is its model in Lava."""

    source: Callable[[np.ndarray], Any]
    """Of spikes [step, *shape]: sends them from `spikes`, one step after the other, then none."""

    neurons: Callable[..., Any]
    """Programmable neurons: see `neuron_process`."""

    gate: Callable[[tuple, int, int], Any]
    """Of a layer's shape and depth and a sample's steps: passes the layer's spikes from `inward` to `outward`, but for
    those of the step before each sample. So a recurrent synapse brings nothing into the first step of one: Lava's
    LIFReset resets the neurons, but no synapse."""

    delay: Callable[[tuple, int, int, np.ndarray], Any]
    """Of a layer's shape and depth (the source's is 0), a sample's steps, and each neuron's delay in steps: holds the
    layer's spikes back by so many on their way from `inward` to `outward`. What would come out after the end of its
    sample never does: Lava's own DelayDense and DelaySparse keep it for the next one, and have no convolutions."""

    recorder: Callable[[Sequence[tuple], Sequence[int], np.ndarray, Callable[[int], None]], Any]
    """Of the shapes and depths of the layers that it hears at `layer_0`, `layer_1`, …; of an array [step, neuron],
    which it fills with their spikes, each layer flattened, side by side; and of what is told each step's number."""


def make_processes() -> Processes:
    """The processes of this file."""
    from lava.magma.core.decorator import implements, requires
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort, PyOutPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.process.ports.ports import InPort, OutPort
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
    from neuron_process import make_neurons

    def port(kind: type) -> Any:
        return LavaPyType(kind.VEC_DENSE, np.int32)

    class Source(AbstractProcess):
        def __init__(self, sent: np.ndarray) -> None:
            super().__init__(sent=sent)
            self.spikes = OutPort(shape=sent.shape[1:])

    @implements(proc=Source, protocol=LoihiProtocol)
    @requires(CPU)
    class SourceModel(PyLoihiProcessModel):
        spikes = port(PyOutPort)

        def run_spk(self) -> None:
            sent, step = self.proc_params["sent"], self.time_step - 1
            self.spikes.send(sent[step] if step < len(sent) else np.zeros_like(sent[0]))

    class Gate(AbstractProcess):
        def __init__(self, shape: tuple, depth: int, steps: int) -> None:
            super().__init__(depth=depth, steps=steps)
            self.inward = InPort(shape=shape)
            self.outward = OutPort(shape=shape)

    @implements(proc=Gate, protocol=LoihiProtocol)
    @requires(CPU)
    class GateModel(PyLoihiProcessModel):
        inward = port(PyInPort)
        outward = port(PyOutPort)

        def run_spk(self) -> None:
            spikes, steps = self.inward.recv(), self.proc_params["steps"]
            step = self.time_step - 1 - self.proc_params["depth"]
            self.outward.send(np.zeros_like(spikes) if step % steps == steps - 1 else spikes)

    class Delay(AbstractProcess):
        def __init__(self, shape: tuple, depth: int, steps: int, delays: np.ndarray) -> None:
            super().__init__(depth=depth, steps=steps, delays=delays)
            self.inward = InPort(shape=shape)
            self.outward = OutPort(shape=shape)

    @implements(proc=Delay, protocol=LoihiProtocol)
    @requires(CPU)
    class DelayModel(PyLoihiProcessModel):
        inward = port(PyInPort)
        outward = port(PyOutPort)
        kept: Any = None

        def run_spk(self) -> None:
            spikes, delays = self.inward.recv(), self.proc_params["delays"]
            if self.kept is None:
                self.kept = np.zeros((int(delays.max()) + 1, *spikes.shape), np.uint8)
            now = self.time_step - 1 - self.proc_params["depth"]
            self.kept[now % len(self.kept)] = spikes
            late = np.take_along_axis(self.kept, (now - delays)[None] % len(self.kept), 0)[0]
            # So many steps back is another sample, or none.
            self.outward.send(np.where(now % self.proc_params["steps"] >= delays, late, 0).astype(np.int32))

    def recorder(
        shapes: Sequence[tuple], depths: Sequence[int], heard: np.ndarray, tell: Callable[[int], None]
    ) -> AbstractProcess:
        ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
        names = [f"layer_{number}" for number in range(len(shapes))]

        class Recorder(AbstractProcess):
            def __init__(self) -> None:
                super().__init__()
                for name, shape in zip(names, shapes, strict=True):
                    setattr(self, name, InPort(shape=shape))

        class RecorderModel(PyLoihiProcessModel):
            def run_spk(self) -> None:
                for name, depth, end in zip(names, depths, ends, strict=True):
                    spikes, step = getattr(self, name).recv(), self.time_step - 1 - depth
                    if 0 <= step < len(heard):
                        heard[step, end - spikes.size : end] = spikes.reshape(-1)
                tell(self.time_step - max(depths))

        # Lava reads a model's ports off its class, so this class is made anew for each number of layers.
        for name in names:
            setattr(RecorderModel, name, port(PyInPort))
        Recorder.process_model = requires(CPU)(implements(proc=Recorder, protocol=LoihiProtocol)(RecorderModel))
        return Recorder()

    Source.process_model, Gate.process_model, Delay.process_model = SourceModel, GateModel, DelayModel
    return Processes(Source, make_neurons(), Gate, Delay, recorder)
