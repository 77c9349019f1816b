"""Real Lava as a device: Intel's own simulation of Loihi, or Loihi itself."""

import math
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from ..devices import SampleWatch, SpikingDevice
from ..entries import SpikingEntry
from ..loihi.program import LoihiProgram
from ..parts import SpikingPart
from ..runtime.network_input import checked_spikes
from .jobs import TIME_LIMIT, Layers, ProgramJob, run_jobs

LEAST_SHARE = 16
"""Samples: with fewer, the start of another worker takes longer than it saves."""


class LavaDevice:
    """Lava with this program: a `SpikingDevice`.

    It runs in the environment that `spiq lava setup` made, or under the interpreter `python`. With `hardware` it runs
    on Loihi itself, which needs Intel's lava-loihi there and a program that is not recurrent, has no delays and no
    programmable neurons, and reads spikes of 0 and 1. `watch` is told how many
    of a run's samples are done. A worker that is silent for `time_limit` seconds is ended.

    Raises InputError where Lava's environment was not made, and where the program cannot run on the hardware.
    """

    def __init__(
        self,
        program: LoihiProgram,
        hardware: bool = False,
        watch: SampleWatch | None = None,
        time_limit: float = TIME_LIMIT,
        python: Path | None = None,
    ) -> None:
        if hardware:
            _check_runs_on_hardware(program)
        if python is None:
            from .environment.setup import required

            python = required("lava").python
        self.program, self.hardware, self.python = program, hardware, python
        self.watch, self.time_limit = watch, time_limit

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The last layer's spikes; step t of the answer belongs to step t of the input.

        Raises InputError where the spikes are not uint8 of 0 to the program's largest input, or do not have the
        program's input shape; DeviceError where Lava fails.
        """
        (last,) = self._run(spikes, every_layer=False)
        return last.reshape(*spikes.shape[:2], self.program.output_size)

    def layers(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> Layers:
        """Every layer's spikes, each in its group's shape. Raises as `run` does."""
        return self._run(spikes, every_layer=True)

    def shares(self, samples: int) -> list[slice]:
        """Which of so many samples each run of Lava gets; the runs go side by side."""
        # There is one chip; its simulations run one on each core.
        share = max(LEAST_SHARE, math.ceil(samples / (1 if self.hardware else _cores())))
        return [slice(start, min(start + share, samples)) for start in range(0, max(1, samples), share)]

    def _run(self, spikes: UInt8[np.ndarray, "time sample *shape"], every_layer: bool) -> Layers:
        checked_spikes(spikes, self.program.input_shape, self.program.largest_input)
        shares = self.shares(spikes.shape[1])
        jobs = [ProgramJob(self.program, spikes[:, share], every_layer, self.hardware) for share in shares]
        done = run_jobs(self.python, jobs, len(jobs), self.watch, self.time_limit)
        return tuple(np.concatenate(layer, axis=1) for layer in zip(*done, strict=True))


def _check_runs_on_hardware(program: LoihiProgram) -> None:
    # What keeps one sample's spikes out of the next one's first step, or holds them back, is a process of the host.
    for found, what in (
        (program.is_recurrent, "a layer reads itself"),
        (program.is_delayed, "a layer reads spikes with delays"),
        (program.is_graded, f"the input's spikes are graded, up to {program.largest_input}"),
    ):
        if found:
            raise InputError(f"{what}, which spiq runs in Lava's simulation only, not on Loihi itself")
    for layer in program.layers:
        if not layer.neuron.is_stock:
            raise InputError(
                f"layer {layer.name!r} needs a programmable neuron ({', '.join(layer.neuron.beyond_stock)}), which "
                "spiq runs in Lava's simulation only: on Loihi itself it takes microcode"
            )


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make(part: SpikingPart) -> SpikingDevice:
    return LavaDevice(part.program)


def _make_on_hardware(part: SpikingPart) -> SpikingDevice:
    return LavaDevice(part.program, hardware=True)


def _missing() -> str | None:
    from .environment.setup import required

    try:
        required("lava")
    except InputError as error:
        return str(error)
    return None


DEVICE = SpikingEntry(
    "lava",
    "the same program on Intel's Lava, or on Loihi itself",
    _make,
    reference="loihi",
    must_be_equal=True,
    is_slow=True,
    missing=_missing,
    make_on_hardware=_make_on_hardware,
    needs="Lava's environment (spiq lava setup); for --hardware a Loihi 2 and Intel's lava-loihi too",
)
