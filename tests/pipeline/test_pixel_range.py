"""Which value means white: said by the user, told by the largest integer, or asked for; never a silent guess."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spiq.export.errors import InputError
from spiq.pipeline.data import load_images, load_npz_images
from spiq.pipeline.data.npz import load_npz_set

INTEGERS = ("uint8", "int8", "uint16", ">i2", "int32", "int64", "uint64")
SIGNED = tuple(kind for kind in INTEGERS if np.dtype(kind).kind == "i")
WHITES = st.none() | st.integers(1, 300) | st.sampled_from([65535, 2**32 - 1])
FIXTURE = [HealthCheck.function_scoped_fixture]


@st.composite
def integer_pixels(draw: st.DrawFn, low: int = 0, kinds: tuple[str, ...] = INTEGERS) -> np.ndarray:
    """[2, 3, 5] of one of these types, from `low` or a little more up to any value that often matters, or another."""
    kind = np.dtype(draw(st.sampled_from(kinds)))
    info = np.iinfo(kind)
    high = draw(st.sampled_from([0, 1, 2, 16, 17, 100, 255, 256, 65535]) | st.integers(0, 300))
    low, high = max(low, int(info.min)), min(high, int(info.max))
    return draw(arrays(kind, (2, 3, 5), elements=st.integers(low, max(low, high))))


@st.composite
def negative_pixels(draw: st.DrawFn) -> np.ndarray:
    """[2, 3, 5] of any signed integer type, with at least one value below 0."""
    pixels = draw(integer_pixels(low=-5, kinds=SIGNED)).copy()
    pixels.flat[draw(st.integers(0, pixels.size - 1))] = draw(st.integers(-128, -1))
    return pixels


FLOATS = arrays(np.float32, (2, 3, 5), elements=st.floats(0, 1, width=32))


def save(folder: Path, x_train: np.ndarray, x_test: np.ndarray) -> Path:
    path = folder / "own.npz"
    np.savez(path, x_train=x_train, x_test=x_test, y_train=np.array([0, 1]), y_test=np.array([0, 1]))
    return path


def expected_white(largest: int) -> int | None:
    """By the rule for pixels of which nobody has said what white is; None where they are refused."""
    if largest <= 1:
        return 1
    return 255 if 16 < largest <= 255 else None


def fractions(images: np.ndarray, white: int) -> np.ndarray:
    """The exact quotients, rounded once."""
    return np.array([float(Fraction(int(pixel), white)) for pixel in images.ravel()]).reshape(images.shape)


@settings(deadline=None, max_examples=200, suppress_health_check=FIXTURE)
@given(x_train=integer_pixels(), x_test=integer_pixels(), white=WHITES)
def test_integers_of_both_parts_are_divided_by_one_range(
    tmp_path: Path, x_train: np.ndarray, x_test: np.ndarray, white: int | None
) -> None:
    path = save(tmp_path, x_train, x_test)
    largest = max(int(x_train.max()), int(x_test.max()))
    expected = expected_white(largest) if white is None else white
    if expected is None or largest > expected:
        with pytest.raises(InputError, match="means white") as caught:
            load_npz_set(path, white)
        assert str(largest) in str(caught.value)
        assert ("data.pixel_range" in str(caught.value)) == (white is None)
        return
    data = load_npz_set(path, white)
    for found, pixels in ((data.train_images, x_train), (data.test_images, x_test)):
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        np.testing.assert_allclose(found[:, 0], fractions(pixels, expected), rtol=2e-7)
    assert data.pixel_range == expected
    told = f"{path}: integers up to {largest} in x_train and x_test are taken as 0 to {expected}"
    assert data.note == (told if white is None else None)


@settings(deadline=None, max_examples=200, suppress_health_check=FIXTURE)
@given(integers=integer_pixels(), floats=FLOATS, white=WHITES, first=st.booleans())
def test_integers_beside_floats_come_out_in_the_floats_range_or_are_refused(
    tmp_path: Path, integers: np.ndarray, floats: np.ndarray, white: int | None, first: bool
) -> None:
    path = save(tmp_path, *((integers, floats) if first else (floats, integers)))
    largest = int(integers.max())
    expected = expected_white(largest) if white is None else white
    fits = expected is not None and largest <= expected
    if fits and white is None:
        brightest, other = largest / expected, float(floats.max())
        fits = brightest <= 2 * other and other <= 2 * brightest
    if not fits:
        with pytest.raises(InputError, match=r"own\.npz: .*x_"):
            load_npz_set(path, white)
        return
    data = load_npz_set(path, white)
    loaded = (data.train_images, data.test_images)
    assert np.array_equal(loaded[first][:, 0], floats)
    np.testing.assert_allclose(loaded[not first][:, 0], fractions(integers, expected), rtol=2e-7)
    assert (data.note is None) == (white is not None)


@settings(deadline=None, max_examples=100, suppress_health_check=FIXTURE)
@given(pixels=negative_pixels(), other=integer_pixels(), white=WHITES, first=st.booleans())
def test_a_negative_integer_is_refused_whatever_is_said(
    tmp_path: Path, pixels: np.ndarray, other: np.ndarray, white: int | None, first: bool
) -> None:
    path = save(tmp_path, *((pixels, other) if first else (other, pixels)))
    name = "x_train" if first else "x_test"
    with pytest.raises(InputError, match=f"{name} must hold pixels of 0 or more, got {pixels.min()}"):
        load_npz_set(path, white)


@settings(deadline=None, max_examples=50, suppress_health_check=FIXTURE)
@given(x_train=FLOATS, x_test=FLOATS, white=WHITES)
def test_floats_stay_as_they_are(tmp_path: Path, x_train: np.ndarray, x_test: np.ndarray, white: int | None) -> None:
    data = load_npz_set(save(tmp_path, x_train, x_test), white)
    assert np.array_equal(data.train_images[:, 0], x_train)
    assert np.array_equal(data.test_images[:, 0], x_test)
    assert (data.pixel_range, data.note) == (white, None)


def test_black_and_white_beside_the_same_as_floats_is_taken_as_0_to_1(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (2, 3, 5))
    data = load_images(f"npz:{save(tmp_path, pixels.astype(np.uint8), pixels.astype(np.float32))}")
    assert np.array_equal(data.train_images, data.test_images)
    assert data.train_images.max() == 1
    assert data.note is not None


@pytest.mark.parametrize(
    ("largest", "reach", "found"),
    [(1, 1 / 255, "divided by 1, reach 1, but the floats of x_test reach 0.00392"), (100, 1.0, "reach 0.392, but")],
)
def test_integers_that_another_rule_would_fit_are_refused(
    tmp_path: Path, largest: int, reach: float, found: str
) -> None:
    pixels = np.full((2, 3, 5), largest, dtype=np.uint8)
    path = save(tmp_path, pixels, np.full((2, 3, 5), reach))
    with pytest.raises(InputError, match=found):
        load_images(f"npz:{path}")
    assert load_images(f"npz:{path}", 200).pixel_range == 200


@settings(deadline=None, max_examples=150, suppress_health_check=FIXTURE)
@given(pixels=integer_pixels(), white=WHITES)
@example(pixels=np.zeros((2, 3, 5), np.uint8), white=16)
def test_images_for_a_bundle_are_divided_by_its_own_range(
    tmp_path: Path, pixels: np.ndarray, white: int | None
) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, x=pixels)
    largest = int(pixels.max())
    expected = expected_white(largest) if white is None else white
    if expected is None or largest > expected:
        with pytest.raises(InputError, match="white"):
            load_npz_images(path, (1, 3, 5), 2, white)
        return
    found = load_npz_images(path, (1, 3, 5), 2, white)
    np.testing.assert_allclose(found.images[:, 0], fractions(pixels, expected), rtol=2e-7)
    assert (found.note is None) == (white is not None)


@pytest.mark.parametrize(("source", "own"), [("digits", 16), ("mnist", 255)])
def test_a_set_with_a_range_of_its_own_takes_no_other(source: str, own: int) -> None:
    with pytest.raises(InputError, match=rf"data\.pixel_range must be left out .* whose white is {own}, got 8"):
        load_images(source, 8)
    if source == "digits":
        assert load_images(source, own).pixel_range == own
