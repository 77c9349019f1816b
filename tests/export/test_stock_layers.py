"""Layers that are not what their class says, and layers in several places; the Sequential itself is the judge."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import snntorch
import torch
from builders import leaky
from torch import nn
from torch.nn.utils import (
    parametrizations,
    prune,
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)

from spiq.export.errors import InputError
from spiq.export.from_torch.chain import calls_of
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

hidden = partial(leaky, beta=0.9, init_hidden=True)

SHAPE = (2, 9, 8)


def image_stack(conv: nn.Module) -> nn.Sequential:
    return nn.Sequential(conv, hidden(), nn.Flatten(), nn.Linear(4 * 7 * 6, 5), hidden(beta=1.0))


def assert_equal_spikes(stack: nn.Sequential, shape: tuple[int, ...] = SHAPE) -> None:
    """The exported graph gives the spikes of the modules, each called once a time step in float64."""
    stack.double().eval()
    spikes = (np.random.default_rng(0).random((20, 8, *shape)) < 0.5).astype(np.uint8)
    found = NirRuntime(resolve(to_nir(stack, shape))).run(spikes)
    expected = []
    with torch.no_grad():
        for x in torch.from_numpy(spikes).double():
            for module in stack:
                # snnTorch's spikes are float32, whatever its input is.
                x = module(x).double()
            expected.append(x)
    assert np.array_equal(found, torch.stack(expected).numpy())
    assert 0 < found.sum() < found.size


def test_a_module_in_several_places_is_exported_in_each() -> None:
    torch.manual_seed(0)
    conv, norm, pool, flat = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten()
    norm.running_var.fill_(0.1)  # type: ignore[union-attr]
    dense = nn.Linear(2, 2)
    with torch.no_grad():
        dense.weight.copy_(torch.tensor([[0.8, 0.4], [-0.3, 1.1]]))
    images = (
        conv,
        norm,
        hidden(),
        pool,
        conv,
        hidden(),
        norm,
        hidden(beta=0.5),
        pool,
        pool,
        nn.Identity(),
    )
    stack = nn.Sequential(*images, flat, dense, hidden(), flat, dense, hidden(beta=0.7))
    names = ["0", "2", "3", "3_or", "4", "5", "6", "7", "8", "8_or", "9", "9_or", *map(str, range(11, 17))]
    assert list(to_nir(stack, SHAPE).nodes) == ["input", *names, "output"]
    assert_equal_spikes(stack)


def test_a_module_again_where_any_shape_fits_is_not_left_out() -> None:
    torch.manual_seed(0)
    pool = nn.MaxPool2d(2)
    layers = (
        nn.Conv2d(2, 3, 3),
        hidden(),
        pool,
        hidden(),
        pool,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    dense = nn.Linear(3, 8)
    with torch.no_grad():
        dense.weight.mul_(4)
    assert_equal_spikes(nn.Sequential(*layers, dense, hidden()), (2, 11, 14))


def test_a_neuron_in_two_places_is_refused() -> None:
    neuron = hidden()
    stack = nn.Sequential(OrderedDict(a=nn.Linear(3, 3), b=neuron, c=nn.Linear(3, 3), d=neuron))
    with pytest.raises(InputError, match=r"layer 'd' \(Leaky\): is the same neuron as layer 'b'"):
        calls_of(stack)


class Named(nn.Conv2d):
    """Stock but for its constructor."""

    def __init__(self, channels: int) -> None:
        super().__init__(2, channels, 3)


def test_a_subclass_with_a_constructor_of_its_own_is_stock() -> None:
    torch.manual_seed(1)
    assert_equal_spikes(image_stack(Named(4)))


@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_a_parametrized_weight_is_that_of_evaluation(wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(2)
    conv = wrap(nn.Conv2d(2, 4, 3))
    stack = image_stack(conv)
    before = {key: value.clone() for key, value in stack.state_dict().items()}
    graph = to_nir(stack, SHAPE)
    assert all(module.training for module in stack.modules())
    assert all(torch.equal(value, before[key]) for key, value in stack.state_dict().items())
    assert np.array_equal(graph.nodes["0"].weight, conv.eval().weight.detach().double().numpy())
    assert_equal_spikes(stack)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    ("wrap", "hook", "make_permanent"),
    [
        (weight_norm, "WeightNorm", remove_weight_norm),
        (spectral_norm, "SpectralNorm", remove_spectral_norm),
        (
            lambda conv: prune.l1_unstructured(conv, "weight", 0.3),
            "L1Unstructured",
            lambda conv: prune.remove(conv, "weight"),
        ),
    ],
)
def test_a_weight_that_a_hook_computes_is_exported_once_it_is_permanent(
    wrap: Callable[[nn.Module], nn.Module], hook: str, make_permanent: Callable[[nn.Module], nn.Module]
) -> None:
    torch.manual_seed(2)
    conv = wrap(nn.Conv2d(2, 4, 3))
    stack = image_stack(conv)
    with pytest.raises(InputError, match=rf"layer '0' \(Conv2d\): has forward hooks \({hook}\)"):
        to_nir(stack, SHAPE)
    make_permanent(conv)
    assert_equal_spikes(stack)


class Scaled(nn.Conv2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


class Rolled(nn.Conv2d):
    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return super()._conv_forward(input.roll(1), weight, bias)


class Eager(snntorch.Leaky):
    def fire(self, mem: torch.Tensor) -> torch.Tensor:
        return (mem >= self.threshold).to(mem.dtype)


class Skipping(nn.Sequential):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input + super().forward(input)


def replaced(module: nn.Module) -> nn.Module:
    module.forward = lambda x: x
    return module


def hooked(module: nn.Module, before: bool) -> nn.Module:
    def doubled(module: nn.Module, given: tuple[torch.Tensor], *result: torch.Tensor) -> torch.Tensor:
        return 2 * (*given, *result)[-1]

    (module.register_forward_pre_hook if before else module.register_forward_hook)(doubled)
    return module


CONV = nn.Conv2d(2, 3, 3)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Scaled(2, 3, 3),), r"layer '0' \(Scaled\): its forward must be that of a stock Conv2d, got another one"),
        (
            (Rolled(2, 3, 3),),
            r"layer '0' \(Rolled\): its _conv_forward must be that of a stock Conv2d, got another one",
        ),
        (
            (Eager(0.9, reset_mechanism="zero"),),
            r"layer '0' \(Eager\): its fire must be that of a stock Leaky, got another one",
        ),
        (
            (snntorch.DeltaLeaky(1.0, 0.9),),
            r"layer '0' \(DeltaLeaky\): its forward must be that of a stock Leaky, got another one",
        ),
        (
            (hidden(), replaced(nn.MaxPool2d(2))),
            r"layer '1' \(MaxPool2d\): its forward must be that of a stock MaxPool2d, got another one",
        ),
        ((CONV, hooked(nn.BatchNorm2d(3), before=True)), r"layer '1' \(BatchNorm2d\): has forward hooks \(doubled\)"),
        (
            (nn.AdaptiveAvgPool2d(1), nn.Flatten(), hooked(nn.Linear(2, 2), before=False)),
            r"layer '2' \(Linear\): has fo",
        ),
        ((hooked(nn.Identity(), before=False),), r"layer '0' \(Identity\): has forward hooks \(doubled\)"),
        ((nn.LazyConv2d(3, 3),), r"layer '0' \(LazyConv2d\): has forward hooks"),
        ((snntorch.Alpha(0.9, 0.8),), r"layer '0' \(Alpha\): has no exact NIR form; .* Conv2d, BatchNorm1d, .*Leaky"),
        (
            (CONV, hidden(), nn.AdaptiveMaxPool2d(1)),
            r"layer '2' \(AdaptiveMaxPool2d\): has no exact NIR form",
        ),
        ((nn.Sequential(hooked(nn.Identity(), before=False)),), r"layer '0\.0' \(Identity\): has forward hooks"),
        (
            (hooked(nn.Sequential(hidden()), before=True),),
            r"layer '0' \(Sequential\): has forward hooks",
        ),
    ],
)
def test_a_layer_that_computes_something_else_than_a_stock_one_is_refused(
    layers: tuple[nn.Module, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(nn.Sequential(*layers), SHAPE)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            hooked(nn.Sequential(hidden()), before=False),
            r"the network \(Sequential\): has forward hooks \(doubled\)",
        ),
        (
            hooked(Skipping(hidden()), before=False),
            r"the network \(Skipping\): has forward hooks \(doubled\)",
        ),
        (
            nn.ModuleList([hidden()]),
            r"the network's forward: must be .*, got what cannot be followed: .* missing the required .forward.",
        ),
    ],
)
def test_a_container_that_does_more_than_to_call_its_layers_is_refused(stack: nn.Sequential, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(stack, SHAPE)
