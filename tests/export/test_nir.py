"""A Sequential's NIR graph against the Sequential itself: PyTorch and snnTorch are the judge, spike for spike."""

import copy
from collections import OrderedDict
from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch
import torch
from builders import leaky
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import surrogate
from snntorch.functional.quant import state_quant
from torch import nn

from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.file import read_nir, write_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

SHAPE = (2, 9, 8)


def step_by_step(stack: nn.Sequential, spikes: np.ndarray) -> np.ndarray:
    """Every module once a time step, as a user runs a snnTorch network, in float64."""
    membranes: dict[int, torch.Tensor] = {}
    out = []
    with torch.no_grad():
        for x in torch.from_numpy(spikes).double():
            for position, module in enumerate(stack):
                if isinstance(module, snntorch.Leaky):
                    if not module.init_hidden:
                        x, membranes[position] = module(x, membranes.get(position, torch.zeros_like(x)))
                    elif module.output:
                        x, _ = module(x)
                    else:
                        x = module(x)
                    x = x.double()
                else:
                    x = module(x)
            out.append(x)
    return torch.stack(out).flatten(2).numpy()


def assert_equal_spikes(stack: nn.Sequential, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """The exported graph's spikes, which are snnTorch's."""
    spikes = (np.random.default_rng(seed).random((12, 6, *shape)) < 0.5).astype(np.uint8)
    found = NirRuntime(resolve(to_nir(stack, shape))).run(spikes)
    assert np.array_equal(found, step_by_step(stack, spikes))
    assert 0 < found.sum() < found.size
    return found


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
    pools = [nn.MaxPool2d(2), nn.MaxPool2d((3, 2), 1, 1), nn.AvgPool2d(2), nn.AvgPool2d(3, 1, (1, 0))]
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
        pool = draw(st.sampled_from([None, *pools, nn.BatchNorm2d(channels)]))
        # One module may stand in several places, as snnTorch's users write it.
        for _ in range(draw(st.integers(1, 2)) if pool is not None else 0):
            if isinstance(pool, nn.BatchNorm2d) or (size >= 3).all():
                layers += [pool, leaky(0.9, 0.3)]
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
    found = NirRuntime(resolve(to_nir(stack, SHAPE))).run(spikes)
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
    assert np.array_equal(NirRuntime(resolve(read_nir(tmp_path / "a.nir"))).run(spikes), step_by_step(stack, spikes))


def test_integrate_and_fire_is_an_if_and_a_leak_an_lif_of_dt() -> None:
    graph = to_nir(nn.Sequential(nn.Linear(3, 2), leaky(), nn.Linear(2, 2), leaky(0.75)), (3,), dt=1e-3)
    first, second = graph.nodes["1"], graph.nodes["3"]
    assert isinstance(first, nir.IF)
    assert isinstance(second, nir.LIF)
    assert np.allclose(second.tau, 1e-3 / 0.25)
    assert np.allclose(second.r, 4)


@pytest.mark.parametrize(
    "neuron",
    [
        leaky(torch.tensor([0.5, 0.9, 0.1, 0.99])),
        leaky(torch.tensor([-0.5, 0.9, 0.1, 0.99])),
        leaky(1.5),
        leaky(0.9, torch.tensor([0.5, 1.0, 0.0, -0.5])),
        leaky(0.9, 1),
        leaky(0.9, -0.1),
        leaky(0.9, reset_delay=False),
        leaky(0.9, 0.0, reset_delay=False),
        leaky(0.9, init_hidden=True),
        leaky(0.9, init_hidden=True, output=True),
        leaky(0.9, learn_beta=True, learn_threshold=True, learn_graded_spikes_factor=True),
        leaky(0.9, surrogate_disable=True),
        leaky(0.9, spike_grad=surrogate.fast_sigmoid()),
        leaky(0.9, spike_grad=surrogate.SSO()),
        leaky(0.9, spike_grad=surrogate.custom_surrogate(lambda x, gradient, spikes: gradient)),
        copy.deepcopy(leaky(0.9)),
    ],
)
def test_an_option_of_a_neuron_means_what_it_means_to_snntorch(neuron: snntorch.Leaky) -> None:
    torch.manual_seed(3)
    assert_equal_spikes(randomised(nn.Sequential(nn.Linear(6, 4), neuron), 3), (6,))


@settings(deadline=None)
@given(
    beta=st.floats(0.2, 0.999),
    dt=st.floats(1e-7, 1.0),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
    seed=st.integers(0, 2**31),
)
def test_a_spike_that_meets_the_threshold_at_rest_does_not_fire(
    beta: float, dt: float, scale: float, seed: int
) -> None:
    neuron = leaky(torch.tensor(beta, dtype=torch.float64), scale)
    dense = nn.Linear(4, 4, bias=False).double()
    with torch.no_grad():
        dense.weight.copy_(scale * torch.eye(4))
    stack = nn.Sequential(dense, neuron)
    spikes = (np.random.default_rng(seed).random((12, 3, 4)) < 0.4).astype(np.uint8)
    found = NirRuntime(resolve(to_nir(stack, (4,), dt), dt=dt)).run(spikes)
    assert np.array_equal(found, step_by_step(stack, spikes))


def changed(neuron: snntorch.Leaky, reset_mechanism: str) -> snntorch.Leaky:
    neuron.reset_mechanism = reset_mechanism
    return neuron


def loaded(neuron: snntorch.Leaky, other: snntorch.Leaky) -> snntorch.Leaky:
    neuron.load_state_dict(other.state_dict())
    return neuron


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        (
            leaky(0.9, -0.1, reset_delay=False),
            "the threshold must be 0 or more, got -0.1 somewhere, since with reset_delay=False",
        ),
        (
            leaky(0.9, torch.tensor([0.5, 1.0, 0.0, -0.5]), reset_delay=False),
            "the threshold must be 0 or more, got -0.5 somewhere",
        ),
        (leaky(spike_grad=torch.sigmoid), "its spike_grad must give 1 above 0 and 0 elsewhere"),
        (leaky(spike_grad=lambda x: (x >= 0).float()), "its spike_grad must give 1 above 0"),
        (leaky(state_quant=state_quant(num_bits=4)), "state_quant"),
        (leaky(graded_spikes_factor=2.0), "graded spikes"),
        (
            changed(snntorch.Leaky(0.9), "zero"),
            "made with reset_mechanism='zero', got one whose reset_mechanism was changed",
        ),
        (changed(leaky(), "none"), "made with reset_mechanism='none', got one whose reset_mechanism was changed"),
        (loaded(leaky(), snntorch.Leaky(0.9)), "got one whose reset_mechanism was changed after it was made"),
    ],
)
def test_an_option_of_a_neuron_that_nir_cannot_say_is_refused(neuron: snntorch.Leaky, message: str) -> None:
    with pytest.raises(InputError, match=rf"^layer '1' \(Leaky\): .*{message}"):
        to_nir(nn.Sequential(nn.Linear(6, 4), neuron), (6,))


