"""A tiny run by the command, made once."""

import json
from pathlib import Path

import pytest

from shared.command import NO_LAVA, spiq_anew
from spiq.pipeline.config.schema import Config


@pytest.fixture(scope="session")
def config_file(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(tiny_config.to_toml())
    return path


@pytest.fixture(scope="session")
def run(config_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    done = spiq_anew("run", config_file, "--out", out, "--json", **NO_LAVA)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)
