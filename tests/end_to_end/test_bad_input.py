"""Every command as a process: its one sentence for what cannot be used, and that nothing half-written is left."""

import os
import re
import resource
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shared import command
from shared.command import NO_LAVA, SPIQ, changed
from spiq.export.bundle.bundle import Bundle

assert_refused = partial(command.assert_refused, **NO_LAVA)

ROOT = Path(__file__).parents[2]

PEERS = ROOT / "tests" / "data" / "nir_peers"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("epochs = 3", "epoch = 3", "training.epoch is not a key (did you mean epochs?)"),
        ("epochs = 3", 'epochs = "1"', "training.epochs must be an integer"),
        ("epochs = 3", "epochs = 0", "training.epochs must be an integer"),
        ("qubits = 3", "qubits = 99", "circuit.qubits must be an integer from 1 to 16"),
        ('source = "digits"', 'source = "imagenet"', "data.source must be"),
        ("channels = [6, 8]", "channels = [6, 8, 4, 5]", "encoder.channels has 4 stages"),
        ('kind = "phase"', 'kind = "phase', "not TOML"),
    ],
)
def test_a_wrong_configuration_gives_one_sentence_and_no_folder(
    config_file: Path, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    bad = changed(config_file, tmp_path, old, new)
    assert sentence in assert_refused("run", bad, "--out", tmp_path / "run")
    assert os.listdir(tmp_path) == ["bad.toml"]


def test_a_missing_data_set_without_a_network_gives_one_sentence_and_no_folder(
    config_file: Path, tmp_path: Path
) -> None:
    bad = changed(config_file, tmp_path, 'source = "digits"', 'source = "kmnist"')
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "SPIQ_DATA": ""}
    sentence = assert_refused("run", bad, "--out", tmp_path / "run", SPIQ_CACHE=str(tmp_path / "cache"), **nowhere)
    assert "kmnist is not to be had" in sentence
    assert "SPIQ_DATA" in sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--limit", 0), "--limit must be an integer of at least 1, got 0"),
        (("--shots", 0), "--shots must be an integer of at least 1, got 0"),
        (("--shots", "many"), "'--shots'"),
        (("--snn", "brain"), "the spiking device must be one of nir, loihi, lava, netx, got 'brain'"),
        (("--snn", "lava"), "`spiq lava setup`"),
        (("--snn", "netx"), "`spiq lava setup --netx`"),
        (("--snn", "loihi", "--hardware"), "the device loihi runs on no hardware of its own; lava can"),
        (("--qpu", "abacus"), "the quantum device must be one of exact, pennylane, aer, got 'abacus'"),
        (("--images", "/nowhere.npz"), "/nowhere.npz"),
        (("--colour", "red"), "--colour"),
    ],
)
def test_a_wrong_option_of_cosim_gives_one_sentence(
    run: tuple[Path, dict], arguments: tuple[object, ...], sentence: str
) -> None:
    assert sentence in assert_refused("cosim", run[0] / "bundle", *arguments)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.full((2, 8, 8), np.nan)}, "images.npz: x "),
        (
            {"x": np.zeros((2, 9, 8))},
            "images.npz: x must have images of the shape [1, 8, 8], which the network reads, got [1, 9, 8]",
        ),
        ({"x": np.zeros((2, 8, 8)), "y": np.array([1, 10])}, "images.npz: y must have labels from 0 to 9, got 10"),
        ({"x": np.zeros((2, 8, 8)), "y": np.array([1])}, "images.npz: y "),
        ({"z": np.zeros((2, 8, 8))}, "must have the array x, got z"),
    ],
)
def test_wrong_images_give_one_sentence(
    run: tuple[Path, dict], tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str
) -> None:
    np.savez(tmp_path / "images.npz", **arrays)
    assert sentence in assert_refused("cosim", run[0] / "bundle", "--images", tmp_path / "images.npz")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--version", 2), "--sample I or --angles FILE"),
        (("--version", 4), "--version must be 2 or 3, got 4"),
        (("--version", 2, "--sample", 3), "golden samples are 0 to 2"),
        (("--sample", 0), "are for --version 2"),
    ],
)
def test_a_wrong_option_of_qasm_gives_one_sentence(
    run: tuple[Path, dict], arguments: tuple[object, ...], sentence: str
) -> None:
    assert sentence in assert_refused("qasm", run[0] / "bundle", *arguments)


