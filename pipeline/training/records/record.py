"""What a tracker of experiments is to a training, and the names under which it shows an epoch's figures."""

from typing import Protocol

from ..checkpoint import Epoch


class Record(Protocol):
    """Follows a training."""

    def note(self, number: int, epoch: Epoch) -> None:
        """Take an epoch's figures; `number` counts from 1."""
        ...

    def close(self) -> None:
        """Bring to the disk what is still held; nothing is noted after it."""
        ...


def figures(epoch: Epoch) -> dict[str, float]:
    """The figures of an epoch that are known, by the name under which every tracker shows them.

    Example: `figures(Epoch(0.5, 0.75, None, 0.01))` has `loss`, `accuracy/training` and `learning_rate`.
    """
    named = {
        "loss": epoch.loss,
        "accuracy/training": epoch.accuracy,
        "accuracy/validation": epoch.validation,
        "learning_rate": epoch.learning_rate,
    }
    return {name: value for name, value in named.items() if value is not None}
