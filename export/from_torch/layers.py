"""PyTorch's layers without a state as NIR's nodes, in evaluation mode and float64.

    Conv1d, Conv2d, BatchNorm after it   → Conv1d, Conv2d, the normalisation folded into weight and bias
    Linear, BatchNorm1d after it         → Linear or Affine, likewise
    BatchNorm alone                      → a depthwise convolution of one tap, or an Affine with a diagonal
    MaxPool2d                            → SumPool2d, IF(threshold 0.5)
    AvgPool2d                            → AvgPool2d
    AdaptiveAvgPool2d(1), Flatten, Linear → one Affine over the flattened map
    ZeroPad2d                            → the padding of the convolution after it, or a depthwise convolution
    Flatten                              → Flatten
    Dropout, Identity                    → nothing

Max pooling over spikes is OR. NIR has no OR; but a non-negative integer either passes the threshold 0.5 and
resets, or is 0 and leaves the neuron at rest, so sum pooling into an integrate-and-fire neuron is OR, exactly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import nir
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from ..errors import InputError
from ..nir.geometry import Margins, Shape
from ..nir.operations import Pooling, output_shape
from ..nir.time_step import TimeStep
from .stock_layers import described

OR_THRESHOLD = 0.5
"""Between no spike and one: what turns a sum of spikes into their OR."""

_OF_IMAGES = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d)

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

_NOTHING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity)

Layer = tuple[str, nn.Module]
"""A layer's name and module."""


class Chain(NamedTuple):
    """Nodes one behind the other, by name, for the first `layers` of the layers that were given."""

    nodes: list[tuple[str, nir.NIRNode]]
    layers: int = 1


class _Affine(NamedTuple):
    """y = scale·x + shift for each channel: batch norm in evaluation mode."""

    scale: Float[np.ndarray, " channel"]
    shift: Float[np.ndarray, " channel"]


def chain_of(following: Sequence[Layer], shape: Shape, binary: bool, step: TimeStep) -> Chain:
    """The nodes for the first of these layers, of which each reads the one before and nothing else does.

    What follows may be taken in. `shape` is that of the layer's input, and `binary` says whether that is 0 and 1 only.
    Raises InputError, naming the layer, for a setting that NIR cannot say exactly.
    """
    (name, module), after = following[0], following[1:]
    where = described(name, module)
    _check_rank(module, shape, where)
    match module:
        case nn.ZeroPad2d():
            margins = _margins(module, where)
            if after and isinstance(after[0][1], nn.Conv2d) and (padding := _joined(after[0][1], margins)) is not None:
                convolved = _convolved(after, shape, padding)
                return Chain(convolved.nodes, 1 + convolved.layers)
            return Chain([(name, _padded(margins, shape))])
        case nn.Conv1d() | nn.Conv2d():
            return _convolved(following, shape, None)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return Chain([(name, _alone(_normalisation(module, where), shape, where))])
        case nn.MaxPool2d():
            if not binary:
                raise InputError(f"{where}: max pooling is exact over spikes only; put it right after a neuron")
            window = _window(module, where)
            if _pair(module.dilation) != (1, 1) or module.return_indices:
                raise InputError(
                    f"{where}: dilation must be 1 and return_indices False, got {module.dilation} and "
                    f"{module.return_indices}"
                )
            pool = nir.SumPool2d(*window)
            pooled = output_shape(Pooling(*_fixed(window), False), shape, where)
            neuron = nir.IF(unit_r(pooled, step), np.full(pooled, OR_THRESHOLD), np.zeros(pooled))
            return Chain([(name, pool), (f"{name}_or", neuron)])
        case nn.AvgPool2d():
            if module.divisor_override is not None or (not module.count_include_pad and any(_pair(module.padding))):
                raise InputError(
                    f"{where}: must divide by the kernel's size, padding included, as NIR's AvgPool2d does, got "
                    f"divisor_override={module.divisor_override} and count_include_pad={module.count_include_pad}"
                )
            return Chain([(name, nir.AvgPool2d(*_window(module, where)))])
        case nn.AdaptiveAvgPool2d():
            return _adaptive(following, shape, where)
        case nn.Flatten():
            if module.start_dim < 1:
                raise InputError(
                    f"{where}: start_dim must be 1 or more, got {module.start_dim}, since the first axis is the sample"
                )
            end = module.end_dim - 1 if module.end_dim > 0 else module.end_dim
            return Chain([(name, nir.Flatten({"input": np.array(shape)}, module.start_dim - 1, end))])
        case nn.Linear():
            weight, bias = float64(module.weight), None if module.bias is None else float64(module.bias)
            if not after or not isinstance(after[0][1], nn.BatchNorm1d):
                return Chain([(name, linear(weight, bias))])
            norm = _normalisation(after[0][1], described(*after[0]))
            _check_channels(norm, len(weight), where)
            bias = norm.shift if bias is None else bias * norm.scale + norm.shift
            return Chain([(name, nir.Affine(weight * norm.scale[:, None], bias))], 2)
        case _ if isinstance(module, _NOTHING):
            return Chain([])
        case _:
            raise AssertionError(f"{where} is stock, but has no rule")


