"""All comparisons, one after the other, and what machine they ran on."""

import os
import platform
from collections.abc import Iterator
from typing import Any

import torch

from .comparison import Result
from .heads import head_comparisons
from .spiking import spiking_comparisons
from .steps import step_comparisons
from .whole import overlap_comparison, start_comparison

REPETITIONS = 7
QUICK_REPETITIONS = 3


def comparisons(quick: bool) -> Iterator[Result]:
    """Every row of bench.json. `quick` takes fewer samples and repetitions, so that all take under two minutes."""
    repetitions = QUICK_REPETITIONS if quick else REPETITIONS
    yield from head_comparisons(repetitions, quick)
    yield from spiking_comparisons(repetitions, quick)
    yield from step_comparisons(repetitions, quick)
    yield overlap_comparison(repetitions, quick)
    yield start_comparison(repetitions)


def machine() -> str:
    """The machine in a few words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, PyTorch {torch.__version__}"


def as_dict(result: Result) -> dict[str, Any]:
    """The row as it stands in bench.json."""
    return result._asdict() | {"machine": machine()}
