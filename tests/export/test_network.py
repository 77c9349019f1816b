"""A network is a graph of stages that fit each other, or it is refused where it is made."""

import math
from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.random_network import drain, source
from spiq.export.circuit.circuit import Circuit, Gate, pauli_z
from spiq.export.coding import Coding
from spiq.export.errors import InputError
from spiq.export.network.decoding import DECODINGS, Decode, Decoding
from spiq.export.network.network import INPUT, HybridNetwork
from spiq.export.network.signals import Signal
from spiq.export.network.spiking import spiking_stage
from spiq.export.network.stages import Encode, Quantum, Spiking, Stage
from spiq.export.network.trace import Trace, joined

VALUES = Signal("values", (2, 3))


def spiking(size: int, out: int | None = None) -> Spiking:
    out = out or size
    nodes = {
        "input": source(2, 3) if size == 6 else source(size),
        "flatten": nir.Flatten({"input": np.array([2, 3] if size == 6 else [size])}, 0, -1),
        "linear": nir.Linear(np.ones((out, size))),
        "if": nir.IF(np.ones(out), np.ones(out), np.zeros(out)),
        "output": drain(out),
    }
    names = list(nodes)
    return spiking_stage(nir.NIRGraph(nodes, list(pairwise(names)), type_check=False))


def quantum(inputs: int, outputs: int = 1) -> Quantum:
    gates = tuple(Gate("ry", (0,), 0.0, ((number, 1.0),)) for number in range(inputs))
    return Quantum(Circuit(outputs, tuple(f"x{k}" for k in range(inputs)), gates, tuple(map(pauli_z, range(outputs)))))


def whole(**changes: Stage) -> tuple[dict[str, Stage], dict[str, tuple[str, ...]]]:
    stages: dict[str, Stage] = {
        "spikes": Encode(Coding("phase", 8)),
        "encoder": spiking(6, 4),
        "rates": Decode(),
        "circuit": quantum(4, 2),
    }
    reads = {"spikes": (INPUT,), "encoder": ("spikes",), "rates": ("encoder",), "circuit": ("rates",)}
    return stages | changes, reads


def test_every_edge_has_its_signal() -> None:
    network = HybridNetwork(VALUES, *whole(), "circuit")
    assert network.order == ("spikes", "encoder", "rates", "circuit")
    assert network.signals == {
        INPUT: VALUES,
        "spikes": Signal("spikes", (2, 3), 8),
        "encoder": Signal("spikes", (4,), 8),
        "rates": Signal("values", (4,)),
        "circuit": Signal("values", (2,)),
    }
    assert network.output_size == 2
    assert network.behind_spiking == {"encoder", "rates", "circuit"}
    assert "encoder: spiking of spikes → spikes [8, sample, 4]" in repr(network)


def test_two_branches_meet_and_spikes_may_come_from_outside() -> None:
    stages: dict[str, Stage] = {"left": spiking(6, 4), "right": spiking(6, 2), "a": Decode(), "b": Decode("count")}
    stages |= {"first": quantum(4), "second": quantum(2)}
    reads = {"left": (INPUT,), "right": (INPUT,), "a": ("left",), "b": ("right",), "first": ("a",), "second": ("b",)}
    with pytest.raises(InputError, match="stage 'b': does not lead to the output 'first'"):
        HybridNetwork(Signal("spikes", (2, 3), 5), stages, reads, "first")
    one = {name: stage for name, stage in stages.items() if name in ("left", "a", "first")}
    network = HybridNetwork(Signal("spikes", (2, 3), 5), one, {name: reads[name] for name in one}, "first")
    assert network.signals["left"].steps == 5


