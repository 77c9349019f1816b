"""Training: it learns, it stops and goes on, and the same seed gives the same bytes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from spiq.export.errors import InputError
from spiq.pipeline.config.file import load_config
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import ImageSet, load_images
from spiq.pipeline.run.folder import CHECKPOINT, RESUME, start_run
from spiq.pipeline.training import checkpoint
from spiq.pipeline.training.checkpoint import Epoch, Progress
from spiq.pipeline.training.epoch import evaluate
from spiq.pipeline.training.images import Part, split
from spiq.pipeline.training.loop import train


def longer(config: Config, epochs: int, **training: object) -> Config:
    changed = config.training.model_copy(update={"epochs": epochs, **training})
    return config.model_copy(update={"training": changed})


class KillError(Exception):
    """Stands for a kill: nothing in the training may handle it."""


def kill_after(epochs: int):
    def watch(epoch: int, batch: int, batches: int, *_: object) -> None:
        if epoch == epochs and batch == 1:
            raise KillError

    return watch


def test_training_learns(tmp_path: Path) -> None:
    config = load_config(Path(__file__).parents[2] / "examples" / "digits.toml")
    config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 5, "batch_size": 32})})
    images = load_images("digits").limited(640, 200)
    model = train(config, images, tmp_path)
    _, progress = checkpoint.load(tmp_path / CHECKPOINT)
    assert progress.history[-1].loss < 0.9 * progress.history[0].loss
    part = Part(images.test_images, images.test_labels)
    assert evaluate(model, config.coding_scheme, part, torch.device("cpu")) > 0.2


def test_the_newest_accuracy_held_out_is_told_when_it_is_known(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    told = []
    train(tiny_config, tiny_images, tmp_path, watch=lambda *figures: told.append(figures))
    _, progress = checkpoint.load(tmp_path / CHECKPOINT)
    before = [None, *(epoch.validation for epoch in progress.history)]
    assert len(set(before)) > 2
    for number, epoch in enumerate(progress.history):
        *during, last = [figures for figures in told if figures[0] == number]
        assert [figures[5] for figures in during] == [before[number]] * len(during)
        assert last == (number, len(during), len(during), *epoch[:3])
    assert told[-1] == last


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        train(tiny_config.model_copy(update={"seed": seed}), tiny_images, tmp_path / name)
    a, b, c = ((tmp_path / name / CHECKPOINT).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_killed_run_goes_on_to_the_weights_of_an_unbroken_one(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    config = longer(tiny_config, 3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    train(config, tiny_images, whole)
    with pytest.raises(KillError):
        train(config, tiny_images, broken, watch=kill_after(2))
    assert (broken / RESUME).exists()
    train(config, tiny_images, broken, resume=True)
    assert (whole / CHECKPOINT).read_bytes() == (broken / CHECKPOINT).read_bytes()


def test_a_run_that_stopped_before_anything_to_resume_from_starts_anew(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    train(tiny_config, tiny_images, whole)
    save = checkpoint.save

    def save_the_best_only(path: Path, *content: object) -> None:
        if path.name == RESUME:
            raise KillError
        save(path, *content)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("spiq.pipeline.training.checkpoint.save", save_the_best_only)
        with pytest.raises(KillError):
            train(tiny_config, tiny_images, broken)
    assert (broken / CHECKPOINT).exists()
    train(tiny_config, tiny_images, broken, resume=True)
    assert (whole / CHECKPOINT).read_bytes() == (broken / CHECKPOINT).read_bytes()


def test_a_finished_run_is_left_as_it_is_by_resume(
    tiny_config: Config, tiny_images: ImageSet, tiny_run: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_run / CHECKPOINT, tmp_path)
    train(tiny_config, tiny_images, tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == (tiny_run / CHECKPOINT).read_bytes()


def test_ctrl_c_in_the_first_epoch_leaves_a_usable_checkpoint(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path
) -> None:
    def watch(*_: object) -> None:
        raise KeyboardInterrupt

    start_run(tmp_path / "run", tiny_config)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config, tiny_images, tmp_path / "run", watch=watch)
    model, progress = checkpoint.load_model(tmp_path / "run", tiny_config)
    assert progress.history == ()
    assert model(torch.ones(2, 1, 1, 8, 8)).shape == (1, 10)


def test_the_best_epoch_is_the_one_that_is_kept(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.5, 0.9, 0.7])
    kept: list[dict[str, torch.Tensor]] = []

    def judged(model: torch.nn.Module, *_: object) -> float:
        kept.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return next(accuracies)

    monkeypatch.setattr("spiq.pipeline.training.loop.evaluate", judged)
    train(longer(tiny_config, 3), tiny_images, tmp_path)
    tensors, progress = checkpoint.load(tmp_path / CHECKPOINT)
    assert progress.best == 1
    assert len(progress.history) == 3
    assert all(torch.equal(tensors[name], kept[1][name]) for name in tensors)
    assert any(not torch.equal(tensors[name], kept[2][name]) for name in tensors)


def test_a_loss_that_is_no_number_ends_training_with_a_sentence(
    tiny_config: Config, tiny_images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spiq.pipeline.training.epoch.F.cross_entropy", lambda logits, _: logits.sum() * float("nan"))
    with pytest.raises(InputError, match=r"training diverged in epoch 1.* smaller training.learning_rate than 0.02"):
        train(tiny_config, tiny_images, tmp_path)


def test_the_split_holds_out_a_share_of_every_class() -> None:
    labels = np.repeat(np.arange(5), 20)
    part = Part(np.arange(100, dtype=np.float32).reshape(100, 1, 1, 1), labels)
    training, validation = split(part, 0.1, seed=3)
    assert np.bincount(validation.labels).tolist() == [2] * 5
    together = np.concatenate([training.images, validation.images]).ravel()
    assert sorted(together.tolist()) == list(range(100))
    again = split(part, 0.1, seed=3)[1]
    assert np.array_equal(validation.images, again.images)
    assert not np.array_equal(validation.images, split(part, 0.1, seed=4)[1].images)
    assert len(split(part, 0.0, seed=3)[1].labels) == 0
    assert np.bincount(split(part, 0.99, seed=3)[0].labels).tolist() == [1] * 5


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_damaged_checkpoint_is_refused(tiny_run: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / CHECKPOINT
    content = (tiny_run / CHECKPOINT).read_bytes()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[:-100], "other": b"x" * 500}[damage])
    with pytest.raises(InputError, match=r"checkpoint\.safetensors"):
        checkpoint.load(path)


def test_a_checkpoint_of_another_configuration_is_refused(tiny_run: Path, tiny_config: Config) -> None:
    other = tiny_config.model_copy(update={"circuit": tiny_config.circuit.model_copy(update={"qubits": 4})})
    with pytest.raises(InputError, match="does not fit"):
        checkpoint.load_model(tiny_run, other)


def test_a_checkpoint_is_plain_safetensors(tiny_run: Path) -> None:
    with safe_open(tiny_run / CHECKPOINT, framework="np") as file:
        names = list(file.keys())
    assert "head.weights" in names
    assert not any(name.startswith("optimizer") for name in names)


def test_progress_survives_the_file(tmp_path: Path) -> None:
    progress = Progress((1, 8, 8), 10, 0, (Epoch(1.5, 0.25, None), Epoch(1.0, 0.5, 0.75, 0.02)))
    checkpoint.save(tmp_path / "a.safetensors", {"w": torch.arange(3.0)}, progress)
    tensors, again = checkpoint.load(tmp_path / "a.safetensors")
    assert again == progress
    assert tensors["w"].tolist() == [0, 1, 2]
