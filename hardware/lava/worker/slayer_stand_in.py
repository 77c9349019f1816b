"""lava-dl's netx reader without PyTorch. This runs in Lava's own interpreter, before netx is imported.

`lava.lib.dl.netx` of lava-dl 0.6.0 imports PyTorch in two places. Its hdf5.py takes a function from
`lava.lib.dl.slayer.neuron.rf`, for resonate-and-fire neurons, and with it all of slayer, lava-dl's training half. Its
package imports `lava.lib.dl.netx.sequential_modules`, which hands PyTorch's tensors to a network and which the reader
does not use. Modules that stand in for both leave the reader as it is, and spare 5 GB of packages and Torch's threads,
which hang inside a Lava process.
"""

import sys
import warnings
from importlib.util import find_spec
from types import ModuleType

SLAYER = "lava.lib.dl.slayer"
NETX = "lava.lib.dl.netx"


def stand_in() -> None:
    """Put the stand-ins in place; from then on `lava.lib.dl.netx` imports without PyTorch.

    A network with resonate-and-fire neurons is refused with a NotImplementedError when it is read.
    """
    for name in (SLAYER, f"{SLAYER}.neuron", f"{SLAYER}.neuron.rf", f"{NETX}.sequential_modules"):
        sys.modules[name] = ModuleType(name)
    sys.modules[f"{SLAYER}.neuron.rf"].__dict__["neuron_params"] = _resonate_and_fire
    # Lava's compiler looks for models in the folders of all modules of a package, and asks each for its file. It also
    # runs every file there by itself, and warns of the one that asks for PyTorch.
    sys.modules[f"{NETX}.sequential_modules"].__file__ = getattr(find_spec(NETX), "origin", None)
    warnings.filterwarnings("ignore", r"Cannot import module '<module 'sequential_modules'")


def _resonate_and_fire(parameters: object) -> None:
    raise NotImplementedError("a netx file with resonate-and-fire neurons needs all of lava-dl, with PyTorch")
