"""A run's configuration: every key checked, its default and meaning written here and nowhere else.

A value is what it is written as: "8" and 8.5 are no integers and are refused, and so is a key that does not exist.
An integer stands for itself where a fraction is allowed (beta = 1).
"""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ...export.nir.time_step import DEFAULT_DT, DEFAULT_INTEGRATION, Integration

if TYPE_CHECKING:
    # NumPy would double the time that reading a configuration takes.
    from ...export.coding import Coding as CodingScheme

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

    The test images have no part in training.
    """

    source: Annotated[
        str,
        Field(
            pattern=f"^({'|'.join((DIGITS, *IDX_SOURCES))}|{NPZ_PREFIX}[^\\x00]+)$",
            description="A data set, or a file of your own with the arrays `x_train`, `y_train`, `x_test`, `y_test`. "
            "A relative PATH starts at the configuration's folder.",
            json_schema_extra={"allowed": ALLOWED_SOURCES},
        ),
    ]
    pixel_range: Annotated[
        Annotated[int, Field(ge=1, le=2**32 - 1)] | None,
        Field(
            description="The value that means white in integer images of npz:PATH, such as 16 where there are 16 grey "
            "levels above black. If left out, the largest integer of `x_train` and `x_test` tells: up to 1 it is 1, "
            "from 17 to 255 it is 255, else it must be given. Images of floats lie in [0, 1] and stay as they are."
        ),
    ] = None
    validation_fraction: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of the training images of each class that is held out to choose the best epoch. With 0 "
            "the last epoch's network is kept.",
        ),
    ] = 0.1
    train_limit: Annotated[
        Count | None,
        Field(description="How many training images are used, the first ones, held out or not. All if left out."),
    ] = None
    test_limit: Annotated[
        Count | None, Field(description="How many test images are used, the first ones. All if left out.")
    ] = None


class Coding(Section):
    """[coding]: how an image becomes spikes (`export.coding`)."""

    kind: Annotated[
        Literal["phase", "rate", "latency"],
        Field(
            description='"phase": the bits of the 8-bit pixel, most significant first, with period 8. "rate": random '
            'spikes, the pixel\'s value being their probability. "latency": one spike, the earlier the brighter.'
        ),
    ] = "phase"
    steps: Annotated[int, Field(ge=1, le=256, description="T, the number of time steps.")] = 8
    seed: Annotated[
        Seed,
        Field(
            description='The seed of the random spikes of "rate"; the other codings use none.',
            json_schema_extra={"default_in_words": "the run's `seed`"},
        ),
    ] = 0


class Encoder(Section):
    """[encoder]: the spiking half.

    One stage for each entry of `channels`: a convolution without bias that keeps the size, batch norm, neurons and 2x2
    pooling. Then a linear layer and one neuron for each of the three angles of each qubit. One step of a neuron:
    v ← beta·v + input, a spike where v > threshold, and then the reset.
    """

    channels: Annotated[
        tuple[Width, ...], Field(strict=False, min_length=1, description="Output channels of each stage.")
    ] = (8, 16)
    kernel_size: Annotated[
        int,
        Field(
            ge=1,
            le=99,
            description="Height and width of every stage's kernel.",
            json_schema_extra={"allowed": "an odd integer from 1 to 99"},
        ),
        AfterValidator(_check_odd),
    ] = 3
    pooling: Annotated[
        Literal["max", "average"],
        Field(description='2x2 pooling of spikes: "max" is 1 where one of the four is, "average" their mean.'),
    ] = "max"
    beta: Annotated[
        float,
        Field(
            gt=0, le=1, description="The leak: the factor on v at each step. 1 is integrate-and-fire, without a leak."
        ),
    ] = 1.0
    threshold: Annotated[Positive, Field(description="A neuron spikes where v is above it.")] = 1.0
    reset: Annotated[
        Literal["zero", "subtract"],
        Field(
            description='After a spike: "zero" is v ← 0, "subtract" takes the threshold off in the next step, which is '
            "snnTorch's default."
        ),
    ] = "zero"
    surrogate_alpha: Annotated[
        Positive, Field(description="Steepness of the surrogate gradient: the `alpha` of snnTorch's `surrogate.atan`.")
    ] = 2.0
    output: Annotated[
        Literal["flatten", "average"],
        Field(description="What the linear layer reads: every value of the last stage, or each channel's average."),
    ] = "flatten"


class Circuit(Section):
    """[circuit]: the quantum half.

    Each block is Rot(data) and Rot(weights) on each qubit, then CZ gates. A circuit that is too large for its simulator
    is refused.
    """

    qubits: Annotated[int, Field(ge=1, le=16, description="Number of qubits.")] = 9
    blocks: Annotated[int, Field(ge=1, le=8, description="Number of blocks; each uploads the data again.")] = 2
    entangler: Annotated[
        Literal["ring", "line"], Field(description="Where the CZ gates are: between neighbours on a ring or a line.")
    ] = "ring"
    angle_scale: Annotated[
        Positive,
        Field(description="An angle is this times a neuron's spikes per step, in radians. The default is π."),
    ] = math.pi
    initialisation: Annotated[
        Literal["normal", "uniform"],
        Field(
            description="The first weights, in radians: standard normal, cut off at ±2, or uniform between 0 and 2π."
        ),
    ] = "normal"
    simulator: Annotated[
        Literal["lightcone", "pennylane"],
        Field(description='What computes the circuit in training. "pennylane" is slower and gives the same values.'),
    ] = "lightcone"


class Noise(Section):
    """[noise]: the circuit's noise in training, and in the accuracies that training reports.

    After each block every channel acts on each qubit, in this order; the numbers mean what they mean in PennyLane
    (`spiq.hardware.qpu.noise.Noise`). The exported circuit is the ideal one, and so is that of every rung of the
    ladder.
    """

    bit_flip: Annotated[Probability, Field(description="Probability of an X.")] = 0.0
    phase_flip: Annotated[Probability, Field(description="Probability of a Z.")] = 0.0
    depolarizing: Annotated[Probability, Field(description="Probability of an X, Y or Z, a third of it each.")] = 0.0
    amplitude_damping: Annotated[Probability, Field(description="Probability that 1 decays to 0.")] = 0.0
    phase_damping: Annotated[
        Probability, Field(description="Probability γ of a loss of phase: <X> and <Y> are multiplied by √(1 - γ).")
    ] = 0.0
    readout: Annotated[Probability, Field(description="Probability that a bit is read as the other one.")] = 0.0


class Readout(Section):
    """[readout]: the linear layer that makes the logits of the qubits' <Z>."""

    relu: Annotated[bool, Field(description="A ReLU on the logits, as in arXiv 2512.03895.")] = False