def unit_r(shape: Shape, step: TimeStep) -> Float[np.ndarray, "*shape"]:
    """The r with which an IF or I adds its input as it is."""
    return np.full(shape, 1 / step.dt if step.integration == "euler" else 1.0)


def linear(weight: Float[np.ndarray, "out in"], bias: Float[np.ndarray, " out"] | None) -> nir.Linear | nir.Affine:
    """The node without a bias, or with one."""
    return nir.Linear(weight) if bias is None else nir.Affine(weight, bias)


def convolution(
    module: nn.Conv1d | nn.Conv2d, shape: Shape, where: str, padding: tuple[int, int] | None = None
) -> nir.Conv1d | nir.Conv2d:
    """The node; `padding` in place of the module's own where it is given."""
    if module.padding_mode != "zeros":
        raise InputError(f"{where}: padding_mode must be 'zeros', got {module.padding_mode!r}")
    weight = float64(module.weight)
    bias = np.zeros(len(weight)) if module.bias is None else float64(module.bias)
    if isinstance(module, nn.Conv1d):
        own = module.padding if isinstance(module.padding, str) else _single(module.padding)
        return nir.Conv1d(shape[1], weight, _single(module.stride), own, _single(module.dilation), module.groups, bias)
    given = padding or (module.padding if isinstance(module.padding, str) else _pair(module.padding))
    height, width = shape[1:]
    return nir.Conv2d((height, width), weight, _pair(module.stride), given, _pair(module.dilation), module.groups, bias)


def float64(tensor: torch.Tensor) -> Float[np.ndarray, "..."]:
    """The tensor's numbers, apart from it."""
    return tensor.detach().cpu().double().numpy()


def _check_rank(module: nn.Module, shape: Shape, where: str) -> None:
    if isinstance(module, _OF_IMAGES) and len(shape) != 3:
        raise InputError(f"{where}: its input must have the shape [channel, height, width], got {list(shape)}")
    if isinstance(module, nn.Conv1d) and len(shape) != 2:
        raise InputError(f"{where}: its input must have the shape [channel, length], got {list(shape)}")
    if isinstance(module, nn.BatchNorm1d) and len(shape) not in (1, 2):
        raise InputError(f"{where}: its input must have the shape [feature] or [channel, length], got {list(shape)}")
    if isinstance(module, nn.Linear) and len(shape) != 1:
        raise InputError(f"{where}: its input must have the shape [feature], as Flatten gives it, got {list(shape)}")


def _convolved(following: Sequence[Layer], shape: Shape, padding: tuple[int, int] | None) -> Chain:
    """A convolution, with the batch norm that may follow: scale·(W ⋆ x + b) + shift is again a convolution."""
    name, module = following[0]
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    where = described(name, module)
    node = convolution(module, shape, where, padding)
    norm = following[1][1] if len(following) > 1 else None
    if not isinstance(norm, nn.BatchNorm1d if isinstance(module, nn.Conv1d) else nn.BatchNorm2d):
        return Chain([(name, node)])
    folded = _normalisation(norm, described(*following[1]))
    _check_channels(folded, len(node.weight), where)
    node.weight = node.weight * folded.scale.reshape(-1, *(1,) * (node.weight.ndim - 1))
    node.bias = node.bias * folded.scale + folded.shift
    return Chain([(name, node)], 2)


def _check_channels(norm: _Affine, given: int, where: str) -> None:
    if len(norm.scale) != given:
        raise InputError(
            f"{where}: must give {len(norm.scale)} channels, which the batch norm after it reads, got {given}"
        )


def _normalisation(module: nn.BatchNorm1d | nn.BatchNorm2d, where: str) -> _Affine:
    """Batch norm in evaluation mode is scale·x + shift: scale = weight/√(variance + ε), shift = bias - scale·mean."""
    if module.running_mean is None or module.running_var is None:
        raise InputError(f"{where}: batch norm without running statistics has no fixed form")
    scale = 1 / np.sqrt(float64(module.running_var) + module.eps)
    if module.weight is not None:
        scale = scale * float64(module.weight)
    shift = -scale * float64(module.running_mean)
    if module.bias is not None:
        shift = shift + float64(module.bias)
    return _Affine(scale, shift)


