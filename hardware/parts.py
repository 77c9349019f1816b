"""What a device is made of: a spiking half as a graph and in fixed point, or a circuit."""

import math
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from ..export.bundle.bundle import Bundle
from ..export.bundle.entries import LOIHI, NETX, NIR, QASM
from ..export.circuit.circuit import Circuit
from ..export.errors import InputError
from ..export.nir.graph import ResolvedGraph

if TYPE_CHECKING:
    from .loihi.program import LoihiProgram


class SpikingPart(ABC):
    """A spiking half in every form that a device may take. A form that it does not have raises InputError."""

    @property
    @abstractmethod
    def graph(self) -> ResolvedGraph:
        """The graph, in floating point."""

    @cached_property
    def program(self) -> "LoihiProgram":
        """The same in Loihi's fixed point."""
        return self._program()

    @property
    @abstractmethod
    def netx(self) -> bytes:
        """The program as a file of lava-dl's netx."""

    @property
    @abstractmethod
    def netx_name(self) -> str:
        """What errors call that file."""

    @abstractmethod
    def _program(self) -> "LoihiProgram": ...


@dataclass(frozen=True)
class BundlePart(SpikingPart):
    """A spiking stage of a bundle, by its name: one whose forms are the bundle's files."""

    bundle: Bundle
    stage: str

    @property
    def graph(self) -> ResolvedGraph:
        return self.bundle.network.spiking[self.stage].graph

    def _program(self) -> "LoihiProgram":
        """The program in the stage's .loihi.npz, as it was when the bundle was opened.

        Raises InputError, naming the file, where there is none, it is damaged, or it has other inputs or outputs than
        the graph.
        """
        from .loihi.formats.storage import read_program

        where = self.bundle.where(self.stage, LOIHI)
        program = read_program(self.bundle.part(self.stage, LOIHI), where)
        nir = self.bundle.file(self.stage, NIR)
        if program.input_shape != self.graph.input_shape:
            raise InputError(
                f"{where}: must read {list(self.graph.input_shape)}, as {nir} does, got {list(program.input_shape)}"
            )
        features = math.prod(self.graph.output_shape)
        if program.output_size != features:
            raise InputError(f"{where}: must give {features} features, as {nir} does, got {program.output_size}")
        return program

    @property
    def netx(self) -> bytes:
        return self.bundle.part(self.stage, NETX)

    @property
    def netx_name(self) -> str:
        return self.bundle.where(self.stage, NETX)


@dataclass(frozen=True, eq=False)
class GraphPart(SpikingPart):
    """A graph without a bundle: its program is quantized with these spikes as its calibration."""

    resolved: ResolvedGraph
    calibration: UInt8[np.ndarray, "time sample *shape"]

    @property
    def graph(self) -> ResolvedGraph:
        return self.resolved

    def _program(self) -> "LoihiProgram":
        from .loihi.lowering.lower import lower_to_loihi

        return lower_to_loihi(self.graph, self.calibration)

    @property
    def netx(self) -> bytes:
        from .loihi.formats.netx_file import BIAS_EXPONENT, write_netx
        from .loihi.lowering.lower import lower_to_loihi

        with tempfile.TemporaryDirectory(prefix="spiq-netx-") as folder:
            file = Path(folder) / "graph.net"
            write_netx(file, lower_to_loihi(self.graph, self.calibration, BIAS_EXPONENT))
            return file.read_bytes()

    @property
    def netx_name(self) -> str:
        return f"{self.graph.name}, as netx"


@dataclass(frozen=True)
class QuantumPart:
    """A circuit stage of a bundle, by its name, and the seed of its shots."""

    bundle: Bundle
    stage: str
    seed: int

    @property
    def circuit(self) -> Circuit:
        return self.bundle.network.quantum[self.stage].circuit

    @property
    def program(self) -> str:
        """The circuit in OpenQASM 3, as it stands in the bundle."""
        return self.bundle.program(self.stage)

    @property
    def where(self) -> str:
        """The program's path, for errors."""
        return self.bundle.where(self.stage, QASM)
