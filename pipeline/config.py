"""A run's configuration: one TOML file, every key of it checked, every default written here and nowhere else.

A value is what it is written as: "8" and 8.5 are no whole numbers and are refused, and so is a key that does not exist.
A whole number stands for itself where a fraction is allowed (beta = 1).
"""

import difflib
import json
import math
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from ..export.errors import InputError
from ..export.time_step import DEFAULT_DT

if TYPE_CHECKING:
    # NumPy would double the time that reading a configuration takes.
    from ..export.coding import Coding as CodingScheme

DIGITS = "digits"
IDX_SOURCES = ("mnist", "fashion-mnist", "kmnist")
NPZ_PREFIX = "npz:"

ALLOWED_SOURCES = ", ".join(f'"{source}"' for source in (DIGITS, *IDX_SOURCES)) + f' or "{NPZ_PREFIX}PATH"'
"""What `data.source` may be, in words, for messages."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Width = Annotated[int, Field(ge=1, le=4096)]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


def _check_odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError
    return value


class Section(BaseModel):
    """What every table of the file has in common: no unknown keys, no coercion, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    """[data]: the images.

    `source` is a data set of `pipeline.data`; the path of "npz:PATH" starts at the configuration's folder.
    `validation_fraction` of the training images is held out to choose the best checkpoint. The limits keep the first
    images of a set only; without them it is used whole.
    """

    source: Annotated[
        str,
        Field(
            pattern=f"^({'|'.join((DIGITS, *IDX_SOURCES))}|{NPZ_PREFIX}[^\\x00]+)$",
            json_schema_extra={"allowed": ALLOWED_SOURCES},
        ),
    ]
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    train_limit: Count | None = None
    test_limit: Count | None = None


class Coding(Section):
    """[coding]: the spike coding of `export.coding`, over `steps` time steps; the seed is the run's unless given."""

    kind: Literal["phase", "rate", "latency"] = "phase"
    steps: Annotated[int, Field(ge=1, le=256)] = 8
    seed: Seed = 0


class Encoder(Section):
    """[encoder]: the spiking half.

    One stage per entry of `channels`: a convolution without bias that keeps the size (so `kernel_size` is odd), batch
    norm, a neuron with leak `beta` (1 is integrate-and-fire) and `threshold`, and 2x2 pooling. `surrogate_alpha` is
    the steepness of the arctan surrogate gradient. `output` is what the last linear layer reads: every value of the
    last stage, or each channel's average.
    """

    channels: Annotated[tuple[Width, ...], Field(strict=False, min_length=1)] = (8, 16)
    kernel_size: Annotated[
        int,
        Field(ge=1, le=99, json_schema_extra={"allowed": "an odd whole number from 1 to 99"}),
        AfterValidator(_check_odd),
    ] = 3
    pooling: Literal["max", "average"] = "max"
    beta: Annotated[float, Field(gt=0, le=1)] = 1.0
    threshold: Positive = 1.0
    surrogate_alpha: Positive = 2.0
    output: Literal["flatten", "average"] = "flatten"


class Circuit(Section):
    """[circuit]: the quantum half. An angle is `angle_scale` times a spike rate, in radians.

    `simulator` computes it in training: "lightcone" or, slower and to the same values, "pennylane".
    """

    qubits: Annotated[int, Field(ge=1, le=16)] = 9
    blocks: Annotated[int, Field(ge=1, le=8)] = 2
    entangler: Literal["ring", "line"] = "ring"
    angle_scale: Positive = math.pi
    initialisation: Literal["normal", "uniform"] = "normal"
    simulator: Literal["lightcone", "pennylane"] = "lightcone"


class Noise(Section):
    """[noise]: the circuit's noise in training, and in the accuracies that training reports.

    Probabilities, with the meaning of `spiq.hardware.qpu.noise.Noise`: five channels on every qubit after each block,
    and the readout's error. The exported circuit is the ideal one, and so is that of every rung of the ladder.
    """

    bit_flip: Probability = 0.0
    phase_flip: Probability = 0.0
    depolarizing: Probability = 0.0
    amplitude_damping: Probability = 0.0
    phase_damping: Probability = 0.0
    readout: Probability = 0.0


class Readout(Section):
    """[readout]: the linear layer on the qubits' <Z>; `relu` puts a ReLU on its logits."""

    relu: bool = False


class Training(Section):
    """[training]: the joint training.

    The device "auto" is the GPU where there is one. `threads` is the number for PyTorch, its own choice if left out.
    """

    epochs: Count = 10
    batch_size: Count = 128
    learning_rate: Positive = 0.01
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count | None = None


class Export(Section):
    """[export]: the bundle.

    `dt` is NIR's time step in seconds. `calibration_samples` training images set the fixed-point scales, and
    `golden_samples` test images go into the bundle with every intermediate value.
    """

    dt: Positive = DEFAULT_DT
    calibration_samples: Count = 256
    golden_samples: Count = 8


