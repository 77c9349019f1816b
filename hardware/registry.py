"""The devices by name, made for the stages of a bundle.

A device's module is imported when it is asked for, since some take seconds to import.
"""

import importlib
from typing import Any, TypeVar

from ..export.bundle.bundle import Bundle
from ..export.errors import DeviceError, InputError
from .devices import QuantumDevice, SpikingDevice
from .entries import QuantumEntry, SpikingEntry
from .names import OWN_QUANTUM, OWN_SPIKING, QUANTUM_GROUP, SPIKING_GROUP, added
from .network.stages import Devices
from .parts import BundlePart, QuantumPart

Entry = TypeVar("Entry", SpikingEntry, QuantumEntry)


def spiking_entry(name: str) -> SpikingEntry:
    """The spiking device of that name.

    Raises InputError, listing those there are, where there is none, and DeviceError where the package that adds it
    cannot be loaded.
    """
    return _entry(name, SpikingEntry, "spiking", OWN_SPIKING, SPIKING_GROUP)


def quantum_entry(name: str) -> QuantumEntry:
    """The quantum device of that name. Raises as `spiking_entry` does."""
    return _entry(name, QuantumEntry, "quantum", OWN_QUANTUM, QUANTUM_GROUP)


def spiking_devices(name: str, bundle: Bundle, on_hardware: bool = False) -> dict[str, SpikingDevice]:
    """The device of that name for each spiking stage of the bundle.

    Raises InputError where there is no such device, and where it needs what this machine or the bundle lacks.
    """
    entry = spiking_entry(name)
    make = entry.make_on_hardware if on_hardware else entry.make
    if make is None:
        able = [other for other in OWN_SPIKING if spiking_entry(other).make_on_hardware]
        raise InputError(f"the device {name} runs on no hardware of its own; {', '.join(able)} can")
    return {stage: make(BundlePart(bundle, stage)) for stage in bundle.network.spiking}


def quantum_devices(name: str, bundle: Bundle, seed: int) -> dict[str, QuantumDevice]:
    """The device of that name for each circuit stage of the bundle, each with a seed of its own made from `seed`.

    Raises as `spiking_devices` does.
    """
    entry = quantum_entry(name)
    return {
        stage: entry.make(QuantumPart(bundle, stage, seed + number))
        for number, stage in enumerate(bundle.network.quantum)
    }


def devices(bundle: Bundle, snn: str, qpu: str, seed: int | None = None, on_hardware: bool = False) -> Devices:
    """What a co-simulation of the bundle runs on; the bundle's own seed where none is given."""
    seed = bundle.manifest.seed if seed is None else seed
    return Devices(spiking_devices(snn, bundle, on_hardware), quantum_devices(qpu, bundle, seed))


def _entry(name: str, kind: type[Entry], what: str, own: dict[str, str], group: str) -> Entry:
    if name in own:
        return importlib.import_module(own[name]).DEVICE
    points = added(group)
    if name not in points:
        there = ", ".join((*own, *(other for other in sorted(points) if other not in own)))
        raise InputError(f"the {what} device must be one of {there}, got {name!r}")
    try:
        found: Any = points[name].load()
    # Whatever a package of somebody else's raises must not be taken for a fault of ours.
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise DeviceError(f"{name}: its package {points[name].value} cannot be loaded: {words}") from error
    if not isinstance(found, kind):
        raise DeviceError(f"{name}: {points[name].value} must be a {kind.__name__}, got {type(found).__name__}")
    return found
