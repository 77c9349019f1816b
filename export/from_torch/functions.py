"""PyTorch's functions and methods that compute what a layer does."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def as_layer(function: Callable | str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> nn.Module | None:
    """The layer that does what this function, or method of this name, does with these arguments behind the tensor.

    None where there is none. A size that is not a number is None among the arguments.
    """
    make = _LAYERS.get(function)
    try:
        return None if make is None else make(*arguments, **options)
    # Arguments that the layer does not know.
    except (TypeError, ValueError):
        return None


def _flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    return nn.Flatten(start_dim, end_dim)


def _view(*sizes: Any) -> nn.Module | None:
    """view(samples, -1) or reshape(samples, -1): everything behind the samples becomes one axis."""
    (shape,) = sizes if len(sizes) == 1 else (sizes,)
    return nn.Flatten() if len(shape) == 2 and shape[1] == -1 else None


def _reshape(shape: Any) -> nn.Module | None:
    return _view(*shape)


def _pad(pad: Any, mode: str = "constant", value: float | None = None) -> nn.Module | None:
    if mode != "constant" or value or len(pad) not in (2, 4):
        return None
    left, right, above, below = (*pad, 0, 0)[:4]
    return nn.ZeroPad2d((left, right, above, below))


def _dropped(*arguments: Any, **options: Any) -> nn.Module | None:
    """Nothing in evaluation, which is what `training` says there."""
    training = options.get("training", arguments[1] if len(arguments) > 1 else True)
    return None if training else nn.Identity()


_LAYERS: dict[Callable | str, Callable[..., nn.Module | None]] = {
    torch.flatten: _flatten,
    "flatten": _flatten,
    "view": _view,
    "reshape": _view,
    torch.reshape: _reshape,
    F.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d,
    F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    torch.max_pool2d: nn.MaxPool2d,
    F.pad: _pad,
    F.dropout: _dropped,
    F.dropout2d: _dropped,
}
