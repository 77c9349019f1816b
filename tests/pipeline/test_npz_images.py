"""A user's own arrays: read right, and refused with a clear word when they are no images or the file is damaged."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.damage import damages
from spiq.export.errors import InputError
from spiq.pipeline.data import EvaluationImages, load_images, load_npz_images
from spiq.pipeline.data.npz import load_npz_set


def arrays(seed: int = 0, channel: int | None = None, kind: str = "uint8") -> dict[str, np.ndarray]:
    """A valid set: 6 training and 4 test images of 3x5 pixels."""
    rng = np.random.default_rng(seed)
    between = () if channel is None else (channel,)
    values = {}
    for part, count in [("train", 6), ("test", 4)]:
        pixels = rng.integers(0, 256, size=(count, *between, 3, 5))
        values[f"x_{part}"] = pixels.astype(np.uint8) if kind == "uint8" else (pixels / 255).astype(kind)
    values["y_train"] = np.array([0, 2, 2, 1, 3, 0])
    values["y_test"] = np.array([3, 0, 1, 1])
    return values


def save(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "own.npz"
    np.savez(path, **values)
    return path


@pytest.mark.parametrize("channel", [None, 1, 3])
@pytest.mark.parametrize("kind", ["uint8", "float16", "float32", "float64"])
def test_an_archive_is_read(tmp_path: Path, channel: int | None, kind: str) -> None:
    values = arrays(channel=channel, kind=kind)
    values["y_test"] = values["y_test"].astype(np.uint8)
    data = load_images(f"npz:{save(tmp_path, values)}")
    scale = 255 if kind == "uint8" else 1
    for part, images in [("train", data.train_images), ("test", data.test_images)]:
        expected = (values[f"x_{part}"] / np.float64(scale)).reshape(-1, channel or 1, 3, 5)
        assert images.dtype == np.float32
        assert np.array_equal(images, expected.astype(np.float32))
    assert data.train_labels.tolist() == [0, 2, 2, 1, 3, 0]
    assert data.test_labels.tolist() == [3, 0, 1, 1]
    assert data.test_labels.dtype == np.int64
    assert (data.classes, data.name) == (4, "own")


@pytest.mark.parametrize("shape", [(3, 28, 3), (1, 4, 4), (4, 4, 4), (4, 8, 4), (8, 9, 5)])
def test_narrow_images_whose_channel_may_well_be_first_are_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = save(tmp_path, {"x": np.zeros((2, *shape))})
    assert load_npz_images(path, shape, 10).images.shape == (2, *shape)


def test_other_arrays_of_an_archive_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, allow_pickle=True, notes=np.array([{"a": 1}], dtype=object), **arrays())
    assert load_npz_set(path).classes == 4


def with_pixel(value: float) -> np.ndarray:
    images = np.zeros((6, 3, 5))
    images[3, 1, 2] = value
    return images


@pytest.mark.parametrize(
    ("name", "array", "match"),
    [
        ("x_train", None, "must have the array x_train, got x_test, y_train, y_test"),
        ("y_test", None, "must have the array y_test, got x_train, x_test, y_train"),
        ("x_train", np.zeros((6, 15), dtype=np.uint8), r"x_train must have the shape .* got \[6, 15\]"),
        ("x_train", np.zeros((1, 6, 1, 3, 5)), r"x_train must have the shape"),
        ("x_train", np.zeros((0, 3, 5)), r"x_train is empty: its shape is \[0, 3, 5\]"),
        ("x_train", np.zeros((6, 3, 0)), r"x_train is empty"),
        ("x_train", np.zeros((6, 3, 5), dtype=bool), "x_train must be integers .* got bool"),
        ("x_train", np.zeros((6, 3, 5), dtype="U1"), "x_train must be integers .* got <U1"),
        ("x_train", with_pixel(np.nan), "x_train holds NaN"),
        ("x_train", with_pixel(np.inf), r"must lie in \[0, 1\], got 0 to inf"),
        ("x_train", with_pixel(255.0), r"must lie in \[0, 1\], got 0 to 255"),
        ("x_train", with_pixel(-0.5), r"must lie in \[0, 1\], got -0.5 to 0"),
        ("x_train", np.zeros((6, 32, 32, 3), dtype=np.uint8), r"\[6, 32, 32, 3\], with the channel last"),
        (
            "x_train",
            np.zeros((6, 28, 32, 3)),
            r"must have .* channel, height.* got \[6, 28, 32, 3\], with the channel",
        ),
        ("x_train", np.zeros((6, 32, 28, 1)), r"\[6, 32, 28, 1\], with the channel last"),
        ("x_train", np.zeros((6, 28, 28, 4), dtype=np.uint8), r"\[6, 28, 28, 4\], with the channel last"),
        ("x_test", np.zeros((4, 5, 6, 2)), r"x_test must have .* \[4, 5, 6, 2\], with the channel last"),
        (
            "x_test",
            np.zeros((4, 5, 3)),
            r"x_test must have images of the shape \[1, 3, 5\] as x_train, got \[1, 5, 3\]",
        ),
        ("y_train", np.zeros(6), "y_train must hold integers, got float64"),
        ("y_train", np.zeros(6, dtype=bool), "y_train must hold integers, got bool"),
        ("y_train", np.zeros(5, dtype=int), r"y_train must have a label for each of 6 images, got the shape \[5\]"),
        ("y_train", np.zeros((6, 1), dtype=int), r"got the shape \[6, 1\]"),
        ("y_train", np.array([0, 1, 2, 3, -1, 0]), "must have labels from 0 to 9999, got -1 to 3"),
        ("y_train", np.array([0, 1, 2, 4, 10**6, 0]), "y_train must have labels from 0 to 9999"),
        ("y_train", np.array([0, 1, 2, 4, 2**64 - 1, 0], dtype=np.uint64), "y_train must have labels from 0"),
        ("y_test", np.array([3, 0, 5, 1]), "y_test has the unknown label 5, which never occurs in y_train"),
        ("y_test", np.array([3, 0, -1, 1]), "y_test must have labels from 0"),
    ],
)
def test_a_wrong_array_is_told(tmp_path: Path, name: str, array: np.ndarray | None, match: str) -> None:
    values = {key: value for key, value in arrays().items() if key != name}
    if array is not None:
        values[name] = array
    path = save(tmp_path, values)
    with pytest.raises(InputError, match=match) as caught:
        load_npz_set(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with pytest.raises(InputError, match=r"must be an \.npz archive, got no such file"):
        load_npz_set(path)
    with pytest.raises(InputError, match=r"must be an \.npz archive, got a folder"):
        load_npz_set(tmp_path)
    for content in (b"", b"PK\x03\x04", b"text", b"\x80\x04N."):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"no readable \.npz archive"):
            load_npz_set(path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros((3, 4, 5)))
    with pytest.raises(InputError, match=r"it must be an \.npz archive, got a single array"):
        load_npz_set(path)


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    """Reading one would mean to run what its pickle says."""
    path = tmp_path / "own.npz"
    np.savez(path, allow_pickle=True, **(arrays() | {"x_test": np.array([None], dtype=object)}))
    with pytest.raises(InputError, match="x_test cannot be read: it is damaged or no plain array"):
        load_npz_set(path)


def test_an_array_bigger_than_any_memory_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, {name: value for name, value in arrays().items() if name != "x_test"})
    header = repr({"descr": "|u1", "fortran_order": False, "shape": (2**30, 2**20)}).ljust(117).encode() + b"\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_test.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(InputError, match="x_test cannot be read"):
        load_npz_set(path)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), compressed=st.booleans())
def test_a_damaged_archive_of_ones_own_is_refused_or_unharmed(
    tmp_path: Path, data: st.DataObject, compressed: bool
) -> None:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays())
    path = tmp_path / "own.npz"
    path.write_bytes(data.draw(damages(stream.getvalue())))
    try:
        read = load_npz_set(path)
    except InputError as error:
        message = str(error)
    else:
        message = str(path)
        assert np.array_equal(read.train_labels, arrays()["y_train"])
        assert np.array_equal(np.rint(read.test_images * 255)[:, 0], arrays()["x_test"])
    assert message.startswith(str(path))


@pytest.mark.filterwarnings("ignore:Reading `.npy`")
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_array_in_a_sound_archive_is_refused_or_an_image(tmp_path: Path, data: st.DataObject) -> None:
    stream = io.BytesIO()
    np.save(stream, arrays()["x_test"])
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", data.draw(damages(stream.getvalue(), until=128)))
    message = str(path)
    try:
        images = load_npz_images(path, (1, 3, 5), 5).images
        assert images.min() >= 0
        assert images.max() <= 1
    except InputError as error:
        message = str(error)
    assert message.startswith(str(path))


@pytest.mark.parametrize("header", ["{'descr': (", "{'descr' 1}", "{" * 5000, "(" * 200 + ")" * 200, "1e9", ""])
def test_an_array_with_a_senseless_header_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    with pytest.raises(InputError, match="x cannot be read"):
        load_npz_images(path, (1, 3, 5), 5)


def test_an_encrypted_member_and_one_that_is_no_array_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")
    with pytest.raises(InputError, match="x cannot be read"):
        load_npz_images(path, (1, 3, 5), 5)
    content = bytearray(save(tmp_path, {"x": arrays()["x_test"]}).read_bytes())
    for signature, flags in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="x cannot be read"):
        load_npz_images(path, (1, 3, 5), 5)


def test_images_to_evaluate_with_and_without_labels(tmp_path: Path) -> None:
    images = arrays()["x_train"]
    path = save(tmp_path, {"x": images})
    loaded = load_npz_images(path, (1, 3, 5), 5)
    assert isinstance(loaded, EvaluationImages)
    assert loaded.labels is None
    assert np.array_equal(np.rint(loaded.images * 255)[:, 0], images)
    labelled = load_npz_images(save(tmp_path, {"x": images, "y": np.array([0, 1, 2, 3, 4, 4])}), (1, 3, 5), 5)
    assert labelled.labels is not None
    assert labelled.labels.tolist() == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"y": np.array([0])}, "must have the array x, got y"),
        ({}, "must have the array x, got no arrays"),
        (
            {"x": np.zeros((1, 5, 3))},
            r"x must have images of the shape \[1, 3, 5\], which the network reads, got \[1, 5, 3\]",
        ),
        ({"x": np.zeros((1, 2, 3, 5))}, r"x must have images of the shape .* got \[2, 3, 5\]"),
        ({"x": np.zeros((1, 3, 5)), "y": np.array([5])}, "y must have labels from 0 to 4, got 5"),
        ({"x": np.zeros((1, 3, 5)), "y": np.array([0, 1])}, "y must have a label for each of 1 images"),
        ({"x": np.full((1, 3, 5), 7, dtype=np.float32)}, r"x is floating point and must lie in \[0, 1\]"),
    ],
)
def test_wrong_images_to_evaluate_are_told(tmp_path: Path, values: dict[str, np.ndarray], match: str) -> None:
    path = save(tmp_path, values)
    with pytest.raises(InputError, match=match) as caught:
        load_npz_images(path, (1, 3, 5), 5)
    assert str(path) in str(caught.value)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.integers(0, 40), min_size=1, max_size=12))
@example(labels=[1, 2, 3, 4])
@example(labels=[0, 10, 20])
def test_labels_that_leave_a_class_without_a_sample_are_refused_until_renumbered_as_told(
    tmp_path: Path, labels: list[int]
) -> None:
    y_train, y_test = np.array(labels), np.array(labels[:1])
    images = {"x_train": np.zeros((len(labels), 3, 5)), "x_test": np.zeros((1, 3, 5))}
    classes = sorted(set(labels))
    path = save(tmp_path, images | {"y_train": y_train, "y_test": y_test})
    if classes == list(range(len(classes))):
        assert load_npz_set(path).classes == len(classes)
        return
    with pytest.raises(InputError) as caught:
        load_npz_set(path)
    sentence = str(caught.value)
    assert ", ".join(map(str, classes[:10])) in sentence
    assert f"must be 0 to {len(classes) - 1}, each of them there" in sentence
    # What the sentence says to do, done.
    y_train, y_test = (
        eval(sentence.split("`")[1], {"numpy": np, "y_train": y_train, "y": y}) for y in (y_train, y_test)
    )
    data = load_npz_set(save(tmp_path, images | {"y_train": y_train, "y_test": y_test}))
    assert data.classes == len(classes)
    assert [classes[label] for label in data.train_labels] == labels
    assert [classes[label] for label in data.test_labels] == labels[:1]
