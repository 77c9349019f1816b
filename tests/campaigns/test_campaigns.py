"""A few tries of each campaign; `make campaign` makes thousands."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(script: str, *options: object) -> str:
    """What the campaign prints. A try with a bad end makes its exit status 1."""
    command = [sys.executable, str(HERE / script), *map(str, options)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_damaged_hdf5_files_are_read_or_refused() -> None:
    said = run("damaged_hdf5.py", "--tries", 150, "--seed", 100)
    assert "0 hung, ended the process or raised another exception" in said


def test_damaged_bundles_are_refused_or_run(tiny_run: Path) -> None:
    said = run("damaged_bundles.py", "--tries", 24, "--seed", 100, "--bundle", tiny_run / "bundle")
    assert "24 tries, 0 wrong" in said


def test_networks_in_another_unit_are_the_same_program() -> None:
    said = run("scaled_networks.py", "--tries", 5, "--seed", 100)
    assert said.count("'of other integers': 0") == 2


def test_snntorchs_networks_give_its_spikes() -> None:
    said = run("snntorch_networks.py", "--tries", 10, "--seed", 100)
    assert "different from snnTorch: 0; counts of onnxruntime that differ: 0" in said
