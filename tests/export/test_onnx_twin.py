"""model.onnx, run by onnxruntime as it comes, against PennyLane and PyTorch in float64."""

import itertools
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import UInt8

from shared.onnx_answers import run
from spiq.export.bundle.bundle import Bundle
from spiq.export.circuit.reupload import ENTANGLERS, Entangler, reupload_circuit
from spiq.export.circuit.to_pennylane import to_qnode
from spiq.export.network.decoding import DECODINGS, Decode, Decoding
from spiq.export.network.network import INPUT, HybridNetwork
from spiq.export.network.signals import Signal
from spiq.export.network.spiking import spiking_stage
from spiq.export.network.stages import Quantum, Spiking, Stage
from spiq.export.onnx.model import IR_VERSION, OPSET, onnx_bytes
from spiq.export.onnx.stages.classical import read_classical
from spiq.export.onnx.stages.encoder import encoder_onnx
from spiq.export.onnx.stages.head import head_onnx
from spiq.export.onnx.stages.readout import readout_onnx
from spiq.export.onnx.twin import twin_onnx
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data import load_images
from spiq.pipeline.models.sqdr_cnn import SQDRCNN


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
    return model, twin_onnx(model.to_network())


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
    # Of other counts the circuit would give other values.
    np.testing.assert_allclose(found["head"], expected["head"].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["readout"], expected["readout"].numpy(), rtol=0, atol=1e-5)
    assert found["readout"].dtype == np.float32


def test_random_networks_fire() -> None:
    _, twin = random_twin(0, qubits=3)
    found = run(twin, spikes=random_spikes(0, 8, 20))
    assert found["readout"].std(0).min() > 1e-3


def test_every_digit_gets_pytorchs_prediction(tiny_bundle: Bundle, tiny_run: Path, tiny_config: Config) -> None:
    from spiq.pipeline.training.checkpoint import load_model

    digits = load_images("digits")
    images = np.concatenate([digits.train_images, digits.test_images])
    spikes = tiny_bundle.network.encodes["spikes"].coding.encode(images)
    model, _ = load_model(tiny_run, tiny_config)
    with torch.no_grad():
        expected = model.double().eval().trace(torch.tensor(spikes).double())
    found = run(tiny_bundle.content["model.onnx"], spikes=spikes)
    assert len(spikes[0]) == 1797
    assert np.array_equal(found["readout"].argmax(-1), expected["readout"].argmax(-1).numpy())
    np.testing.assert_allclose(found["readout"], expected["readout"].numpy(), rtol=0, atol=1e-4)
    single = found["head"].astype(np.float32)
    assert np.array_equal(found["readout"], run(tiny_bundle.content["readout.onnx"], expectations=single)["logits"])


def test_time_and_sample_are_open_and_samples_do_not_touch() -> None:
    _, twin = random_twin(1, qubits=3, blocks=3)
    spikes = random_spikes(1, 6, 5)
    whole = run(twin, spikes=spikes)
    for sample in range(5):
        single = run(twin, spikes=spikes[:, sample : sample + 1])
        np.testing.assert_allclose(single["head"][0], whole["head"][sample], rtol=0, atol=1e-14)
        np.testing.assert_allclose(single["readout"][0], whole["readout"][sample], rtol=0, atol=1e-6)


def integrators(*names: str, size: int) -> Spiking:
    """Neurons that hand on their input's spikes, one group after the other; the first and last name are the ends'."""
    ones, shape = np.ones(size), np.array([size])
    neurons = [nir.Linear(np.eye(size)) if name == "readout" else nir.IF(ones, ones * 0.5) for name in names[1:-1]]
    nodes = [nir.Input({"input": shape}), *neurons, nir.Output({"output": shape})]
    edges = list(itertools.pairwise(names))
    return spiking_stage(nir.NIRGraph(dict(zip(names, nodes, strict=True)), edges, type_check=False), "net.nir")


