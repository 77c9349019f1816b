"""A run that takes a second: no good network, but every part of one, and its neurons do fire."""

from pathlib import Path

from spiq.pipeline.config.schema import Config
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


def tiny_images_of(config: Config) -> ImageSet:
    return load_images(config.data.source).limited(config.data.train_limit, config.data.test_limit)


def make_tiny_run(config: Config, images: ImageSet, run: Path) -> Path:
    """The run's folder, made anew, with config.toml, checkpoint.safetensors and bundle/."""
    # PyTorch is imported by these, and not every test needs it.
    from spiq.pipeline.run.exporting import export_bundle
    from spiq.pipeline.run.folder import BUNDLE, start_run
    from spiq.pipeline.training.checkpoint import epochs_of, load_model
    from spiq.pipeline.training.loop import train

    start_run(run, config)
    train(config, images, run)
    model, progress = load_model(run, config)
    export_bundle(config, model, images, run / BUNDLE, epochs=epochs_of(progress.history, config))
    return run
