"""Data sets: read right, refused with a clear word when damaged, and downloaded by their hashes from a local server."""

import gzip
import hashlib
import io
import os
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from shared.damage import damages
from spiq.export.errors import InputError
from spiq.pipeline.data import ImageSet, download, load_images
from spiq.pipeline.data.idx import read_idx
from spiq.pipeline.data.sources import FILES, IDX_SETS, IdxSet, SetFiles

REAL_DATA = Path(os.environ.get("SPIQ_DATA") or Path(__file__).parents[3] / "shared" / "data")


def idx_bytes(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def small_files(seed: int = 0) -> dict[str, bytes]:
    """The four files of an IDX set of 12 training and 5 test images of 4x6 pixels."""
    rng = np.random.default_rng(seed)
    contents = {}
    for images, labels, count in [(FILES[0], FILES[1], 12), (FILES[2], FILES[3], 5)]:
        contents[images] = idx_bytes(rng.integers(0, 256, size=(count, 4, 6)))
        contents[labels] = idx_bytes(rng.integers(0, 10, size=count))
    return contents


@pytest.fixture(autouse=True)
def no_data_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIQ_DATA", raising=False)
    monkeypatch.setenv("SPIQ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def local_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small set as mnist, unpacked and compressed files mixed, that $SPIQ_DATA leads to."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in small_files().items():
        if "images" in name:
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path / "data"))
    return folder


def assert_is_the_small_set(data: ImageSet, seed: int = 0) -> None:
    contents = [np.frombuffer(content, dtype=np.uint8) for content in small_files(seed).values()]
    assert np.array_equal(data.train_images, (contents[0][16:].reshape(12, 1, 4, 6) / 255).astype(np.float32))
    assert np.array_equal(data.train_labels, contents[1][8:])
    assert np.array_equal(data.test_images, (contents[2][16:].reshape(5, 1, 4, 6) / 255).astype(np.float32))
    assert np.array_equal(data.test_labels, contents[3][8:])
    assert data.train_images.dtype == data.test_images.dtype == np.float32
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert (data.classes, data.name) == (10, "mnist")


def test_digits_are_those_of_scikit_learn_split_by_class() -> None:
    data = load_images("digits")
    assert data.train_images.shape == (1437, 1, 8, 8)
    assert data.test_images.shape == (360, 1, 8, 8)
    assert data.train_images.dtype == data.test_images.dtype == np.float32
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert (data.classes, data.name) == (10, "digits")
    bunch: Any = sklearn.datasets.load_digits()
    images = np.concatenate([data.train_images, data.test_images]).reshape(-1, 64)
    labels = np.concatenate([data.train_labels, data.test_labels])
    ours = sorted((*image, label) for image, label in zip((images * 16).tolist(), labels.tolist(), strict=True))
    theirs = sorted((*image, label) for image, label in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True))
    assert ours == theirs
    share = np.bincount(bunch.target) * 360 / 1797
    assert (np.abs(np.bincount(data.test_labels) - share) < 1).all()


def test_digits_are_split_the_same_each_time() -> None:
    first, second = load_images("digits"), load_images("digits")
    assert first.test_images.tobytes() == second.test_images.tobytes()
    digest = hashlib.md5(first.test_images.tobytes() + first.test_labels.tobytes()).hexdigest()
    assert digest == "b195bfe9309c76d96e5165ef44114556"


def test_a_limited_set_has_the_first_images() -> None:
    data = load_images("digits")
    few = data.limited(7, 3)
    assert np.array_equal(few.train_images, data.train_images[:7])
    assert np.array_equal(few.train_labels, data.train_labels[:7])
    assert np.array_equal(few.test_images, data.test_images[:3])
    assert np.array_equal(few.test_labels, data.test_labels[:3])
    assert (few.classes, few.name) == (10, "digits")
    whole = data.limited(None, 10**6)
    assert len(whole.train_labels) == 1437
    assert len(whole.test_labels) == 360


@pytest.mark.skipif(not (REAL_DATA / "MNIST" / "raw").is_dir(), reason=f"no MNIST in {REAL_DATA} (SPIQ_DATA)")
def test_mnist_has_its_published_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIQ_DATA", str(REAL_DATA))
    data = load_images("mnist")

    def digest(values: np.ndarray) -> str:
        return hashlib.md5(idx_bytes(values)).hexdigest()

    def pixels(images: np.ndarray) -> np.ndarray:
        return np.rint(images[:, 0] * 255).astype(np.uint8)

    assert digest(pixels(data.train_images)) == "6bbc9ace898e44ae57da46a324031adb"
    assert digest(data.train_labels) == "a25bea736e30d166cdddb491f175f624"
    assert digest(pixels(data.test_images)) == "2646ac647ad5339dbf082846283269ea"
    assert digest(data.test_labels) == "27ae3e4e09519cfbb04c329615203637"
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)


