"""A snnTorch `Sequential` as a NIR graph with the same spikes.

    Conv2d, BatchNorm2d            → Conv2d, the normalisation folded into weight and bias
    Leaky(reset_mechanism="zero")  → IF where beta is 1, otherwise LIF
    MaxPool2d                      → SumPool2d, IF(threshold 0.5)
    AvgPool2d                      → AvgPool2d
    AdaptiveAvgPool2d(1), Linear   → one Affine over the flattened map
    Flatten, Linear                → Flatten, Linear or Affine

Max pooling over spikes is OR. NIR has no OR; but a non-negative whole number either passes the threshold 0.5 and
resets, or is 0 and leaves the neuron at rest, so sum pooling into an integrate-and-fire neuron is OR, exactly.

NIR's neurons are in continuous time and are read with one Euler step of dt. snnTorch's v ← beta·v + input is the LIF
with dt/tau = 1 - beta and r = tau/dt; with beta = 1 that divides by zero, and the neuron is the IF, v ← v + input.
"""

from itertools import pairwise

import nir
import numpy as np
import snntorch
import torch
from jaxtyping import Float, Int
from torch import nn

from .errors import InputError
from .geometry import Shape
from .graph import place
from .time_step import DEFAULT_DT

OR_THRESHOLD = 0.5
"""Between no spike and one: what turns a sum of spikes into their OR."""

MODULES = (
    nn.Conv2d,
    nn.BatchNorm2d,
    snntorch.Leaky,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Flatten,
    nn.Linear,
    nn.Dropout,
    nn.Identity,
)
"""The modules that have an exact NIR form."""

Nodes = list[tuple[str, nir.NIRNode]]
Layers = list[tuple[str, nn.Module]]


def to_nir(encoder: nn.Sequential, input_shape: Shape, dt: float = DEFAULT_DT) -> nir.NIRGraph:
    """The encoder in evaluation mode, in float64, as a chain of NIR nodes named after its modules.

    `input_shape` is without time and sample, and the input is binary spikes. `dt` is in seconds. Raises InputError,
    naming the layer, for a module or a setting that NIR cannot say exactly.
    """
    nodes: Nodes = []
    shape, binary = tuple(input_shape), True
    layers = list(encoder.named_children())
    while layers:
        name, module = layers.pop(0)
        added = _nodes(name, module, layers, shape, binary, dt)
        if added:
            # The shapes come from the rules that every reader of the file applies.
            shape = place(_chain(shape, added), f"layer {name!r}").output_shape
            last = added[-1][1]
            binary = isinstance(last, nir.IF | nir.LIF) or (binary and isinstance(last, nir.Flatten))
        nodes += added
    return _chain(tuple(input_shape), nodes, shape)


def _chain(input_shape: Shape, nodes: Nodes, output_shape: Shape | None = None) -> nir.NIRGraph:
    # The shape of an output that is still open is what reaches it.
    output = nir.Output({"output": np.array(output_shape)}) if output_shape else nir.Output(None)  # type: ignore[arg-type]
    named = {"input": nir.Input({"input": np.array(input_shape)}), **dict(nodes), "output": output}
    return nir.NIRGraph(named, list(pairwise(named)), type_check=False)


def _nodes(name: str, module: nn.Module, following: Layers, shape: Shape, binary: bool, dt: float) -> Nodes:
    """The nodes for a module; what they take in besides it is removed from `following`."""
    where = f"layer {name!r} ({type(module).__name__})"
    match module:
        case nn.Conv2d() | nn.BatchNorm2d() | nn.AdaptiveAvgPool2d() if len(shape) != 3:
            raise InputError(f"{where}: its input has the shape {list(shape)}; [channel, height, width] is needed")
        case nn.Conv2d():
            norm = following[0][1] if following else None
            if isinstance(norm, nn.BatchNorm2d):
                following.pop(0)
                return [(name, _convolution(module, norm, shape, where))]
            return [(name, _convolution(module, None, shape, where))]
        case nn.BatchNorm2d():
            scale, shift = _normalisation(module, where)
            if len(scale) != shape[0]:
                raise InputError(f"{where}: reads {len(scale)} channels, but its input has {shape[0]}")
            weight = scale[:, None, None, None]
            height, width = shape[1:]
            return [(name, nir.Conv2d((height, width), weight, (1, 1), (0, 0), (1, 1), len(weight), shift))]
        case snntorch.Leaky():
            return [(name, _neuron(module, shape, dt, where))]
        case nn.MaxPool2d():
            if not binary:
                raise InputError(f"{where}: max pooling is exact over spikes only; put it right after a neuron")
            window = _window(module, where)
            if _pair(module.dilation) != (1, 1) or module.return_indices:
                raise InputError(f"{where}: dilation 1 and no return_indices are allowed")
            pooled = place(_chain(shape, [(name, nir.SumPool2d(*window))]), where).output_shape
            neuron = nir.IF(np.ones(pooled), np.full(pooled, OR_THRESHOLD), np.zeros(pooled))
            return [(name, nir.SumPool2d(*window)), (f"{name}_or", neuron)]
        case nn.AvgPool2d():
            if module.divisor_override is not None or (not module.count_include_pad and any(_pair(module.padding))):
                raise InputError(f"{where}: NIR's AvgPool2d divides by the kernel's size, padding included")
            return [(name, nir.AvgPool2d(*_window(module, where)))]
        case nn.AdaptiveAvgPool2d():
            return _adaptive(name, module, following, shape, where)
        case nn.Flatten():
            if module.start_dim < 1:
                raise InputError(
                    f"{where}: start_dim is {module.start_dim}; 1 or more, for the first axis is the sample"
                )
            end = module.end_dim - 1 if module.end_dim > 0 else module.end_dim
            return [(name, nir.Flatten({"input": np.array(shape)}, module.start_dim - 1, end))]
        case nn.Linear():
            return [(name, _linear(_float64(module.weight), module.bias))]
        case nn.Dropout() | nn.Identity():
            return []
        case _:
            known = ", ".join(kind.__name__ for kind in MODULES)
            raise InputError(f"{where}: has no exact NIR form; the layers that have one are {known}")


