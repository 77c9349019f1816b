"""Every command as a process, as a user types it: what it prints, its exit status, and its sentences for bad input."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from qiskit import qasm2, qasm3

from spiq.export.bundle import Bundle
from spiq.pipeline.config import Config

SPIQ = Path(sysconfig.get_path("scripts")) / "spiq"
ROOT = Path(__file__).parents[2]
PEERS = ROOT / "tests" / "data" / "nir_peers"


NO_LAVA = {"SPIQ_LAVA_HOME": "/nowhere"}
"""A machine on which `spiq lava setup` was never run; test_lava_commands.py has the other."""


def spiq(*arguments: object, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **NO_LAVA, **environment}
    done = subprocess.run([SPIQ, *map(str, arguments)], capture_output=True, text=True, env=variables, timeout=300)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done


def refused(*arguments: object, **environment: str) -> str:
    """The one sentence on stderr of a command that ends with exit status 2."""
    done = spiq(*arguments, status=2, **environment)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("spiq: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return lines[0]


@pytest.fixture(scope="session")
def config_file(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(tiny_config.to_toml())
    return path


@pytest.fixture(scope="session")
def run(config_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    done = spiq("run", config_file, "--out", out, "--json")
    return out, json.loads(done.stdout)


def test_run_leaves_what_the_readme_says(run: tuple[Path, dict]) -> None:
    out, printed = run
    names = {"config.toml", "checkpoint.safetensors", "bundle", "report.json", "report.html"}
    assert set(os.listdir(out)) == names
    assert json.loads((out / "report.json").read_text()) == printed
    assert [rung["name"] for rung in printed["rungs"]] == ["trained", "nir", "loihi", "lava", "qasm", "shots", "device"]
    trained, nir, loihi, lava, qasm, shots, device = printed["rungs"]
    assert trained["samples"] == nir["samples"] == loihi["samples"] == shots["samples"] == 40
    assert nir["spike_mismatches"] == 0
    assert nir["agreement"] == 1.0
    assert nir["accuracy"] == trained["accuracy"]
    assert 0 < loihi["spike_mismatches"] < 0.2 * 8 * 40 * 9
    assert qasm["max_error"] <= 1e-6
    assert 0 < shots["max_error"] < 1
    assert "`spiq lava setup`" in lava["skipped"]
    assert device["skipped"]
    assert printed["gate"]["passed"]


def test_an_impossible_gate_ends_with_status_1(config_file: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text(config_file.read_text().replace("max_accuracy_drop = 1.0", "max_accuracy_drop = -1.0"))
    done = spiq("run", strict, "--out", tmp_path / "run", status=1)
    assert "gate NOT passed" in done.stdout


def test_the_stages_by_themselves(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert ": epoch " in spiq("train", config_file, "--out", out).stdout
    assert sorted(os.listdir(out)) == ["checkpoint.safetensors", "config.toml"]
    spiq("export", out)
    assert "exists already; --force" in refused("export", out)
    spiq("export", out, "--force")
    table = spiq("report", out).stdout
    for name in ("trained", "nir", "loihi", "qasm", "shots", "lava skipped", "gate passed"):
        assert name in table
    assert spiq("report", out).stdout == table
    assert "exists already; --force" in refused("train", config_file, "--out", out)
    spiq("train", config_file, "--out", out, "--resume")


@pytest.mark.parametrize(("snn", "qpu"), [("nir", "pennylane"), ("loihi", "exact"), ("loihi", "aer"), ("nir", "aer")])
def test_cosim_on_every_device(run: tuple[Path, dict], snn: str, qpu: str, tmp_path: Path) -> None:
    out = tmp_path / "values.npz"
    done = spiq("cosim", run[0] / "bundle", "--snn", snn, "--qpu", qpu, "--limit", 12, "--json", "--out", out)
    found = json.loads(done.stdout)
    assert found["samples"] == 12
    assert 0 <= found["accuracy"] <= 1
    assert ("spike_mismatches" in found) == (snn != "nir")
    with np.load(out, allow_pickle=False) as values:
        assert values["encoded"].shape == (8, 12, 9)
        assert values["logits"].shape == (12, 10)


def test_cosim_with_shots_is_the_same_again_with_the_same_seed(run: tuple[Path, dict], tmp_path: Path) -> None:
    answers = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        out = tmp_path / name
        spiq("cosim", run[0] / "bundle", "--qpu", "aer", "--shots", 50, "--limit", 5, "--seed", seed, "--out", out)
        answers.append(out.read_bytes())
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_cosim_on_a_users_images(run: tuple[Path, dict], tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, x=np.random.default_rng(0).random((3, 8, 8)))
    found = json.loads(spiq("cosim", run[0] / "bundle", "--images", images, "--json").stdout)
    assert found["samples"] == 3
    assert "accuracy" not in found
    assert "accuracy" not in spiq("cosim", run[0] / "bundle", "--images", images).stdout


def test_qasm_prints_programs_that_qiskit_loads(run: tuple[Path, dict], tmp_path: Path) -> None:
    bundle = run[0] / "bundle"
    three = spiq("qasm", bundle).stdout
    assert three == (bundle / "head.qasm").read_text()
    assert qasm3.loads(three).num_parameters == 9
    bound = spiq("qasm", bundle, "--version", 2, "--sample", 1).stdout
    assert qasm2.loads(bound).num_qubits == 3
    with np.load(bundle / "golden.npz") as golden:
        np.save(tmp_path / "angles.npy", golden["angles"][1])
        (tmp_path / "angles.json").write_text(json.dumps(golden["angles"][1].ravel().tolist()))
    for name in ("angles.npy", "angles.json"):
        assert spiq("qasm", bundle, "--version", 2, "--angles", tmp_path / name).stdout == bound


def test_verify_passes_and_says_what_it_compared(run: tuple[Path, dict]) -> None:
    found = json.loads(spiq("verify", run[0] / "bundle", "--json").stdout)
    assert found["passed"]
    assert {check["file"] for check in found["checks"]} >= {
        "encoder.nir", "encoder.onnx", "loihi.npz", "head.json", "head.qasm", "readout.onnx",
    }  # fmt: skip
    assert "DIFFERS" not in spiq("verify", run[0] / "bundle").stdout


def test_inspect_names_the_layers(run: tuple[Path, dict]) -> None:
    found = json.loads(spiq("inspect", run[0] / "bundle", "--json").stdout)
    assert found["circuit"]["qubits"] == 3
    assert [layer["layer"] for layer in found["layers"]] == ["neuron1", "pool1_or", "neuron2", "pool2_or", "neuron"]
    assert "neuron1" in spiq("inspect", run[0] / "bundle").stdout


@pytest.mark.parametrize("name", ["snntorch_conv", "sinabs_conv", "norse_conv"])
def test_nir_runs_the_graphs_of_other_frameworks(name: str, tmp_path: Path) -> None:
    graph, spikes, out = PEERS / f"{name}.nir", PEERS / f"{name}.npz", tmp_path / "out.npz"
    with np.load(spikes, allow_pickle=False) as arrays:
        y, dt = arrays["y"], float(arrays["dt"]) if "dt" in arrays.files else 1e-4
    done = spiq("nir", graph, "--spikes", spikes, "--on", "nir", "--dt", dt, "--compare", "--json", "--out", out)
    found = json.loads(done.stdout)
    assert found["spike_mismatches"] == 0
    assert found["first_difference"] is None
    with np.load(out, allow_pickle=False) as arrays:
        assert arrays["y"].dtype == np.uint8
        assert np.array_equal(arrays["y"], y)
    options = ("--spikes", spikes, "--dt", dt, "--json")
    both = json.loads(spiq("nir", graph, *options, "--on", "nir,loihi", "--compare").stdout)
    assert both["spike_mismatches"] < 0.1 * y.size
    alone = json.loads(spiq("nir", graph, *options, "--on", "loihi").stdout)
    assert alone["spikes"] > 0
    assert "Conv2d" in spiq("nir", graph).stdout


def test_nir_says_where_the_first_difference_is(tmp_path: Path) -> None:
    spikes = tmp_path / "wrong.npz"
    with np.load(PEERS / "snntorch_dense.npz", allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"].copy()
    y[5, 2, 1] ^= 1
    np.savez(spikes, x=x, y=y)
    done = spiq("nir", PEERS / "snntorch_dense.nir", "--spikes", spikes, "--compare", "--json", status=1)
    found = json.loads(done.stdout)
    assert found["spike_mismatches"] == 1
    assert found["first_difference"] == {"sample": 2, "step": 5, "layer": "output", "neuron": 1}


def test_doctor_finds_every_package(run: tuple[Path, dict]) -> None:
    found = json.loads(spiq("doctor", "--json").stdout)
    assert {item["name"] for item in found} >= {"torch", "snntorch", "nir", "pennylane", "onnx", "qiskit"}
    assert "Lava" in spiq("doctor").stdout


def test_config_prints_its_reference_and_its_schema() -> None:
    assert spiq("config").stdout == (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert json.loads(spiq("config", "--json").stdout) == Config.model_json_schema()


def test_help_of_every_command_has_an_example() -> None:
    commands = ("run", "train", "export", "report", "cosim", "qasm", "inspect", "verify", "nir", "doctor", "config")
    overview = spiq("--help").stdout
    for command in commands:
        assert command in overview
        assert f"spiq {command}" in spiq(command, "--help").stdout.split("Example")[1]
    assert spiq("--version").stdout.strip()
    assert "Usage" in spiq().stdout


def test_help_and_doctor_import_nothing_heavy() -> None:
    program = (
        "import sys\nfrom spiq.pipeline.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pennylane', 'qiskit', 'snntorch', 'sklearn', 'onnxruntime', 'scipy'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    for argument in ("--help", "doctor"):
        done = subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True)
        assert done.stderr.strip().splitlines()[-1] == "[]"


def test_the_onnx_encoder_gives_pytorchs_counts_on_every_digit(run: tuple[Path, dict]) -> None:
    import torch

    from spiq.pipeline.checkpoint import load_model
    from spiq.pipeline.config import load_config
    from spiq.pipeline.data import load_images

    config = load_config(run[0] / "config.toml")
    model, _ = load_model(run[0], config)
    data = load_images("digits")
    images = np.concatenate([data.train_images, data.test_images])
    assert len(images) == 1797
    spikes = config.coding_scheme.encode(images)
    with torch.no_grad():
        trace = model.double().trace(torch.from_numpy(spikes).double())
    encoder = onnxruntime.InferenceSession(run[0] / "bundle" / "encoder.onnx")
    (counts,) = encoder.run(["counts"], {"spikes": spikes})
    assert np.array_equal(counts, trace.spikes.sum(0).numpy())
    readout = onnxruntime.InferenceSession(run[0] / "bundle" / "readout.onnx")
    (logits,) = readout.run(["logits"], {"expectations": trace.expectations.float().numpy()})
    assert np.abs(logits - trace.logits.numpy()).max() <= 1e-5


def changed(config_file: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = config_file.read_text()
    assert old in text
    path = tmp_path / "bad.toml"
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("epochs = 3", "epoch = 3", "training.epoch is not a key (did you mean epochs?)"),
        ("epochs = 3", 'epochs = "1"', "training.epochs must be a whole number"),
        ("epochs = 3", "epochs = 0", "training.epochs must be a whole number"),
        ("qubits = 3", "qubits = 99", "circuit.qubits must be a whole number from 1 to 16"),
        ('source = "digits"', 'source = "imagenet"', "data.source must be"),
        ("channels = [6, 8]", "channels = [6, 8, 4, 5]", "encoder.channels has 4 stages"),
        ('kind = "phase"', 'kind = "phase', "not TOML"),
    ],
)
def test_a_wrong_configuration_gives_one_sentence_and_no_folder(
    config_file: Path, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    bad = changed(config_file, tmp_path, old, new)
    assert sentence in refused("run", bad, "--out", tmp_path / "run")
    assert os.listdir(tmp_path) == ["bad.toml"]


def test_a_missing_data_set_without_a_network_gives_one_sentence_and_no_folder(
    config_file: Path, tmp_path: Path
) -> None:
    bad = changed(config_file, tmp_path, 'source = "digits"', 'source = "kmnist"')
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "SPIQ_DATA": ""}
    sentence = refused("run", bad, "--out", tmp_path / "run", SPIQ_CACHE=str(tmp_path / "cache"), **nowhere)
    assert "kmnist is not to be had" in sentence
    assert "SPIQ_DATA" in sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--limit", 0), "--limit 0: a whole number of at least 1 is needed"),
        (("--shots", 0), "--shots 0: a whole number of at least 1 is needed"),
        (("--shots", "many"), "'--shots'"),
        (("--snn", "brain"), "--snn brain: there is no such spiking device; there are nir, loihi, lava, netx"),
        (("--snn", "lava"), "`spiq lava setup`"),
        (("--snn", "netx"), "`spiq lava setup --netx`"),
        (("--snn", "loihi", "--hardware"), "--hardware goes with --snn lava, not with --snn loihi"),
        (("--qpu", "abacus"), "--qpu abacus: there is no such quantum device; there are exact, pennylane, aer"),
        (("--images", "/nowhere.npz"), "/nowhere.npz"),
        (("--colour", "red"), "--colour"),
    ],
)
def test_a_wrong_option_of_cosim_gives_one_sentence(
    run: tuple[Path, dict], arguments: tuple[object, ...], sentence: str
) -> None:
    assert sentence in refused("cosim", run[0] / "bundle", *arguments)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.full((2, 8, 8), np.nan)}, "images.npz: x "),
        ({"x": np.zeros((2, 9, 8))}, "images.npz: x has images of the shape [1, 9, 8]"),
        ({"x": np.zeros((2, 8, 8)), "y": np.array([1, 10])}, "images.npz: y has the unknown label 10"),
        ({"x": np.zeros((2, 8, 8)), "y": np.array([1])}, "images.npz: y "),
        ({"z": np.zeros((2, 8, 8))}, "the array x is missing"),
    ],
)
def test_wrong_images_give_one_sentence(
    run: tuple[Path, dict], tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str
) -> None:
    np.savez(tmp_path / "images.npz", **arrays)
    assert sentence in refused("cosim", run[0] / "bundle", "--images", tmp_path / "images.npz")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--version", 2), "--sample I or --angles FILE"),
        (("--version", 4), "there is OpenQASM 2 and 3"),
        (("--version", 2, "--sample", 3), "golden samples are 0 to 2"),
        (("--sample", 0), "are for --version 2"),
    ],
)
def test_a_wrong_option_of_qasm_gives_one_sentence(
    run: tuple[Path, dict], arguments: tuple[object, ...], sentence: str
) -> None:
    assert sentence in refused("qasm", run[0] / "bundle", *arguments)


@pytest.mark.parametrize("content", ["[1, 2, 3]", "{}", "[", '["a"]', "[[1,2,3],[4,5,6],[7,8,NaN]]", "[[1,2],[3]]"])
def test_wrong_angles_give_one_sentence(run: tuple[Path, dict], tmp_path: Path, content: str) -> None:
    angles = tmp_path / "angles.json"
    angles.write_text(content)
    assert re.search(
        r"angles (must be|have the shape)|list or",
        refused("qasm", run[0] / "bundle", "--version", 2, "--angles", angles),
    )


@pytest.mark.parametrize("command", ["cosim", "qasm", "inspect", "verify"])
def test_a_changed_bundle_is_refused_by_every_command(tiny_bundle: Bundle, tmp_path: Path, command: str) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.path, copy)
    (copy / "head.qasm").write_text(tiny_bundle.program + "\n")
    assert "head.qasm: its sha256 is not the manifest's" in refused(command, copy)
    assert "there is no such bundle" in refused(command, tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--on", "brain"), "there are nir, loihi, lava"),
        (("--on", "lava"), "`spiq lava setup`"),
        (("--on", "nir,loihi,nir"), "one device, or two"),
        (("--on", "nir,loihi"), "two devices are for --compare"),
        (("--dt", 0), "dt is 0.0"),
        (("--dt", "soon"), "'--dt'"),
    ],
)
def test_a_wrong_option_of_nir_gives_one_sentence(arguments: tuple[object, ...], sentence: str) -> None:
    spikes = PEERS / "snntorch_dense.npz"
    assert sentence in refused("nir", PEERS / "snntorch_dense.nir", "--spikes", spikes, *arguments)


def test_wrong_spikes_and_graphs_give_one_sentence(tmp_path: Path) -> None:
    graph = PEERS / "snntorch_dense.nir"
    np.savez(tmp_path / "float.npz", x=np.zeros((2, 1, 12)))
    assert "x: spikes are float64" in refused("nir", graph, "--spikes", tmp_path / "float.npz")
    np.savez(tmp_path / "shape.npz", x=np.zeros((2, 1, 5), np.uint8))
    assert "x: spikes have the shape" in refused("nir", graph, "--spikes", tmp_path / "shape.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    assert "empty.npz" in refused("nir", graph, "--spikes", tmp_path / "empty.npz")
    assert "there is no such file" in refused("nir", tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("hello")
    assert "not an HDF5 file" in refused("nir", tmp_path / "text.nir")
    assert "--compare needs --spikes" in refused("nir", graph, "--compare")


def test_force_takes_away_what_an_earlier_run_left(run: tuple[Path, dict], config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run[0], out)
    other = changed(config_file, tmp_path, "seed = 0", "seed = 7")
    spiq("train", other, "--out", out, "--force")
    assert sorted(os.listdir(out)) == ["checkpoint.safetensors", "config.toml"]
    assert "there is no such bundle" in refused("report", out)
    assert "give one of them" in refused("train", other, "--out", out, "--force", "--resume")


def test_what_the_machine_lacks_leaves_the_old_run(run: tuple[Path, dict], config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run[0], out)
    gpu = changed(config_file, tmp_path, 'device = "cpu"', 'device = "cuda"')
    sentence = refused("run", gpu, "--out", out, "--force", CUDA_VISIBLE_DEVICES="")
    assert "PyTorch finds no CUDA device" in sentence
    assert sorted(os.listdir(out)) == sorted(os.listdir(run[0]))


def test_names_of_files_and_nodes_are_not_read_as_markup(tmp_path: Path) -> None:
    odd = tmp_path / "d[" / "x].nir"
    odd.parent.mkdir()
    shutil.copy(PEERS / "snntorch_dense.nir", odd)
    assert "d[/x].nir" in spiq("nir", odd).stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("stop", "status", "said"),
    [(signal.SIGINT, 130, "--resume goes on\nspiq: stopped\n"), (signal.SIGTERM, 143, "")],
    ids=["ctrl-c", "terminated"],
)
def test_a_run_that_is_stopped_goes_on(
    config_file: Path, tmp_path: Path, stop: signal.Signals, status: int, said: str
) -> None:
    long = changed(config_file, tmp_path, "epochs = 3", "epochs = 40")
    out = tmp_path / "run"
    process = subprocess.Popen([SPIQ, "train", long, "--out", out], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "resume.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in errors
    assert errors.endswith(said)
    assert (out / "checkpoint.safetensors").exists()
    spiq("train", long, "--out", out, "--resume")
    assert not (out / "resume.safetensors").exists()


def test_an_output_folder_that_cannot_be_written_gives_one_sentence(config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written: Not a directory" in refused("train", config_file, "--out", tmp_path / "file" / "run")


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
