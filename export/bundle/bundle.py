"""A bundle that is open: its files' content, and the network that is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..network.network import HybridNetwork
from . import schema2
from .golden import Golden
from .manifest import SCHEMA, Manifest


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that is open: a network with its files, as they were when it was opened.

    Hashes and schema were right, and stages, golden samples and ONNX models fit each other. The other files are for the
    devices that run them to judge.

    Attributes:
        path: Its folder.
        manifest: What its manifest.json says.
        content: Every file, by name.
        network: The network as plain data.
        golden: A few samples with every value.
        calibration: The inputs of each circuit stage for some training samples; empty if the bundle has none.
        trained: The network that the bundle was made of, if it still is in memory.

    Example:
        bundle = spiq.open_bundle("mine/bundle")
        bundle.network.order, sorted(bundle.content)
    """

    path: Path
    manifest: Manifest
    content: Mapping[str, bytes]
    network: HybridNetwork
    golden: Golden
    calibration: Mapping[str, Float[np.ndarray, "sample input"]]
    trained: Any = field(default=None, repr=False)

    @property
    def classes(self) -> int:
        """How many classes the answer tells apart: one with a single value says yes or no."""
        return max(2, self.network.output_size)

    def file(self, stage: str, end: str) -> str:
        """The name of a stage's file in this bundle."""
        name = f"{stage}{end}"
        return schema2.RENAMED.get(name, name) if self.manifest.schema_version != SCHEMA else name

    def where(self, stage: str, end: str) -> str:
        """The path of a stage's file, for errors."""
        return str(self.path / self.file(stage, end))

    def part(self, stage: str, end: str) -> bytes:
        """A stage's file. Raises InputError, with the reason, where it was left out."""
        name = self.file(stage, end)
        if name not in self.content:
            raise InputError(f"{self.path}: has no {name}: {self.manifest.left_out.get(name, 'no such stage')}")
        return self.content[name]

    def program(self, stage: str) -> str:
        """A circuit stage in OpenQASM 3, as it stands in the bundle."""
        return self.part(stage, ".qasm").decode()

    @property
    def twin_outputs(self) -> dict[str, str]:
        """What model.onnx calls each stage that it gives the values of."""
        if self.manifest.schema_version != SCHEMA:
            return {stage: name for name, stage in schema2.TWIN_OUTPUTS.items()}
        return {name: name for name in (*self.network.quantum, self.network.output)}

    def __repr__(self) -> str:
        samples = self.golden.samples
        return f"Bundle {self.path}: {self.manifest.name}, {samples} golden samples\n{self.network!r}"
