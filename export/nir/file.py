"""NIR files: HDF5, read in whatever state they come, and written so that old and new readers open them.

    read_nir(path)  →  graph.resolve(…)          write_nir(path, graph)

`v_reset` came to NIR with nir 1.0.6, and readers before it refuse a node that has one. So `write_nir` leaves it out
where it is 0, which is what newer readers put in its place. Others leave it out because their neurons have no such
reset. To tell the two apart `write_nir` gives the file's root an attribute, which NIR's readers do not look at.
"""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nir
import numpy as np

from ..errors import InputError
from ..files.hdf5 import Group, read_hdf5
from ..files.plain import read_file
from .nodes.kind import NeuronKind
from .nodes.table import NODES

RESET_MARK = "spiq_v_reset_left_out"
"""The attribute of a file's root that says which value of v_reset is left out: 0."""

_TEXTS = ("type", "padding")
"""The entries of a node that may be texts."""

_CUT_OFF = "the file was perhaps not written to its end"


class NirFile(NamedTuple):
    """A file's graph, and the neurons that have a reset in NIR and none in this file.

    They are read as reset to 0. `without_reset` has their names, with those of the graphs around them: `outer.inner`.
    It is empty if the file says that a v_reset of 0 was left out: `says_resets`.
    """

    graph: nir.NIRGraph
    without_reset: tuple[str, ...]
    says_resets: bool


def read_nir(source: Path | str | bytes, name: str = "graph") -> nir.NIRGraph:
    """The graph of `read_nir_file`."""
    return read_nir_file(source, name).graph


def read_nir_file(source: Path | str | bytes, name: str = "graph") -> NirFile:
    """The graph in a NIR file, as its writer left it: shapes may be missing, `graph.resolve` finds them.

    `source` is the file, or a file's content, which errors call `name`. Raises InputError where the file is missing,
    is not HDF5 or beyond the limits of `hdf5`, or is not a NIR graph of known nodes, naming the node.
    """
    if not isinstance(source, bytes):
        name = str(source)
        source = read_file(source, "a NIR graph (.nir, HDF5)")
    stored = read_hdf5(source, name)
    if not isinstance(stored.root.get("node"), dict):
        raise InputError(f"{name}: not a well-formed NIR graph: it has no group 'node'; {_CUT_OFF}")
    without_reset: list[str] = []
    graph = _node(stored.root["node"], "", name, without_reset)
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"{name}: must hold a NIRGraph, got a single {type(graph).__name__} node")
    is_marked = np.array_equal(stored.attributes.get(RESET_MARK, np.nan), 0)
    return NirFile(graph, () if is_marked else tuple(without_reset), is_marked)


def write_nir(path: Path | str, graph: nir.NIRGraph) -> None:
    """Write the graph, without a v_reset that is 0, and mark the file so. The same graph gives the same bytes."""
    Path(path).write_bytes(nir_bytes(graph))


def nir_bytes(graph: nir.NIRGraph) -> bytes:
    """The content of the file that `write_nir` writes."""
    import h5py

    # HDF5 that meets a full disk can end the process; what is made in memory fails as any other file does.
    content = io.BytesIO()
    nir.write(content, _WithoutZeroResets(graph))  # type: ignore[arg-type]
    with h5py.File(content, "r+") as file:
        file.attrs[RESET_MARK] = 0.0
    return content.getvalue()


class _WithoutZeroResets:
    """A graph as `nir.write` asks for it."""

    def __init__(self, graph: nir.NIRGraph) -> None:
        self.graph = graph

    def to_dict(self) -> dict[str, Any]:
        return _without_zero_resets(self.graph.to_dict())


def _without_zero_resets(stored: dict[str, Any]) -> dict[str, Any]:
    if "nodes" in stored:
        return stored | {"nodes": {name: _without_zero_resets(node) for name, node in stored["nodes"].items()}}
    return {key: value for key, value in stored.items() if key != "v_reset" or np.any(np.asarray(value) != 0)}