def test_a_folder_of_ones_own_is_read(local_set: Path) -> None:
    assert_is_the_small_set(load_images("mnist"))


def test_an_unpacked_file_goes_before_its_archive(local_set: Path) -> None:
    (local_set / f"{FILES.train_images}.gz").write_bytes(b"not read")
    assert_is_the_small_set(load_images("mnist"))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), dimensions=st.integers(1, 4), packed=st.booleans())
def test_idx_reads_what_was_written(tmp_path: Path, seed: int, dimensions: int, packed: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, size=rng.integers(0, 6, size=dimensions), dtype=np.uint8)
    path = tmp_path / ("values.gz" if packed else "values")
    path.write_bytes(gzip.compress(idx_bytes(values)) if packed else idx_bytes(values))
    read = read_idx(path, dimensions)
    assert read.dtype == np.uint8
    assert np.array_equal(read, values)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), packed=st.booleans())
def test_a_damaged_idx_file_is_refused_or_holds_other_pixels(tmp_path: Path, data: st.DataObject, packed: bool) -> None:
    content = idx_bytes(np.arange(24).reshape(2, 3, 4))
    content = gzip.compress(content, mtime=0) if packed else content
    damaged = data.draw(damages(content))
    path = tmp_path / ("values.gz" if packed else "values")
    path.write_bytes(damaged)
    try:
        read = read_idx(path, 3)
    except InputError as error:
        message = str(error)
    else:
        message = str(path)
        # Without a checksum a changed pixel cannot be told; nothing else may pass.
        assert read.size == 24
        assert np.array_equal(read.ravel(), np.arange(24)) or not packed
    assert message.startswith(str(path))


GOOD_IMAGES = idx_bytes(np.zeros((12, 4, 6)))


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("train_images", b"", "must start with two zero bytes, got b''"),
        ("train_images", gzip.compress(GOOD_IMAGES, mtime=0), "must start with two zero bytes"),
        ("train_images", b"\0\0\x0d\x03" + GOOD_IMAGES[4:], "unsigned bytes .* got the type 13"),
        ("train_images", idx_bytes(np.zeros(12)), "must have 3 dimensions, got 1"),
        ("train_images", GOOD_IMAGES[:9], "ends within its header"),
        ("train_images", GOOD_IMAGES[:-1], r"cut short: its header tells \[12, 4, 6\] bytes, but 287 follow"),
        ("train_images", GOOD_IMAGES + b"\0", "bytes too many: .* but more follow"),
        ("train_images", struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3), "at most 1073741824 bytes, got the shape"),
        ("train_images", idx_bytes(np.zeros((0, 4, 6))), "holds no images"),
        ("train_images", idx_bytes(np.zeros((11, 4, 6))), "labels-idx1-ubyte.gz: 12 labels do not fit the 11 images"),
        ("test_images", idx_bytes(np.zeros((5, 6, 4))), r"the shape \[1, 4, 6\], as those of .* got \[1, 6, 4\]"),
        ("test_labels", idx_bytes(np.array([0, 1, 10, 3, 4])), "labels must lie from 0 to 9, got 10"),
    ],
)
def test_damage_in_a_folder_of_ones_own_is_told(local_set: Path, file: str, content: bytes, match: str) -> None:
    name = getattr(FILES, file)
    (local_set / name).write_bytes(content)
    with pytest.raises(InputError, match=match) as caught:
        load_images("mnist")
    assert str(local_set) in str(caught.value)


@pytest.mark.parametrize("cut", [0, 5, -9, -1])
def test_a_damaged_archive_is_told(local_set: Path, cut: int) -> None:
    path = local_set / f"{FILES.train_labels}.gz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: "):
        load_images("mnist")


def test_a_partial_folder_of_ones_own_is_told(local_set: Path) -> None:
    (local_set / FILES.test_images).unlink()
    with pytest.raises(InputError, match=r"raw: t10k-images-idx3-ubyte \(or .*\.gz\) is missing beside the other"):
        load_images("mnist")


def test_a_data_folder_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(
        InputError, match=r"SPIQ_DATA must name a folder with data sets, got .*nowhere, which is no folder"
    ):
        load_images("mnist")


def test_an_unreadable_file_is_told(local_set: Path) -> None:
    (local_set / FILES.test_images).unlink()
    (local_set / FILES.test_images).mkdir()
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte: must be an IDX file, got a folder"):
        load_images("mnist")


def test_an_unknown_source_is_told() -> None:
    with pytest.raises(InputError, match=r"must be .*npz:PATH.*, got 'cifar'"):
        load_images("cifar")


