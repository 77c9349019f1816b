"""Training gives the same bytes from the same seed, on a GPU too, and leaves PyTorch's settings as they were."""

import os
from pathlib import Path

import pytest
import torch

from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet
from spiq.pipeline.run.folder import CHECKPOINT, start_run
from spiq.pipeline.training.determinism import FIXED, WORKSPACE, deterministic
from spiq.pipeline.training.loop import train

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


def settings() -> tuple[bool, bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
    )


@pytest.mark.parametrize("device", DEVICES)
def test_two_trainings_give_the_same_bytes(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, device: str
) -> None:
    training = tiny_config.training.model_copy(update={"device": device, "epochs": 2})
    config, found = tiny_config.model_copy(update={"training": training}), []
    for name in ("one", "two"):
        run = tmp_path / name
        start_run(run, config)
        train(config, tiny_images, run)
        found.append((run / CHECKPOINT).read_bytes())
    assert found[0] == found[1]


def test_on_a_gpu_only_operations_that_repeat_are_allowed_while_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = settings()
    with deterministic(torch.device("cuda")):
        assert settings() == (True, False, False)
        assert os.environ[WORKSPACE] == FIXED
    assert settings() == before


def test_a_cpu_needs_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    before = settings()
    with deterministic(torch.device("cpu")):
        assert settings() == before
        assert WORKSPACE not in os.environ
