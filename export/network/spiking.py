"""Spiking stages of NIR graphs: always of a file's content, so that what travels is what anyone else would read."""

import nir

from ..nir.file import nir_bytes, read_nir
from ..nir.graph import resolve
from ..nir.time_step import DEFAULT_DT, Integration
from .stages import Spiking


def spiking_stage(
    graph: nir.NIRGraph, name: str = "graph", dt: float = DEFAULT_DT, integration: Integration | None = None
) -> Spiking:
    """The stage of a graph, read with this time step; errors call it `name`.

    Raises InputError where spiq cannot run the graph.
    """
    return read_spiking(nir_bytes(graph), name, dt, integration)


def read_spiking(content: bytes, name: str, dt: float = DEFAULT_DT, integration: Integration | None = None) -> Spiking:
    """The stage of a .nir file's content. Raises InputError, calling it `name`, where it is damaged or cannot run."""
    return Spiking(content, resolve(read_nir(content, name), name, dt, integration))
