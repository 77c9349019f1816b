"""Netx files as a device: lava-dl's own reader makes a network of one, and Lava's simulation runs it."""

import io
import math
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from jaxtyping import UInt8

from ...export.arrays import read_npz, write_npz
from ...export.errors import InputError
from ...export.geometry import Shape
from ..devices import checked_spikes
from .client import LavaWorker
from .jobs import LOOK, TIME_LIMIT, Watch

NETX_WORKER = Path(__file__).with_name("netx_worker.py")


class NetxFile(NamedTuple):
    """A netx file's bytes, and the sizes of what goes in and comes out."""

    name: str
    content: bytes
    input_size: int
    output_size: int


class NetxJob(NamedTuple):
    """A file and the spikes to run it on: uint8 [time, sample, *shape]."""

    file: NetxFile
    spikes: UInt8[np.ndarray, "time sample *shape"]


class NetxDevice:
    """lava-dl's netx with the file at `path`, which reads spikes of `input_shape`: a `SpikingDevice`.

    It runs in the environment that `spiq lava setup --netx` made, or under the interpreter `python`. `watch` is told
    how many of a run's samples are done. A worker that is silent for `time_limit` seconds is ended.

    Raises InputError where the environment was not made, where the file is missing or damaged, and where it reads
    another number of spikes.
    """

    def __init__(
        self,
        path: Path | str,
        input_shape: Shape,
        watch: Watch | None = None,
        time_limit: float = TIME_LIMIT,
        python: Path | None = None,
    ) -> None:
        self.file, self.input_shape = open_netx(path), input_shape
        if self.file.input_size != math.prod(input_shape):
            raise InputError(
                f"{path}: reads {self.file.input_size} spikes a step; {list(input_shape)} is what comes to it"
            )
        if python is None:
            from .environment import required

            python = required("netx").python
        self.python, self.watch, self.time_limit = python, watch, time_limit

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The last layer's spikes; step t of the answer belongs to step t of the input.

        Raises InputError where the spikes are not uint8, 0 or 1, or do not have the input shape; DeviceError where Lava
        or the reader fails.
        """
        checked_spikes(spikes, self.input_shape)
        (found,) = run_netx(self.python, [NetxJob(self.file, spikes)], self.watch, self.time_limit)
        return found


def open_netx(path: Path | str) -> NetxFile:
    """The file. Raises InputError where it is missing, or not a netx file whose layers have a type and a shape."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; a netx file (.net, HDF5) is needed") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            stored: Any = file["layer"]
            layers = [stored[str(index)] for index in range(len(stored))]
            types = [layer["type"][0].decode("ascii") for layer in layers]
            sizes = [int(np.prod(layer["shape"][()])) for layer in layers]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise InputError(f"{path}: not a well-formed netx file: {type(error).__name__}: {error}") from error
    if len(types) < 2 or types[0] != "input":
        raise InputError(f"{path}: its layers are {', '.join(types)}; an input and at least one more are needed")
    return NetxFile(str(path), content, sizes[0], sizes[-1])


def run_netx(
    python: Path, jobs: Sequence[NetxJob], watch: Watch | None = None, time_limit: float = TIME_LIMIT
) -> list[UInt8[np.ndarray, "time sample feature"]]:
    """What each job gives, one after the other in one worker under the interpreter `python`.

    Raises InputError where the temporary folder cannot be written, DeviceError where the worker fails, ends, or is
    silent for `time_limit` seconds. It has ended then, and nothing of it is left.
    """
    found: list[UInt8[np.ndarray, "time sample feature"]] = []
    finished = 0
    with LavaWorker(python, NETX_WORKER) as worker:
        for number, job in enumerate(jobs):
            if job.spikes.shape[1]:
                for samples in _done(worker, number, job, time_limit):
                    if watch:
                        watch(finished + samples)
            found.append(_result(worker, number, job))
            finished += job.spikes.shape[1]
            if watch:
                watch(finished)
    return found


def _done(worker: LavaWorker, number: int, job: NetxJob, time_limit: float) -> Iterator[int]:
    """Gives the job to the worker and waits until it is done; yields how many samples are."""
    program, spikes, result = _paths(worker, number)
    try:
        write_npz(program, {"netx": np.frombuffer(job.file.content, np.uint8)})
        with spikes.open("wb") as file:
            np.save(file, job.spikes)
    except OSError as error:
        raise InputError(f"{worker.folder}: cannot be written: {error.strerror or error}") from error
    paths = {"program": str(program), "spikes": str(spikes), "result": str(result)}
    worker.send({"job": number, **paths, "every_layer": False, "hardware": False})
    while True:
        select.select([worker], [], [], LOOK)
        for answer in worker.receive():
            match answer:
                case {"ready": True}:
                    pass
                case {"job": answered, "samples": int(samples)} if answered == number:
                    yield samples
                case {"job": answered, "error": str(error)} if answered == number:
                    raise worker.failure(f"failed with {job.file.name}: {error}")
                case {"job": answered, "done": True} if answered == number:
                    return
                case _:
                    raise worker.failure(f"answered {answer} out of turn")
        if time.monotonic() - worker.heard > time_limit:
            raise worker.failure(f"was silent for {time_limit:g} s and is ended")


def _result(worker: LavaWorker, number: int, job: NetxJob) -> UInt8[np.ndarray, "time sample feature"]:
    time_and_samples = job.spikes.shape[:2]
    if not job.spikes.shape[1]:
        return np.zeros((*time_and_samples, job.file.output_size), np.uint8)
    paths = _paths(worker, number)
    try:
        spikes = read_npz(paths[-1], ["0"])["0"]
    except InputError as error:
        raise worker.failure(f"left a result that cannot be read: {str(error).rstrip('.')}") from error
    needed = (*time_and_samples, job.file.output_size)
    if spikes.dtype != np.uint8 or spikes.shape[:2] != time_and_samples or spikes.size != math.prod(needed):
        raise worker.failure(f"left {spikes.dtype} {list(spikes.shape)}; uint8 {list(needed)} is needed")
    if spikes.max() > 1:
        raise worker.failure(f"left the value {spikes.max()}; spikes are 0 or 1")
    for path in paths:
        with suppress(OSError):
            path.unlink()
    return spikes.reshape(needed)


def _paths(worker: LavaWorker, number: int) -> tuple[Path, Path, Path]:
    """The job's program, spikes and result."""
    program, spikes, result = (worker.folder / f"{number}.{key}" for key in ("program", "spikes", "result"))
    return program, spikes, result
