"""model.onnx and its circuit, run by onnxruntime as it comes, against PennyLane and PyTorch in float64."""

import itertools
import math
from pathlib import Path

import nir
import numpy as np
import onnx
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, UInt8

from shared.onnx_answers import run
from spiq.export.bundle.folder import Bundle
from spiq.export.circuit.reupload import ENTANGLERS, Entangler, ReuploadCircuit
from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import PlacedGraph, place
from spiq.export.onnx.encoder import encoder_onnx
from spiq.export.onnx.head import head_onnx
from spiq.export.onnx.model import IR_VERSION, OPSET, onnx_bytes
from spiq.export.onnx.readout import readout_onnx
from spiq.export.onnx.twin import twin_onnx
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import load_images
from spiq.pipeline.models.sqdr_cnn import SQDRCNN

DT = 1e-4


def random_circuit(
    seed: int, n_qubits: int, n_blocks: int, entangler: Entangler, quarter_turns: bool = False
) -> tuple[ReuploadCircuit, Float[np.ndarray, "sample qubit 3"]]:
    random = np.random.default_rng(seed)
    shapes = (n_blocks, n_qubits, 3), (3, n_qubits, 3)
    if quarter_turns:
        weights, angles = (random.integers(-4, 5, shape) * (math.pi / 2) for shape in shapes)
    else:
        weights, angles = (random.uniform(-7, 7, shape) for shape in shapes)
    return ReuploadCircuit(n_qubits, weights, entangler), angles


def pennylane_values(
    circuit: ReuploadCircuit, angles: Float[np.ndarray, "sample qubit 3"]
) -> Float[np.ndarray, "sample qubit"]:
    return np.stack(circuit.qnode(qml.device("default.qubit", wires=circuit.n_qubits))(angles), axis=-1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_qubits=st.integers(1, 6),
    n_blocks=st.integers(1, 5),
    entangler=st.sampled_from(ENTANGLERS),
    quarter_turns=st.booleans(),
)
def test_expectations_are_pennylanes(
    seed: int, n_qubits: int, n_blocks: int, entangler: Entangler, quarter_turns: bool
) -> None:
    circuit, angles = random_circuit(seed, n_qubits, n_blocks, entangler, quarter_turns)
    found = run(head_onnx(circuit), angles=angles)["expectations"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, pennylane_values(circuit, angles), rtol=0, atol=1e-12)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize(("n_qubits", "n_blocks"), [(12, 1), (12, 2), (9, 3), (11, 3), (11, 4), (9, 6), (3, 8)])
def test_wide_and_deep_circuits_are_pennylanes(n_qubits: int, n_blocks: int, entangler: Entangler) -> None:
    circuit, angles = random_circuit(n_blocks, n_qubits, n_blocks, entangler)
    found = run(head_onnx(circuit), angles=angles)["expectations"]
    np.testing.assert_allclose(found, pennylane_values(circuit, angles), rtol=0, atol=1e-12)


