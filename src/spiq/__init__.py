"""spiq: hybrid spiking-quantum networks, from training to hardware, with proof that the accuracy survived.

    network = spiq.network(encoder, qnode, readout, coding="phase", steps=8, input_shape=(1, 8, 8))
    bundle = network.export("mine/bundle", calibration=x_train[:256], golden=(x_test[:8], y_test[:8]))
    spiq.validate(bundle, x_test, y_test)
    spiq.cosim(bundle, images, snn="lava", qpu="aer", shots=1024).predictions
    run = spiq.train("digits.toml", set={"training.epochs": 5})

The names below are all that a notebook needs. Each is imported when it is first asked for, since torch, PennyLane and
onnx take seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .export.bundle.bundle import Bundle as Bundle
    from .export.bundle.folder import open_bundle as open_bundle
    from .export.circuit.circuit import Circuit as Circuit
    from .export.circuit.to_pennylane import to_qnode as to_qnode
    from .export.coding import Coding as Coding
    from .export.errors import DeviceError as DeviceError
    from .export.errors import InputError as InputError
    from .export.errors import SpiqError as SpiqError
    from .export.network.decoding import Decode as Decode
    from .export.network.network import HybridNetwork as HybridNetwork
    from .pipeline.face import cosim as cosim
    from .pipeline.face import network as network
    from .pipeline.face import train as train
    from .pipeline.face import validate as validate
    from .pipeline.face import verify as verify
    from .pipeline.models.own_network import OwnNetwork as OwnNetwork

__version__ = "0.1.0"

_HOMES = {
    "Bundle": ".export.bundle.bundle",
    "Circuit": ".export.circuit.circuit",
    "Coding": ".export.coding",
    "Decode": ".export.network.decoding",
    "DeviceError": ".export.errors",
    "HybridNetwork": ".export.network.network",
    "InputError": ".export.errors",
    "OwnNetwork": ".pipeline.models.own_network",
    "SpiqError": ".export.errors",
    "cosim": ".pipeline.face",
    "network": ".pipeline.face",
    "open_bundle": ".export.bundle.folder",
    "to_qnode": ".export.circuit.to_pennylane",
    "train": ".pipeline.face",
    "validate": ".pipeline.face",
    "verify": ".pipeline.face",
}
"""The module that each name comes from."""

__all__ = [
    "Bundle",
    "Circuit",
    "Coding",
    "Decode",
    "DeviceError",
    "HybridNetwork",
    "InputError",
    "OwnNetwork",
    "SpiqError",
    "__version__",
    "cosim",
    "network",
    "open_bundle",
    "to_qnode",
    "train",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
