"""Spike codings: how an image becomes the binary spikes that a spiking encoder reads.

For a pixel x in [0, 1] and time steps t = 0 .. T-1, the spike s_t is:

    phase      s_t = bit (7 - t mod 8) of q,  q = round(255 x), halves to the even number
    rate       s_t = [u_t < x],               u_t uniform on [0, 1), drawn anew for every step, pixel and sample
    latency    s_t = [t = T - ceil(T x)]

Phase coding is the weighted phase coding of arXiv 2512.03895 (after Kim et al. 2018, "Deep neural networks with
weighted spikes"): the bit-planes of the 8-bit pixel, most significant first, again and again with period 8. With
latency coding a pixel spikes once at most: 1 at step 0, a darker pixel never before a brighter one, 0 never.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, UInt8
from numpy.random import Philox

from .errors import InputError

CodingKind = Literal["phase", "rate", "latency"]

PHASE_PERIOD = 8
"""Steps after which phase coding repeats: a pixel has 8 bits."""

_SEED_LIMIT = 2**64


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Coding:
    """One spike coding with all that decides its spikes: the same Coding gives the same spikes everywhere.

    Attributes:
        kind: "phase", "rate" or "latency".
        steps: T, the number of time steps, at least 1.
        seed: Of the draws of "rate", and of nothing else.

    Raises:
        InputError: A value is none of these.

    Example:
        spiq.Coding("phase", steps=8).encode(x_test)    # [time, sample, channel, height, width]
    """

    kind: CodingKind
    steps: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(CodingKind):
            allowed = ", ".join(f'"{kind}"' for kind in get_args(CodingKind))
            raise InputError(f"coding: kind must be one of {allowed}, got {self.kind!r}")
        if not _is_integer(self.steps) or self.steps < 1:
            raise InputError(f"coding: steps must be an integer of at least 1, got {self.steps!r}")
        if not _is_integer(self.seed) or not 0 <= self.seed < _SEED_LIMIT:
            raise InputError(f"coding: seed must be an integer from 0 to 2**64 - 1, got {self.seed!r}")

    def encode(
        self, images: Float[np.ndarray, "sample *shape"], first_sample: int = 0
    ) -> UInt8[np.ndarray, "time sample *shape"]:
        """The spikes of images, or of values of any shape, each 0 or 1.

        Pixels lie in [0, 1]. `first_sample` is the index of the first image within its data set: rate coding draws by
        that index, so a data set has the same spikes however it is cut into chunks. The first T steps do not depend on
        how many follow, except in latency coding, where T is the scale.

        Raises InputError when the array is not floating point, has no axis beside the samples, or holds NaN or a pixel
        outside [0, 1].
        """
        _check_images(images)
        if not _is_integer(first_sample) or first_sample < 0:
            raise InputError(f"coding: first_sample must be an integer of at least 0, got {first_sample!r}")
        match self.kind:
            case "phase":
                return self._phase(images)
            case "rate":
                return self._rate(images, first_sample)
            case "latency":
                return self._latency(images)

    def to_dict(self) -> dict[str, str | int]:
        """The coding as plain values for a bundle's manifest; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Coding":
        """The coding that `to_dict` wrote. Raises InputError for a missing or unknown key, or a value not allowed."""
        if not isinstance(values, Mapping):
            raise InputError(f"coding must be a table with kind, steps and seed, got {values!r}")
        keys = [field.name for field in fields(cls)]
        for key in values:
            if key not in keys:
                raise InputError(f"coding: each key must be one of {', '.join(keys)}, got {key!r}")
        for key in keys:
            if key not in values:
                raise InputError(f"coding: the key {key} is missing; the keys are {', '.join(keys)}")
        return cls(**values)

    def _phase(self, images: np.ndarray) -> np.ndarray:
        # In place, since fresh memory costs more here than the arithmetic.
        scaled = images.astype(np.float64)
        scaled *= 255.0
        pixels = np.rint(scaled, out=scaled).astype(np.uint8)
        spikes = np.empty((self.steps, *images.shape), dtype=np.uint8)
        for step in range(self.steps):
            significance = PHASE_PERIOD - 1 - step % PHASE_PERIOD
            np.right_shift(pixels, significance, out=spikes[step])
            spikes[step] &= 1
        return spikes

    def _rate(self, images: np.ndarray, first_sample: int) -> np.ndarray:
        spikes = np.empty((self.steps, *images.shape), dtype=np.uint8)
        for offset, image in enumerate(images):
            # The sample's index is the highest word of Philox's 256-bit counter: streams of two samples never meet.
            bits = Philox(key=self.seed, counter=[0, 0, 0, first_sample + offset])
            # Raw words, and not Generator.random, since NumPy keeps only the bit generators' streams fixed for ever.
            words = bits.random_raw(self.steps * image.size)
            uniform = (words >> np.uint64(11)) * 2.0**-53
            spikes[:, offset] = uniform.reshape(self.steps, *image.shape) < image
        return spikes

    def _latency(self, images: np.ndarray) -> np.ndarray:
        first_spike = self.steps - np.ceil(self.steps * images.astype(np.float64))
        steps = np.arange(self.steps).reshape(-1, *[1] * images.ndim)
        return (steps == first_spike).astype(np.uint8)


def _check_images(images: np.ndarray) -> None:
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"coding: images must be floating-point numbers in [0, 1], got the type {images.dtype}")
    if images.ndim < 2:
        raise InputError(f"coding: images must have the shape [sample, …], got {list(images.shape)}")
    if not images.size:
        return
    # Either is NaN if there is one anywhere.
    least, most = images.min(), images.max()
    if np.isnan(least):
        raise InputError("coding: images must lie in [0, 1], got NaN")
    if not (least >= 0 and most <= 1):
        raise InputError(f"coding: images must lie in [0, 1], got {least:g} to {most:g}")
