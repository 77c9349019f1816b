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
with dt/tau = 1 - beta and r = tau/dt; with beta = 1 that divides by zero, and the neuron is the IF, v ← v + input,
whose r is 1 for most readers, and 1/dt for those that take NIR's equation at its word (`time_step.Integration`).
The LIF rounds in other places than snnTorch, so a neuron with a leak that comes as close to its threshold as a
double's last digits may fire in one and not in the other.
"""

from itertools import pairwise
from types import MethodType

import nir
import numpy as np
import snntorch
import torch
from jaxtyping import Float, Int
from torch import nn

from .errors import InputError
from .geometry import Shape
from .graph import place
from .stock_layers import Layers, described, evaluating, stock_layers
from .time_step import DEFAULT_DT, DEFAULT_INTEGRATION, Integration, TimeStep

OR_THRESHOLD = 0.5
"""Between no spike and one: what turns a sum of spikes into their OR."""

_OF_IMAGES = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)

Nodes = list[tuple[str, nir.NIRNode]]
Normalisation = tuple[Float[np.ndarray, " channel"], Float[np.ndarray, " channel"]]


def to_nir(
    encoder: nn.Sequential,
    input_shape: Shape,
    dt: float = DEFAULT_DT,
    integration: Integration = DEFAULT_INTEGRATION,
) -> nir.NIRGraph:
    """The encoder in evaluation mode, in float64, as a chain of NIR nodes named after its modules.

    `input_shape` is without time and sample, and the input is binary spikes. `dt` is in seconds; `integration`
    says whether an IF is written with r = 1 or with r = 1/dt. A module that stands in several places becomes a node for
    each. Raises InputError, naming the layer, for a module or a setting that NIR cannot say exactly, for what
    `stock_layers` refuses, and for a name that the graph cannot hold.
    """
    step = TimeStep(dt, integration)
    layers = stock_layers(encoder)
    nodes: Nodes = []
    shape, binary = tuple(input_shape), True
    with evaluating(encoder):
        while layers:
            name, module = layers.pop(0)
            added = _nodes(name, module, layers, shape, binary, step)
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
    taken = {"input", "output"}
    for name, _ in nodes:
        if name in taken:
            raise InputError(f"layer {name!r}: the graph has another node of this name; give the layer another one")
        if "/" in name:
            raise InputError(f"layer {name!r}: HDF5 parts its groups with a slash; a name without one is needed")
        taken.add(name)
    named = {"input": nir.Input({"input": np.array(input_shape)}), **dict(nodes), "output": output}
    return nir.NIRGraph(named, list(pairwise(named)), type_check=False)


def _nodes(name: str, module: nn.Module, following: Layers, shape: Shape, binary: bool, step: TimeStep) -> Nodes:
    """The nodes for a module; what they take in besides it is removed from `following`."""
    where = described(name, module)
    _check_rank(module, shape, where)
    match module:
        case nn.Conv2d():
            norm_name, norm = following[0] if following else ("", None)
            if not isinstance(norm, nn.BatchNorm2d):
                return [(name, _convolution(module, None, shape, where))]
            following.pop(0)
            return [(name, _convolution(module, _normalisation(norm, described(norm_name, norm)), shape, where))]
        case nn.BatchNorm2d():
            scale, shift = _normalisation(module, where)
            if len(scale) != shape[0]:
                raise InputError(f"{where}: reads {len(scale)} channels, but its input has {shape[0]}")
            weight = scale[:, None, None, None]
            height, width = shape[1:]
            return [(name, nir.Conv2d((height, width), weight, (1, 1), (0, 0), (1, 1), len(weight), shift))]
        case snntorch.Leaky():
            return [(name, _neuron(module, shape, step, where))]
        case nn.MaxPool2d():
            if not binary:
                raise InputError(f"{where}: max pooling is exact over spikes only; put it right after a neuron")
            window = _window(module, where)
            if _pair(module.dilation) != (1, 1) or module.return_indices:
                raise InputError(f"{where}: dilation 1 and no return_indices are allowed")
            pooled = place(_chain(shape, [(name, nir.SumPool2d(*window))]), where).output_shape
            neuron = nir.IF(_r(pooled, step), np.full(pooled, OR_THRESHOLD), np.zeros(pooled))
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
            raise AssertionError(f"{where} is stock, but has no rule")


def _check_rank(module: nn.Module, shape: Shape, where: str) -> None:
    if isinstance(module, _OF_IMAGES) and len(shape) != 3:
        raise InputError(f"{where}: its input has the shape {list(shape)}; [channel, height, width] is needed")
    if isinstance(module, nn.Linear) and len(shape) != 1:
        raise InputError(f"{where}: its input has the shape {list(shape)}; [feature] is needed, as Flatten gives it")


def _convolution(module: nn.Conv2d, norm: Normalisation | None, shape: Shape, where: str) -> nir.Conv2d:
    """y = scale·(W ⋆ x + b) + shift is again a convolution, of scale·W and scale·b + shift."""
    if module.padding_mode != "zeros":
        raise InputError(f"{where}: padding_mode is {module.padding_mode!r}; 'zeros' is allowed")
    weight = _float64(module.weight)
    bias = np.zeros(len(weight)) if module.bias is None else _float64(module.bias)
    if norm is not None:
        scale, shift = norm
        if len(scale) != len(weight):
            raise InputError(f"{where}: gives {len(weight)} channels, but the batch norm after it reads {len(scale)}")
        weight, bias = weight * scale[:, None, None, None], bias * scale + shift
    padding = module.padding if isinstance(module.padding, str) else _pair(module.padding)
    height, width = shape[1:]
    return nir.Conv2d(
        (height, width), weight, _pair(module.stride), padding, _pair(module.dilation), module.groups, bias
    )


def _normalisation(module: nn.BatchNorm2d, where: str) -> Normalisation:
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


def _neuron(module: snntorch.Leaky, shape: Shape, step: TimeStep, where: str) -> nir.IF | nir.LIF:
    if module.reset_mechanism != "zero":
        raise InputError(
            f"{where}: reset_mechanism is {module.reset_mechanism!r}; NIR's neurons reset to a value, so it must be "
            "'zero'"
        )
    if module.state_function != MethodType(snntorch.Leaky._base_zero, module) or module.reset_mechanism_val != 1:
        raise InputError(
            f"{where}: its reset_mechanism was changed after it was made, and snnTorch computes with a part of each; "
            "a neuron made with 'zero' is needed"
        )
    if module.inhibition or module.state_quant or not bool((module.graded_spikes_factor == 1).all()):
        raise InputError(f"{where}: inhibition, state_quant and graded spikes have no NIR form")
    try:
        # torch lines shapes up at the last axis, as numpy does.
        beta = np.broadcast_to(_float64(module.beta).clip(0, 1), shape).copy()
        threshold = np.broadcast_to(_float64(module.threshold), shape).copy()
    except ValueError as error:
        raise InputError(f"{where}: beta or threshold does not fit its input {list(shape)}") from error
    if not module.reset_delay and (threshold < 0).any():
        raise InputError(
            f"{where}: the threshold is {threshold.min():g} somewhere; with reset_delay=False snnTorch resets such a "
            "neuron at rest, which doubles its potential where it does not fire; 0 or more is allowed"
        )
    if not _fires_above_zero(module, shape):
        raise InputError(
            f"{where}: its spike_grad must give 1 above 0 and 0 elsewhere, as all of snntorch.surrogate do"
        )
    reset = np.zeros(shape)
    if (beta == 1).all():
        return nir.IF(_r(shape, step), threshold, reset)
    if (beta == 1).any():
        raise InputError(
            f"{where}: beta is 1 for some neurons and less for others; one kind of neuron a layer is allowed"
        )
    tau = step.dt / (1 - beta)
    # Rounded like this dt/tau·r is never above 1: else a spike that meets the threshold 1 at rest would fire.
    return nir.LIF(tau, 1 / (step.dt / tau), np.zeros(shape), threshold, reset)


def _r(shape: Shape, step: TimeStep) -> Float[np.ndarray, "*shape"]:
    """The r with which an IF adds its input as it is."""
    return np.full(shape, 1 / step.dt if step.integration == "euler" else 1.0)


def _fires_above_zero(module: snntorch.Leaky, shape: Shape) -> bool:
    """Whether the neuron's spike function, which may be any callable, gives spikes at all values that are tried."""
    tried = torch.tensor([-1e3, -1.0, -1e-6, 0.0, 1e-6, 1.0, 1e3], dtype=torch.float64, device=module.threshold.device)
    distances = tried.reshape(-1, *(1,) * len(shape)).repeat(1, *shape)
    with torch.no_grad():
        return torch.equal(module.spike_grad(distances).double(), (distances > 0).double())


def _adaptive(name: str, module: nn.AdaptiveAvgPool2d, following: Layers, shape: Shape, where: str) -> Nodes:
    """Averages over equal windows; the average over the whole map goes into the linear layer that reads it."""
    size = shape[1:]
    given = module.output_size
    asked = (given, given) if given is None or isinstance(given, int) else given
    target = [have if want is None else int(want) for have, want in zip(size, asked, strict=True)]
    if any(want < 1 or have % want for have, want in zip(size, target, strict=True)):
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
    # PyTorch's pooling takes one value in a tuple, too.
    first, second = np.broadcast_to(value, 2)
    return int(first), int(second)


def _float64(tensor: torch.Tensor) -> Float[np.ndarray, "..."]:
    return tensor.detach().cpu().double().numpy()
