"""The whole: both devices together against the slower of them alone, and how fast the command starts."""

import copy
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ...export.bundle.folder import Bundle
from ...hardware.catalogue import quantum_device, spiking_device
from ...hardware.cosimulation import cosimulate, from_encoded
from ...hardware.devices import QuantumDevice, SpikingDevice
from ..run.exporting import export_bundle
from .comparison import Result, Work, compared, seconds, side_by_side
from .networks import image_set
from .spiking import mnist_encoder

IMAGES = 10_000
QUICK_IMAGES = 2_000

MAIN = "import sys; from spiq.pipeline.commands.main import main; sys.exit(main())"
"""What the command `spiq` is."""

START_ALLOWANCE = 0.4
"""Seconds that `spiq --help` may take beyond an empty Python."""


def overlap_comparison(repetitions: int, quick: bool) -> Result:
    """cosim.overlap: each device alone goes from what it is handed to what it hands on."""
    chosen = mnist_encoder()
    count = QUICK_IMAGES if quick else IMAGES
    images = chosen.take(count)
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(chosen.config, copy.deepcopy(chosen.model), image_set(chosen), Path(folder) / "bundle")
        snn, qpu = spiking_device("loihi", bundle), quantum_device("exact", bundle, 0)
        name, slower = _slower(bundle, snn, qpu, images)
        return compared(
            "cosim.overlap",
            f"{count} images from pixels to logits, 28x28, channels 8-16-16, T = 8, loihi and exact",
            f"{name} alone, the slower of the two",
            side_by_side(Work(lambda: cosimulate(bundle, snn, qpu, images), count), slower, repetitions),
            needed=0.8,
        )


def _slower(bundle: Bundle, snn: SpikingDevice, qpu: QuantumDevice, images: np.ndarray) -> tuple[str, Work]:
    spikes = bundle.coding.encode(images)
    encoded = snn.run(spikes)
    works = {
        "loihi": Work(lambda: snn.run(spikes), len(images)),
        "exact": Work(lambda: from_encoded(bundle, qpu, encoded, None), len(images)),
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