def _convolution(module: nn.Conv2d, norm: nn.BatchNorm2d | None, shape: Shape, where: str) -> nir.Conv2d:
    """y = scale·(W ⋆ x + b) + shift is again a convolution, of scale·W and scale·b + shift."""
    if module.padding_mode != "zeros":
        raise InputError(f"{where}: padding_mode is {module.padding_mode!r}; 'zeros' is allowed")
    weight = _float64(module.weight)
    bias = np.zeros(len(weight)) if module.bias is None else _float64(module.bias)
    if norm is not None:
        scale, shift = _normalisation(norm, where)
        if len(scale) != len(weight):
            raise InputError(f"{where}: gives {len(weight)} channels, but the batch norm after it reads {len(scale)}")
        weight, bias = weight * scale[:, None, None, None], bias * scale + shift
    padding = module.padding if isinstance(module.padding, str) else _pair(module.padding)
    height, width = shape[1:]
    return nir.Conv2d(
        (height, width), weight, _pair(module.stride), padding, _pair(module.dilation), module.groups, bias
    )


def _normalisation(
    module: nn.BatchNorm2d, where: str
) -> tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]]:
    """Batch norm in evaluation mode is scale·x + shift: scale = weight/√(variance + ε), shift = bias - scale·mean."""
    if module.running_mean is None or module.running_var is None:
        raise InputError(f"{where}: batch norm without running statistics has no fixed form")
    scale = 1 / np.sqrt(_float64(module.running_var) + module.eps)
    if module.weight is not None:
        scale = scale * _float64(module.weight)
    shift = -scale * _float64(module.running_mean)
    if module.bias is not None:
        shift = shift + _float64(module.bias)
    return scale, shift


def _neuron(module: snntorch.Leaky, shape: Shape, dt: float, where: str) -> nir.IF | nir.LIF:
    if module.reset_mechanism != "zero":
        raise InputError(
            f"{where}: reset_mechanism is {module.reset_mechanism!r}; NIR's neurons reset to a value, so it must be "
            "'zero'"
        )
    if module.inhibition or module.state_quant or not bool((module.graded_spikes_factor == 1).all()):
        raise InputError(f"{where}: inhibition, state_quant and graded spikes have no NIR form")
    try:
        # torch lines shapes up at the last axis, as numpy does.
        beta = np.broadcast_to(_float64(module.beta).clip(0, 1), shape).copy()
        threshold = np.broadcast_to(_float64(module.threshold), shape).copy()
    except ValueError as error:
        raise InputError(f"{where}: beta or threshold does not fit its input {list(shape)}") from error
    reset = np.zeros(shape)
    if (beta == 1).all():
        return nir.IF(np.ones(shape), threshold, reset)
    if (beta == 1).any():
        raise InputError(
            f"{where}: beta is 1 for some neurons and less for others; one kind of neuron a layer is allowed"
        )
    return nir.LIF(dt / (1 - beta), 1 / (1 - beta), np.zeros(shape), threshold, reset)


def _adaptive(name: str, module: nn.AdaptiveAvgPool2d, following: Layers, shape: Shape, where: str) -> Nodes:
    """Averages over equal windows; the average over the whole map goes into the linear layer that reads it."""
    size = shape[1:]
    asked = module.output_size if isinstance(module.output_size, tuple) else (module.output_size, module.output_size)
    target = [have if want is None else int(want) for have, want in zip(size, asked, strict=True)]
    if any(have % want for have, want in zip(size, target, strict=True)):
        raise InputError(f"{where}: an output of {target} does not divide its input {size} evenly")
    (flat_name, flatten), (linear_name, linear) = (*following[:2], *[("", None)] * 2)[:2]
    if target == [1, 1] and _reads_flat(flatten) and isinstance(linear, nn.Linear):
        del following[:2]
        area = size[0] * size[1]
        # In channel-height-width order the pixels of a channel follow each other.
        weight = np.repeat(_float64(linear.weight) / area, area, axis=1)
        return [
            (flat_name, nir.Flatten({"input": np.array(shape)}, 0, -1)),
            (linear_name, _linear(weight, linear.bias)),
        ]
    kernel = np.array([have // want for have, want in zip(size, target, strict=True)])
    return [(name, nir.AvgPool2d(kernel, kernel, np.zeros(2, dtype=int)))]


def _reads_flat(module: nn.Module | None) -> bool:
    return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim in (-1, 3)


def _linear(weight: Float[np.ndarray, "out in"], bias: torch.Tensor | None) -> nir.Linear | nir.Affine:
    return nir.Linear(weight) if bias is None else nir.Affine(weight, _float64(bias))


def _window(
    module: nn.MaxPool2d | nn.AvgPool2d, where: str
) -> tuple[Int[np.ndarray, "2"], Int[np.ndarray, "2"], Int[np.ndarray, "2"]]:
    if module.ceil_mode:
        raise InputError(f"{where}: ceil_mode is not allowed, for NIR's pooling has no part windows")
    return np.array(_pair(module.kernel_size)), np.array(_pair(module.stride)), np.array(_pair(module.padding))


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)


def _float64(tensor: torch.Tensor) -> Float[np.ndarray, "..."]:
    return tensor.detach().cpu().double().numpy()
