"""How our times grow, one size at a time: qubits, blocks, time steps, samples, channels."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...export.errors import InputError
from ...hardware.loihi.device import LoihiDevice
from .comparison import Work
from .heads import head_step
from .networks import network

REPETITIONS = 5
HEAD_BATCH = 256
IMAGES = 1000

QUBITS = (4, 8, 16, 32, 64, 128)
BLOCKS = (1, 2, 3, 4, 5, 6)
STEPS = (4, 8, 16, 32)
SAMPLES = (100, 1_000, 10_000, 100_000)
CHANNELS = (4, 8, 16, 32)


class Point(NamedTuple):
    """The median of the milliseconds that the work took at this size, and half the relative spread."""

    work: str
    quantity: str
    size: int
    milliseconds: float
    spread: float


def grown() -> Iterator[Point]:
    """Every point of growth.json."""
    head = f"head, forward and backward, batch {HEAD_BATCH}"
    for n_qubits in QUBITS:
        yield _point(f"{head}, 2 blocks", "qubits", n_qubits, head_step(n_qubits, 2, HEAD_BATCH))
    for n_blocks in BLOCKS:
        yield _point(f"{head}, 9 qubits", "blocks", n_blocks, head_step(9, n_blocks, HEAD_BATCH))
    for steps in STEPS:
        yield _point(
            f"loihi, {IMAGES} images, channels 8-16-16", "time steps", steps, _encoder((8, 16, 16), steps, IMAGES)
        )
    for samples in SAMPLES:
        yield _point("loihi, channels 8-16-16, T = 8", "samples", samples, _encoder((8, 16, 16), 8, samples))
    for channels in CHANNELS:
        yield _point(
            f"loihi, {IMAGES} images, T = 8, channels c-2c-2c", "channels c", channels,
            _encoder((channels, 2 * channels, 2 * channels), 8, IMAGES),
        )  # fmt: skip


def plot(points: list[Point], path: Path) -> None:
    """Write the growth as an SVG, an axis a quantity, both scales logarithmic.

    Raises InputError where matplotlib is missing.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise InputError("--growth draws with matplotlib, which is missing; pip install 'spiq[bench]'") from error
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


def _encoder(channels: tuple[int, ...], steps: int, samples: int) -> Work:
    chosen = network(channels, "flatten", 28, steps)
    device = LoihiDevice(chosen.program)
    # In parts, as the co-simulation hands them over: what is held does not grow.
    part = min(samples, IMAGES)
    spikes = chosen.spikes(part)

    def run() -> None:
        for _ in range(samples // part):
            device.run(spikes)

    return Work(run)


def _point(work: str, quantity: str, size: int, timed: Work) -> Point:
    seconds = [_seconds(timed.run) for _ in range(REPETITIONS + 1)][1:]
    middle = statistics.median(seconds)
    return Point(work, quantity, size, middle * 1e3, (max(seconds) - min(seconds)) / 2 / middle)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
