"""The layers whose meaning is known, and whether a module computes what its class says.

An exporter reads a module's parameters and takes the computation from its class. A subclass, a method put in another's
place and a forward hook change the computation, and no parameter shows it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType

import snntorch
from snntorch import SpikingNeuron
from torch import nn

from ..errors import InputError

_NEURON = ("mem_reset", "fire", "_base_sub", "_base_zero", "_base_int", "_base_state_function")

STOCK: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv1d: ("_conv_forward",),
    nn.Conv2d: ("_conv_forward",),
    nn.BatchNorm1d: (),
    nn.BatchNorm2d: (),
    snntorch.Leaky: _NEURON,
    snntorch.Lapicque: _NEURON,
    snntorch.Synaptic: _NEURON,
    snntorch.RLeaky: _NEURON,
    snntorch.RSynaptic: _NEURON,
    nn.MaxPool2d: (),
    nn.AvgPool2d: (),
    nn.AdaptiveAvgPool2d: (),
    nn.ZeroPad2d: (),
    nn.Flatten: (),
    nn.Linear: (),
    nn.Dropout: (),
    nn.Dropout1d: (),
    nn.Dropout2d: (),
    nn.Identity: (),
}
"""The modules that are known, and the methods that their forward calls."""


def described(name: str, module: nn.Module | None) -> str:
    """The layer as errors name it."""
    return f"layer {name!r} ({type(module).__name__})"


def check_stock(name: str, module: nn.Module | None) -> nn.Module:
    """The module, if it is known and computes what its class says.

    A subclass that only has a constructor of its own counts as stock, and so does a parametrized module
    (`torch.nn.utils.parametrize`): its weight is read as any other. Raises InputError, naming the layer, for any other.
    """
    where = described(name, module)
    kind = next((kind for kind in STOCK if isinstance(module, kind)), None)
    if module is None or kind is None:
        known = ", ".join(kind.__name__ for kind in STOCK)
        raise InputError(f"{where}: has no exact NIR form; the layers that have one are {known}")
    check_computation(module, kind, STOCK[kind], where)
    return module


def check_one_place(places: Iterator[tuple[str, nn.Module]]) -> None:
    """Raises InputError, naming the layer, for a neuron that stands in two places: both would share one membrane."""
    neurons: dict[nn.Module, str] = {}
    for name, module in places:
        if module in neurons:
            raise InputError(
                f"{described(name, module)}: is the same neuron as layer {neurons[module]!r}, so both would share one "
                "membrane; each layer needs a neuron of its own"
            )
        if isinstance(module, SpikingNeuron):
            neurons[module] = name


def check_computation(module: nn.Module, kind: type[nn.Module], calls: tuple[str, ...], where: str) -> None:
    """Raises InputError where the module computes something else than a plain `kind`, or may."""
    for method in ("__call__", "forward", *calls):
        if getattr(module, method) != MethodType(getattr(kind, method), module):
            raise InputError(f"{where}: its {method} must be that of a stock {kind.__name__}, got another one")
    check_hooks(module, where)


def check_hooks(module: nn.Module, where: str) -> None:
    """Raises InputError for forward hooks, which may change what goes through the module."""
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    if hooks:
        names = ", ".join(getattr(hook, "__name__", type(hook).__name__) for hook in hooks)
        raise InputError(
            f"{where}: has forward hooks ({names}), which may change what goes through it; remove them "
            "(torch.nn.utils.remove_weight_norm, remove_spectral_norm and prune.remove make theirs permanent)"
        )


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, and as it was afterwards.

    A parametrized weight may depend on the mode: spectral norm in training moves with every look at it.
    """
    in_training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in in_training:
            module.training = True
