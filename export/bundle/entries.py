"""The stages of a network as a manifest lists them, and the files that hold the rest of each.

encode      the coding stands in the manifest
spiking     NAME.nir   NAME.onnx   NAME.loihi.npz   NAME.net     and dt and integration in the manifest
decode      kind, scale, offset and windows stand in the manifest
circuit     NAME.json   NAME.qasm
classical   NAME.onnx
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..circuit.file import circuit_from_json
from ..coding import Coding
from ..errors import InputError
from ..network.decoding import Decode, Decoding
from ..network.network import HybridNetwork
from ..network.signals import SignalKind
from ..network.spiking import read_spiking
from ..network.stages import Encode, Quantum, Spiking, Stage
from ..nir.time_step import Integration

NIR, ONNX, LOIHI, NETX, JSON, QASM = ".nir", ".onnx", ".loihi.npz", ".net", ".json", ".qasm"
"""What the names of a stage's files end in."""

STAGE_FILES = {"spiking": (NIR, ONNX, LOIHI, NETX), "circuit": (JSON, QASM), "classical": (ONNX,)}
"""The files of each kind of stage."""

OPTIONAL = {"spiking": (ONNX, LOIHI, NETX)}
"""Those that some stages have no form for; the manifest then says why."""

Positive = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reads: list[str]


class EncodeEntry(_Entry):
    kind: Literal["encode"] = "encode"
    coding: dict[str, Any]


class SpikingEntry(_Entry):
    """`integration` is how the r of an IF is meant (`neurons.integration_of`); None where each node's r decides."""

    kind: Literal["spiking"] = "spiking"
    dt: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    integration: Integration | None = None


class DecodeEntry(_Entry):
    kind: Literal["decode"] = "decode"
    decoding: Decoding
    scale: Finite
    offset: Finite
    windows: Positive


class CircuitEntry(_Entry):
    kind: Literal["circuit"] = "circuit"


class ClassicalEntry(_Entry):
    kind: Literal["classical"] = "classical"


Entry = Annotated[EncodeEntry | SpikingEntry | DecodeEntry | CircuitEntry | ClassicalEntry, Field(discriminator="kind")]


class InputEntry(BaseModel):
    """What a sample looks like: values [*shape], or spikes of so many time steps."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: SignalKind
    shape: Annotated[list[Positive], Field(min_length=1)]
    steps: Positive | None = None


def entries_of(network: HybridNetwork) -> dict[str, Entry]:
    """What the manifest says of each stage."""
    return {name: _entry(stage, list(network.reads[name])) for name, stage in network.stages.items()}


def stage_of(name: str, entry: Entry, content: Callable[[str], bytes], where: Callable[[str], str]) -> Stage:
    """The stage of an entry. `content` has a file's bytes by its ending, `where` its path, for errors.

    Raises InputError, naming the file, where one is damaged.
    """
    match entry:
        case EncodeEntry():
            return Encode(Coding.from_dict(entry.coding))
        case SpikingEntry():
            return read_spiking(content(NIR), where(NIR), entry.dt, entry.integration)
        case DecodeEntry():
            return Decode(entry.decoding, entry.scale, entry.offset, entry.windows)
        case CircuitEntry():
            return Quantum(circuit_from_json(content(JSON).decode(errors="replace"), where(JSON)))
        case ClassicalEntry():
            # onnx takes long to import, and not every network has such a stage.
            from ..onnx.stages.classical import read_classical

            return read_classical(content(ONNX), where(ONNX))
    raise InputError(f"stage {name!r}: found no such kind of stage")


def stage_files(entries: dict[str, Entry]) -> tuple[str, ...]:
    """The names of all stages' files."""
    return tuple(f"{name}{end}" for name, entry in entries.items() for end in STAGE_FILES.get(entry.kind, ()))


def optional_files(entries: dict[str, Entry]) -> tuple[str, ...]:
    """Those that may be left out."""
    return tuple(f"{name}{end}" for name, entry in entries.items() for end in OPTIONAL.get(entry.kind, ()))


def _entry(stage: Stage, reads: list[str]) -> Entry:
    match stage:
        case Encode():
            return EncodeEntry(reads=reads, coding=stage.coding.to_dict())
        case Spiking():
            step = stage.graph.step
            return SpikingEntry(reads=reads, dt=step.dt, integration=step.integration)
        case Decode():
            return DecodeEntry(
                reads=reads, decoding=stage.kind, scale=stage.scale, offset=stage.offset, windows=stage.windows
            )
        case Quantum():
            return CircuitEntry(reads=reads)
        case _:
            return ClassicalEntry(reads=reads)
