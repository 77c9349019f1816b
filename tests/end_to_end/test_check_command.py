"""spiq check: what of a file is supported where."""

import json
from pathlib import Path

import nir
import numpy as np

from shared.command import assert_refused, spiq
from spiq.export.nir.file import write_nir
from spiq.hardware.inspection.support import TARGETS

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"


def test_a_sound_graph_is_supported_everywhere() -> None:
    found = json.loads(spiq("check", PEERS / "spikingjelly_if.nir", "--dt", "1e-4", "--json").stdout)
    assert found["supported"] == dict.fromkeys(TARGETS, None)
    assert [node["type"] for node in found["nodes"]] == ["Input", "Affine", "IF", "Affine", "IF", "Output"]
    assert all(node[target] == "yes" for node in found["nodes"] for target in TARGETS)


def test_a_node_that_does_not_fit_is_told_with_its_reason() -> None:
    found = json.loads(spiq("check", PEERS / "norse_leak.nir", "--json", "--for", "loihi", status=1).stdout)
    assert "node '1' (LI)" in found["supported"]["loihi"]
    nodes = {node["node"]: node["loihi"] for node in found["nodes"]}
    assert nodes.pop("1") == "node '1' (LI): is no spiking neuron, and not part of one"
    assert set(nodes.values()) == {"yes"}
    assert "loihi: no: " in spiq("check", PEERS / "norse_leak.nir", "--for", "loihi", status=1).stdout
    spiq("check", PEERS / "norse_leak.nir", "--for", "nir")


def test_what_only_the_whole_shows_is_told(tmp_path: Path) -> None:
    """netx holds chains only; each node is one that it knows."""
    border = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    nodes = {name: nir.IF(np.ones(2), np.ones(2)) for name in ("a", "b", "c")}
    edges = [("input", "a"), ("a", "b"), ("b", "c"), ("a", "c"), ("c", "output")]
    write_nir(tmp_path / "skip.nir", nir.NIRGraph({**border, **nodes}, edges))
    found = json.loads(spiq("check", tmp_path / "skip.nir", "--json").stdout)
    assert found["supported"]["lava"] is None
    assert "layer " in found["supported"]["netx"]
    assert all(node["netx"] == "yes" for node in found["nodes"])


def test_what_needs_a_programmable_neuron_is_told(tmp_path: Path) -> None:
    nodes = {"input": nir.Input(np.array([2])), "n": nir.IF(np.ones(2), np.ones(2), np.full(2, -0.5))}
    nodes["output"] = nir.Output(np.array([2]))
    write_nir(tmp_path / "reset.nir", nir.NIRGraph(nodes, [("input", "n"), ("n", "output")]))
    found = json.loads(spiq("check", tmp_path / "reset.nir", "--json").stdout)
    assert [target for target in TARGETS if found["supported"][target]] == ["netx"]
    assert "layer 'n': needs a programmable neuron (v_reset is not at rest)" in found["supported"]["netx"]
    assert "needs a programmable neuron" in found["nodes"][1]["netx"]


def test_a_bundle_and_a_program_are_checked_too(tiny_run: Path, tmp_path: Path) -> None:
    found = json.loads(spiq("check", tiny_run / "bundle", "--json").stdout)
    assert found["supported"]["aer"] is None
    assert set(found["gates"]) == {"rz", "ry", "cz"}
    (tmp_path / "head.qasm").write_bytes((tiny_run / "bundle" / "head.qasm").read_bytes())
    assert json.loads(spiq("check", tmp_path / "head.qasm", "--json").stdout)["gates"] == found["gates"]
    (tmp_path / "odd.qasm").write_text("OPENQASM 3.0; qubit[2] q; h q[0];")
    assert "aer: no: " in spiq("check", tmp_path / "odd.qasm", "--for", "aer", status=1).stdout


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    assert "--for must be one of nir, onnx, loihi, lava, netx" in assert_refused(
        "check", PEERS / "norse_leak.nir", "--for", "gpu"
    )
    assert "must be a NIR graph (.nir, HDF5), got no such file" in assert_refused("check", tmp_path / "none.nir")


def test_the_documented_table_is_the_commands() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "nodes.md").read_text(encoding="utf-8")
    assert spiq("check").stdout == documented
