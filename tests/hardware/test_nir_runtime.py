"""The neurons of the float runtime against a second transcription of the equations, one neuron at a time."""

import nir
import numpy as np
import pytest
from builders import chain
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

SIZE, STEPS, SAMPLES, INPUTS = 3, 12, 2, 4
DT = 1e-3


def one_neuron(kind: str, p: dict[str, float], inputs: list[float]) -> list[float]:
    """NIR's equations with one Euler step of DT a time step, in plain Python."""
    v, i, out = p.get("v_leak", 0.0), 0.0, []
    for x in inputs:
        if kind in ("IF", "I"):
            v = v + p["r"] * x
        elif kind in ("LIF", "LI"):
            v = v + DT / p["tau"] * (p["v_leak"] - v + p["r"] * x)
        else:
            i = i + DT / p["tau_syn"] * (p["w_in"] * x - i)
            v = v + DT / p["tau_mem"] * (p["v_leak"] - v + p["r"] * i)
        if kind in ("I", "LI"):
            out.append(v)
            continue
        out.append(float(v > p["v_threshold"]))
        if v > p["v_threshold"]:
            v = p["v_reset"]
    return out


PARAMETERS = {
    "IF": ("r", "v_threshold", "v_reset"),
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    "LI": ("tau", "r", "v_leak"),
    "I": ("r",),
}


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(sorted(PARAMETERS)), seed=st.integers(0, 2**31))
def test_every_neuron_follows_its_equation(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    ranges = {"tau": (DT, 9 * DT), "r": (0.5, 3), "v_leak": (-0.3, 0.3), "v_threshold": (0.3, 1)}
    ranges |= {"v_reset": (-0.5, 0.2), "w_in": (0.5, 2), "tau_mem": (DT, 9 * DT), "tau_syn": (DT, 9 * DT)}
    values = {key: random.uniform(*ranges[key], SIZE) for key in PARAMETERS[kind]}
    weight = random.normal(0.3, 1, (SIZE, INPUTS))
    nodes = {
        "input": nir.Input(np.array([INPUTS])),
        "w": nir.Linear(weight),
        "n": getattr(nir, kind)(**values),
        "output": nir.Output(np.array([SIZE])),
    }
    graph = nir.NIRGraph(nodes, [("input", "w"), ("w", "n"), ("n", "output")], type_check=False)
    x = (random.random((STEPS, SAMPLES, INPUTS)) < 0.6).astype(np.uint8)
    found = NirRuntime(resolve(graph, dt=DT, integration="per-step")).values(x)
    currents = x.astype(float) @ weight.T
    for sample in range(SAMPLES):
        for neuron in range(SIZE):
            own = {key: float(value[neuron]) for key, value in values.items()}
            expected = one_neuron(kind, own, [float(current) for current in currents[:, sample, neuron]])
            if kind in ("I", "LI"):
                assert np.allclose(found[:, sample, neuron], expected, rtol=0, atol=1e-9)
            else:
                assert found[:, sample, neuron].tolist() == expected


def test_a_threshold_is_strict_and_has_no_memory() -> None:
    graph = chain(2, s=nir.Scale(np.array([1.0, 2.0])), t=nir.Threshold(np.array([1.0, 1.0])))
    x = np.array([[[1, 1]], [[1, 0]]], dtype=np.uint8)
    assert NirRuntime(resolve(graph)).run(x).tolist() == [[[0, 1]], [[0, 0]]]


def test_edges_into_one_node_add_up() -> None:
    nodes = {
        "input": nir.Input(np.array([2])),
        "a": nir.Affine(np.eye(2), np.array([1.0, 0.0])),
        "b": nir.Scale(np.array([3.0, 4.0])),
        "n": nir.I(np.ones(2)),
        "output": nir.Output(None),
    }
    edges = [("input", "a"), ("input", "b"), ("a", "n"), ("b", "n"), ("n", "output")]
    found = NirRuntime(resolve(nir.NIRGraph(nodes, edges, type_check=False))).values(np.ones((1, 1, 2), np.uint8))
    assert found.tolist() == [[[5.0, 5.0]]]


def test_a_graph_without_spikes_at_its_end_has_values_only() -> None:
    runtime = NirRuntime(resolve(chain(2, n=nir.LI(np.ones(2), np.ones(2), np.zeros(2)))))
    with pytest.raises(InputError, match="its output must be spikes, got values"):
        runtime.run(np.ones((1, 1, 2), np.uint8))
    assert runtime.values(np.ones((1, 1, 2), np.uint8)).shape == (1, 1, 2)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.ones((3, 2, 2), bool), "whole or floating-point numbers of at most 64 bits, got bool"),
        (np.ones((3, 2, 2), np.complex64), "whole or floating-point numbers .*, got complex64"),
        (np.ones((3, 2, 2), np.longdouble), "whole or floating-point numbers .*, got float128"),
        (np.full((3, 2, 2), np.nan), "must hold finite numbers, got nan"),
        (np.full((3, 2, 2), -np.inf, np.float16), "must hold finite numbers, got -inf"),
        (np.full((3, 2, 2), -(2**63)), "up to 9007199254740992, which are exact in float64, got -9223372036854775808"),
        (np.ones((3, 2, 5), np.uint8), r"must have the shape \[time, sample, 2\], got \[3, 2, 5\]"),
        (np.ones((3, 2), np.uint8), r"must have the shape \[time, sample, 2\], got \[3, 2\]"),
        (np.ones((0, 2, 2), np.uint8), r"must have the shape \[time, sample, 2\], got \[0, 2, 2\]"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(spikes: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        NirRuntime(resolve(chain(2, n=nir.IF(np.ones(2), np.ones(2))))).run(spikes)


def test_the_answer_does_not_depend_on_how_samples_are_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = resolve(chain(2, n=nir.IF(np.array([0.3, 0.4]), np.ones(2))), integration="per-step")
    x = (np.random.default_rng(0).random((9, 11, 2)) < 0.5).astype(np.uint8)
    whole = NirRuntime(graph).run(x)
    monkeypatch.setattr("spiq.hardware.runtime.nir_runtime.CHUNK_VALUES", 40)
    assert np.array_equal(NirRuntime(graph).run(x), whole)
    assert NirRuntime(graph).run(x[:, :0]).shape == (9, 0, 2)