def _alone(norm: _Affine, shape: Shape, where: str) -> nir.NIRNode:
    """A batch norm that no layer takes in."""
    if len(norm.scale) != shape[0]:
        raise InputError(f"{where}: its input must have {len(norm.scale)} channels, got {shape[0]}")
    channels = len(norm.scale)
    match shape:
        case (_,):
            return nir.Affine(np.diag(norm.scale), norm.shift)
        case (_, length):
            return nir.Conv1d(length, norm.scale[:, None, None], 1, 0, 1, channels, norm.shift)
        case _:
            height, width = shape[1:]
            weight = norm.scale[:, None, None, None]
            return nir.Conv2d((height, width), weight, (1, 1), (0, 0), (1, 1), channels, norm.shift)


def _margins(module: nn.ZeroPad2d, where: str) -> Margins:
    left, right, above, below = (int(amount) for amount in module.padding)
    if min(left, right, above, below) < 0:
        raise InputError(
            f"{where}: padding must be 0 or more, got {list(module.padding)}, since only added zeros have a NIR form"
        )
    return (above, below), (left, right)


def _joined(module: nn.Conv2d, margins: Margins) -> tuple[int, int] | None:
    """The padding of a convolution that has these zeros around its input; None where it is not the same all around."""
    if isinstance(module.padding, str) or any(near != far for near, far in margins):
        return None
    vertical, horizontal = _pair(module.padding)
    return vertical + margins[0][0], horizontal + margins[1][0]


def _padded(margins: Margins, shape: Shape) -> nir.Conv2d:
    """Each channel as it is, with zeros around it: a kernel with a single 1, which stands aside if the margins differ.

    With as many zeros p = max(near, far) on both sides, output y reads tap j at input y + j - p; the tap p - near is
    then input y - near.
    """
    channels, height, width = shape
    sizes = tuple(1 + abs(near - far) for near, far in margins)
    weight = np.zeros((channels, 1, *sizes))
    vertical, horizontal = (max(near, far) for near, far in margins)
    weight[:, :, vertical - margins[0][0], horizontal - margins[1][0]] = 1.0
    return nir.Conv2d((height, width), weight, (1, 1), (vertical, horizontal), (1, 1), channels, np.zeros(channels))


def _adaptive(following: Sequence[Layer], shape: Shape, where: str) -> Chain:
    """Averages over equal windows; the average over the whole map goes into the linear layer that reads it."""
    (name, module), after = following[0], following[1:]
    assert isinstance(module, nn.AdaptiveAvgPool2d)
    size, given = shape[1:], module.output_size
    asked = (given, given) if given is None or isinstance(given, int) else given
    target = [have if want is None else int(want) for have, want in zip(size, asked, strict=True)]
    if any(want < 1 or have % want for have, want in zip(size, target, strict=True)):
        raise InputError(f"{where}: its output must divide its input {size} evenly, got {target}")
    if target == [1, 1] and len(after) > 1 and _reads_flat(after[0][1]) and isinstance(after[1][1], nn.Linear):
        (flat_name, _), (linear_name, dense) = after[:2]
        assert isinstance(dense, nn.Linear)
        area = size[0] * size[1]
        # In channel-height-width order the pixels of a channel follow each other.
        weight = np.repeat(float64(dense.weight) / area, area, axis=1)
        bias = None if dense.bias is None else float64(dense.bias)
        flatten = nir.Flatten({"input": np.array(shape)}, 0, -1)
        return Chain([(flat_name, flatten), (linear_name, linear(weight, bias))], 3)
    kernel = np.array([have // want for have, want in zip(size, target, strict=True)])
    return Chain([(name, nir.AvgPool2d(kernel, kernel, np.zeros(2, dtype=int)))])


def _reads_flat(module: nn.Module) -> bool:
    return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim in (-1, 3)


_Window = tuple[Int[np.ndarray, "2"], Int[np.ndarray, "2"], Int[np.ndarray, "2"]]


def _window(module: nn.MaxPool2d | nn.AvgPool2d, where: str) -> _Window:
    if module.ceil_mode:
        raise InputError(f"{where}: ceil_mode must be False, got True, since NIR's pooling has no part windows")
    return np.array(_pair(module.kernel_size)), np.array(_pair(module.stride)), np.array(_pair(module.padding))


def _fixed(window: _Window) -> tuple[tuple[int, int], tuple[int, int], Margins]:
    kernel, stride, padding = (_pair(tuple(part)) for part in window)
    return kernel, stride, ((padding[0], padding[0]), (padding[1], padding[1]))


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    # PyTorch's pooling takes one value in a tuple, too.
    first, second = np.broadcast_to(value, 2)
    return int(first), int(second)


def _single(value: int | tuple[int, ...]) -> int:
    (only,) = np.broadcast_to(value, 1)
    return int(only)
