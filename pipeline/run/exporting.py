"""From a run's trained network to its bundle."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...export.bundle.bundle import Bundle
from ...export.bundle.epochs import Epochs
from ...hardware.network.bundling import Examples, Origin, bundle_network
from ..config.schema import Config
from ..data import ImageSet
from ..models.tracing import TrainedNetwork

LEAST_CIRCUIT_CALIBRATION = 64
"""Training samples whose circuit inputs the bundle keeps at least, if there are so many."""

SAME_ANSWER = 1e-9
"""Answers in float64 that lie further apart are of two networks: rounding stays far below, an epoch goes far beyond."""


def export_bundle(
    config: Config,
    model: TrainedNetwork,
    data: ImageSet,
    path: Path,
    may_replace: bool = False,
    before_replacing: Callable[[], None] | None = None,
    epochs: Epochs | None = None,
) -> Bundle:
    """Write the bundle of a trained network in float64 and open it again.

    The scales of the fixed-point program are chosen on training images, the golden samples are test images. `epochs`
    says how far the network was trained; without it the bundle says that this is not known.
    `before_replacing` is called when every part is written and what is at `path` is still as it was. Raises InputError
    where the path is taken, unless it may be replaced, and where a part cannot be exported.
    """
    model.prepare()
    network = model.to_network()
    golden = data.test_images[: config.export.golden_samples]
    count = config.export.calibration_samples
    examples = Examples(
        golden=golden,
        trace=model.traced(network, golden),
        labels=data.test_labels[: config.export.golden_samples],
        calibration=_drawn(config, data, count),
        circuit_calibration=_drawn(config, data, max(count, LEAST_CIRCUIT_CALIBRATION)),
    )
    origin = Origin(config.name, config.data.source, config.seed, data.pixel_range, epochs)
    return bundle_network(network, path, examples, origin, may_replace, before_replacing)


def is_bundle_of(bundle: Bundle, model: TrainedNetwork) -> bool:
    """Whether the bundle was made of this network: PyTorch's answers to its golden samples are the network's.

    The network must be one that reads samples of the bundle's shape; it is left in float64.
    """
    model.prepare()
    answer, stored = model.traced(bundle.network, bundle.golden.input).output, bundle.golden.trace.output
    return answer.shape == stored.shape and np.allclose(answer, stored, 0, SAME_ANSWER)


def _drawn(config: Config, data: ImageSet, count: int) -> Float[np.ndarray, "sample channel height width"]:
    """So many training images, drawn at random by the run's seed, in their order."""
    count = min(count, len(data.train_images))
    chosen = np.random.default_rng(config.seed).choice(len(data.train_images), count, replace=False)
    return data.train_images[np.sort(chosen)]
