"""One comparison: our way and a peer's way of the same work, timed side by side.

The two take turns, so that what else the machine does slows both alike. A time is what one unit of work took (a
sample, say); where a peer is so slow that it gets fewer units than we do, both are still told for one unit.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Work(NamedTuple):
    """Something to time: `run` does `units` units of it. `prepare`, untimed, comes before each run."""

    run: Callable[[], object]
    units: int = 1
    prepare: Callable[[], object] | None = None


class Result(NamedTuple):
    """A row of bench.json. `ours` and `peer` are medians of `unit`, `ratio` is how many times faster we are.

    `spread` is the relative spread of the ratio over the repetitions: half of (largest - smallest) / median. `needed`
    is the ratio that is promised; None where nothing is.
    """

    name: str
    work: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    unit: str
    spread: float
    needed: float | None
    repetitions: int


def side_by_side(ours: Work, peer: Work, repetitions: int, warm_peer: bool = True) -> tuple[list[float], list[float]]:
    """Seconds a unit for each, in turns; an untimed run of each goes first, for caches and compilers.

    A peer that runs for minutes in processes of its own has nothing to warm.
    """
    _seconds(ours)
    if warm_peer:
        _seconds(peer)
    mine, theirs = [], []
    for _ in range(repetitions):
        mine.append(_seconds(ours))
        theirs.append(_seconds(peer))
    return mine, theirs


def compared(
    name: str,
    work: str,
    peer_name: str,
    times: tuple[list[float], list[float]],
    unit: str = "ms a sample",
    scale: float = 1e3,
    needed: float | None = None,
) -> Result:
    """The row for these seconds a unit; `scale` turns a second into `unit`."""
    mine, theirs = times
    ratios = [other / own for own, other in zip(mine, theirs, strict=True)]
    ratio = statistics.median(ratios)
    return Result(
        name=name,
        work=work,
        ours=statistics.median(mine) * scale,
        peer=statistics.median(theirs) * scale,
        peer_name=peer_name,
        ratio=ratio,
        unit=unit,
        spread=(max(ratios) - min(ratios)) / 2 / ratio,
        needed=needed,
        repetitions=len(mine),
    )


def _seconds(work: Work) -> float:
    if work.prepare:
        work.prepare()
    started = time.perf_counter()
    work.run()
    return (time.perf_counter() - started) / work.units
