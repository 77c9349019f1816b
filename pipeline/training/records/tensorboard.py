"""TensorBoard's event files in RUN/training.tensorboard: `tensorboard --logdir RUN` shows them.

They hold the time at which they were written, so they are not the same bytes again.
"""

from pathlib import Path

from ....export.files.atomic import remove_folder
from ...run.folder import TENSORBOARD
from ..checkpoint import Epoch
from .record import figures


class TensorBoardRecord:
    """A Record in files of TensorBoard's. What an earlier call left is taken away, since all epochs are noted anew."""

    def __init__(self, run: Path) -> None:
        # It takes a second to import.
        from torch.utils.tensorboard import SummaryWriter

        folder = run / TENSORBOARD
        if folder.exists():
            remove_folder(folder)
        self._writer = SummaryWriter(str(folder))

    def note(self, number: int, epoch: Epoch) -> None:
        for name, value in figures(epoch).items():
            self._writer.add_scalar(name, value, number)
        # A kill must not cost what is known.
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
