"""Netx files as a device: lava-dl's own reader makes a network of one, and Lava's simulation runs it."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ...export.errors import InputError
from ...export.files.arrays import write_npz
from ...export.files.hdf5 import read_hdf5
from ...export.files.plain import read_file
from ...export.nir.geometry import Shape
from ..devices import SampleWatch, SpikingDevice
from ..entries import SpikingEntry
from ..loihi.formats.netx_file import netx_content
from ..parts import SpikingPart
from ..runtime.network_input import checked_spikes
from .jobs import TIME_LIMIT, run_jobs
from .netx_layers import checked_layers

NETX_WORKER = Path(__file__).parent / "worker" / "netx_worker.py"


class NetxFile(NamedTuple):
    """A netx file, and the sizes of what goes in and comes out.

    `content` is not the file that was opened: it is written anew from the entries that were read and checked, so that
    what a stranger wrote does not come to lava-dl's reader, and to HDF5 in C under it.
    """

    name: str
    content: bytes
    input_size: int
    output_size: int

    def check_input(self, shape: Shape) -> None:
        """Raises InputError where spikes of that shape are not as many as the file reads."""
        if math.prod(shape) != self.input_size:
            raise InputError(
                f"{self.name}: must read {list(shape)} spikes a step, which come to it, got {self.input_size}"
            )


class NetxJob(NamedTuple):
    """A file and the spikes to run it on: a `Job` whose result is flat, in channel-height-width order."""

    file: NetxFile
    spikes: UInt8[np.ndarray, "time sample *shape"]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def results(self) -> dict[str, Shape]:
        return {"0": (self.file.output_size,)}

    @property
    def options(self) -> dict[str, bool]:
        return {"every_layer": False, "hardware": False}

    def check(self) -> None:
        shape = self.spikes.shape[2:]
        checked_spikes(self.spikes, shape)
        self.file.check_input(shape)

    def save(self, path: Path) -> None:
        write_npz(path, {"netx": np.frombuffer(self.file.content, np.uint8)})


class NetxDevice:
    """lava-dl's netx with a file that reads spikes of `input_shape`: a `SpikingDevice`.

    It runs in the environment that `spiq lava setup --netx` made, or under the interpreter `python`. `watch` is told
    how many of a run's samples are done. A worker that is silent for `time_limit` seconds is ended.

    Raises InputError where the environment was not made, where the file is missing or damaged, and where it reads
    another number of spikes.
    """

    def __init__(
        self,
        file: Path | str | NetxFile,
        input_shape: Shape,
        watch: SampleWatch | None = None,
        time_limit: float = TIME_LIMIT,
        python: Path | None = None,
    ) -> None:
        self.file = file if isinstance(file, NetxFile) else open_netx(file)
        self.input_shape = input_shape
        self.file.check_input(input_shape)
        if python is None:
            from .environment.setup import required

            python = required("netx").python
        self.python, self.watch, self.time_limit = python, watch, time_limit

    def run(self, spikes: UInt8[np.ndarray, "time sample *shape"]) -> UInt8[np.ndarray, "time sample feature"]:
        """The last layer's spikes; step t of the answer belongs to step t of the input.

        Raises InputError where the spikes are not uint8, 0 or 1, or do not have the input shape; DeviceError where Lava
        or the reader fails.
        """
        checked_spikes(spikes, self.input_shape)
        ((found,),) = run_jobs(self.python, [NetxJob(self.file, spikes)], 1, self.watch, self.time_limit, NETX_WORKER)
        return found


def open_netx(source: Path | str | bytes, name: str = "encoder.net") -> NetxFile:
    """The file, or a file's content, which errors call `name`.

    Raises InputError where it is missing or damaged, and where its layers are not what `checked_layers` allows.
    """
    if not isinstance(source, bytes):
        name = str(source)
        source = read_file(source, "a netx file (.net, HDF5)")
    layers = checked_layers(read_hdf5(source, name).root, name)
    return NetxFile(name, netx_content(layers.entries), layers.input_size, layers.output_size)


def _make(part: SpikingPart) -> SpikingDevice:
    file = open_netx(part.netx, part.netx_name)
    features = math.prod(part.graph.output_shape)
    if file.output_size != features:
        raise InputError(f"{file.name}: must give {features} features, as the graph does, got {file.output_size}")
    return NetxDevice(file, part.graph.input_shape)


def _missing() -> str | None:
    from .environment.setup import required

    try:
        required("netx")
    except InputError as error:
        return str(error)
    return None


DEVICE = SpikingEntry(
    "netx",
    "the netx file on lava-dl's netx, in Lava",
    _make,
    reference="loihi",
    must_be_equal=True,
    is_slow=True,
    missing=_missing,
    needs="lava-dl's environment (spiq lava setup --netx)",
)