class Ladder(Section):
    """[ladder]: the validation. `limit` keeps the first test images of every rung; `shots` is per circuit.

    Real Lava takes some 40 ms a sample, so its rung runs the first `lava_samples` images only.
    """

    limit: Count | None = None
    shots: Count = 1024
    lava_samples: Count = 64


class Gate(Section):
    """[gate]: the accuracy, as a fraction, that the last rung may lose to the first. Below 0 it must gain."""

    max_accuracy_drop: Annotated[float, Field(ge=-1, le=1)] = 0.03


class Config(Section):
    """A whole run. `name` may become a file name, so it holds nothing that means something in a path."""

    name: Annotated[
        str,
        Field(
            pattern=r"^\w[\w. -]*$",
            json_schema_extra={"allowed": 'letters, digits, "_" and, after the first of them, ".", "-" and spaces'},
        ),
    ]
    seed: Seed = 0
    data: Data
    coding: Coding = Coding()
    encoder: Encoder = Encoder()
    circuit: Circuit = Circuit()
    noise: Noise = Noise()
    readout: Readout = Readout()
    training: Training = Training()
    export: Export = Export()
    ladder: Ladder = Ladder()
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _pass_the_seed_on(self) -> "Config":
        if "seed" not in self.coding.model_fields_set:
            # A frozen model has no other door; nobody has seen this one yet.
            object.__setattr__(self, "coding", self.coding.model_copy(update={"seed": self.seed}))
        return self

    @property
    def coding_scheme(self) -> "CodingScheme":
        """What [coding] means: the coding that turns images into spikes."""
        from ..export.coding import Coding as CodingScheme

        return CodingScheme(self.coding.kind, self.coding.steps, self.coding.seed)

    def to_toml(self) -> str:
        """The configuration as TOML, defaults included: `load_config` reads an equal one from it, in any folder."""
        import tomlkit

        return tomlkit.dumps(self.model_dump(mode="json", exclude_none=True))


def load_config(path: str | Path) -> Config:
    """The configuration in the TOML file `path`, with the path of an npz source made absolute.

    Raises InputError when the file cannot be read, is not TOML, or has a key or value that is not allowed: one sentence
    with the key, what is allowed and what was given. Of several wrong keys it tells the first and counts the others.
    """
    values = _read_toml(Path(path))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_describe(error)}") from None
    source = config.data.source
    if not source.startswith(NPZ_PREFIX):
        return config
    archive = os.path.join(Path(path).parent, os.path.expanduser(source.removeprefix(NPZ_PREFIX)))
    data = config.data.model_copy(update={"source": NPZ_PREFIX + os.path.abspath(archive)})
    return config.model_copy(update={"data": data})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise InputError(f"{path}: the configuration cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8 text, as TOML must be.") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{path}: this is no usable TOML: its values are nested too deeply.") from None
    except ValueError as error:
        reason = str(error).replace("end of document", f"line {text.count(chr(10)) + 1}, the end of the file")
        raise InputError(f"{path}: this is not TOML: {reason}.") from None


def _describe(error: ValidationError) -> str:
    """One sentence on the first wrong key; an unknown key comes first, since a missing one may be that key misspelt."""
    # Pydantic tells a wrong item of a list twice: at the item, and as a list then too short.
    details = error.errors()
    inner = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    details = [detail for detail in details if detail["loc"] not in inner]
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    sentence = _describe_key(details[0])
    match len(details) - 1:
        case 0:
            return f"{sentence}."
        case 1:
            return f"{sentence} (1 more key is wrong)."
        case more:
            return f"{sentence} ({more} more keys are wrong)."


def _describe_key(detail: ErrorDetails) -> str:
    location = detail["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    if detail["type"] == "extra_forbidden":
        allowed = list(_schema_at(location[:-1])["properties"])
        near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{key} is not a key{hint}; allowed here are {', '.join(allowed)}"
    if detail["type"] == "missing":
        return f"the key {key} is missing; it must be {_allowed(_schema_at(location))}"
    return f"{key} must be {_allowed(_schema_at(location))}, but {_shown(detail['input'])} was given"


def _schema_at(location: tuple[int | str, ...]) -> dict[str, Any]:
    """The JSON schema of one key: the limits are read back from the models, not written a second time."""
    whole = Config.model_json_schema()
    node = whole
    for part in location:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        if "$ref" in node:
            node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _allowed(schema: dict[str, Any]) -> str:
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return "one of " + ", ".join(_shown(value) for value in schema["enum"])
    if "anyOf" in schema:
        return f"{_allowed(schema['anyOf'][0])}, or be left out"
    match schema["type"]:
        case "object":
            return "a table with the keys " + ", ".join(schema["properties"])
        case "array":
            return f"a list of at least {schema['minItems']}, each {_allowed(schema['items'])}"
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number {_range(schema)}"
        case _:
            return f"a number {_range(schema)}"


def _range(schema: dict[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"from {schema['minimum']} to {schema['maximum']}"
    words = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return " and ".join(f"{word} {schema[limit]}" for limit, word in words.items() if limit in schema)


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:
        # Python refuses to write a number of thousands of digits.
        text = "a number beyond all limits"
    return text if len(text) <= 60 else f"{text[:60]}..."
