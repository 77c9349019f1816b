"""From `data.pixel_range` to the bundle, and from there to `--images`: one meaning of white all the way."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.command import invoked
from spiq.export.bundle.folder import open_bundle
from spiq.export.errors import InputError
from spiq.pipeline.config.schema import Config

pytestmark = pytest.mark.usefixtures("no_lava")


def configured(tiny_config: Config, source: Path, **data: object) -> str:
    chosen = {"source": f"npz:{source}", "train_limit": None, "test_limit": None, **data}
    training = tiny_config.training.model_copy(update={"epochs": 1})
    return tiny_config.model_copy(
        update={"data": tiny_config.data.model_copy(update=chosen), "training": training}
    ).to_toml()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """8 grey levels above black, in 64-bit integers."""
    rng, path = np.random.default_rng(0), tmp_path / "own.npz"
    y = np.arange(40) % 3
    x = np.minimum(rng.integers(0, 6, (40, 8, 8)) + y[:, np.newaxis, np.newaxis], 8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:9], y_test=y[:9], x=x[:9], y=y[:9])
    return path


def test_the_range_goes_from_the_configuration_to_the_users_images(
    tiny_config: Config, images: Path, tmp_path: Path
) -> None:
    config, run = tmp_path / "own.toml", tmp_path / "run"
    config.write_text(configured(tiny_config, images))
    with pytest.raises(InputError, match=r"x_train and x_test is 7, .*; data\.pixel_range must say which value means"):
        invoked("run", config, "--out", run)
    assert not run.exists()
    config.write_text(configured(tiny_config, images, pixel_range=8))
    done = invoked("run", config, "--out", run, "--json")
    stdout, stderr = done.stdout, done.stderr
    assert json.loads(stdout)["pixel_range"] == 8
    assert "taken as" not in stderr
    bundle = open_bundle(run / "bundle")
    assert bundle.manifest.pixel_range == 8
    with np.load(images) as arrays:
        np.testing.assert_array_equal(bundle.golden.input[:, 0], (arrays["x"][:3] / 8).astype(np.float32))
        # The same images as another integer type, and as floats.
        np.savez(tmp_path / "uint8.npz", x=arrays["x"].astype(np.uint8))
        np.savez(tmp_path / "floats.npz", x=arrays["x"] / 8)
        np.savez(tmp_path / "bright.npz", x=arrays["x"] + 5)
    values = []
    for source in ((), ("--images", images), ("--images", "uint8.npz"), ("--images", "floats.npz")):
        out = tmp_path / "values.npz"
        chosen = [tmp_path / part if str(part).endswith(".npz") else part for part in source]
        stderr = invoked("cosim", run / "bundle", *chosen, "--out", out).stderr
        assert "taken as" not in stderr
        values.append(out.read_bytes())
    assert len(set(values)) == 1
    for command in ("cosim", "inspect"):
        with pytest.raises(InputError, match="x must hold integers from 0 to 8, which means white, got 12"):
            invoked(command, run / "bundle", "--images", tmp_path / "bright.npz")


def test_what_was_decided_is_told_by_every_command_that_loads_the_images(
    tiny_config: Config, images: Path, tmp_path: Path
) -> None:
    with np.load(images) as arrays:
        black_and_white = {**arrays, "x_train": arrays["x_train"] > 3, "x_test": arrays["x_test"] > 3}
    np.savez(images, **{name: array.astype(np.uint8) for name, array in black_and_white.items()})
    config, run = tmp_path / "own.toml", tmp_path / "run"
    config.write_text(configured(tiny_config, images))
    told = f"spiq: {images}: integers up to 1 in x_train and x_test are taken as 0 to 1\n"
    for arguments in (("train", config, "--out", run), ("export", run), ("report", run)):
        assert told in invoked(*arguments).stderr
    assert open_bundle(run / "bundle").manifest.pixel_range == 1
    # The bundle says it, so there is nothing to decide.
    assert told not in invoked("cosim", run / "bundle").stderr
