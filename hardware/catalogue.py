"""The devices by name: what `--snn` and `--qpu` take.

A device is imported when it is asked for, since some take seconds to import.
"""

from collections.abc import Callable

from ..export.bundle import Bundle
from ..export.errors import InputError
from .devices import QuantumDevice, SpikingDevice


def _nir(bundle: Bundle) -> SpikingDevice:
    from .nir_runtime import NirRuntime

    return NirRuntime(bundle.graph, bundle.manifest.dt)


def _loihi(bundle: Bundle) -> SpikingDevice:
    from .loihi.device import LoihiDevice
    from .loihi.program import LoihiProgram

    return LoihiDevice(LoihiProgram.load(bundle.path / "loihi.npz"))


def _exact(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.exact import ExactDevice

    return ExactDevice(seed)


def _aer(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.aer import AerDevice

    # The program of the bundle itself is run, so that this file is what is proved.
    return AerDevice(seed, bundle.program)


SPIKING: dict[str, Callable[[Bundle], SpikingDevice]] = {"nir": _nir, "loihi": _loihi}
"""`nir`: the NIR file in floating point. `loihi`: Loihi's fixed point."""

QUANTUM: dict[str, Callable[[Bundle, int], QuantumDevice]] = {"exact": _exact, "aer": _aer}
"""`exact`: PennyLane's state vector. `aer`: the OpenQASM file in Qiskit Aer, state vector or shots."""


def spiking_device(name: str, bundle: Bundle) -> SpikingDevice:
    """The device of that name for the bundle's spiking half. Raises InputError, listing those there are."""
    if name not in SPIKING:
        raise InputError(f"--snn {name}: there is no such spiking device; there are {', '.join(SPIKING)}")
    return SPIKING[name](bundle)


def quantum_device(name: str, bundle: Bundle, seed: int) -> QuantumDevice:
    """The device of that name for the bundle's quantum half. Raises InputError, listing those there are."""
    if name not in QUANTUM:
        raise InputError(f"--qpu {name}: there is no such quantum device; there are {', '.join(QUANTUM)}")
    return QUANTUM[name](bundle, seed)
