"""`make clean` in a folder made up for it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_clean_leaves_the_runs_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    sources = ["pipeline/commands/main.py", "export/from_torch/graph.py", "hardware/devices.py", "tests/conftest.py"]
    kept = [*sources, "runs/mnist/checkpoint.safetensors", "runs/mine/report.json", "growth.json"]
    made = [
        "runs/digits/checkpoint.safetensors",
        "bench.json",
        "bench.md",
        "site/index.html",
        ".venv/.ready",
        "pipeline/__pycache__/a.pyc",
    ]
    for name in (*kept, *made):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {"Makefile", *kept}
    assert not (tmp_path / "runs" / "digits").exists()
