"""Whether a run can go on with the configuration that is given, and what that means where it is not the run's own.

Two keys may differ: `training.log`, and `training.epochs`, as long as it is no less than what is trained already. All
others would make it a run whose weights no configuration explains.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...export.errors import InputError
from ..config.schema import Config, Section
from ..config.words import shown
from .folder import CHECKPOINT, CONFIG, RESUME, open_run

EPOCHS = "training.epochs"
MAY_DIFFER = (EPOCHS, "training.log")


class Difference(NamedTuple):
    """A key, its value in the run and the one that was given; None where it is left out."""

    key: str
    before: Any
    given: Any

    def in_words(self) -> str:
        before, given = ("left out" if value is None else shown(value) for value in self[1:])
        return f"{self.key} ({before} there, {given} given)"


def check_resume(run: Path, config: Config) -> str | None:
    """What is to be told of going on with this configuration; None if it is the run's own, or makes no difference.

    Raises InputError, naming each key with both values, where another key than MAY_DIFFER differs, where there are
    fewer epochs than the run is trained for, and where what a finished run would go on from is missing.
    """
    before = open_run(run)
    wrong = [found for found in differences(before, config) if found.key not in MAY_DIFFER]
    if wrong:
        named = ", ".join(found.in_words() for found in wrong)
        raise InputError(f"{run / CONFIG}: differs from the configuration given in {named}", "resume")
    old, new = before.training.epochs, config.training.epochs
    if old == new:
        return None
    trained = _trained(run, old)
    if new < trained:
        raise InputError(
            f"{EPOCHS} must be at least {trained}, for which {run} is trained already, got {new}", "train anew"
        )
    if trained == new:
        return f"{run}: training ends with epoch {trained}, {old} were planned"
    if not trained:
        return None
    if not (run / RESUME).exists():
        raise InputError(
            f"{run / RESUME}: is missing, without which training cannot go on beyond epoch {trained}", "train anew"
        )
    from ..training.schedule import learning_rate

    rate = learning_rate(config.training, trained)
    return (
        f"{run}: training goes on to epoch {new}, {old} were planned; from epoch {trained + 1} on the learning rate is "
        f"that of {new} epochs, {rate:.2g} at first, so the weights will not be those of a run planned for {new}"
    )


def differences(before: Config, given: Config) -> Iterator[Difference]:
    """The keys whose values differ, dotted, in the configuration's order."""
    yield from _differing("", before, given)


def _differing(prefix: str, before: Section, given: Section) -> Iterator[Difference]:
    for name in type(before).model_fields:
        old, new = getattr(before, name), getattr(given, name)
        if isinstance(old, Section) and isinstance(new, Section):
            yield from _differing(f"{prefix}{name}.", old, new)
        elif old != new:
            yield Difference(f"{prefix}{name}", old, new)


def _trained(run: Path, planned: int) -> int:
    """How many epochs going on would start from."""
    from ..training import checkpoint

    if (run / RESUME).exists():
        return len(checkpoint.load(run / RESUME)[1].history)
    if (run / CHECKPOINT).exists():
        trained = len(checkpoint.load(run / CHECKPOINT)[1].history)
        # Otherwise it was stopped in its first epoch, and starts anew.
        return trained if trained >= planned else 0
    return 0