@pytest.mark.parametrize("content", ["[1, 2, 3]", "{}", "[", '["a"]', "[[1,2,3],[4,5,6],[7,8,NaN]]", "[[1,2],[3]]"])
def test_wrong_angles_give_one_sentence(run: tuple[Path, dict], tmp_path: Path, content: str) -> None:
    angles = tmp_path / "angles.json"
    angles.write_text(content)
    assert re.search(
        r"inputs must be|must hold 9 inputs, got the shape|list or",
        assert_refused("qasm", run[0] / "bundle", "--version", 2, "--angles", angles),
    )


@pytest.mark.parametrize("command", ["cosim", "qasm", "inspect", "verify"])
def test_a_changed_bundle_is_refused_by_every_command(tiny_bundle: Bundle, tmp_path: Path, command: str) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.path, copy)
    (copy / "head.qasm").write_text(tiny_bundle.program("head") + "\n")
    assert "head.qasm: its sha256 is not the manifest's" in assert_refused(command, copy)
    assert "`spiq run` wrote, got no such folder" in assert_refused(command, tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--on", "brain"), "--on must name one of nir, loihi, lava"),
        (("--on", "lava"), "`spiq lava setup`"),
        (("--on", "nir,loihi,nir"), "one device or two"),
        (("--on", "nir,loihi"), "two devices need --compare"),
        (("--dt", 0), "dt must be a finite number of seconds above 0, got 0.0"),
        (("--dt", "soon"), "'--dt'"),
    ],
)
def test_a_wrong_option_of_nir_gives_one_sentence(arguments: tuple[object, ...], sentence: str) -> None:
    spikes = PEERS / "snntorch_dense.npz"
    assert sentence in assert_refused("nir", PEERS / "snntorch_dense.nir", "--spikes", spikes, *arguments)


def test_wrong_spikes_and_graphs_give_one_sentence(tmp_path: Path) -> None:
    graph = PEERS / "snntorch_dense.nir"
    np.savez(tmp_path / "float.npz", x=np.zeros((2, 1, 12)))
    floats = ("--spikes", tmp_path / "float.npz")
    assert "x: spikes must be uint8, got float64, since a spike" in assert_refused(
        "nir", graph, *floats, "--on", "loihi"
    )
    np.savez(tmp_path / "shape.npz", x=np.zeros((2, 1, 5), np.uint8))
    assert "x: the input must have the shape" in assert_refused("nir", graph, "--spikes", tmp_path / "shape.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    assert "empty.npz" in assert_refused("nir", graph, "--spikes", tmp_path / "empty.npz")
    assert "must be a NIR graph (.nir, HDF5), got no such file" in assert_refused("nir", tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("hello")
    assert "not an HDF5 file" in assert_refused("nir", tmp_path / "text.nir")
    assert "--compare needs --spikes" in assert_refused("nir", graph, "--compare")


def test_what_the_machine_lacks_leaves_the_old_run(run: tuple[Path, dict], config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run[0], out)
    gpu = changed(config_file, tmp_path, 'device = "cpu"', 'device = "cuda"')
    sentence = assert_refused("run", gpu, "--out", out, "--force", CUDA_VISIBLE_DEVICES="")
    assert "PyTorch finds no CUDA device" in sentence
    assert sorted(os.listdir(out)) == sorted(os.listdir(run[0]))


def test_an_output_folder_that_cannot_be_written_gives_one_sentence(config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written: Not a directory" in assert_refused(
        "train", config_file, "--out", tmp_path / "file" / "run"
    )


@pytest.mark.parametrize("room", [100, 9_000, 60_000])
def test_a_disk_without_room_leaves_the_old_bundle(run: tuple[Path, dict], tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands for the full disk: the write fails in the middle either way."""
    out = tmp_path / "run"
    shutil.copytree(run[0], out)
    before = {name: (out / "bundle" / name).read_bytes() for name in os.listdir(out / "bundle")}
    done = subprocess.run(
        [SPIQ, "export", out, "--force"], capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1] == f"spiq: {out / 'bundle'}: cannot be written: File too large"
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(out)) == sorted(os.listdir(run[0]))
    assert {name: (out / "bundle" / name).read_bytes() for name in os.listdir(out / "bundle")} == before
