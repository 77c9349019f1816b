# pyright: reportMissingImports=false
"""A Lava process for neurons that Lava's LIF cannot be: programmable neurons.

This file belongs to the worker and runs under Lava's interpreter. Lava is imported when `make_neurons` is called, so
that the file can be read where there is no Lava.

The rule of a step is stated in `spiq.hardware.loihi.simulator.simulate`. The process model is Python's, for Lava's
simulation: on Loihi itself such a neuron takes microcode.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

STATE_LIMIT = 2**23
INPUT_SHIFT = 6
DECAY_SHIFT = 12
"""As in `spiq.hardware.loihi.chip`."""

VOLTAGE, AMOUNT, AMOUNT_AT_ONCE = "voltage", "amount", "amount at once"
"""As in `spiq.hardware.loihi.formats.storage`."""


def make_neurons() -> Callable[..., Any]:
    """What makes the process, with the ports `a_in` and `s_out`. By keyword:

    shape                                   of the group, as Lava holds it
    reset                                   VOLTAGE, AMOUNT or AMOUNT_AT_ONCE
    interval, offset                        the neurons are at rest before Lava's steps with
                                            step mod interval = offset mod interval
    threshold, current_decay, voltage_decay, bias, reset_by
                                            integers that broadcast to the shape: the first three and `reset_by` as
                                            in a program's file, the bias in v's unit
    """
    from lava.magma.core.decorator import implements, requires, tag
    from lava.magma.core.model.py.model import PyLoihiProcessModel
    from lava.magma.core.model.py.ports import PyInPort, PyOutPort
    from lava.magma.core.model.py.type import LavaPyType
    from lava.magma.core.process.ports.ports import InPort, OutPort
    from lava.magma.core.process.process import AbstractProcess
    from lava.magma.core.process.variable import Var
    from lava.magma.core.resources import CPU
    from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

    def variable() -> Any:
        return LavaPyType(np.ndarray, np.int32, precision=24)

    class Neurons(AbstractProcess):
        def __init__(self, *, shape: tuple, reset: str, interval: int, offset: int, **numbers: Any) -> None:
            super().__init__(reset=reset, interval=interval, offset=offset % interval)
            self.a_in, self.s_out = InPort(shape=shape), OutPort(shape=shape)
            for name, values in {"u": 0, "v": 0, **numbers}.items():
                setattr(self, name, Var(shape=shape, init=np.broadcast_to(values, shape).astype(np.int32)))

    @implements(proc=Neurons, protocol=LoihiProtocol)
    @requires(CPU)
    @tag("fixed_pt")
    class NeuronsModel(PyLoihiProcessModel):
        a_in = LavaPyType(PyInPort.VEC_DENSE, np.int32)
        s_out = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
        u, v = variable(), variable()
        threshold, current_decay, voltage_decay = variable(), variable(), variable()
        bias, reset_by = variable(), variable()

        def run_spk(self) -> None:
            received = self.a_in.recv()
            # Before the step is computed, as Lava's LIFReset does it.
            if self.time_step % self.proc_params["interval"] == self.proc_params["offset"]:
                self.u[:], self.v[:] = 0, 0
            self.u[:] = _wrapped(_kept(self.u, self.current_decay) + np.left_shift(received, INPUT_SHIFT))
            voltage = _clipped(_kept(self.v, self.voltage_decay) + self.u + self.bias)
            threshold = np.left_shift(self.threshold, INPUT_SHIFT)
            if self.proc_params["reset"] == VOLTAGE:
                spikes = voltage > threshold
                self.v[:] = np.where(spikes, self.reset_by, voltage)
            else:
                amount = np.left_shift(self.reset_by, INPUT_SHIFT)
                left = _clipped(voltage - amount * (self.v > threshold))
                spikes = left > threshold
                at_once = self.proc_params["reset"] == AMOUNT_AT_ONCE
                self.v[:] = _clipped(voltage - amount * spikes) if at_once else left
            self.s_out.send(spikes.astype(np.int32))

    Neurons.process_model = NeuronsModel
    return Neurons


def _kept(state: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """trunc(state·(4096 - decay) / 4096)."""
    product = state.astype(np.int64) * (2**DECAY_SHIFT - decay)
    return (np.sign(product) * (np.abs(product) >> DECAY_SHIFT)).astype(np.int32)


def _wrapped(current: np.ndarray) -> np.ndarray:
    """u within 24 bits as Lava's LIF has it (`lava/proc/lif/models.py`)."""
    span = np.int32(2 * STATE_LIMIT)
    wrapped = np.where(current > STATE_LIMIT, current - span, current)
    return np.where(wrapped <= -STATE_LIMIT, current + span, wrapped)


def _clipped(voltage: np.ndarray) -> np.ndarray:
    return np.clip(voltage, 1 - STATE_LIMIT, STATE_LIMIT - 1)
