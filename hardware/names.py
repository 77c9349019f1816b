"""The names of all devices: ours, and those that other packages add by an entry point. Nothing heavy is imported here.

A package adds a device by an entry point of the group `spiq.spiking_devices` or `spiq.quantum_devices` that names a
`SpikingEntry` or `QuantumEntry` (`entries`):

    [project.entry-points."spiq.spiking_devices"]
    mychip = "my_package.spiq_device:DEVICE"
"""

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

SPIKING_GROUP = "spiq.spiking_devices"
QUANTUM_GROUP = "spiq.quantum_devices"

OWN_SPIKING = {
    "nir": "spiq.hardware.runtime.nir_device",
    "loihi": "spiq.hardware.loihi.device",
    "lava": "spiq.hardware.lava.device",
    "netx": "spiq.hardware.lava.netx_device",
}
"""Our spiking devices and the modules that hold each as `DEVICE`."""

OWN_QUANTUM = {
    "exact": "spiq.hardware.qpu.exact_device",
    "pennylane": "spiq.hardware.qpu.pennylane_device",
    "aer": "spiq.hardware.qpu.aer",
}


def spiking_names() -> tuple[str, ...]:
    """Every spiking device's name, ours first; one of ours stays ours."""
    return (*OWN_SPIKING, *(name for name in sorted(added(SPIKING_GROUP)) if name not in OWN_SPIKING))


def quantum_names() -> tuple[str, ...]:
    """Every quantum device's name, ours first; one of ours stays ours."""
    return (*OWN_QUANTUM, *(name for name in sorted(added(QUANTUM_GROUP)) if name not in OWN_QUANTUM))


@lru_cache(maxsize=4)
def added(group: str) -> dict[str, EntryPoint]:
    """What other packages add to a group, by name."""
    return {point.name: point for point in entry_points(group=group)}
