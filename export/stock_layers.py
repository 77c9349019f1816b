"""The layers of a `Sequential`, where each computes what its class says.

An exporter reads a module's parameters and takes the computation from its class. A subclass, a method put in another's
place and a forward hook change the computation, and no parameter shows it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType

import snntorch
from torch import nn

from .errors import InputError

STOCK: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv2d: ("_conv_forward",),
    nn.BatchNorm2d: (),
    snntorch.Leaky: ("mem_reset", "fire", "_base_zero", "_base_state_function"),
    nn.MaxPool2d: (),
    nn.AvgPool2d: (),
    nn.AdaptiveAvgPool2d: (),
    nn.Flatten: (),
    nn.Linear: (),
    nn.Dropout: (),
    nn.Identity: (),
}
"""The modules that are known, and the methods that their forward calls."""

Layers = list[tuple[str, nn.Module]]
"""(name, module) for every place in a Sequential."""


def stock_layers(encoder: nn.Sequential) -> Layers:
    """Every place in order, a module that stands in several of them once for each.

    A subclass that only has a constructor of its own counts as stock, and so does a parametrized module
    (`torch.nn.utils.parametrize`): its weight is read as any other. Raises InputError, naming the layer, for another
    module, for one that computes something else than its class says, and for a neuron in two places.
    """
    _check_computation(encoder, nn.Sequential, (), f"the encoder ({type(encoder).__name__})")
    layers: Layers = []
    neurons: dict[nn.Module, str] = {}
    # named_children() leaves out a module that it has named before.
    for name, module in encoder._modules.items():
        where = described(name, module)
        kind = next((kind for kind in STOCK if isinstance(module, kind)), None)
        if module is None or kind is None:
            known = ", ".join(kind.__name__ for kind in STOCK)
            raise InputError(f"{where}: has no exact NIR form; the layers that have one are {known}")
        _check_computation(module, kind, STOCK[kind], where)
        if module in neurons:
            raise InputError(
                f"{where}: is the same neuron as layer {neurons[module]!r}, so both would share one membrane; each "
                "layer needs a neuron of its own"
            )
        if isinstance(module, snntorch.Leaky):
            neurons[module] = name
        layers.append((name, module))
    return layers


def described(name: str, module: nn.Module | None) -> str:
    """The layer as errors name it."""
    return f"layer {name!r} ({type(module).__name__})"


@contextmanager
def evaluating(encoder: nn.Sequential) -> Iterator[None]:
    """The encoder in evaluation mode, and as it was afterwards.

    A parametrized weight may depend on the mode: spectral norm in training moves with every look at it.
    """
    in_training = [module for module in encoder.modules() if module.training]
    encoder.eval()
    try:
        yield
    finally:
        for module in in_training:
            module.training = True


def _check_computation(module: nn.Module, kind: type[nn.Module], calls: tuple[str, ...], where: str) -> None:
    """Raises InputError where the module computes something else than a plain `kind`, or may."""
    for method in ("__call__", "forward", *calls):
        if getattr(module, method) != MethodType(getattr(kind, method), module):
            raise InputError(f"{where}: its {method} is not that of {kind.__name__}; a stock {kind.__name__} is needed")
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    if hooks:
        names = ", ".join(getattr(hook, "__name__", type(hook).__name__) for hook in hooks)
        raise InputError(
            f"{where}: has forward hooks ({names}), which may change what goes through it; remove them "
            "(torch.nn.utils.remove_weight_norm, remove_spectral_norm and prune.remove make theirs permanent)"
        )
