"""Values beyond floating point: told, by the node, and never an answer."""

import nir
import numpy as np
import pytest
from builders import resolved_chain

from spiq.export.errors import InputError
from spiq.export.nir.graph import resolve
from spiq.export.nir.value_range import overflowing
from spiq.export.onnx.stages.encoder import encoder_onnx
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.runtime.nir_runtime import NirRuntime

SPIKES = np.ones((40, 2, 3), np.uint8)


def full(value: float, size: int = 3) -> np.ndarray:
    return np.full(size, value)


IF = nir.IF(full(1.0), full(1.0), full(0.0))

TOO_LARGE = {
    "a sum of weights": {"w": nir.Linear(np.full((3, 3), 1e308)), "n": IF},
    "a bias": {"w": nir.Affine(np.full((3, 3), 1e308), full(1e308)), "n": IF},
    "a difference of two sums": {
        "w": nir.Linear(np.full((3, 3), 1e308)),
        "u": nir.Linear(np.array([[1.0, -1.0, 0.0]] * 3)),
        "n": IF,
    },
    "two scales": {"w": nir.Scale(full(1e200)), "u": nir.Scale(full(1e200)), "n": IF},
    "a neuron that adds up": {"w": nir.Scale(full(8e306)), "n": nir.I(full(1.0))},
    "a potential between two spikes": {"w": nir.Scale(full(1e308)), "n": nir.IF(full(1.0), full(1e308), full(0.0))},
    "a leaky one": {"n": nir.LI(full(1e-3), full(1e308), full(1e308))},
    "a current": {
        "w": nir.Scale(full(1e200)),
        "n": nir.CubaLIF(full(1e-3), full(1e-3), full(1.0), full(0.0), full(1.0), full(0.0), full(1e200)),
    },
}


@pytest.mark.parametrize("name", sorted(TOO_LARGE))
def test_a_value_that_is_not_finite_is_never_an_answer(name: str) -> None:
    graph = resolved_chain(3, **TOO_LARGE[name])
    with pytest.raises(
        InputError, match=r"net\.nir: node '[wun]' \(\w+\): its values leave the range of floating point"
    ):
        NirRuntime(graph).values(SPIKES)
    if graph.ends_in_spikes:
        with pytest.raises(InputError, match=r"net\.nir: node '[wun]' \(\w+\): its values might leave the range"):
            encoder_onnx(graph)


def test_what_stays_within_runs() -> None:
    graph = resolved_chain(3, w=nir.Scale(full(1e308)), n=nir.IF(full(1.0), full(1e300), full(0.0)))
    assert overflowing(graph) == {"w", "n"}
    assert NirRuntime(graph).run(SPIKES).all()


def test_a_recurrent_group_is_looked_at_too() -> None:
    nodes = {"input": nir.Input(np.array([3])), "n": IF, "rec": nir.Linear(np.full((3, 3), 1e308))}
    nodes["output"] = nir.Output(np.array([3]))
    edges = [("input", "n"), ("n", "rec"), ("rec", "n"), ("n", "output")]
    graph = resolve(nir.NIRGraph(nodes, edges, type_check=False), "net.nir")
    with pytest.raises(InputError, match=r"node 'rec' \(Linear\): its values leave the range"):
        NirRuntime(graph).run(2 * SPIKES // 2)


def test_ordinary_values_are_not_looked_at() -> None:
    for size in (1e-300, 1e-30, 1.0, 1e30, 1e200):
        assert not overflowing(resolved_chain(3, w=nir.Linear(np.full((3, 3), size)), n=IF))


def test_weights_whose_product_is_infinite_do_not_reach_the_chip() -> None:
    graph = resolved_chain(3, w=nir.Linear(np.full((3, 3), 1e200)), u=nir.Linear(np.full((3, 3), 1e200)), n=IF)
    with pytest.raises(InputError, match=r"node 'n' \(IF\): the weights or the bias before it, multiplied out, leave"):
        lower_to_loihi(graph, None)
