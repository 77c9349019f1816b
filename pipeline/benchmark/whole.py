"""The whole: both devices together against the slower of them alone, and how fast the command starts."""

import copy
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ...export.bundle.bundle import Bundle
from ...export.network.network import INPUT
from ...hardware.network.cosimulation import cosimulate
from ...hardware.network.stages import Devices, Values, run_stages
from ...hardware.registry import devices
from ..run.exporting import export_bundle
from .comparison import Result, Work, compared, seconds, side_by_side
from .networks import image_set
from .spiking import mnist_encoder

IMAGES = 10_000
QUICK_IMAGES = 5_000
"""Five batches of a co-simulation: the first and the last cannot overlap with another one."""

MAIN = "import sys; from spiq.pipeline.commands.main import main; sys.exit(main())"
"""What the command `spiq` is."""

START_ALLOWANCE = 0.2
"""Seconds that `spiq --help` may take beyond an empty Python."""


def overlap_comparison(repetitions: int, quick: bool) -> Result:
    """cosim.overlap: each device alone goes from what it is handed to what it hands on."""
    chosen = mnist_encoder()
    count = QUICK_IMAGES if quick else IMAGES
    images = chosen.take(count)
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(chosen.config, copy.deepcopy(chosen.model), image_set(chosen), Path(folder) / "bundle")
        on = devices(bundle, "loihi", "exact", 0)
        name, slower = _slower(bundle, on, images)
        return compared(
            "cosim.overlap",
            f"{count} images from pixels to logits, 28x28, channels 8-16-16, T = 8, loihi and exact",
            f"{name} alone, the slower of the two",
            side_by_side(Work(lambda: cosimulate(bundle.network, on, images), count), slower, repetitions),
            needed=0.8,
        )


def _slower(bundle: Bundle, on: Devices, images: np.ndarray) -> tuple[str, Work]:
    network = bundle.network
    values: Values = {INPUT: images}
    spiking = set(network.spiking)
    run_stages(network, network.before(spiking), values, on)
    spikes = dict(values)
    run_stages(network, spiking, values, on)
    rest = set(network.order) - values.keys()
    works = {
        "loihi": Work(lambda: run_stages(network, spiking, dict(spikes), on), len(images)),
        "exact": Work(lambda: run_stages(network, rest, dict(values), on), len(images)),
    }
    name = max(works, key=lambda key: seconds(works[key]))
    return name, works[name]


def start_comparison(repetitions: int) -> Result:
    """start: the peer is an empty Python, and what is promised is the difference, not the ratio."""
    ours = Work(lambda: subprocess.run([sys.executable, "-c", MAIN, "--help"], check=True, capture_output=True))
    peer = Work(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    result = compared(
        "start",
        f"`spiq --help`; at most {START_ALLOWANCE} s longer is allowed",
        "`python -c pass`",
        side_by_side(ours, peer, repetitions),
        "s",
        1.0,
    )
    return result._replace(passed=result.ours - result.peer <= START_ALLOWANCE)