@pytest.mark.parametrize(
    ("changes", "reads", "message"),
    [
        ({"encoder": spiking(5, 4)}, {}, r"stage 'encoder': must read spikes \[5\] a step, got \[2, 3\]"),
        ({"circuit": quantum(5)}, {}, r"stage 'circuit': must read the 5 inputs of its circuit, got \[4\]"),
        (
            {"rates": Decode(windows=3)},
            {},
            "stage 'rates': decode: the time steps must go into 3 windows of equal length, got 8",
        ),
        ({}, {"circuit": ("encoder",)}, r"stage 'circuit': must read values, got spikes \[8, sample, 4\]"),
        ({}, {"encoder": (INPUT,)}, r"stage 'encoder': must read spikes, got values \[sample, 2, 3\]"),
        ({}, {"rates": ("encoder", "encoder")}, "stage 'rates': must read 1 of what others give, got 2"),
        ({}, {"rates": ("nonesuch",)}, "stage 'rates': must read 'input' or stages, got 'nonesuch'"),
        ({}, {"encoder": ("rates",)}, "stages: .* → .* is a cycle"),
        (
            {},
            {"more": ("rates",)},
            "reads must say what every stage reads, and nothing else, got missing or unknown ones: more",
        ),
        ({"input": Decode()}, {"input": ("encoder",)}, "stages must have names of small letters, .*, got 'input'"),
        ({"Rates!": Decode()}, {"Rates!": ("encoder",)}, "stages must have names of small letters, .*, got 'Rates!'"),
        ({"golden": Decode()}, {"golden": ("encoder",)}, "stages must have names of small letters, .*, got 'golden'"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_stage(changes: dict, reads: dict, message: str) -> None:
    stages, read = whole(**changes)
    with pytest.raises(InputError, match=message):
        HybridNetwork(VALUES, stages, read | reads, "circuit")


def test_the_output_is_values() -> None:
    with pytest.raises(InputError, match="output must be a stage, got 'nonesuch'"):
        HybridNetwork(VALUES, *whole(), "nonesuch")
    stages, reads = ({name: part[name] for name in ("spikes", "encoder")} for part in whole())
    with pytest.raises(InputError, match=r"output: 'encoder' must give values, got spikes"):
        HybridNetwork(VALUES, stages, reads, "encoder")
    with pytest.raises(InputError, match="stages must have 1 to 64 entries, got 0"):
        HybridNetwork(VALUES, {}, {}, "a")


def by_definition(spikes: np.ndarray, kind: Decoding, scale: float, offset: float, windows: int) -> np.ndarray:
    """The rule, one feature and window after the other."""
    steps, samples, features = spikes.shape
    length = steps // windows
    found = np.empty((samples, windows, features))
    for sample in range(samples):
        for window in range(windows):
            for feature in range(features):
                fired = [int(s) for s in spikes[window * length : (window + 1) * length, sample, feature]]
                first = fired.index(1) if 1 in fired else length
                value = {"rate": sum(fired) / length, "count": sum(fired), "first_spike": first}[kind]
                found[sample, window, feature] = scale * value + offset
    return found.reshape(samples, -1)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(DECODINGS),
    windows=st.integers(1, 4),
    length=st.integers(1, 4),
    scale=st.sampled_from([1.0, math.pi, -0.5]),
    offset=st.sampled_from([0.0, 0.25]),
)
def test_decoding_is_its_definition(
    seed: int, kind: Decoding, windows: int, length: int, scale: float, offset: float
) -> None:
    random = np.random.default_rng(seed)
    spikes = (random.random((windows * length, 3, 2)) < 0.3).astype(np.uint8)
    decode = Decode(kind, scale, offset, windows)
    wanted = by_definition(spikes, kind, scale, offset, windows)
    np.testing.assert_allclose(decode(spikes), wanted, rtol=1e-14, atol=1e-14)
    tensor = torch.from_numpy(spikes).double().requires_grad_()
    np.testing.assert_allclose(decode(tensor).detach().numpy(), wanted, rtol=1e-14, atol=1e-14)
    if kind != "first_spike":
        decode(tensor).sum().backward()
        assert tensor.grad is not None
        assert torch.allclose(tensor.grad, torch.full_like(tensor, scale / (length if kind == "rate" else 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mean",), "decode: kind must be one of rate, count, first_spike, got 'mean'"),
        (("rate", math.nan), "decode: scale must be a finite number, got nan"),
        (("rate", 1.0, "0"), "decode: offset must be a finite number, got '0'"),
        (("rate", 1.0, 0.0, 0), "decode: windows must be an integer from 1 on, got 0"),
    ],
)
def test_a_decoding_that_is_none_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Decode(*arguments)


def test_a_trace_is_cut_and_joined_along_its_samples() -> None:
    network = HybridNetwork(VALUES, *whole(), "circuit")
    random = np.random.default_rng(0)
    values = {"encoder": random.integers(0, 2, (8, 7, 4)).astype(np.uint8), "circuit": random.normal(size=(7, 2))}
    trace = Trace(network, values)
    assert trace.samples == 7
    assert np.array_equal(trace.predictions, values["circuit"].argmax(-1))
    cut = trace.first(3)
    assert cut["encoder"].shape == (8, 3, 4)
    rest = Trace(network, {"encoder": values["encoder"][:, 3:], "circuit": values["circuit"][3:]})
    again = joined([cut, rest])
    assert all(np.array_equal(again[name], values[name]) for name in values)
    with pytest.raises(InputError, match="the trace: a name must be one of encoder, circuit, got 'rates'"):
        trace["rates"]


def test_a_single_value_says_yes_above_zero() -> None:
    stages, reads = whole(circuit=quantum(4, 1))
    network = HybridNetwork(VALUES, stages, reads, "circuit")
    assert Trace(network, {"circuit": np.array([[-0.5], [0.5], [0.0]])}).predictions.tolist() == [0, 1, 0]
