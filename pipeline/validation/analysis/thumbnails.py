"""Small pictures of samples, as a page can hold them."""

import base64
import io
from collections.abc import Iterable

import numpy as np
from jaxtyping import Shaped, UInt8

from ....export.network.signals import Signal

LARGEST_SIDE = 64
"""Pixels; a larger image is drawn from every nth of its pixels."""


def thumbnails(samples: Shaped[np.ndarray, "..."], signal: Signal, chosen: Iterable[int]) -> dict[int, str]:
    """PNGs as data URIs, by the sample's number; none where a sample is no image.

    Images have the shape `[channel, height, width]` with one, two or three channels, and values in [0, 1]; of spikes
    `[time, sample, channel, height, width]` the mean over time is drawn. Of two channels, as an event camera's, the
    first is red and the second blue.

    Args:
        samples: The samples as the network reads them.
        signal: What one of them looks like.
        chosen: The numbers of those that are drawn.
    """
    if len(signal.shape) != 3 or signal.shape[0] not in (1, 2, 3):
        return {}
    found = {}
    for number in sorted(set(chosen)):
        image = samples[:, number].mean(0) if signal.kind == "spikes" else samples[number]
        found[number] = f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"
    return found


def _png(image: Shaped[np.ndarray, "channel height width"]) -> bytes:
    from PIL import Image

    every = -(-max(image.shape[1:]) // LARGEST_SIDE)
    shades = _shades(image[:, ::every, ::every])
    written = io.BytesIO()
    Image.fromarray(shades[0] if len(shades) == 1 else shades.transpose(1, 2, 0)).save(written, "PNG", optimize=True)
    return written.getvalue()


def _shades(image: Shaped[np.ndarray, "channel height width"]) -> UInt8[np.ndarray, "shade height width"]:
    shades = np.rint(np.clip(image.astype(np.float64), 0, 1) * 255).astype(np.uint8)
    return shades if len(shades) != 2 else np.stack([shades[0], np.zeros_like(shades[0]), shades[1]])
