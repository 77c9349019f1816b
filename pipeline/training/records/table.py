"""The trackers by their names in `training.log`, and all that a training tells them.

A record holds the whole curve whatever was stopped and resumed: one that is opened for a resumed run gets the epochs
before first.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ....export.errors import InputError
from ...config.schema import Config
from ..checkpoint import Epoch
from .record import Record


def check_records(names: Sequence[str]) -> None:
    """Raise InputError, naming the extra to install, if the package of one of these trackers is missing."""
    for name in names:
        # The extra, the package and the key's value have one name.
        found = importlib.util.find_spec(name)
        # A folder of that name, as W&B leaves one where it runs, is found too, but without a file.
        if found is None or found.origin is None:
            raise InputError(
                f"training.log names \"{name}\", whose package is not installed; pip install 'spiq[{name}]' installs it"
            )


@contextmanager
def opened_records(
    config: Config | None, run: Path, history: Sequence[Epoch]
) -> Iterator[Callable[[int, Epoch], None]]:
    """Open what `training.log` names, with the epochs so far; yields a function of an epoch's number, from 0, and the
    epoch. Without a configuration nothing is opened.

    Raises InputError where a tracker's package is missing or it cannot start.
    """
    names = () if config is None else tuple(dict.fromkeys(config.training.log))
    check_records(names)
    with ExitStack() as held:
        records: list[Record] = []
        for name in names:
            assert config is not None
            record = _opened(name, config, run)
            held.callback(record.close)
            records.append(record)

        def note(number: int, epoch: Epoch) -> None:
            for record in records:
                record.note(number + 1, epoch)

        for number, epoch in enumerate(history):
            note(number, epoch)
        yield note


def _opened(name: str, config: Config, run: Path) -> Record:
    if name == "tensorboard":
        from .tensorboard import TensorBoardRecord

        return TensorBoardRecord(run)
    from .weights_and_biases import WandbRecord

    return WandbRecord(config, run)
