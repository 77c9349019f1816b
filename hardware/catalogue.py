"""The devices by name: what `--snn` and `--qpu` take.

A device is imported when it is asked for, since some take seconds to import.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..export.bundle.folder import Bundle
from ..export.errors import InputError
from .devices import QuantumDevice, SpikingDevice

if TYPE_CHECKING:
    from .loihi.program import LoihiProgram


def loihi_program(bundle: Bundle) -> "LoihiProgram":
    """The program in the bundle's loihi.npz, as it was when the bundle was opened.

    Raises InputError, naming the file, where it is damaged or has other inputs or outputs than encoder.nir.
    """
    from .loihi.program import LoihiProgram

    name = str(bundle.path / "loihi.npz")
    program = LoihiProgram.load(bundle.content["loihi.npz"], name)
    if program.input_shape != bundle.graph.input_shape:
        raise InputError(
            f"{name}: reads {list(program.input_shape)}, but encoder.nir reads {list(bundle.graph.input_shape)}"
        )
    _check_output(name, program.output_size, bundle)
    return program


def _check_output(name: str, size: int, bundle: Bundle) -> None:
    features = math.prod(bundle.graph.output_shape)
    if size != features:
        raise InputError(f"{name}: gives {size} features, but encoder.nir gives {features}")


def _nir(bundle: Bundle) -> SpikingDevice:
    from .runtime.nir_runtime import NirRuntime

    return NirRuntime(bundle.graph)


def _loihi(bundle: Bundle) -> SpikingDevice:
    from .loihi.device import LoihiDevice

    return LoihiDevice(loihi_program(bundle))


def _lava(bundle: Bundle, hardware: bool = False) -> SpikingDevice:
    from .lava.device import LavaDevice

    return LavaDevice(loihi_program(bundle), hardware)


def _netx(bundle: Bundle) -> SpikingDevice:
    from .lava.netx_device import NetxDevice, open_netx

    if "encoder.net" in bundle.manifest.left_out:
        raise InputError(f"{bundle.path}: has no encoder.net: {bundle.manifest.left_out['encoder.net']}")
    file = open_netx(bundle.content["encoder.net"], str(bundle.path / "encoder.net"))
    _check_output(file.name, file.output_size, bundle)
    return NetxDevice(file, bundle.graph.input_shape)


def _exact(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.exact_device import ExactDevice

    return ExactDevice(seed)


def _pennylane(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.pennylane_device import PennyLaneDevice

    return PennyLaneDevice(seed)


def _aer(bundle: Bundle, seed: int) -> QuantumDevice:
    from .qpu.aer import AerDevice

    # The program of the bundle itself is run, so that this file is what is proved.
    try:
        return AerDevice(seed, bundle.program)
    except InputError as error:
        raise InputError(f"{bundle.path / 'head.qasm'}: {error}") from error


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
