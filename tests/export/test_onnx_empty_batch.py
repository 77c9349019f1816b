"""Models that are asked about no samples: onnxruntime, as it comes, gives no answers and does not fail."""

from itertools import pairwise

import nir
import numpy as np
import pytest

from shared.onnx_answers import run
from shared.random_network import drain, source
from spiq.export.bundle.bundle import Bundle
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.onnx.model import onnx_bytes
from spiq.export.onnx.stages.encoder import encoder_onnx


def convolutional(groups: int) -> ResolvedGraph:
    """Convolution, neurons, pooling and a matrix: every operator that has a batch."""
    random, full = np.random.default_rng(groups), np.ones((4, 6, 6))
    nodes = {
        "input": source(4, 6, 6),
        "conv": nir.Conv2d((6, 6), random.normal(size=(4, 4 // groups, 3, 3)), 1, 1, 1, groups, np.ones(4)),
        "lif": nir.LIF(full * 1e-3, full * 9, full * 0.1, full, full * 0),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flatten": nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1),
        "linear": nir.Linear(random.normal(size=(5, 36))),
        "if": nir.IF(np.ones(5), np.ones(5), np.zeros(5)),
        "output": drain(5),
    }
    names = list(nodes)
    return resolve(nir.NIRGraph(nodes, list(pairwise(names)), type_check=False))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_an_encoder_counts_no_samples_and_the_others_as_before(groups: int) -> None:
    model = onnx_bytes(encoder_onnx(convolutional(groups)))
    spikes = (np.random.default_rng(0).random((7, 3, 4, 6, 6)) < 0.4).astype(np.uint8)
    assert run(model, spikes=spikes[:, :0])["counts"].shape == (0, 5)
    whole = run(model, spikes=spikes)["counts"]
    assert whole.any()
    for sample in range(3):
        assert np.array_equal(run(model, spikes=spikes[:, sample : sample + 1])["counts"], whole[sample : sample + 1])


def test_the_models_of_a_bundle_answer_no_samples(tiny_bundle: Bundle) -> None:
    none = tiny_bundle.golden.trace["spikes"][:, :0]
    answers = run(tiny_bundle.content["model.onnx"], spikes=none)
    assert {name: value.shape for name, value in answers.items()} == {"readout": (0, 10), "head": (0, 3)}
    assert run(tiny_bundle.content["encoder.onnx"], spikes=none)["counts"].shape[0] == 0
    expectations = np.zeros((0, 3), np.float32)
    assert run(tiny_bundle.content["readout.onnx"], expectations=expectations)["logits"].shape[0] == 0