def test_a_wide_circuit_depends_on_the_light_cone_only() -> None:
    circuit, angles = random_circuit(0, 40, 3, "ring")
    whole = run(head_onnx(circuit), angles=angles)["expectations"]
    near = [38, 39, 0, 1, 2]
    part = ReuploadCircuit(5, circuit.weights[:, near], "line")
    np.testing.assert_allclose(whole[:, 0], pennylane_values(part, angles[:, near])[:, 2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("entangler", ENTANGLERS)
@pytest.mark.parametrize("n_blocks", range(1, 9))
def test_every_configurable_circuit_fits_in_a_small_file(n_blocks: int, entangler: Entangler) -> None:
    for n_qubits in (1, 2, 9, 16):
        circuit, _ = random_circuit(0, n_qubits, n_blocks, entangler)
        assert len(onnx_bytes(head_onnx(circuit))) < 500_000


@pytest.mark.parametrize(
    ("n_qubits", "n_blocks", "found"),
    [(20, 12, r"12 blocks on a ring of 20 qubits take 2\^21\.0 numbers a sample"), (5, 500, "take 2495 gates"),
     (300, 200, r"take 2\^301\.0 numbers"), (5000, 7, r"take 2\^26\.3 numbers")],
)  # fmt: skip
def test_circuits_that_take_too_much_are_refused(n_qubits: int, n_blocks: int, found: str) -> None:
    with pytest.raises(InputError, match=rf"circuit: .*{found}.*, allowed are at most .*; take fewer blocks or qubits"):
        head_onnx(ReuploadCircuit(n_qubits, np.zeros((n_blocks, n_qubits, 3))))


def random_twin(seed: int, relu: bool = False, beta: float = 1.0, **circuit: object) -> tuple[SQDRCNN, onnx.ModelProto]:
    """A network in float64 whose circuit PennyLane computes, with the weights of a trained one's spread; its twin."""
    config = Config.model_validate(
        {
            "name": "random",
            "data": {"source": "digits"},
            "encoder": {"channels": [3, 4], "beta": beta, "threshold": 0.3},
            "circuit": {"simulator": "pennylane", "initialisation": "uniform", **circuit},
            "readout": {"relu": relu},
        }
    )
    torch.manual_seed(seed)
    model = SQDRCNN(config, (1, 8, 8), 10)
    for layer in model.encoder:
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 2.0)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    model = model.double().eval()
    graph = place(to_nir(model.encoder, (1, 8, 8), DT), "random.nir")
    weight, bias = (tensor.detach().float().numpy() for tensor in (model.readout.weight, model.readout.bias))
    twin = twin_onnx(graph, config.circuit.angle_scale, model.head.circuit(), weight, bias, relu)
    return model, twin


def random_spikes(seed: int, time: int, sample: int) -> UInt8[np.ndarray, "time sample 1 8 8"]:
    return (np.random.default_rng(seed).random((time, sample, 1, 8, 8)) < 0.4).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    time=st.integers(1, 9),
    sample=st.integers(1, 4),
    qubits=st.integers(1, 5),
    blocks=st.integers(1, 4),
    entangler=st.sampled_from(ENTANGLERS),
    angle_scale=st.floats(0.1, 7.0),
    relu=st.booleans(),
    beta=st.sampled_from([1.0, 0.9]),
)
def test_a_random_networks_twin_equals_pytorch_in_float64(
    seed: int, time: int, sample: int, qubits: int, blocks: int, entangler: Entangler, angle_scale: float, relu: bool,
    beta: float,
) -> None:  # fmt: skip
    model, twin = random_twin(
        seed, relu, beta, qubits=qubits, blocks=blocks, entangler=entangler, angle_scale=angle_scale
    )
    spikes = random_spikes(seed, time, sample)
    found = run(twin, spikes=spikes)
    with torch.no_grad():
        expected = model.trace(torch.tensor(spikes).double())
    assert np.array_equal(found["counts"], expected.spikes.sum(0).long().numpy())
    np.testing.assert_allclose(found["expectations"], expected.expectations.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["logits"], expected.logits.numpy(), rtol=0, atol=1e-5)
    assert found["logits"].dtype == np.float32


def test_random_networks_fire() -> None:
    _, twin = random_twin(0, qubits=3)
    found = run(twin, spikes=random_spikes(0, 8, 20))
    assert 0 < found["counts"].mean() < 8
    assert found["logits"].std(0).min() > 1e-3


def test_every_digit_gets_pytorchs_prediction(tiny_bundle: Bundle, tiny_run: Path, tiny_config: Config) -> None:
    from spiq.pipeline.training.checkpoint import load_model

    digits = load_images("digits")
    images = np.concatenate([digits.train_images, digits.test_images])
    spikes = tiny_bundle.coding.encode(images)
    model, _ = load_model(tiny_run, tiny_config)
    with torch.no_grad():
        expected = model.double().eval().trace(torch.tensor(spikes).double())
    found = run(tiny_bundle.content["model.onnx"], spikes=spikes)
    assert len(spikes[0]) == 1797
    assert np.array_equal(found["logits"].argmax(-1), expected.logits.argmax(-1).numpy())
    np.testing.assert_allclose(found["logits"], expected.logits.numpy(), rtol=0, atol=1e-4)
    assert np.array_equal(found["counts"], run(tiny_bundle.content["encoder.onnx"], spikes=spikes)["counts"])
    single = found["expectations"].astype(np.float32)
    assert np.array_equal(found["logits"], run(tiny_bundle.content["readout.onnx"], expectations=single)["logits"])


def test_time_and_sample_are_open_and_samples_do_not_touch() -> None:
    _, twin = random_twin(1, qubits=3, blocks=3)
    spikes = random_spikes(1, 6, 5)
    whole = run(twin, spikes=spikes)
    for sample in range(5):
        single = run(twin, spikes=spikes[:, sample : sample + 1])
        assert np.array_equal(single["counts"][0], whole["counts"][sample])
        np.testing.assert_allclose(single["logits"][0], whole["logits"][sample], rtol=0, atol=1e-6)


