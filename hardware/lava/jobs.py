"""Jobs, run by several workers of Lava at once.

Files go to a worker and come from it in the worker's own folder, one job at a time.
"""

import io
import selectors
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from ...export.files.arrays import read_npz
from ...export.nir.geometry import Shape
from ..devices import SampleWatch
from ..loihi.formats.storage import write_program
from ..loihi.program import LoihiProgram
from ..runtime.network_input import checked_spikes
from .client import WORKER, LavaWorker, worker_stack

TIME_LIMIT = 600.0
"""Seconds that a worker may be silent. It speaks after each sample, but not more often than five times a second."""

LOOK = 0.2
"""Seconds between two looks at whether the workers still live."""


class Job(Protocol):
    """Something for a worker to run on spikes from outside, uint8 [time, sample, *shape]."""

    @property
    def name(self) -> str:
        """What an error calls it."""
        ...

    @property
    def spikes(self) -> UInt8[np.ndarray, "time sample *shape"]: ...

    @property
    def results(self) -> dict[str, Shape]:
        """The shapes in which the worker leaves spikes, by the number under which it does."""
        ...

    @property
    def options(self) -> dict[str, bool]:
        """What else the worker is told, in the words of `worker.py`."""
        ...

    def check(self) -> None:
        """Raises InputError where the spikes do not fit."""
        ...

    def save(self, path: Path) -> None:
        """Write what is to be run, as the worker reads it."""
        ...


class ProgramJob(NamedTuple):
    """A program, to be heard at every layer or at the last, in Lava's simulation or on the chip."""

    program: LoihiProgram
    spikes: UInt8[np.ndarray, "time sample *shape"]
    every_layer: bool = False
    hardware: bool = False

    @property
    def name(self) -> str:
        return "the program"

    @property
    def results(self) -> dict[str, Shape]:
        shapes = {str(index): layer.neuron.shape for index, layer in enumerate(self.program.layers)}
        return shapes if self.every_layer else dict([shapes.popitem()])

    @property
    def options(self) -> dict[str, bool]:
        return {"every_layer": self.every_layer, "hardware": self.hardware}

    def check(self) -> None:
        checked_spikes(self.spikes, self.program.input_shape, self.program.largest_input)

    def save(self, path: Path) -> None:
        write_program(path, self.program)


Layers = tuple[UInt8[np.ndarray, "time sample *layer"], ...]
"""The spikes of each of a job's results."""


def run_jobs(
    python: Path,
    jobs: Sequence[Job],
    workers: int = 1,
    watch: SampleWatch | None = None,
    time_limit: float = TIME_LIMIT,
    script: Path = WORKER,
) -> list[Layers]:
    """What each job gives, under Lava's interpreter `python`.

    Raises InputError where spikes do not fit their program, or the temporary folder cannot be written; DeviceError
    where a worker fails, ends, or is silent for `time_limit` seconds. All workers have ended then, and nothing of
    theirs is left.
    """
    for job in jobs:
        job.check()
    found: dict[int, Layers] = {number: _silence(job) for number, job in enumerate(jobs) if not job.spikes.shape[1]}
    waiting = [number for number in range(len(jobs)) if number not in found]
    waiting.reverse()
    finished = told = 0
    with worker_stack() as stack, selectors.DefaultSelector() as selector:
        desks = [_Desk(stack.enter_context(LavaWorker(python, script))) for _ in range(min(workers, len(waiting)))]
        for desk in desks:
            selector.register(desk.worker, selectors.EVENT_READ)
        while len(found) < len(jobs):
            selector.select(LOOK)
            for desk in tuple(desks):
                if desk.job is None and not waiting:
                    # There is nothing left for it to do, so it is no matter how it ends.
                    selector.unregister(desk.worker)
                    desks.remove(desk)
                    continue
                for answer in desk.worker.receive():
                    layers = desk.take(answer, jobs)
                    if layers is not None and desk.job is not None:
                        found[desk.job] = layers
                        finished += jobs[desk.job].spikes.shape[1]
                        desk.job, desk.samples = None, 0
                if desk.is_idle and waiting:
                    number = waiting.pop()
                    desk.give(number, jobs[number])
                if not desk.is_idle and time.monotonic() - desk.worker.heard > time_limit:
                    raise desk.worker.failure(f"was silent for {time_limit:g} s and is ended")
            done = finished + sum(desk.samples for desk in desks)
            if watch and done > told:
                watch(done)
            told = max(told, done)
    return [found[number] for number in range(len(jobs))]


class _Desk:
    """A worker and the job that it is at."""

    def __init__(self, worker: LavaWorker) -> None:
        self.worker = worker
        self.is_ready = False
        self.job: int | None = None
        self.samples = 0

    @property
    def is_idle(self) -> bool:
        """Whether it can be given a job."""
        return self.is_ready and self.job is None

    def give(self, number: int, job: Job) -> None:
        folder = self.worker.folder
        paths = {key: folder / f"{number}.{key}" for key in ("program", "spikes", "result")}
        try:
            job.save(paths["program"])
            # np.save into a file of its own does not say why it failed.
            content = io.BytesIO()
            np.save(content, job.spikes)
            paths["spikes"].write_bytes(content.getbuffer())
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
        names = {key: str(path) for key, path in paths.items()}
        self.worker.send({"job": number, **names, **job.options})
        self.job = number

    def take(self, answer: dict[str, Any], jobs: Sequence[Job]) -> Layers | None:
        """The result of its job, where the answer says that it is there."""
        match answer:
            case {"ready": True} if not self.is_ready:
                self.is_ready = True
            case {"job": number, "samples": int(samples)} if number == self.job:
                self.samples = samples
            case {"job": number, "missing": str(sentence)} if number == self.job:
                raise InputError(sentence)
            case {"job": int(number), "error": str(error)} if number == self.job:
                raise self.worker.failure(f"failed with {jobs[number].name}: {error}{self._mending(error)}")
            case {"job": int(number), "done": True} if number == self.job:
                return self._result(number, jobs[number])
            case _:
                raise self.worker.failure(f"answered {answer} out of turn")
        return None

    def _mending(self, error: str) -> str:
        """What to do about an error that only a damaged environment can have."""
        if not error.startswith(("ModuleNotFoundError", "ImportError")):
            return ""
        return f"; the environment is damaged: remove {self.worker.python.parents[1]} and set Lava up again"

    def _result(self, number: int, job: Job) -> Layers:
        path = self.worker.folder / f"{number}.result"
        wanted = job.results
        try:
            arrays = read_npz(path, wanted)
        except InputError as error:
            raise self.worker.failure(f"left a result that cannot be read: {error}") from error
        found = tuple(arrays[key] for key in wanted)
        for key, spikes in zip(wanted, found, strict=True):
            shape = (*job.spikes.shape[:2], *wanted[key])
            if spikes.dtype != np.uint8 or spikes.shape != shape:
                raise self.worker.failure(
                    f"must leave uint8 {list(shape)} for layer {key}, got {spikes.dtype} {list(spikes.shape)}"
                )
            if spikes.max() > 1:
                raise self.worker.failure(f"must leave spikes of 0 or 1 for layer {key}, got {spikes.max()}")
        for left in self.worker.folder.glob(f"{number}.*"):
            with suppress(OSError):
                left.unlink()
        return found


def _silence(job: Job) -> Layers:
    """The result of a job without samples."""
    return tuple(np.zeros((*job.spikes.shape[:2], *shape), np.uint8) for shape in job.results.values())
