"""Bundles of schema 2, which spiq 0.1 wrote: the five stages of one network, under fixed names of files and arrays.

They are read as the network that they are. Nothing writes them any more.
"""

from typing import Annotated, Any

from pydantic import Field

from ..nir.time_step import Integration
from .entries import (
    CircuitEntry,
    ClassicalEntry,
    DecodeEntry,
    EncodeEntry,
    Entry,
    Finite,
    InputEntry,
    Positive,
    SpikingEntry,
)
from .golden import LABELS, LOIHI
from .manifest import SCHEMA_2, Manifest, Sealed

FILES = (
    "encoder.nir",
    "encoder.onnx",
    "loihi.npz",
    "encoder.net",
    "head.json",
    "head.qasm",
    "readout.onnx",
    "model.onnx",
    "golden.npz",
)

OPTIONAL_FILES = ("encoder.net",)

RENAMED = {"encoder.loihi.npz": "loihi.npz"}
"""Today's names of files, and what they were called."""

TWIN_OUTPUTS = {"logits": "readout", "expectations": "head"}
"""The outputs of model.onnx, beside `counts`, and the stages whose values they are."""

GOLDEN_ARRAYS = {
    "images": "input",
    "labels": LABELS,
    "spikes": "spikes",
    "encoded": "encoder",
    "angles": "angles",
    "expectations": "head",
    "logits": "readout",
    "loihi_encoded": f"{LOIHI}encoder",
    "loihi_angles": f"{LOIHI}angles",
    "loihi_expectations": f"{LOIHI}head",
    "loihi_logits": f"{LOIHI}readout",
}
"""Arrays of golden.npz, and what they are called today."""

FLATTENED = ("angles", "loihi_angles")
"""They were [sample, qubit, 3] and are one vector a sample today."""


class Manifest2(Sealed):
    """A manifest of schema 2."""

    image_shape: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    classes: Positive
    qubits: Positive
    coding: dict[str, Any]
    angle_scale: Finite
    dt: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    integration: Integration | None = None

    def today(self) -> Manifest:
        """The same as today's manifest, but for its schema and the names of its files."""
        stages: dict[str, Entry] = {
            "spikes": EncodeEntry(reads=["input"], coding=self.coding),
            "encoder": SpikingEntry(reads=["spikes"], dt=self.dt, integration=self.integration),
            "angles": DecodeEntry(reads=["encoder"], decoding="rate", scale=self.angle_scale, offset=0.0, windows=1),
            "head": CircuitEntry(reads=["angles"]),
            "readout": ClassicalEntry(reads=["head"]),
        }
        return Manifest(
            schema_version=SCHEMA_2,
            name=self.name,
            versions=self.versions,
            input=InputEntry(kind="values", shape=self.image_shape),
            stages=stages,
            output="readout",
            data=self.data,
            seed=self.seed,
            files=self.files,
            left_out=self.left_out,
            pixel_range=self.pixel_range,
            epochs=self.epochs,
            digest=self.digest,
        )
