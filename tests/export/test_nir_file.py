"""NIR files: what is left out of them and told, and every way in which one can be wrong."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from builders import chain
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.damage import damages
from spiq.export.errors import InputError
from spiq.export.nir.file import RESET_MARK, NirFile, read_nir, read_nir_file, write_nir
from spiq.export.nir.graph import resolve

pair = partial(chain, 2, output_shape=2)
"""A graph of two values a step."""

PEERS = Path(__file__).parents[1] / "data" / "nir_peers"


def lif(v_reset: float = 0.0, size: int = 2) -> nir.LIF:
    ones = np.ones(size)
    return nir.LIF(tau=ones, r=ones, v_leak=0 * ones, v_threshold=ones, v_reset=v_reset * ones)


def changed(path: Path, change: Callable[[h5py.Group], None], *nodes: nir.NIRNode) -> Path:
    """A file of nir.write, of a chain of neurons or of these nodes, whose group of nodes was changed."""
    nir.write(path, pair(*(nodes or (nir.Linear(np.ones((2, 2))), lif()))))
    with h5py.File(path, "r+") as file:
        change(file["node/nodes"])
    return path


def without(key: str, node: str = "n1") -> Callable[[h5py.Group], None]:
    def change(nodes: h5py.Group) -> None:
        del nodes[node][key]

    return change


def instead(key: str, value: object, node: str = "n1") -> Callable[[h5py.Group], None]:
    def change(nodes: h5py.Group) -> None:
        if key in nodes[node]:
            del nodes[node][key]
        nodes[node][key] = value

    return change


def of_graph(key: str, value: object = None) -> Callable[[h5py.Group], None]:
    """An entry of the graph itself taken away, or another value in its place."""

    def change(nodes: h5py.Group) -> None:
        whole = nodes.parent
        if key in whole:
            del whole[key]
        if value is not None:
            whole[key] = value

    return change


def test_a_reset_to_0_is_left_out_and_the_file_marked(tmp_path: Path) -> None:
    given = pair(lif(), pair(lif(), nir.IF(np.ones(2), np.ones(2))), lif(-0.5))
    write_nir(tmp_path / "a.nir", given)
    with h5py.File(tmp_path / "a.nir") as file:
        assert file.attrs[RESET_MARK] == 0
        nodes = file["node/nodes"]
        assert "v_reset" not in nodes["n0"]
        assert "v_reset" not in nodes["n1/nodes/n0"]
        assert "v_reset" not in nodes["n1/nodes/n1"]
        assert nodes["n2/v_reset"][()].tolist() == [-0.5, -0.5]
    found = read_nir_file(tmp_path / "a.nir")
    assert found.without_reset == ()
    assert found.graph.nodes["n0"].v_reset.tolist() == [0, 0]  # type: ignore[attr-defined]
    assert found.graph.nodes["n2"].v_reset.tolist() == [-0.5, -0.5]  # type: ignore[attr-defined]
    assert nir.read(tmp_path / "a.nir").nodes.keys() == given.nodes.keys()


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.nir", "second.nir"):
        write_nir(tmp_path / name, pair(nir.Linear(np.ones((2, 2))), lif()))
    assert (tmp_path / "first.nir").read_bytes() == (tmp_path / "second.nir").read_bytes()


def test_neurons_without_a_reset_in_a_file_without_the_mark_are_named(tmp_path: Path) -> None:
    def change(nodes: h5py.Group) -> None:
        del nodes["n1"]["v_reset"]
        del nodes["n2/nodes/n0"]["v_reset"]

    path = changed(tmp_path / "a.nir", change, lif(), lif(), pair(lif(), nir.LI(np.ones(2), np.ones(2), np.zeros(2))))
    assert read_nir_file(path).without_reset == ("n1", "n2.n0")
    assert read_nir_file(path.read_bytes(), "a").without_reset == ("n1", "n2.n0")
    with h5py.File(path, "r+") as file:
        file.attrs[RESET_MARK] = "something else"
    assert read_nir_file(path).without_reset == ("n1", "n2.n0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sinabs_conv", ("1", "4", "7")), ("norse_defaults", ("1", "3")), ("snntorch_subtract", ()), ("norse_cuba", ())],
)
def test_what_other_frameworks_left_out(name: str, expected: tuple[str, ...]) -> None:
    found = read_nir_file(PEERS / f"{name}.nir")
    assert isinstance(found, NirFile)
    assert found.without_reset == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("type"), "node 'n1' has no type; the file was perhaps not written to its end"),
        (of_graph("edges"), "the graph has no edges; the file was perhaps not written to its end"),
        (of_graph("nodes"), "the graph has no nodes; the file was perhaps not written to its end"),
        (of_graph("type"), "the graph has no type; the file was perhaps not written to its end"),
        (instead("type", "Izhikevich"), "the type of node 'n1' must be one of Input, .*, got 'Izhikevich'"),
        (instead("type", "NIRNode"), "the type of node 'n1' must be one of Input, .*, got 'NIRNode'"),
        (instead("type", 4), "the type of node .n1. is no text"),
        (instead("type", np.array([1.0, 2.0])), "the type of node .n1. is no text"),
        (instead("type", np.array([b"IF", b"LIF"])), "the type of node .n1. is no text"),
        (instead("type", b"\xff"), "a text of node 'n1' is not UTF-8"),
        (without("tau"), "not a well-formed NIR graph: TypeError: .*'tau', in node 'n1'"),
        (instead("odd", 1), "not a well-formed NIR graph: TypeError: .*'odd', in node 'n1'"),
        (instead("tau", "long"), "tau of node 'n1' is not made of numbers"),
        (instead("tau", [b"a", b"b"]), "tau of node 'n1' is not made of numbers"),
        (instead("w_in/deeper", 1), "w_in of node 'n1' is not made of numbers"),
        (instead("weight", np.ones(2), "n0"), "Weight must be at least 2D, in node 'n0'"),
        (of_graph("edges", np.ones((3, 2))), "edges of the graph must be pairs of names, got float64 .3, 2."),
        (lambda nodes: nodes.__setitem__("n2", 1), "node 'n2' must be a group, got an array"),
        (of_graph("odd", 1), "the graph has the unknown entry 'odd'"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_graph_is_refused(
    tmp_path: Path, change: Callable[[h5py.Group], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^a\.nir: .*{message}"):
        read_nir(changed(Path("a.nir"), change))


def test_a_file_that_its_writer_left_in_the_middle_of_a_node_names_it(tmp_path: Path) -> None:
    whole = pair(lif(), lif())
    # nir.write cannot compress a number that is an array.
    whole.nodes["n1"].tau = np.array(1.0)  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="Scalar datasets"):
        nir.write(tmp_path / "half.nir", whole)
    with pytest.raises(InputError, match=r"half\.nir: node 'n1' has no type; the file was perhaps not written"):
        read_nir(tmp_path / "half.nir")


def test_remarks_about_a_node_are_kept(tmp_path: Path) -> None:
    def change(nodes: h5py.Group) -> None:
        nodes["n1/metadata/by"] = "someone"
        nodes["n1/metadata/deeper/number"] = 3

    found = read_nir(changed(tmp_path / "a.nir", change))
    assert found.nodes["n1"].metadata == {"by": "someone", "deeper": {"number": 3}}


def test_a_missing_file_an_empty_one_and_a_single_node_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a NIR graph \(\.nir, HDF5\), got no such file"):
        read_nir(tmp_path / "none.nir")
    with h5py.File(tmp_path / "empty.nir", "w"):
        pass
    with pytest.raises(InputError, match=r"empty.nir: not a well-formed NIR graph: it has no group 'node'"):
        read_nir(tmp_path / "empty.nir")
    nir.write(tmp_path / "node.nir", lif())
    with pytest.raises(InputError, match=r"node.nir: must hold a NIRGraph, got a single LIF node"):
        read_nir(tmp_path / "node.nir")
    with pytest.raises(InputError, match=r"a graph: not readable as HDF5"):
        read_nir(b"no", "a graph")


def test_what_nir_itself_cannot_compute_with_is_refused(tmp_path: Path) -> None:
    conv = nir.Conv2d((4, 4), np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2))
    for key, value, message in (
        ("stride", np.zeros(2, int), "not a well-formed NIR graph: (OverflowError|ZeroDivisionError)"),
        ("input_shape", np.ones(10**5), "must have an input_shape of at most 2 sizes, got 100000"),
    ):
        path = changed(tmp_path / "odd.nir", instead(key, value, "n0"), conv)
        with pytest.raises(InputError, match=rf"odd\.nir: .*{message}"):
            read_nir(path)


def test_a_column_of_input_weights_does_not_become_a_matrix(tmp_path: Path) -> None:
    many = np.ones(2**17)
    neuron = nir.CubaLIF(tau_syn=many, tau_mem=many, r=many, v_leak=0 * many, v_threshold=many)
    path = changed(tmp_path / "a.nir", instead("w_in", many[:, None], "n0"), neuron)
    with pytest.raises(InputError, match=r"node 'n0' must have a w_in of the shape \[131072\], got \[131072, 1\]"):
        read_nir(path)


def test_graphs_hundreds_deep_within_each_other_are_refused(tmp_path: Path) -> None:
    def change(nodes: h5py.Group) -> None:
        for _ in range(300):
            nodes["deeper/type"] = "NIRGraph"
            nodes["deeper"].create_dataset("edges", data=np.zeros((0, 2)))
            nodes = nodes.create_group("deeper/nodes")

    with pytest.raises(InputError, match="groups must lie at most 64 deep within each other, got deeper ones"):
        read_nir(changed(tmp_path / "a.nir", change))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "sound.nir"
    write_nir(path, pair(nir.Linear(np.ones((2, 2))), lif(), pair(lif(-1))))
    try:
        resolve(read_nir(data.draw(damages(path.read_bytes())), "file.nir"), "file.nir")
    except InputError as error:
        message = str(error)
    else:
        message = "file.nir"
    assert message.startswith("file.nir")
