"""The whole: both devices together against the slower of them alone, and how fast the command starts."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ...export.bundle import Bundle
from ...hardware.catalogue import quantum_device, spiking_device
from ...hardware.cosimulation import cosimulate, from_encoded
from ..data import ImageSet
from ..exporting import export_bundle
from .comparison import Result, Work, compared, side_by_side
from .networks import Network
from .spiking import mnist_encoder

IMAGES = 10_000
QUICK_IMAGES = 2_000

START_ALLOWANCE = 0.4
"""Seconds that `spiq --help` may take beyond an empty Python."""


def overlap_comparison(repetitions: int, quick: bool) -> Result:
    """cosim.overlap: each device alone goes from what it is handed to what it hands on."""
    chosen = mnist_encoder()
    count = QUICK_IMAGES if quick else IMAGES
    images = chosen.take(count)
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(chosen.config, chosen.model, _image_set(chosen), Path(folder) / "bundle")
        chosen.model.float()
        snn, qpu = spiking_device("loihi", bundle), quantum_device("exact", bundle, 0)
        alone = _slower(bundle, count, images)
        return compared(
            "cosim.overlap",
            f"{count} images from pixels to logits, 28x28, channels 8-16-16, T = 8, loihi and exact",
            f"{alone[0]} alone, the slower of the two",
            side_by_side(Work(lambda: cosimulate(bundle, snn, qpu, images), count), alone[1], repetitions),
            needed=0.8,
        )


def _slower(bundle: Bundle, count: int, images: np.ndarray) -> tuple[str, Work]:
    snn, qpu = spiking_device("loihi", bundle), quantum_device("exact", bundle, 0)
    spikes = bundle.coding.encode(images)
    encoded = snn.run(spikes)
    works = {
        "loihi": Work(lambda: snn.run(spikes), count),
        "exact": Work(lambda: from_encoded(bundle, qpu, encoded, None), count),
    }
    (loihi,), (exact,) = side_by_side(works["loihi"], works["exact"], 1)
    name = "loihi" if loihi > exact else "exact"
    return name, works[name]


def _image_set(chosen: Network) -> ImageSet:
    labels = np.arange(len(chosen.images)) % 10
    return ImageSet(chosen.images, labels, chosen.images, labels, 10, chosen.source)


def start_comparison(repetitions: int) -> Result:
    """start: an empty Python is the peer, so what is promised is a difference, told in `needed` as a ratio."""
    command = Path(sys.executable).with_name("spiq")
    ours = Work(lambda: subprocess.run([str(command), "--help"], check=True, capture_output=True))
    peer = Work(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    times = side_by_side(ours, peer, repetitions)
    return compared("start", f"`spiq --help`, at most {START_ALLOWANCE} s longer", "`python -c pass`", times, "s", 1.0)
