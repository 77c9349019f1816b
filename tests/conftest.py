"""What the tests of several packages share: a tiny trained run, made once."""

import os
import signal
from pathlib import Path

# Both cores are busy with tests already; a tensor library that starts threads of its own only slows them down.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell lets its background jobs ignore Ctrl-C, and the commands that tests stop with it would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest

from spiq.export.bundle import Bundle, open_bundle
from spiq.pipeline.config import Config
from spiq.pipeline.data import ImageSet, load_images

TINY = {
    "name": "tiny",
    "data": {"source": "digits", "train_limit": 160, "test_limit": 40},
    "coding": {"kind": "phase", "steps": 8},
    "encoder": {"channels": [6, 8]},
    "circuit": {"qubits": 3, "blocks": 2},
    "training": {"epochs": 3, "batch_size": 40, "learning_rate": 0.02, "device": "cpu"},
    "export": {"calibration_samples": 16, "golden_samples": 3},
    "ladder": {"shots": 64, "lava_samples": 5},
    "gate": {"max_accuracy_drop": 1.0, "min_accuracy": 0.0},
}
"""A run that takes a second: no good network, but every part of one, and its neurons do fire."""


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    return Config.model_validate(TINY)


@pytest.fixture(scope="session")
def tiny_images(tiny_config: Config) -> ImageSet:
    return load_images("digits").limited(tiny_config.data.train_limit, tiny_config.data.test_limit)


@pytest.fixture(scope="session")
def tiny_run(tiny_config: Config, tiny_images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with config.toml, checkpoint.safetensors and bundle/."""
    from spiq.pipeline.checkpoint import epochs_of, load_model
    from spiq.pipeline.exporting import export_bundle
    from spiq.pipeline.run_folder import BUNDLE, start_run
    from spiq.pipeline.training import train

    run = tmp_path_factory.mktemp("tiny") / "run"
    start_run(run, tiny_config)
    train(tiny_config, tiny_images, run)
    model, progress = load_model(run, tiny_config)
    export_bundle(tiny_config, model, tiny_images, run / BUNDLE, epochs=epochs_of(progress.history, tiny_config))
    return run


@pytest.fixture(scope="session")
def tiny_bundle(tiny_run: Path) -> Bundle:
    from spiq.pipeline.run_folder import BUNDLE

    return open_bundle(tiny_run / BUNDLE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked lava or netx is skipped where that environment is not ready, or fails with SPIQ_REQUIRE_LAVA=1."""
    from spiq.hardware.lava.environment import COMMANDS, ready

    for name, command in COMMANDS.items():
        if item.get_closest_marker(name) and not ready(name):
            stop = pytest.fail if os.environ.get("SPIQ_REQUIRE_LAVA") == "1" else pytest.skip
            stop(f"{name} is not set up: {command}")
