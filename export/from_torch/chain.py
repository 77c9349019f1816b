"""From a network to its calls: a chain is read as it stands, any other Module is traced.

A chain is a `Sequential` of layers, and Sequentials within it.
"""

from collections.abc import Iterator

from torch import nn

from ..errors import InputError
from .calls import INPUT, Call, Calls
from .stock_layers import STOCK, check_computation, check_one_place, check_stock
from .trace import traced


def calls_of(network: nn.Module) -> Calls:
    """The network's calls.

    Raises InputError, naming the layer or the line of the user's code, for a layer that is not known, that computes
    something else than its class says, for a neuron in two places, and for code that cannot be followed.
    """
    if isinstance(network, nn.Sequential) and _is_tree(network):
        calls = tuple(_chain(network))
        found = Calls(calls, (calls[-1].name,) if calls else (INPUT,))
    else:
        found = traced(network)
    check_one_place((call.name, call.module) for call in found.calls if call.module is not None)
    return found


def _is_tree(network: nn.Sequential) -> bool:
    """Whether it is a chain of layers and of Sequentials."""
    return type(network).forward is nn.Sequential.forward and all(
        _is_tree(part) if isinstance(part, nn.Sequential) else _is_layer(part) for part in network._modules.values()
    )


def _is_layer(module: nn.Module | None) -> bool:
    """Whether it holds no layers of its own, but for those of a neuron or a parametrization."""
    if module is None or type(module).__module__.startswith(("torch.nn.", "snntorch.")):
        return True
    return isinstance(module, tuple(STOCK)) or not any(True for _ in module.children())


def _chain(network: nn.Sequential, prefix: str = "", before: str = INPUT) -> Iterator[Call]:
    where = f"layer {prefix[:-1]!r} ({type(network).__name__})" if prefix else f"the network ({type(network).__name__})"
    check_computation(network, nn.Sequential, (), where)
    # named_children() leaves out a module that it has named before.
    for name, module in network._modules.items():
        full = f"{prefix}{name}"
        if isinstance(module, nn.Sequential):
            for call in _chain(module, f"{full}.", before):
                yield call
                before = call.name
            continue
        if full == INPUT:
            raise InputError(f"layer {full!r}: the graph has another node of this name; give the layer another one")
        yield Call(full, check_stock(full, module), (before,))
        before = full
