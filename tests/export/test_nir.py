"""A Sequential's NIR graph against the Sequential itself: PyTorch and snnTorch are the judge, spike for spike."""

from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spiq.export.errors import InputError
from spiq.export.graph import place, read_nir, write_nir
from spiq.export.nir import to_nir
from spiq.hardware.nir_runtime import NirRuntime

SHAPE = (2, 9, 8)


def leaky(beta: float | torch.Tensor = 1.0, threshold: float = 1.0, **options: object) -> snntorch.Leaky:
    return snntorch.Leaky(beta=beta, threshold=threshold, reset_mechanism="zero", **options)  # type: ignore[arg-type]


def step_by_step(stack: nn.Sequential, spikes: np.ndarray) -> np.ndarray:
    """Every module once a time step, as a user runs a snnTorch network, in float64."""
    membranes: dict[str, torch.Tensor] = {}
    out = []
    with torch.no_grad():
        for x in torch.from_numpy(spikes).double():
            for name, module in stack.named_children():
                if isinstance(module, snntorch.Leaky):
                    x, membranes[name] = module(x, membranes.get(name, torch.zeros_like(x)))
                    x = x.double()
                else:
                    x = module(x)
            out.append(x)
    return torch.stack(out).flatten(2).numpy()


def randomised(stack: nn.Sequential, seed: int) -> nn.Sequential:
    """Statistics and offsets such that neurons fire now and then."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in stack:
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3, generator=generator)  # type: ignore[union-attr]
                module.running_var.uniform_(0.2, 0.8, generator=generator)  # type: ignore[union-attr]
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0.1, 0.3, generator=generator)
            elif isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.normal_(0.05, 0.6, generator=generator)
    return stack.double().eval()


@st.composite
def stacks(draw: st.DrawFn) -> tuple[nn.Sequential, int]:
    """Random stacks of the stock modules over SHAPE."""
    layers: list[nn.Module] = []
    channels, size = SHAPE[0], np.array(SHAPE[1:])
    for _ in range(draw(st.integers(1, 2))):
        groups = draw(st.sampled_from([group for group in (1, 2) if channels % group == 0]))
        out = 2 * draw(st.integers(1, 2))
        kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        stride, dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
        padding = draw(st.sampled_from(["same", 0, 1])) if stride == 1 else draw(st.integers(0, 1))
        conv = nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, bias=draw(st.booleans()))
        found = conv(torch.zeros(1, channels, *map(int, size))).shape if (size > 4).all() else None
        if found is None or min(found[2:]) < 2:
            break
        layers.append(conv)
        channels, size = out, np.array(found[2:])
        if draw(st.booleans()):
            layers.append(nn.BatchNorm2d(channels))
        layers.append(leaky(draw(st.sampled_from([1.0, 0.9, 0.5, 0.0])), draw(st.sampled_from([1.0, 0.7]))))
        pool = draw(
            st.sampled_from([None, nn.MaxPool2d(2), nn.MaxPool2d(2, 1), nn.AvgPool2d(2), nn.BatchNorm2d(channels)])
        )
        if pool is not None and (isinstance(pool, nn.BatchNorm2d) or (size >= 3).all()):
            layers.append(pool)
            size = np.array(pool(torch.zeros(2, channels, *map(int, size))).shape[2:])
    match draw(st.sampled_from(["flatten", "average", "adaptive"])):
        case "average":
            layers.append(nn.AdaptiveAvgPool2d(1))
            size = np.array([1, 1])
        case "adaptive":
            layers.append(nn.AdaptiveAvgPool2d((1, None)))
            size = np.array([1, size[1]])
    layers += [nn.Flatten(), nn.Dropout(), nn.Linear(channels * int(size.prod()), 5, bias=draw(st.booleans())), leaky()]
    return nn.Sequential(*layers), draw(st.integers(0, 2**31))


@settings(deadline=None, max_examples=60)
@given(stacks())
def test_the_float_runtime_equals_pytorch_spike_for_spike(stack_and_seed: tuple[nn.Sequential, int]) -> None:
    stack, seed = stack_and_seed
    randomised(stack, seed)
    spikes = (np.random.default_rng(seed).random((5, 3, *SHAPE)) < 0.5).astype(np.uint8)
    found = NirRuntime(place(to_nir(stack, SHAPE))).run(spikes)
    assert np.array_equal(found, step_by_step(stack, spikes))


def test_a_file_holds_the_same_graph_and_other_readers_check_its_types(tmp_path: Path) -> None:
    layers = (nn.Conv2d(2, 3, 3), leaky(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4), leaky(0.9))
    stack = randomised(nn.Sequential(*layers), 1)
    graph = to_nir(stack, SHAPE)
    write_nir(tmp_path / "a.nir", graph)
    write_nir(tmp_path / "b.nir", graph)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()
    nir.read(tmp_path / "a.nir", type_check=True)
    spikes = (np.random.default_rng(0).random((6, 4, *SHAPE)) < 0.5).astype(np.uint8)
    assert np.array_equal(NirRuntime(place(read_nir(tmp_path / "a.nir"))).run(spikes), step_by_step(stack, spikes))


def test_integrate_and_fire_is_an_if_and_a_leak_an_lif_of_dt() -> None:
    graph = to_nir(nn.Sequential(nn.Linear(3, 2), leaky(), nn.Linear(2, 2), leaky(0.75)), (3,), dt=1e-3)
    first, second = graph.nodes["1"], graph.nodes["3"]
    assert isinstance(first, nir.IF)
    assert isinstance(second, nir.LIF)
    assert np.allclose(second.tau, 1e-3 / 0.25)
    assert np.allclose(second.r, 4)


def test_beta_may_differ_from_neuron_to_neuron() -> None:
    stack = randomised(nn.Sequential(nn.Linear(6, 4), leaky(torch.tensor([0.5, 0.9, 0.1, 0.99]))), 3)
    spikes = (np.random.default_rng(1).random((20, 5, 6)) < 0.5).astype(np.uint8)
    found = NirRuntime(place(to_nir(stack, (6,)))).run(spikes)
    assert found.any()
    assert np.array_equal(found, step_by_step(stack, spikes))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (nn.Sequential(nn.Linear(3, 2), snntorch.Leaky(beta=0.9)), r"layer '1' \(Leaky\): reset_mechanism is 'sub"),
        (nn.Sequential(nn.Linear(3, 2), leaky(inhibition=True)), "inhibition"),
        (nn.Sequential(nn.Linear(3, 2), leaky(torch.tensor([1.0, 0.5]))), "beta is 1 for some"),
        (nn.Sequential(nn.Linear(3, 2), leaky(torch.rand(5))), "does not fit its input"),
        (nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()), r"layer '1' \(Sigmoid\): has no exact NIR form"),
        (nn.Sequential(nn.Linear(4, 2), leaky()), "weight reads 4 features, but its input is"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), leaky()), r"its input has the shape \[3\]; \[channel, height, width\]"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1)), r"its input has the shape \[3\]"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_is_refused(stack: nn.Sequential, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(stack, (3,))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), leaky()), "max pooling is exact over spikes only"),
        (nn.Sequential(nn.AvgPool2d(2), nn.MaxPool2d(2), leaky()), "max pooling is exact over spikes only"),
        (nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), leaky()), "ceil_mode"),
        (nn.Sequential(nn.MaxPool2d(2, dilation=2), leaky()), "dilation"),
        (nn.Sequential(nn.AvgPool2d(2, padding=1, count_include_pad=False), leaky()), "padding included"),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=3), leaky()), "divides by the kernel"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(5), leaky()), "does not divide"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), leaky()), "padding_mode"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False), leaky()), "running stat"),
        (nn.Sequential(nn.Flatten(0), leaky()), "start_dim is 0"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(3)), "gives 2 channels, but the batch norm after it reads 3"),
        (nn.Sequential(nn.BatchNorm2d(3)), "reads 3 channels, but its input has 1"),
        (nn.Sequential(nn.Conv2d(3, 2, 3), leaky()), "reads 3 channels, but its input has 1"),
        (nn.Sequential(nn.Conv2d(1, 2, 9), leaky()), "too small"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_of_images_is_refused(stack: nn.Sequential, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(stack, (1, 8, 8))