class Mirror:
    """A server on this machine for a folder of files, with a list of what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(self._handler(), directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                asked.append(self.path)

        return Handler

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """The small set on a server, which mnist is told to come from with the MD5s of the served files."""
    folder = tmp_path / "served"
    folder.mkdir()
    md5s = []
    for name, content in small_files().items():
        packed = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(packed)
        md5s.append(hashlib.md5(packed).hexdigest())
    served = Mirror(folder)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(IDX_SETS, "mnist", IdxSet("MNIST/raw", (served.url,), SetFiles(*md5s)))
    yield served
    served.stop()


def test_a_set_is_downloaded_once(tmp_path: Path, mirror: Mirror) -> None:
    assert_is_the_small_set(load_images("mnist"))
    assert sorted(path.name for path in (tmp_path / "cache/MNIST/raw").iterdir()) == sorted(f"{n}.gz" for n in FILES)
    asked = len(mirror.asked)
    mirror.stop()
    assert_is_the_small_set(load_images("mnist"))
    assert len(mirror.asked) == asked == 4


def test_an_empty_data_variable_is_none_and_other_sets_there_do_not_matter(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIQ_DATA", "")
    assert_is_the_small_set(load_images("mnist"))
    (tmp_path / "data" / "KMNIST" / "raw").mkdir(parents=True)
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path / "data"))
    assert_is_the_small_set(load_images("mnist"))


def test_damage_in_a_folder_of_ones_own_is_not_mended_by_a_download(local_set: Path, mirror: Mirror) -> None:
    (local_set / FILES.train_images).write_bytes(b"\0\0\x08\x03")
    with pytest.raises(InputError, match="ends within its header"):
        load_images("mnist")
    assert mirror.asked == []


def test_a_damaged_file_in_the_cache_is_downloaded_again(tmp_path: Path, mirror: Mirror) -> None:
    load_images("mnist")
    path = tmp_path / "cache" / "MNIST" / "raw" / f"{FILES.test_labels}.gz"
    path.write_bytes(path.read_bytes()[:-3])
    assert_is_the_small_set(load_images("mnist"))
    assert len(mirror.asked) == 5


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path: Path, mirror: Mirror) -> None:
    (mirror.folder / f"{FILES.train_labels}.gz").write_bytes(gzip.compress(small_files(seed=1)[FILES.train_labels]))
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz.* has not the published MD5") as caught:
        load_images("mnist")
    assert mirror.url in str(caught.value)
    left = [path.name for path in (tmp_path / "cache" / "MNIST" / "raw").iterdir()]
    assert left == [f"{FILES.train_images}.gz"]


def test_the_second_mirror_helps(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name in FILES:
        (wrong / f"{name}.gz").write_bytes(b"a page that says: log in")
    first, second = Mirror(empty), Mirror(wrong)
    mnist = IDX_SETS["mnist"]
    monkeypatch.setitem(IDX_SETS, "mnist", mnist._replace(mirrors=(first.url, second.url, mirror.url)))
    assert_is_the_small_set(load_images("mnist"))
    first.stop()
    second.stop()
    assert len(mirror.asked) == 4


def test_a_set_that_is_nowhere_is_told_in_one_sentence(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in mirror.folder.iterdir():
        path.unlink()
    gone = Mirror(mirror.folder)
    gone.stop()
    mnist = IDX_SETS["mnist"]
    monkeypatch.setitem(IDX_SETS, "mnist", mnist._replace(mirrors=(mirror.url, gone.url)))
    cache = tmp_path / "cache" / "MNIST" / "raw"
    reasons = f"({mirror.url}: HTTP status 404; {gone.url}: ConnectionError)"
    advice = "put its four files into FOLDER/MNIST/raw and set SPIQ_DATA to FOLDER"
    with pytest.raises(InputError) as caught:
        load_images("mnist")
    assert str(caught.value) == (
        f"mnist is not to be had: SPIQ_DATA is not set, {cache} has no whole train-images-idx3-ubyte.gz, and its "
        f"download failed {reasons}; {advice}"
    )
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path))
    with pytest.raises(InputError) as caught:
        load_images("mnist")
    assert f"not to be had: {tmp_path / 'MNIST' / 'raw'} has none of it, {cache} has no whole" in str(caught.value)


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SPIQ_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"its download failed \(.*Not a directory"):
        load_images("mnist")


def test_a_download_shows_its_progress(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(download, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=100))
    load_images("mnist")
    assert f"{FILES.train_images}.gz" in screen.getvalue()
    size = (mirror.folder / f"{FILES.train_images}.gz").stat().st_size
    assert f"{size}/{size} bytes" in screen.getvalue()


def test_the_published_hashes_are_told_apart() -> None:
    md5s = [md5 for idx_set in IDX_SETS.values() for md5 in idx_set.md5s]
    assert len(set(md5s)) == 12
    assert all(len(md5) == 32 and int(md5, 16) for md5 in md5s)
    assert all(url.endswith("/") for idx_set in IDX_SETS.values() for url in idx_set.mirrors)
