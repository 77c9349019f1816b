"""Spike codings against their equations, written a second time in plain Python."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.coding import Coding
from spiq.export.errors import InputError

kinds = st.sampled_from(["phase", "rate", "latency"])


def random_images(seed: int, samples: int = 3, dtype: str = "float32") -> np.ndarray:
    """Images whose pixels are often exactly 0, 1 or a multiple of 1/255."""
    rng = np.random.default_rng(seed)
    shape = (samples, *rng.integers(1, 4, size=3))
    pixels = rng.random(shape)
    eight_bit = rng.integers(0, 256, size=shape) / 255
    pixels = np.where(rng.random(shape) < 0.5, eight_bit, pixels)
    return np.where(rng.random(shape) < 0.2, np.round(pixels), pixels).astype(dtype)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), dtype=st.sampled_from(["float32", "float64"]), periods=st.integers(1, 3))
def test_phase_decodes_to_the_8_bit_pixel(seed: int, dtype: str, periods: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, size=(2, 1, 4, 5))
    spikes = Coding("phase", 8 * periods).encode((pixels / 255).astype(dtype))
    weights = 2 ** np.arange(7, -1, -1)
    for period in range(periods):
        decoded = np.tensordot(weights, spikes[8 * period : 8 * (period + 1)].astype(int), axes=1)
        assert np.array_equal(decoded, pixels)


def test_phase_rounds_halves_to_the_even_number() -> None:
    pixel = np.array([0.5, 1.5, 2.5, 254.5]) / 255
    assert np.array_equal(255.0 * pixel, [0.5, 1.5, 2.5, 254.5])
    spikes = Coding("phase", 8).encode(pixel.reshape(4, 1, 1, 1))
    decoded = np.tensordot(2 ** np.arange(7, -1, -1), spikes.astype(int), axes=1).ravel()
    assert decoded.tolist() == [0, 2, 2, 254]


def test_phase_shows_the_most_significant_bit_first() -> None:
    image = np.full((1, 1, 1, 1), 0b10110001 / 255, dtype=np.float32)
    assert Coding("phase", 11).encode(image).ravel().tolist() == [1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1]


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40), dtype=st.sampled_from(["float16", "float32", "float64"]))
def test_latency_follows_its_equation_in_exact_fractions(seed: int, steps: int, dtype: str) -> None:
    images = random_images(seed, dtype=dtype)
    spikes = Coding("latency", steps).encode(images)
    for index in np.ndindex(images.shape):
        pixel = Fraction(float(images[index]))
        expected = [0] * steps
        if pixel > 0:
            expected[steps - math.ceil(steps * pixel)] = 1
        # A float64 pixel times the steps may round onto an integer: then only the neighbouring step is right too.
        if dtype != "float64" or Fraction(steps * float(images[index])) == steps * pixel:
            assert spikes[(slice(None), *index)].tolist() == expected


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 300))
def test_latency_is_monotone_and_spikes_once(seed: int, steps: int) -> None:
    pixels = np.sort(np.append(np.random.default_rng(seed).random(30), [0.0, 5e-324, 1e-9, 1.0]))
    spikes = Coding("latency", steps).encode(pixels.reshape(-1, 1, 1, 1)).reshape(steps, -1)
    assert spikes[:, 0].sum() == 0
    assert (spikes[:, 1:].sum(axis=0) == 1).all()
    assert (np.diff(spikes[:, 1:].argmax(axis=0)) <= 0).all()
    assert spikes[0, -1] == 1


@settings(deadline=None, max_examples=60)
@given(kind=kinds, seed=st.integers(0, 2**64 - 1), steps=st.integers(1, 20), data=st.data())
def test_any_cut_into_chunks_gives_the_same_spikes(kind: str, seed: int, steps: int, data: st.DataObject) -> None:
    images = random_images(seed, samples=6)
    first = data.draw(st.integers(0, 10**6))
    cuts = sorted(data.draw(st.lists(st.integers(0, 6), max_size=3)))
    coding = Coding(kind, steps, seed)
    whole = coding.encode(images, first_sample=first)
    bounds = [0, *cuts, 6]
    chunks = [
        coding.encode(images[start:stop], first_sample=first + start) for start, stop in itertools.pairwise(bounds)
    ]
    assert np.array_equal(np.concatenate(chunks, axis=1), whole)


@settings(deadline=None, max_examples=60)
@given(kind=kinds, seed=st.integers(0, 2**32), steps=st.integers(1, 20))
def test_spikes_are_binary_and_repeatable(kind: str, seed: int, steps: int) -> None:
    images = random_images(seed)
    before = images.copy()
    coding = Coding(kind, steps, seed)
    spikes = coding.encode(images)
    assert spikes.dtype == np.uint8
    assert spikes.shape == (steps, *images.shape)
    assert set(np.unique(spikes)) <= {0, 1}
    assert spikes.tobytes() == coding.encode(images).tobytes()
    assert np.array_equal(images, before)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), pixel=st.floats(0, 1, width=32))
def test_rate_has_the_pixel_as_its_mean(seed: int, pixel: float) -> None:
    images = np.full((20, 1, 10, 10), pixel, dtype=np.float32)
    spikes = Coding("rate", 20, seed).encode(images)
    sigma = math.sqrt(pixel * (1 - pixel) / spikes.size)
    # The smallest pixels' counts are Poisson and not normal: five spikes more are allowed.
    assert abs(spikes.mean() - pixel) <= 5 * sigma + 5 / spikes.size


def test_rate_draws_are_independent_over_steps_pixels_samples_and_seeds() -> None:
    images = np.full((40, 1, 10, 10), 0.5, dtype=np.float32)
    spikes = Coding("rate", 20, seed=1).encode(images).astype(float)
    other = Coding("rate", 20, seed=2).encode(images)
    count = spikes.size / 2
    assert abs(spikes.mean() - 0.5) < 5 * 0.5 / math.sqrt(2 * count)
    for first, second in [
        (spikes[1:], spikes[:-1]),
        (spikes[:, 1:], spikes[:, :-1]),
        (spikes[..., 1:], spikes[..., :-1]),
        (spikes, other),
    ]:
        assert abs(np.mean(first == second) - 0.5) < 5 * 0.5 / math.sqrt(count)


def test_rate_is_certain_at_0_and_1_and_its_first_steps_do_not_depend_on_the_rest() -> None:
    images = np.array([0.0, 1.0, 0.3], dtype=np.float32).reshape(1, 1, 1, 3)
    spikes = Coding("rate", 200, seed=5).encode(images)
    assert spikes[..., 0].sum() == 0
    assert spikes[..., 1].sum() == 200
    assert np.array_equal(Coding("rate", 50, seed=5).encode(images), spikes[:50])


def philox_words(key: int, counter: list[int], count: int) -> list[int]:
    """Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in plain integers."""
    mask = 2**64 - 1
    words: list[int] = []
    while len(words) < count:
        counter = next_counter(counter)
        left, right = key & mask, key >> 64
        state = list(counter)
        for _ in range(10):
            first = state[0] * 0xD2E7470EE14C6C93
            second = state[2] * 0xCA5A826395121157
            state = [(second >> 64) ^ state[1] ^ left, second & mask, (first >> 64) ^ state[3] ^ right, first & mask]
            left, right = (left + 0x9E3779B97F4A7C15) & mask, (right + 0xBB67AE8584CAA73B) & mask
        words += state
    return words[:count]


def next_counter(counter: list[int]) -> list[int]:
    value = sum(word << 64 * place for place, word in enumerate(counter)) + 1
    return [value >> 64 * place & 2**64 - 1 for place in range(4)]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**64 - 1), first=st.integers(0, 10**9), steps=st.integers(1, 6))
def test_rate_is_philox_by_the_book(seed: int, first: int, steps: int) -> None:
    """A deployed bundle is encoded anew by its host: the draws are a published generator's, not one library's."""
    images = random_images(seed % 2**32, samples=2)
    spikes = Coding("rate", steps, seed).encode(images, first_sample=first)
    for offset, image in enumerate(images):
        words = philox_words(seed, [0, 0, 0, first + offset], steps * image.size)
        pixels = [float(pixel) for pixel in image.ravel()] * steps
        expected = [int((word >> 11) / 2**53 < pixel) for word, pixel in zip(words, pixels, strict=True)]
        assert spikes[:, offset].ravel().tolist() == expected


def test_no_samples_give_no_spikes() -> None:
    for kind in ("phase", "rate", "latency"):
        assert Coding(kind, 3).encode(np.zeros((0, 1, 2, 2), dtype=np.float32)).shape == (3, 0, 1, 2, 2)


def test_to_dict_and_back() -> None:
    coding = Coding("rate", 12, 2**64 - 1)
    assert coding.to_dict() == {"kind": "rate", "steps": 12, "seed": 2**64 - 1}
    assert Coding.from_dict(coding.to_dict()) == coding


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"kind": "phase", "steps": 8}, "the key seed is missing"),
        (
            {"kind": "phase", "steps": 8, "seed": 0, "period": 8},
            "each key must be one of kind, steps, seed, got 'period'",
        ),
        ({"kind": "burst", "steps": 8, "seed": 0}, 'kind must be one of "phase", "rate", "latency", got \'burst\''),
        ({"kind": ["phase"], "steps": 8, "seed": 0}, "kind must be one of"),
        ({"kind": "phase", "steps": "8", "seed": 0}, "steps must be an integer of at least 1, got '8'"),
        ({"kind": "phase", "steps": 0, "seed": 0}, "steps must be .*, got 0"),
        ({"kind": "phase", "steps": True, "seed": 0}, "steps must be .*, got True"),
        ({"kind": "phase", "steps": 8.0, "seed": 0}, "steps must be .*, got 8.0"),
        ({"kind": "phase", "steps": 8, "seed": -1}, "seed must be .*, got -1"),
        ({"kind": "phase", "steps": 8, "seed": 2**64}, "seed must be an integer from 0 to"),
        ("phase", "coding must be a table with kind, steps and seed, got"),
    ],
)
def test_a_wrong_dictionary_is_refused(values: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Coding.from_dict(values)


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((1, 1, 2, 2), dtype=np.uint8), "got the type uint8"),
        (np.zeros((1, 1, 2, 2), dtype=bool), "got the type bool"),
        (np.zeros((1, 1, 2, 2), dtype=complex), "got the type complex128"),
        (np.zeros(2, dtype=np.float32), r"must have the shape .*, got \[2\]"),
        (np.full((1, 1, 2, 2), np.nan), r"must lie in \[0, 1\], got NaN"),
        (np.full((1, 1, 2, 2), np.inf), r"must lie in \[0, 1\], got inf to inf"),
        (np.full((1, 1, 2, 2), 255.0), r"must lie in \[0, 1\], got 255 to 255"),
        (np.full((1, 1, 2, 2), 1.001), r"must lie in \[0, 1\], got 1.001"),
        (np.full((1, 1, 2, 2), -1e-6), r"must lie in \[0, 1\], got -1e-06"),
    ],
)
@pytest.mark.parametrize("kind", ["phase", "rate", "latency"])
def test_wrong_images_are_refused(kind: str, images: np.ndarray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Coding(kind, 8).encode(images)


@pytest.mark.parametrize("first", [-1, 1.0, True])
def test_a_wrong_first_sample_is_refused(first: int) -> None:
    with pytest.raises(InputError, match="first_sample must be an integer of at least 0"):
        Coding("rate", 8).encode(np.zeros((1, 1, 2, 2)), first_sample=first)
