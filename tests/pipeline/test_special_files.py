"""FIFOs, devices and links in place of a file: refused by everything that reads one, without waiting for it."""

import gzip
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.export.bundle.manifest import MANIFEST
from spiq.export.circuit.reupload import reupload_circuit
from spiq.export.errors import InputError
from spiq.export.nir.file import read_nir
from spiq.hardware.lava.netx_device import open_netx
from spiq.hardware.loihi.formats.storage import read_program
from spiq.hardware.runtime.onnx_session import run_onnx
from spiq.pipeline.config.file import load_config
from spiq.pipeline.data import load_images, load_npz_images
from spiq.pipeline.data.download import download
from spiq.pipeline.data.idx import MOST_BYTES, read_idx
from spiq.pipeline.data.input_file import read_circuit_inputs
from spiq.pipeline.data.npz import load_npz_set
from spiq.pipeline.data.sources import FILES as IDX_FILES
from spiq.pipeline.data.spike_file import read_spikes
from spiq.pipeline.run.folder import CHECKPOINT, made_of, open_run
from spiq.pipeline.training.checkpoint import load
from spiq.pipeline.validation.report import read_report

READERS: dict[str, Callable[[Path], object]] = {
    "a.nir": read_nir,
    "a.net": open_netx,
    "loihi.npz": read_program,
    "a.onnx": lambda path: run_onnx(path, {}),
    "angles.json": lambda path: read_circuit_inputs(path, reupload_circuit(np.zeros((1, 3, 3)))),
    "angles.npy": lambda path: read_circuit_inputs(path, reupload_circuit(np.zeros((1, 3, 3)))),
    "spikes.npz": lambda path: read_spikes(path, (3,)),
    "images.npz": lambda path: load_npz_images(path, (1, 8, 8), 10),
    "set.npz": load_npz_set,
    "a.toml": load_config,
    "report.json": read_report,
    "checkpoint.safetensors": load,
}
"""What a user can name, and what a run's folder holds."""

PLACED: dict[str, Callable[[Path], object]] = {
    "must be .*, got a FIFO": lambda path: os.mkfifo(path),
    "must be the file itself, got a link to /dev/zero, since links are not followed": lambda path: path.symlink_to(
        "/dev/zero"
    ),
    "must be the file itself, got a link to /etc/passwd, since links are not followed": lambda path: path.symlink_to(
        "/etc/passwd"
    ),
    "must be .*, got a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", PLACED)
@pytest.mark.parametrize("name", READERS)
def test_every_reader_takes_a_plain_file_only(tmp_path: Path, name: str, kind: str) -> None:
    PLACED[kind](tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: {kind}"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("kind", PLACED)
@pytest.mark.parametrize("name", [MANIFEST, "encoder.nir", "encoder.loihi.npz", "head.qasm", "golden.npz"])
def test_every_file_of_a_bundle_is_a_plain_one(tiny_bundle: Bundle, tmp_path: Path, name: str, kind: str) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.path, copy)
    (copy / name).unlink()
    PLACED[kind](copy / name)
    with pytest.raises(InputError, match=f"{name}: {kind}"):
        open_bundle(copy)


def test_a_link_to_a_bundles_own_file_is_refused_though_its_hash_is_right(tiny_bundle: Bundle, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.path, copy)
    (copy / "head.json").rename(tmp_path / "head.json")
    (copy / "head.json").symlink_to(tmp_path / "head.json")
    with pytest.raises(
        InputError, match=r"bundle/head\.json: must be the file itself, got a link to .*/head\.json, since"
    ):
        open_bundle(copy)


def test_a_run_is_not_judged_by_what_is_no_plain_file(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / CHECKPOINT).unlink()
    os.mkfifo(run / CHECKPOINT)
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: must be .*, got a FIFO"):
        made_of(run)
    (run / "config.toml").rename(tmp_path / "config.toml")
    (run / "config.toml").symlink_to(tmp_path / "config.toml")
    with pytest.raises(InputError, match=r"config\.toml: must be the file itself, got a link to"):
        open_run(run)


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def test_data_sets_may_be_links_to_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = tmp_path / "data" / "MNIST" / "raw", tmp_path / "store"
    folder.mkdir(parents=True)
    store.mkdir()
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path / "data"))
    for name, samples in zip(IDX_FILES, (4, 4, 3, 3), strict=True):
        values = np.zeros((samples, 5, 5)) if "images" in name else np.zeros(samples)
        (store / name).write_bytes(idx(values))
        (folder / name).symlink_to(store / name)
    assert load_images("mnist").train_images.shape == (4, 1, 5, 5)
    for place, message in (("/dev/zero", "a device"), (tmp_path / "fifo", "a FIFO")):
        (folder / IDX_FILES.train_images).unlink()
        (folder / IDX_FILES.train_images).symlink_to(place)
        if message == "a FIFO":
            os.mkfifo(place)
        with pytest.raises(InputError, match=f"train-images-idx3-ubyte: must be an IDX file, got {message}"):
            load_images("mnist")


def test_an_archive_below_the_data_folder_may_be_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.zeros((4, 5, 5), np.uint8), np.arange(4) % 2
    np.savez(tmp_path / "set.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set.npz").symlink_to(tmp_path / "set.npz")
    with pytest.raises(InputError, match=r"set\.npz: must be the file itself, got a link to"):
        load_npz_set(tmp_path / "data" / "set.npz")
    monkeypatch.setenv("SPIQ_DATA", str(tmp_path / "data"))
    assert load_npz_set(tmp_path / "data" / "set.npz").classes == 2


def test_a_fifo_in_the_cache_is_refused_before_it_is_compared(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gz")
    with pytest.raises(InputError, match=r"a\.gz: must be the downloaded file, got a FIFO"):
        download("a.gz", ("http://127.0.0.1:9/",), "0" * 32, tmp_path)


def test_a_gzip_file_inflates_no_further_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(np.zeros((2, 3, 3))) + bytes(2**24)))
    with pytest.raises(InputError, match=r"bytes too many: its header tells \[2, 3, 3\] bytes, but more follow"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**10, 2**10, 2**10 + 1)))
    with pytest.raises(InputError, match=rf"tell at most {MOST_BYTES} bytes, got the shape \[1024, 1024, 1025\]"):
        read_idx(path, 3)
