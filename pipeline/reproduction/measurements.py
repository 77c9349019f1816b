"""The work that gives the figures: spiq's own commands, its benchmark, and the campaigns of a checkout.

What a command does is measured by the command, in a process of its own.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ...export.errors import DeviceError, InputError
from ..benchmark.comparison import Result
from ..benchmark.whole import MAIN
from ..config.data_folder import DATA_VARIABLE, data_folder
from ..validation.report import Report
from .claim import Measurement, Skipped

ROOT = Path(__file__).resolve().parents[2]
"""A checkout's root, if this file lies in one; the examples and the campaigns are no part of the installed package."""

LAVA_SAMPLES = 500
"""Of the images of MNIST, as README.md has it."""


class Ladder(NamedTuple):
    """A run's report, the seconds that the command took, and, if it was asked for and Lava is set up, how many output
    spikes of Lava's differ from loihi's for LAVA_SAMPLES images."""

    report: Report
    seconds: float
    lava_mismatches: int | None = None


def from_checkout(path: str) -> Path:
    """A file of the checkout. Raises Skipped where spiq is installed without one."""
    found = ROOT / path
    if not found.is_file():
        raise Skipped(f"{path} is no part of the installed package; a checkout of spiq has it")
    return found


def digits_ladder(quick: bool) -> Ladder:
    """`spiq run examples/digits.toml`."""
    with tempfile.TemporaryDirectory() as folder:
        return _ladder("examples/digits.toml", Path(folder) / "run")


def mnist_ladder(quick: bool) -> Ladder:
    """`spiq run examples/mnist.toml`, and LAVA_SAMPLES images on Lava. Raises Skipped without the data."""
    data = data_folder()
    if data is None or not data.is_dir():
        raise Skipped(f"${DATA_VARIABLE} does not name a folder with MNIST")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        ladder = _ladder("examples/mnist.toml", run)
        if lava_is_missing() is not None:
            return ladder
        answer = _spiq("cosim", run / "bundle", "--snn", "lava", "--limit", LAVA_SAMPLES, "--json")
        return ladder._replace(lava_mismatches=_json(answer.stdout)["spike_mismatches"])


def lava_is_missing() -> str | None:
    """Why Lava cannot be run here; None if it can."""
    from ...hardware.registry import spiking_entry

    return spiking_entry("lava").missing()


def benchmark(quick: bool) -> dict[str, Result]:
    """`spiq bench`, by row."""
    from ..benchmark.run import comparisons

    return {result.name: result for result in comparisons(quick)}


def circuit_difference(quick: bool) -> float:
    """The largest difference of an expectation value between the light cone and PennyLane, in float64: 9 qubits and 1
    to 4 blocks, 16 samples each."""
    import torch

    from ..benchmark.heads import QUBITS, inputs, lightcone, pennylane

    largest = 0.0
    for n_blocks in range(1, 5):
        angles, weights = (tensor.detach() for tensor in inputs(16, QUBITS, n_blocks, torch.float64))
        difference = lightcone()(angles, weights) - pennylane()(angles, weights)
        largest = max(largest, float(difference.abs().max()))
    return largest


def campaign(name: str, quick_tries: int, tries: int, *options: str) -> Callable[[bool], str]:
    """A program of tests/campaigns; gives what it prints. `options` are for the whole of it."""

    def measure(quick: bool) -> str:
        program = from_checkout(f"tests/campaigns/{name}.py")
        chosen = [option for option in options if not quick and (option != "--lava" or lava_is_missing() is None)]
        count = quick_tries if quick else tries
        done = _process(sys.executable, program, "--tries", count, *chosen)
        # With 1 it says that something differs, and what.
        if done.returncode > 1 or not done.stdout:
            raise DeviceError(f"{program}: exit status {done.returncode}: {_last_line(done.stderr)}")
        return done.stdout

    return measure


def by_make(target: str) -> Callable[[bool], Any]:
    """What another target of the Makefile measures, since it needs environments of its own."""

    def measure(quick: bool) -> Any:
        raise Skipped(f"`make {target}` measures it")

    return measure


def numbers(pattern: str, printed: str) -> list[float]:
    """Every number that the pattern's group finds. Raises DeviceError where there is none."""
    found = [float(number) for number in re.findall(pattern, printed)]
    if not found:
        raise DeviceError(f"the campaign printed nothing like {pattern!r}")
    return found


def _ladder(example: str, run: Path) -> Ladder:
    config = from_checkout(example)
    started = time.perf_counter()
    # Where the gate is not passed the exit status is 1, and the figures say why.
    done = _spiq("run", config, "--out", run, "--json")
    return Ladder(Report.model_validate(_json(done.stdout)), time.perf_counter() - started)


def _spiq(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = _process(sys.executable, "-c", MAIN, *arguments)
    if done.returncode > 1:
        raise DeviceError(f"spiq {' '.join(map(str, arguments))}: {_last_line(done.stderr)}")
    return done


def _process(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True)


def _json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"the command's answer is not JSON: {error}") from error


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


MEASUREMENTS = (
    Measurement("circuit", "the circuit's light cone beside PennyLane", 5, 5, circuit_difference),
    Measurement("digits", "spiq run examples/digits.toml", 70, 70, digits_ladder),
    Measurement("bench", "spiq bench", 50, 140, benchmark),
    Measurement("snntorch", "tests/campaigns/snntorch_networks.py", 15, 660,
                campaign("snntorch_networks", 10, 500, "--lava")),
    Measurement("hybrid", "tests/campaigns/hybrid_networks.py", 25, 600, campaign("hybrid_networks", 5, 200)),
    Measurement("scaled", "tests/campaigns/scaled_networks.py", 15, 300, campaign("scaled_networks", 10, 1000)),
    Measurement("hdf5", "tests/campaigns/damaged_hdf5.py", None, 300, campaign("damaged_hdf5", 0, 5000)),
    Measurement("bundles", "tests/campaigns/damaged_bundles.py", None, 900, campaign("damaged_bundles", 0, 2000)),
    Measurement("mnist", "spiq run examples/mnist.toml", None, 640, mnist_ladder),
    Measurement("peers", "make peers", None, 0, by_make("peers")),
)  # fmt: skip
"""In the order in which they are done."""