def row(
    *stages: Stage, names: tuple[str, ...] = ("encoder", "angles", "head", "readout"), steps: int = 2
) -> HybridNetwork:
    """A network of stages in a row that reads spikes of three values."""
    used = names[: len(stages)]
    reads = {name: (before,) for name, before in zip(used, (INPUT, *used[:-1]), strict=True)}
    return HybridNetwork(Signal("spikes", (3,), steps), dict(zip(used, stages, strict=True)), reads, used[-1])


def test_names_of_nodes_never_meet_those_of_the_parts() -> None:
    names = [
        "spikes",
        "head",
        "readout",
        "values",
        "counts",
        "angles",
        "encoder",
        "logits",
        "expectations",
    ]
    circuit = reupload_circuit(np.random.default_rng(0).normal(size=(3, 1, 3)))
    network = row(integrators(*names, size=3), Decode("rate", 2.0), Quantum(circuit))
    spikes = np.array([[[1, 0, 1]], [[0, 0, 1]]], np.uint8)
    found = run(twin_onnx(network), input=spikes)
    expected = np.stack(to_qnode(circuit)(np.array([[1.0, 0.0, 2.0]])), axis=-1)
    np.testing.assert_allclose(found["head"], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", DECODINGS)
@pytest.mark.parametrize("windows", [1, 2, 3])
def test_every_decoding_has_its_form(kind: Decoding, windows: int) -> None:
    network = row(integrators("a", "if", "b", size=3), Decode(kind, 0.3, 0.1, windows), steps=6)
    spikes = (np.random.default_rng(windows).random((6, 7, 3)) < 0.3).astype(np.uint8)
    found = run(twin_onnx(network), input=spikes)["angles"]
    np.testing.assert_allclose(found, network.decodes["angles"](spikes), rtol=0, atol=1e-14)


def test_the_file_is_checked_and_the_same_every_time() -> None:
    _, twin = random_twin(2, qubits=3, blocks=3)
    content = onnx_bytes(twin)
    assert content == onnx_bytes(random_twin(2, qubits=3, blocks=3)[1])
    read = onnx.load_from_string(content)
    onnx.checker.check_model(read, full_check=True)
    assert (read.opset_import[0].version, read.ir_version, read.producer_name) == (OPSET, IR_VERSION, "spiq")
    assert {entry.key for entry in read.metadata_props} == {"encoder.dt", "encoder.integration"}
    assert [value.name for value in read.graph.input] == ["spikes"]
    assert [value.name for value in read.graph.output] == ["head", "readout"]
    # onnxruntime 1.20 has no cosine in double, and fuses a Transpose and a MatMul to what it has not in double.
    made_by = {node.output[0]: node.op_type for node in read.graph.node}
    assert "Cos" not in made_by.values()
    for node in read.graph.node:
        assert node.op_type != "MatMul" or "Transpose" not in {made_by.get(name) for name in node.input}


def test_a_classical_model_of_other_operators_is_made_todays() -> None:
    made = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 13]>
        old (double[sample, 3] values) => (double[sample, 1] answer) {
            axes = Constant <value = int64[1] {1}> ()
            answer = ReduceSum <keepdims = 1> (values, axes)
        }"""
    )
    stage = read_classical(made.SerializeToString(), "old.onnx")
    network = row(integrators("a", "if", "b", size=3), Decode("count"), stage, names=("encoder", "angles", "readout"))
    spikes = np.ones((2, 4, 3), np.uint8)
    assert run(twin_onnx(network), input=spikes)["readout"].tolist() == [[6.0]] * 4


def test_the_parts_files_still_stand_alone(tiny_bundle: Bundle) -> None:
    network, golden = tiny_bundle.network, tiny_bundle.golden.trace
    encoder = encoder_onnx(network.spiking["encoder"].graph)
    assert onnx_bytes(encoder) == tiny_bundle.content["encoder.onnx"]
    expectations = run(head_onnx(network.quantum["head"].circuit), inputs=golden["angles"])["expectations"]
    np.testing.assert_allclose(expectations, golden["head"], rtol=0, atol=1e-12)
    readout = readout_onnx(np.eye(3), np.zeros(3), False)
    single = expectations.astype(np.float32)
    assert np.array_equal(run(readout, expectations=single)["logits"], single)