def _node(stored: Any, path: str, name: str, without_reset: list[str]) -> nir.NIRNode:
    """The node that is stored so; the names of neurons without a v_reset are added to `without_reset`."""
    called = f"node {path!r}" if path else "the graph"
    if not isinstance(stored, dict):
        raise InputError(f"{name}: not a well-formed NIR graph: {called} must be a group, got an array")
    kind = _text(stored.get("type"), called, name)
    if not isinstance(kind, str | None):
        raise InputError(f"{name}: not a well-formed NIR graph: the type of {called} is no text")
    if kind == "NIRGraph" or (kind is None and "nodes" in stored):
        return _graph(stored, path, called, name, without_reset)
    if kind is None:
        raise InputError(f"{name}: {called} has no type; {_CUT_OFF}")
    defined = getattr(nir, kind, None)
    if not (isinstance(defined, type) and issubclass(defined, nir.NIRNode) and defined is not nir.NIRNode):
        known = ", ".join(node.__name__ for node in NODES)
        raise InputError(f"{name}: the type of {called} must be one of {known}, got {kind!r}")
    fields = {key: _field(key, value, called, name) for key, value in stored.items()}
    if issubclass(defined, nir.Conv1d | nir.Conv2d):
        # Versions of nir before 1.0 did not write it.
        fields = {"input_shape": None} | fields
    known = NODES.get(defined)
    if isinstance(known, NeuronKind) and "v_reset" in known.parameters and "v_reset" not in fields:
        without_reset.append(path)
    try:
        _check_sizes(fields, called, name)
        # nir computes with what stands in the file before anyone has looked at it, and NumPy would warn.
        with np.errstate(all="ignore"):
            return nir.dict2NIRNode(fields)
    except AssertionError as error:
        raise InputError(f"{name}: not a well-formed NIR graph: {error}, in {called}") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise InputError(
            f"{name}: not a well-formed NIR graph: {type(error).__name__}: {error}, in {called}"
        ) from error


def _graph(stored: Group, path: str, called: str, name: str, without_reset: list[str]) -> nir.NIRGraph:
    nodes = stored.get("nodes")
    if not isinstance(nodes, dict):
        raise InputError(f"{name}: {called} has no nodes; {_CUT_OFF}")
    prefix = f"{path}." if path else ""
    # Before the graph's own entries: a file that breaks off in a node lacks both.
    made = {key: _node(node, f"{prefix}{key}", name, without_reset) for key, node in nodes.items()}
    for key in ("edges", "type"):
        if key not in stored:
            raise InputError(f"{name}: {called} has no {key}; {_CUT_OFF}")
    unknown = stored.keys() - {"nodes", "edges", "type", "metadata", "type_check"}
    if unknown:
        raise InputError(f"{name}: not a well-formed NIR graph: {called} has the unknown entry {min(unknown)!r}")
    edges = np.asarray(stored["edges"])
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "OS"):
        raise InputError(
            f"{name}: not a well-formed NIR graph: the edges of {called} must be pairs of names, got {edges.dtype} "
            f"{list(edges.shape)}"
        )
    given = edges.tolist() if edges.size else []
    pairs = [(_text(source, called, name), _text(target, called, name)) for source, target in given]
    metadata = _field("metadata", stored.get("metadata", {}), called, name)
    # The types are found by graph.resolve, which says more.
    return nir.NIRGraph(nodes=made, edges=pairs, metadata=metadata, type_check=False)


def _field(key: str, value: Any, called: str, name: str) -> Any:
    """An entry of a node, of a kind that nir expects."""
    if key == "metadata" and isinstance(value, dict):
        return _remarks(value, called, name)
    if isinstance(value, bytes) and key in _TEXTS:
        return _text(value, called, name)
    if isinstance(value, dict | bytes) or np.asarray(value).dtype.kind not in "biuf":
        raise InputError(f"{name}: not a well-formed NIR graph: {key} of {called} is not made of numbers")
    return value


def _remarks(stored: Mapping[str, Any], called: str, name: str) -> dict[str, Any]:
    return {
        key: _remarks(value, called, name) if isinstance(value, dict) else _text(value, called, name)
        for key, value in stored.items()
    }


def _text(value: Any, called: str, name: str) -> Any:
    """A text as str; anything else as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not a well-formed NIR graph: a text of {called} is not UTF-8") from error


def _check_sizes(fields: Mapping[str, Any], called: str, name: str) -> None:
    """Raises InputError where nir would make far more of the values than there are."""
    sizes = np.size(fields.get("input_shape", 0))
    if sizes > 2:
        raise InputError(f"{name}: {called} must have an input_shape of at most 2 sizes, got {sizes}")
    if "w_in" in fields:
        # nir multiplies it with one of these, and a column times a row is a matrix.
        other = fields.get("v_threshold", fields.get("v_leak"))
        shapes = np.shape(fields["w_in"]), np.shape(other)
        if math.prod(np.broadcast_shapes(*shapes)) > max(map(math.prod, shapes)):
            given, needed = map(list, shapes)
            raise InputError(f"{name}: {called} must have a w_in of the shape {needed}, got {given}")
