"""spiq: hybrid spiking-quantum networks, from training to hardware, with proof that the accuracy survived.

The names below are all that a notebook needs. Each is imported when it is first asked for, since torch, PennyLane and
onnx take seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .export.errors import DeviceError as DeviceError
    from .export.errors import InputError as InputError

__version__ = "0.1.0"

_HOMES = {
    "DeviceError": ".export.errors",
    "InputError": ".export.errors",
}
"""The module that each name comes from."""

__all__ = ["DeviceError", "InputError", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