def integrators(*names: str, size: int) -> PlacedGraph:
    """Neurons that hand on their input's spikes, one group after the other; the first and last name are the ends'.

    A node called readout is a matrix, so that its weight has the name of the readout's.
    """
    ones, shape = np.ones(size), np.array([size])
    neurons = [nir.Linear(np.eye(size)) if name == "readout" else nir.IF(ones, ones * 0.5) for name in names[1:-1]]
    nodes = [nir.Input({"input": shape}), *neurons, nir.Output({"output": shape})]
    edges = list(itertools.pairwise(names))
    return place(nir.NIRGraph(dict(zip(names, nodes, strict=True)), edges, type_check=False), "net.nir")


def test_names_of_nodes_never_meet_those_of_the_parts() -> None:
    names = ["spikes", "head", "readout", "", "counts", "angles", "encoder", "logits", "expectations", "head/bloch"]
    circuit, _ = random_circuit(0, 1, 3, "ring")
    spikes = np.array([[[1, 0, 1]], [[0, 0, 1]]], np.uint8)
    twin = twin_onnx(integrators(*names, size=3), 2.0, circuit, np.ones((2, 1)), np.zeros(2), False)
    found = run(twin, spikes=spikes)
    assert found["counts"].tolist() == [[1, 0, 2]]
    expected = pennylane_values(circuit, np.array([[[1.0, 0.0, 2.0]]]))
    np.testing.assert_allclose(found["expectations"], expected, rtol=0, atol=1e-12)


def test_the_file_is_checked_and_the_same_every_time() -> None:
    _, twin = random_twin(2, qubits=3, blocks=3)
    content = onnx_bytes(twin)
    assert content == onnx_bytes(random_twin(2, qubits=3, blocks=3)[1])
    read = onnx.load_from_string(content)
    onnx.checker.check_model(read, full_check=True)
    assert (read.opset_import[0].version, read.ir_version, read.producer_name) == (OPSET, IR_VERSION, "spiq")
    assert {entry.key for entry in read.metadata_props} == {"dt", "integration", "angle_scale"}
    assert [value.name for value in read.graph.input] == ["spikes"]
    assert [value.name for value in read.graph.output] == ["logits", "counts", "expectations"]
    # onnxruntime 1.20 has no cosine in double, and fuses a Transpose and a MatMul to what it has not in double.
    made_by = {node.output[0]: node.op_type for node in read.graph.node}
    assert "Cos" not in made_by.values()
    for node in read.graph.node:
        assert node.op_type != "MatMul" or "Transpose" not in {made_by.get(name) for name in node.input}


def test_parts_that_do_not_fit_are_refused() -> None:
    graph = integrators("input", "neurons", "output", size=6)
    two, three = (random_circuit(0, qubits, 2, "ring")[0] for qubits in (2, 3))
    weight, bias = np.ones((4, 2)), np.zeros(4)
    assert run(twin_onnx(graph, 1.0, two, weight, bias, True), spikes=np.ones((2, 3, 6), np.uint8))
    with pytest.raises(InputError, match=r"net\.nir: gives 6 features, but 3 qubits read 9"):
        twin_onnx(graph, 1.0, three, np.ones((4, 3)), bias, True)
    with pytest.raises(InputError, match="readout: reads 3 qubits, but the circuit has 2"):
        twin_onnx(graph, 1.0, two, np.ones((4, 3)), bias, True)
    with pytest.raises(InputError, match=r"readout: bias has the shape \[5\]; \[4\] is needed"):
        twin_onnx(graph, 1.0, two, weight, np.zeros(5), True)
    for scale in (math.inf, math.nan):
        with pytest.raises(InputError, match=rf"angle_scale: found {scale}; a finite number is needed"):
            twin_onnx(graph, scale, two, weight, bias, True)


def test_the_parts_files_still_stand_alone(tiny_bundle: Bundle) -> None:
    circuit = tiny_bundle.circuit
    golden = tiny_bundle.golden
    encoder = encoder_onnx(tiny_bundle.graph)
    assert onnx_bytes(encoder) == tiny_bundle.content["encoder.onnx"]
    expectations = run(head_onnx(circuit), angles=golden.angles)["expectations"]
    np.testing.assert_allclose(expectations, golden.expectations, rtol=0, atol=1e-12)
    readout = readout_onnx(np.eye(3), np.zeros(3), False)
    single = expectations.astype(np.float32)
    assert np.array_equal(run(readout, expectations=single)["logits"], single)
