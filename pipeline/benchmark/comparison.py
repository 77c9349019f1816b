"""One comparison: our way and a peer's way of the same work, timed side by side.

The two take turns, so that what else the machine does slows both alike. A time is what one unit of work took (a
sample, say); where a peer is so slow that it gets fewer units than we do, both are still told for one unit.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

LEAST_SECONDS = 0.2
"""A run that is over sooner is repeated until so much time has passed, and its mean counts."""


class Work(NamedTuple):
    """Something to time: `run` does `units` units of it.

    Where `start` is given, it does `start_units` of them, and its time is taken off: what a peer takes to start, which
    has nothing to do with how fast it is.
    """

    run: Callable[[], object]
    units: int = 1
    start: Callable[[], object] | None = None
    start_units: int = 0


class Times(NamedTuple):
    """Seconds a unit, a number for each repetition."""

    ours: list[float]
    peer: list[float]


class Result(NamedTuple):
    """A row of bench.json. `ours` and `peer` are medians of `unit`, and `ratio` is peer / ours.

    `spread` is half of (largest - smallest) / median of the repetitions' ratios; None where there is one only.
    `needed` is the ratio that is promised, `passed` whether the promise is kept; None where nothing is promised.
    """

    name: str
    work: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    unit: str
    spread: float | None
    needed: float | None
    passed: bool | None
    repetitions: int


def side_by_side(ours: Work, peer: Work, repetitions: int, warm_peer: bool = True) -> Times:
    """Time both in turns; an untimed run of each goes first, for caches and compilers.

    A peer that runs for minutes in processes of its own has nothing to warm.
    """
    ours.run()
    if warm_peer:
        peer.run()
    times = Times([], [])
    for _ in range(repetitions):
        times.ours.append(seconds(ours))
        times.peer.append(seconds(peer))
    return times


def compared(
    name: str,
    work: str,
    peer_name: str,
    times: Times,
    unit: str = "ms per sample",
    scale: float = 1e3,
    needed: float | None = None,
) -> Result:
    """The row for these times; `scale` turns a second into `unit`."""
    ratios = [peer / ours for ours, peer in zip(*times, strict=True)]
    ours, peer = statistics.median(times.ours), statistics.median(times.peer)
    ratio = peer / ours
    return Result(
        name=name,
        work=work,
        ours=ours * scale,
        peer=peer * scale,
        peer_name=peer_name,
        ratio=ratio,
        unit=unit,
        spread=(max(ratios) - min(ratios)) / 2 / statistics.median(ratios) if len(ratios) > 1 else None,
        needed=needed,
        passed=None if needed is None else ratio >= needed,
        repetitions=len(ratios),
    )


def seconds(work: Work) -> float:
    """Seconds a unit of one timing."""
    whole = _timed(work.run)
    if work.start is None:
        return whole / work.units
    return (whole - _timed(work.start)) / (work.units - work.start_units)


def _timed(run: Callable[[], object]) -> float:
    started, runs, passed = time.perf_counter(), 0, 0.0
    while passed < LEAST_SECONDS:
        run()
        runs += 1
        passed = time.perf_counter() - started
    return passed / runs
