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

from shared.command import NO_LAVA
from shared.tiny_run import TINY, make_tiny_run, tiny_images_of
from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    return Config.model_validate(TINY)


@pytest.fixture(scope="session")
def tiny_images(tiny_config: Config) -> ImageSet:
    return tiny_images_of(tiny_config)


@pytest.fixture(scope="session")
def tiny_run(tiny_config: Config, tiny_images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with config.toml, checkpoint.safetensors and bundle/."""
    return make_tiny_run(tiny_config, tiny_images, tmp_path_factory.mktemp("tiny") / "run")


@pytest.fixture(scope="session")
def tiny_bundle(tiny_run: Path) -> Bundle:
    from spiq.pipeline.run.folder import BUNDLE

    return open_bundle(tiny_run / BUNDLE)


@pytest.fixture
def no_lava(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which `spiq lava setup` was never run."""
    for variable, value in NO_LAVA.items():
        monkeypatch.setenv(variable, value)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked lava or netx is skipped where that environment is not ready, or fails with SPIQ_REQUIRE_LAVA=1."""
    from spiq.hardware.lava.environment.setup import COMMANDS, ready

    for name, command in COMMANDS.items():
        if item.get_closest_marker(name) and not ready(name):
            stop = pytest.fail if os.environ.get("SPIQ_REQUIRE_LAVA") == "1" else pytest.skip
            stop(f"{name} is not set up: {command}")
