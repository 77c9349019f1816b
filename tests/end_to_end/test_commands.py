"""Every command as a process: what it prints, what it leaves, and its exit status."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from qiskit import qasm2, qasm3

from shared import command
from shared.command import NO_LAVA, SPIQ, changed
from spiq.pipeline.config.schema import Config

spiq = partial(command.spiq, **NO_LAVA)
assert_refused = partial(command.assert_refused, **NO_LAVA)

ROOT = Path(__file__).parents[2]

PEERS = ROOT / "tests" / "data" / "nir_peers"

TRAINED = ("checkpoint.safetensors", "config.toml", "resume.safetensors", "training.csv")
"""What a training leaves in the run's folder."""


def test_run_leaves_what_the_readme_says(run: tuple[Path, dict]) -> None:
    out, printed = run
    names = {*TRAINED, "bundle", "report.json", "report.html"}
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
    assert sorted(os.listdir(out)) == sorted(TRAINED)
    spiq("export", out)
    assert "exists already; --force" in assert_refused("export", out)
    spiq("export", out, "--force")
    table = spiq("report", out).stdout
    for name in ("trained", "nir", "loihi", "qasm", "shots", "lava skipped", "gate passed"):
        assert name in table
    assert spiq("report", out).stdout == table
    assert "exists already; --force" in assert_refused("train", config_file, "--out", out)
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
        assert values["encoder"].shape == (8, 12, 9)
        assert values["readout"].shape == (12, 10)
        assert np.array_equal(values["encoder_counts"], values["encoder"].sum(0))


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
        "encoder.nir", "encoder.onnx", "encoder.loihi.npz", "head.json", "head.qasm", "readout.onnx",
    }  # fmt: skip
    assert "DIFFERS" not in spiq("verify", run[0] / "bundle").stdout


def test_inspect_names_the_layers(run: tuple[Path, dict]) -> None:
    found = json.loads(spiq("inspect", run[0] / "bundle", "--json").stdout)
    assert found["circuits"][0]["qubits"] == 3
    assert [layer["layer"] for layer in found["spiking"][0]["layers"]] == [
        "neuron1",
        "pool1_or",
        "neuron2",
        "pool2_or",
        "neuron",
    ]
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


def test_nir_takes_counts_and_other_numbers(tmp_path: Path) -> None:
    """Counts are graded spikes on the chip; what is no integer runs in floating point only."""
    graph, spikes = PEERS / "snntorch_dense.nir", tmp_path / "counts.npz"
    counts = np.random.default_rng(0).poisson(1.0, (8, 30, 12)).astype(np.uint8)
    for x in (counts, counts.astype(np.int32), counts.astype(float)):
        np.savez(spikes, x=x)
        out = tmp_path / "out.npz"
        found = json.loads(spiq("nir", graph, "--spikes", spikes, "--json", "--out", out).stdout)
        with np.load(out, allow_pickle=False) as arrays:
            assert int(arrays["y"].sum()) == found["spikes"] > 0
    np.savez(spikes, x=counts)
    both = json.loads(spiq("nir", graph, "--spikes", spikes, "--on", "nir,loihi", "--compare", "--json").stdout)
    assert both["spikes"] == found["spikes"]
    assert both["spike_mismatches"] < 0.05 * found["spikes"]


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
    for name in commands:
        assert name in overview
        assert f"spiq {name}" in spiq(name, "--help").stdout.split("Example")[1]
    assert spiq("--version").stdout.strip()
    assert "Usage" in spiq().stdout


def test_help_and_doctor_import_nothing_heavy() -> None:
    program = (
        "import sys\nfrom spiq.pipeline.commands.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pennylane', 'qiskit', 'snntorch', 'sklearn', 'onnxruntime', 'scipy'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    for argument in ("--help", "doctor"):
        done = subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True)
        assert done.stderr.strip().splitlines()[-1] == "[]"


def test_the_onnx_encoder_gives_pytorchs_counts_on_every_digit(run: tuple[Path, dict]) -> None:
    import torch

    from spiq.pipeline.config.file import load_config
    from spiq.pipeline.data import load_images
    from spiq.pipeline.training.checkpoint import load_model

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
    assert np.array_equal(counts, trace["encoder"].sum(0).numpy())
    readout = onnxruntime.InferenceSession(run[0] / "bundle" / "readout.onnx")
    (logits,) = readout.run(["logits"], {"expectations": trace["head"].float().numpy()})
    assert np.abs(logits - trace["readout"].numpy()).max() <= 1e-5


def test_force_takes_away_what_an_earlier_run_left(run: tuple[Path, dict], config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run[0], out)
    other = changed(config_file, tmp_path, "seed = 0", "seed = 7")
    spiq("train", other, "--out", out, "--force")
    assert sorted(os.listdir(out)) == sorted(TRAINED)
    assert "there is no such bundle" in assert_refused("report", out)
    assert "give one of them" in assert_refused("train", other, "--out", out, "--force", "--resume")


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
    lines = spiq("train", long, "--out", out, "--resume").stderr.splitlines()
    assert len((out / "training.csv").read_text().splitlines()) == 41
    assert lines[-1].startswith("epoch 40/40  loss ")