def half_frozen(channels: int) -> nn.BatchNorm2d:
    """With running statistics, and marked as without: PyTorch reads them in evaluation all the same."""
    norm = nn.BatchNorm2d(channels, eps=0.1, momentum=None)
    norm.track_running_stats = False
    return norm


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 0), (1, 2), bias=False),),
        (nn.Conv2d(2, 4, 3, padding="valid", groups=2),),
        (nn.Conv2d(2, 3, (2, 4), padding="same"),),
        (nn.Conv2d(2, 3, 3), half_frozen(3)),
        (nn.Conv2d(2, 3, 3), leaky(), nn.MaxPool2d(3, 2, 1)),
        (nn.Conv2d(2, 3, 3), leaky(), nn.MaxPool2d((2,), (1, 2))),
        (nn.AvgPool2d(3, 2, 1),),
        (nn.AvgPool2d((3, 2), (2, 1), (1, 0)),),
        (nn.AvgPool2d((2,), count_include_pad=False),),
        (nn.AdaptiveAvgPool2d([3, 4]),),
        (nn.AdaptiveAvgPool2d((3, None)),),
    ],
    ids=str,
)
def test_an_option_of_a_layer_means_what_it_means_to_pytorch(layers: tuple[nn.Module, ...]) -> None:
    size = int(
        nn.Sequential(*(layer for layer in layers if not isinstance(layer, snntorch.Leaky)))
        .eval()(torch.zeros(1, *SHAPE))
        .numel()
    )
    assert_equal_spikes(randomised(nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 5), leaky(0.9)), 1), SHAPE)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (nn.Sequential(nn.Linear(3, 2), leaky(inhibition=True)), "inhibition"),
        (nn.Sequential(nn.Linear(3, 2), leaky(torch.rand(5))), r"beta must fit its input \[2\], got \[5\]"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.Synaptic(0.5, 0.9, reset_mechanism="zero")),
         r"layer '1' \(Synaptic\): must be made with reset_delay=False or .*, got reset_mechanism='zero', with which"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.RLeaky(0.9, linear_features=2, reset_mechanism="zero")),
         "must be made with reset_delay=False or reset_mechanism='subtract', got"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.RSynaptic(0.5, 0.9, linear_features=2, reset_mechanism="zero")),
         "must be made with reset_mechanism='subtract', got"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.Lapicque(0.9, reset_mechanism="zero")),
         "must be made with reset_mechanism='subtract', got"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.RSynaptic(0.5, 0.9, linear_features=2, reset_delay=False)),
         "reset_delay must be True, got False, with which snnTorch 1.0's RSynaptic does not reset"),
        (nn.Sequential(nn.Linear(3, 2), snntorch.RLeaky(0.9, linear_features=3)),
         r"its recurrent layer must read its input \[2\], got 3"),
        (nn.Sequential(nn.ZeroPad2d(1), nn.Flatten(), nn.Linear(3, 2)),
         r"its input must have the shape \[channel, .*, got \[3\]"),
        (nn.Sequential(nn.Conv1d(3, 2, 1), leaky()), r"its input must have the shape \[channel, length\], got \[3\]"),
        (nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()), r"layer '1' \(Sigmoid\): has no exact NIR form"),
        (nn.Sequential(nn.Linear(4, 2), leaky()), "its input must have the 4 features that weight reads, got"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), leaky()),
         r"its input must have the shape \[channel, height, width\], got \[3\]"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1)), r"its input must have the shape .*, got \[3\]"),
        (nn.Sequential(nn.AvgPool2d(1)), r"its input must have the shape .*, got \[3\]"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_is_refused(stack: nn.Sequential, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(stack, (3,))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("output", "a"), "layer 'output': the graph has another node of this name"),
        (("a", "input"), "layer 'input': the graph has another node of this name"),
        (("a", "a_or"), "layer 'a_or': the graph has another node of this name"),
        (("a", "b/c"), "layer 'b/c': must have a name without a slash, got 'b/c', since HDF5 parts its groups with it"),
    ],
)
def test_a_name_that_would_take_anothers_place_is_refused(names: tuple[str, str], message: str) -> None:
    layers = OrderedDict(zip(names, (nn.MaxPool2d(2), leaky()), strict=True))
    with pytest.raises(InputError, match=message):
        to_nir(nn.Sequential(layers), (1, 8, 8))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), leaky()), "max pooling is exact over spikes only"),
        (nn.Sequential(nn.AvgPool2d(2), nn.MaxPool2d(2), leaky()), "max pooling is exact over spikes only"),
        (nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), leaky()), "ceil_mode"),
        (nn.Sequential(nn.MaxPool2d(2, dilation=2), leaky()), "dilation"),
        (nn.Sequential(nn.AvgPool2d(2, padding=1, count_include_pad=False), leaky()), "padding included"),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=3), leaky()),
         "must divide by the kernel.*, got divisor_override=3"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(5), leaky()),
         r"its output must divide its input \(8, 8\) evenly, got \[5, 5\]"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), leaky()), "padding_mode"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)), r"layer '1' .* running stat"),
        (nn.Sequential(nn.MaxPool2d(2, return_indices=True)), "return_indices"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), leaky(), nn.Linear(6, 2)),
         r"layer '2' .* the shape \[feature\], .*, got \[2, 6, 6\]"),
        (nn.Sequential(nn.Flatten(0), leaky()), "start_dim must be 1 or more, got 0"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(3)),
         "must give 3 channels, which the batch norm after it reads, got 2"),
        (nn.Sequential(nn.BatchNorm2d(3)), "its input must have 3 channels, got 1"),
        (nn.Sequential(nn.Conv2d(3, 2, 3), leaky()), "must read the 1 channels of its input .*, got .*, which reads 3"),
        (nn.Sequential(nn.Conv2d(1, 2, 9), leaky()), "too small"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_of_images_is_refused(stack: nn.Sequential, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_nir(stack, (1, 8, 8))
