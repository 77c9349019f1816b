"""What a device says of itself, so that it can be listed and asked for by name: its module has one as `DEVICE`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .devices import QuantumDevice, SpikingDevice
from .parts import QuantumPart, SpikingPart

NOTHING_MORE = "nothing more"
"""What a device needs that runs where its package is installed."""


def _nothing_missing() -> None:
    return None


@dataclass(frozen=True)
class SpikingEntry:
    """A spiking device that can be asked for.

    `make` makes it for one stage of a bundle, `summary` says what it is, in a line. `reference` is the device whose
    spikes its own are held against, and `must_be_equal` says that one that differs is an error. `is_slow` devices climb
    only some samples of a ladder. `missing` says what the device lacks on this machine, None where it is ready.
    `make_on_hardware` makes it for the chip itself, if it can be either. `needs` says in a few words what it takes to
    run it: an extra, an environment, a chip.
    """

    name: str
    summary: str
    make: Callable[[SpikingPart], SpikingDevice]
    reference: str | None = None
    must_be_equal: bool = False
    is_slow: bool = False
    missing: Callable[[], str | None] = field(default=_nothing_missing)
    make_on_hardware: Callable[[SpikingPart], SpikingDevice] | None = None
    needs: str = NOTHING_MORE


@dataclass(frozen=True)
class QuantumEntry:
    """A quantum device that can be asked for.

    `make` makes it for one stage of a bundle and a seed of its shots, `summary` says what it is, in a line. `is_exact`
    says that it can give exact expectation values. `missing` says what it lacks on this machine, None where it
    is ready. `needs` says in a few words what it takes to run it: an extra, an account, a processor.
    """

    name: str
    summary: str
    make: Callable[[QuantumPart], QuantumDevice]
    is_exact: bool = True
    missing: Callable[[], str | None] = field(default=_nothing_missing)
    needs: str = NOTHING_MORE
