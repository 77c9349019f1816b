"""How our times grow, one size at a time: qubits, blocks, time steps, samples, channels."""

import copy
import resource
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...export.errors import InputError
from ...hardware.loihi.device import LoihiDevice
from ...hardware.network.cosimulation import cosimulate
from ...hardware.registry import devices
from ..run.exporting import export_bundle
from .comparison import Work, seconds
from .heads import head_step, lightcone
from .networks import image_set, network
from .spiking import mnist_encoder

REPETITIONS = 5
HEAD_BATCH = 256
IMAGES = 1000

QUBITS = (4, 8, 16, 32, 64, 128)
BLOCKS = (1, 2, 3, 4, 5, 6)
STEPS = (4, 8, 16, 32)
SAMPLES = (100, 1_000, 10_000, 100_000)
CHANNELS = (4, 8, 16, 32)


class Point(NamedTuple):
    """The median of the milliseconds that the work took at this size, and half the relative spread.

    `peak_mib` is the most memory that the process has had so far, in MiB; the images themselves are in it.
    """

    work: str
    quantity: str
    size: int
    milliseconds: float
    spread: float
    peak_mib: float


def grown() -> Iterator[Point]:
    """Every point of growth.json."""
    head = f"head, forward and backward, batch {HEAD_BATCH}"
    for n_qubits in QUBITS:
        yield _point(f"{head}, 2 blocks", "qubits", n_qubits, head_step(lightcone(), HEAD_BATCH, n_qubits, 2))
    for n_blocks in BLOCKS:
        yield _point(f"{head}, 9 qubits", "blocks", n_blocks, head_step(lightcone(), HEAD_BATCH, 9, n_blocks))
    for steps in STEPS:
        work = f"loihi, {IMAGES} images, channels 8-16-16"
        yield _point(work, "time steps", steps, _encoder((8, 16, 16), steps))
    for channels in CHANNELS:
        work = f"loihi, {IMAGES} images, T = 8, channels c-2c-2c"
        yield _point(work, "channels c", channels, _encoder((channels, 2 * channels, 2 * channels), 8))
    chosen = mnist_encoder()
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(chosen.config, copy.deepcopy(chosen.model), image_set(chosen), Path(folder) / "bundle")
        on = devices(bundle, "loihi", "exact", 0)
        for samples in SAMPLES:
            images = chosen.take(samples)
            whole = Work(lambda images=images: cosimulate(bundle.network, on, images))
            yield _point("co-simulation, loihi and exact, 8-16-16, T = 8", "samples", samples, whole)


def check_plot() -> None:
    """Raises InputError where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError("--growth draws with matplotlib, which is missing; pip install 'spiq[bench]'") from error


def plot(points: list[Point], path: Path) -> None:
    """Write the growth as an SVG, an axis a quantity, both scales logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    # So that the same points give the same bytes.
    matplotlib.rcParams["svg.hashsalt"] = "spiq"
    from matplotlib import pyplot

    quantities = list(dict.fromkeys(point.quantity for point in points))
    figure, axes = pyplot.subplots(1, len(quantities), figsize=(3.4 * len(quantities), 3.4), layout="constrained")
    for axis, quantity in zip(axes, quantities, strict=True):
        chosen = [point for point in points if point.quantity == quantity]
        sizes, times = [point.size for point in chosen], [point.milliseconds for point in chosen]
        axis.loglog(sizes, times, "o-")
        axis.loglog(sizes, [times[0] * size / sizes[0] for size in sizes], ":", color="grey", label="linear")
        axis.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        axis.set_xticks([], minor=True)
        axis.set_title(chosen[0].work, fontsize=7)
        axis.set_xlabel(quantity)
        axis.set_ylabel("ms")
        axis.legend(fontsize=7)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _encoder(channels: tuple[int, ...], steps: int) -> Work:
    chosen = network(channels, "flatten", 28, steps)
    device, spikes = LoihiDevice(chosen.program), chosen.spikes(IMAGES)
    return Work(lambda: device.run(spikes))


def _point(work: str, quantity: str, size: int, timed: Work) -> Point:
    timed.run()
    times = [seconds(timed) for _ in range(REPETITIONS)]
    middle = statistics.median(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Point(work, quantity, size, middle * timed.units * 1e3, (max(times) - min(times)) / 2 / middle, peak)
