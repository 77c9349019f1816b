"""The networks that the benchmark runs: of the examples' sizes, untrained, on images that are at hand.

Speed depends on how much fires, not on what was learnt. So the weights are the seeded initial ones, and the batch norms
take their statistics from the images, which gives every layer the activity of a network that is being trained.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from ...export.from_torch.graph import to_nir
from ...export.nir.graph import ResolvedGraph, resolve
from ...hardware.loihi.lowering.lower import lower_to_loihi
from ...hardware.loihi.program import LoihiProgram
from ..config.data_folder import data_folder
from ..config.schema import Config
from ..data import ImageSet, load_images
from ..models.sqdr_cnn import SQDRCNN

CALIBRATION = 128
"""Images that the batch norms and the scales of the fixed point are set on."""


class Network(NamedTuple):
    """A network in evaluation mode, float32, its encoder as a NIR graph and as a Loihi program."""

    config: Config
    model: SQDRCNN
    graph: ResolvedGraph
    program: LoihiProgram
    images: Float32[np.ndarray, "sample channel height width"]
    source: str

    def spikes(self, samples: int) -> UInt8[np.ndarray, "time sample channel height width"]:
        """The first samples' input spikes; the images start over where there are too few."""
        return self.config.coding_scheme.encode(self.take(samples))

    def take(self, samples: int) -> Float32[np.ndarray, "sample channel height width"]:
        """The first images, starting over where there are too few."""
        return self.images[np.arange(samples) % len(self.images)]


def image_set(chosen: Network) -> ImageSet:
    """The images as a set to export with; their labels mean nothing."""
    labels = np.arange(len(chosen.images)) % 10
    return ImageSet(chosen.images, labels, chosen.images, labels, 10, chosen.source)


@cache
def network(channels: tuple[int, ...], output: str, size: int, steps: int) -> Network:
    """An SQDR-CNN of 9 qubits and 2 blocks for images of size x size."""
    config = Config.model_validate(
        {
            "name": "bench",
            "data": {"source": "digits"},
            "coding": {"kind": "phase", "steps": steps},
            "encoder": {"channels": list(channels), "output": output},
            "circuit": {"qubits": 9, "blocks": 2},
        }
    )
    images, source = _images(size)
    torch.manual_seed(0)
    model = SQDRCNN(config, images.shape[1:], 10)
    for norm in (layer for layer in model.encoder if isinstance(layer, torch.nn.BatchNorm2d)):
        norm.momentum = None
    with torch.no_grad():
        model.train()
        model(torch.from_numpy(config.coding_scheme.encode(images[:CALIBRATION])).float())
    model.eval()
    graph = resolve(to_nir(model.encoder, images.shape[1:], config.export.dt), "encoder", config.export.dt)
    program = lower_to_loihi(graph, config.coding_scheme.encode(images[:CALIBRATION]))
    return Network(config, model, graph, program, images, source)


def _images(size: int) -> tuple[Float32[np.ndarray, "sample 1 height width"], str]:
    """MNIST's test images where $SPIQ_DATA is set, else the embedded digits made larger; black around them."""
    if data_folder():
        found, source = load_images("mnist").test_images, "MNIST"
    else:
        found, source = np.kron(load_images("digits").train_images, np.ones((1, 1, 3, 3), np.float32)), "digits"
    margin = size - found.shape[-1]
    sides = (margin // 2, margin - margin // 2)
    return np.pad(found, ((0, 0), (0, 0), sides, sides)), source
