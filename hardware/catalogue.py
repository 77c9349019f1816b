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


def _lava(bundle: Bundle, hardware: bool = False) -> SpikingDevice:
    from .lava.device import LavaDevice
    from .loihi.program import LoihiProgram

    return LavaDevice(LoihiProgram.load(bundle.path / "loihi.npz"), hardware)


def _netx(bundle: Bundle) -> SpikingDevice:
    from .lava.netx_device import NetxDevice

    if "encoder.net" in bundle.manifest.left_out:
        raise InputError(f"{bundle.path}: has no encoder.net: {bundle.manifest.left_out['encoder.net']}")
    return NetxDevice(bundle.path / "encoder.net", bundle.graph.input_shape)


def _exact(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.exact import ExactDevice

    return ExactDevice(seed)


def _pennylane(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.pennylane_device import PennyLaneDevice

    return PennyLaneDevice(seed)


def _aer(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.aer import AerDevice

    # The program of the bundle itself is run, so that this file is what is proved.
    return AerDevice(seed, bundle.program)


SPIKING: dict[str, Callable[[Bundle], SpikingDevice]] = {"nir": _nir, "loihi": _loihi, "lava": _lava, "netx": _netx}
"""`nir`: the NIR file in floating point. `loihi`: Loihi's fixed point, simulated. `lava`: the same program on Intel's
Lava. `netx`: encoder.net on lava-dl's netx."""

REFERENCES = {"loihi": "nir", "lava": "loihi", "netx": "loihi"}
"""What a spiking device's spikes are held against."""

MUST_BE_EQUAL = ("lava", "netx")
"""Devices that run the very program of the one that they are held against."""

QUANTUM: dict[str, Callable[[Bundle, int], QuantumDevice]] = {"exact": _exact, "pennylane": _pennylane, "aer": _aer}
"""`exact`: the circuit's light cone. `pennylane`: PennyLane's state vector. `aer`: the OpenQASM file in Qiskit Aer,
state vector or shots."""


def spiking_device(name: str, bundle: Bundle, hardware: bool = False) -> SpikingDevice:
    """The device of that name for the bundle's spiking half; Lava's on a real Loihi 2 where `hardware` asks for it.

    Raises InputError, listing those there are, and where the device needs what this machine lacks.
    """
    if name not in SPIKING:
        raise InputError(f"--snn {name}: there is no such spiking device; there are {', '.join(SPIKING)}")
    if hardware:
        if name != "lava":
            raise InputError(f"--hardware goes with --snn lava, not with --snn {name}")
        return _lava(bundle, hardware)
    return SPIKING[name](bundle)


def quantum_device(name: str, bundle: Bundle, seed: int) -> QuantumDevice:
    """The device of that name for the bundle's quantum half. Raises InputError, listing those there are."""
    if name not in QUANTUM:
        raise InputError(f"--qpu {name}: there is no such quantum device; there are {', '.join(QUANTUM)}")
    return QUANTUM[name](bundle, seed)