class Training(Section):
    """[training]: the joint training, by Adam on the cross-entropy."""

    epochs: Annotated[Count, Field(description="Passes over the training images.")] = 10
    batch_size: Annotated[Count, Field(description="Images in each step of Adam.")] = 128
    learning_rate: Annotated[
        Positive, Field(description="Adam's, at the start; it falls to zero along a half cosine.")
    ] = 0.01
    weight_decay: Annotated[float, Field(ge=0, description="Adam's L2 penalty, as `torch.optim.Adam` means it.")] = 0.0
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description='"auto" is the GPU (CUDA) where there is one, else the CPU.')
    ] = "auto"
    threads: Annotated[
        Count | None, Field(description="How many threads PyTorch uses. Its own choice if left out.")
    ] = None
    log: Annotated[
        tuple[Literal["tensorboard", "wandb"], ...],
        Field(
            strict=False,
            description="Where each epoch's figures go beside training.csv: to TensorBoard's files, to Weights & "
            "Biases. Each needs the extra of its name, such as `pip install 'spiq[tensorboard]'`. W&B stays offline "
            "unless WANDB_MODE or WANDB_API_KEY is set.",
        ),
    ] = ()


class Export(Section):
    """[export]: the bundle."""

    dt: Annotated[Positive, Field(description="NIR's time step, in seconds.")] = DEFAULT_DT
    integration: Annotated[
        Integration,
        Field(
            description='How `encoder.nir` says v ← v + input of a neuron without a leak: "per-step" by r = 1, as '
            'snnTorch, sinabs and norse read it, "euler" by r = 1/dt, as NIR\'s equation and SpikingJelly do.'
        ),
    ] = DEFAULT_INTEGRATION
    calibration_samples: Annotated[
        Count, Field(description="Training images, drawn at random, on which the fixed-point scales are chosen.")
    ] = 256
    golden_samples: Annotated[
        Count, Field(description="The first test images, kept with every intermediate value for `spiq verify`.")
    ] = 8


class Ladder(Section):
    """[ladder]: the validation on the test images."""

    limit: Annotated[
        Count | None, Field(description="How many test images every rung uses, the first ones. All if left out.")
    ] = None
    shots: Annotated[Count, Field(description="Measurements of each sample's circuit on the rung `shots`.")] = 1024
    lava_samples: Annotated[
        Count, Field(description="How many test images the rung `lava` uses, the first ones: real Lava is slow.")
    ] = 64


class Gate(Section):
    """[gate]: what decides the exit status.

    Besides, the training must be finished, and Lava's spikes must equal those of the rung `loihi`.
    """

    max_accuracy_drop: Annotated[
        float,
        Field(
            ge=-1,
            le=1,
            description="How much accuracy the last measured rung may lose against the first: 0.03 is three "
            "percentage points. Below 0 it must gain.",
        ),
    ] = 0.03
    min_accuracy: Annotated[
        Annotated[float, Field(ge=0, le=1)] | None,
        Field(
            description="The least accuracy of the last measured rung; 0 for a smoke test. If left out, it is "
            "c + (1 - c)/4, where c is the fraction of the largest class in the test images that are used."
        ),
    ] = None


class Config(Section):
    """A whole run. `name` may become a file name, so it holds nothing that means something in a path."""

    name: Annotated[
        str,
        Field(
            pattern=r"^\w[\w. -]*$",
            description="The run's name. Its folder is runs/NAME unless `--out` names another.",
            json_schema_extra={"allowed": 'letters, digits, "_" and, after the first of them, ".", "-" and spaces'},
        ),
    ]
    seed: Annotated[
        Seed,
        Field(
            description="The seed of all that is random: the images held out, first weights, batches, shots, codings."
        ),
    ] = 0
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
        from ...export.coding import Coding as CodingScheme

        return CodingScheme(self.coding.kind, self.coding.steps, self.coding.seed)

    def to_toml(self) -> str:
        """The configuration as TOML, defaults included: `load_config` reads an equal one from it, in any folder."""
        import tomlkit

        return tomlkit.dumps(self.model_dump(mode="json", exclude_none=True))
