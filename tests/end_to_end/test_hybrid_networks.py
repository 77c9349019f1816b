"""A few random hybrid networks and the examples, all the way from somebody's own parts to the bundle."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(6))
def test_what_is_deployed_is_what_the_parts_give(seed: int) -> None:
    campaign = loaded(ROOT / "tests" / "campaigns" / "hybrid_networks.py")
    for key, error in campaign.compared(seed, Counter()).items():
        assert error <= (campaign.SINGLE if key.endswith("single") else campaign.EXACT), key


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_network", ["loihi and aer with 1024 shots", "│ trained │", "│ nir     │"]),
        ("own_qiskit", ["│ trained │", "│ qasm    │"]),
        ("two_branches", ["15 of 15 checks passed", "differ from PyTorch's: 0", "predictions that differ: 0 of"]),
    ],
)
def test_an_example_runs(
    name: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPIQ_LAVA_HOME", "/nowhere")
    monkeypatch.setattr(sys, "argv", [name])
    example = loaded(ROOT / "examples" / f"{name}.py")
    if hasattr(example, "EPOCHS"):
        # Trained for a while it is right on most images; that it goes all the way shows in one epoch.
        example.EPOCHS = 1
    example.main()
    printed = capsys.readouterr().out
    assert all(text in printed for text in said), printed
    rows = [line for line in printed.splitlines() if line.startswith("│ nir")]
    # The NIR file in floating point changes no prediction and no spike.
    assert all(row.split("│")[5].strip() == "100.00%" and row.split("│")[6].strip() == "0" for row in rows)
