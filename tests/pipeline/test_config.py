"""Configurations: what is read, what is refused and with which words."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from shared.configuration import SMALLEST, load
from spiq.export.circuit.reupload import Entangler
from spiq.export.coding import Coding, CodingKind
from spiq.export.errors import InputError
from spiq.pipeline.config import schema as configuration
from spiq.pipeline.config.schema import Config
from spiq.pipeline.data.sources import IDX_SETS


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'run.toml'}: ")
    assert "\n" not in message
    return message.removeprefix(f"{folder / 'run.toml'}: ")


def test_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).model_dump() == {
        "name": "a",
        "seed": 0,
        "data": {
            "source": "digits",
            "pixel_range": None,
            "validation_fraction": 0.1,
            "train_limit": None,
            "test_limit": None,
        },
        "coding": {"kind": "phase", "steps": 8, "seed": 0},
        "encoder": {
            "channels": (8, 16),
            "kernel_size": 3,
            "pooling": "max",
            "beta": 1.0,
            "threshold": 1.0,
            "reset": "zero",
            "surrogate_alpha": 2.0,
            "output": "flatten",
        },
        "circuit": {
            "qubits": 9,
            "blocks": 2,
            "entangler": "ring",
            "angle_scale": 3.141592653589793,
            "initialisation": "normal",
            "simulator": "lightcone",
        },
        "noise": {
            "bit_flip": 0.0,
            "phase_flip": 0.0,
            "depolarizing": 0.0,
            "amplitude_damping": 0.0,
            "phase_damping": 0.0,
            "readout": 0.0,
        },
        "readout": {"relu": False},
        "training": {
            "epochs": 10,
            "batch_size": 128,
            "learning_rate": 0.01,
            "weight_decay": 0.0,
            "device": "auto",
            "threads": None,
            "log": (),
        },
        "export": {"dt": 1e-4, "integration": "per-step", "calibration_samples": 256, "golden_samples": 8},
        "ladder": {"limit": None, "shots": 1024, "lava_samples": 64},
        "gate": {"max_accuracy_drop": 0.03, "min_accuracy": None},
    }


def test_the_coding_has_the_runs_seed_unless_it_has_its_own(tmp_path: Path) -> None:
    seeded = SMALLEST.replace("[data]", "seed = 5\n[data]")
    assert load(tmp_path, seeded).coding.seed == 5
    assert load(tmp_path, seeded + "[coding]\nsteps = 3\n").coding.seed == 5
    assert load(tmp_path, seeded + "[coding]\nseed = 0\n").coding.seed == 0
    config = load(tmp_path, seeded + '[coding]\nkind = "rate"\nsteps = 3\n')
    assert config.coding_scheme == Coding("rate", 3, 5)


def test_a_whole_number_may_stand_for_a_fraction(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST + "[encoder]\nbeta = 1\nthreshold = 2\n[gate]\nmax_accuracy_drop = -1\n")
    assert (config.encoder.beta, config.encoder.threshold, config.gate.max_accuracy_drop) == (1.0, 2.0, -1.0)
    assert isinstance(config.encoder.beta, float)


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST)
    with pytest.raises(ValidationError, match="frozen"):
        config.training.epochs = 3


COUNT = "an integer from 1 to 1000000000"
STEPS = "an integer from 1 to 256"
KIND = 'one of "phase", "rate", "latency"'
WIDTH = "an integer from 1 to 4096"
CHANNELS = f"a list of at least 1, each {WIDTH}"
ODD = "an odd integer from 1 to 99"
BETA = "a number above 0 and at most 1"
POSITIVE = "a number above 0"


@pytest.mark.parametrize(
    ("key", "value", "allowed", "given"),
    [
        ("coding.steps", '"8"', STEPS, '"8"'),
        ("coding.steps", "8.5", STEPS, "8.5"),
        ("coding.steps", "8.0", STEPS, "8.0"),
        ("coding.steps", "true", STEPS, "true"),
        ("coding.steps", "0", STEPS, "0"),
        ("coding.steps", "257", STEPS, "257"),
        ("coding.kind", '"Phase"', KIND, '"Phase"'),
        ("coding.kind", "1", KIND, "1"),
        ("encoder.channels", "[]", CHANNELS, "[]"),
        ("encoder.channels", "8", CHANNELS, "8"),
        ("encoder.kernel_size", "4", ODD, "4"),
        ("encoder.kernel_size", "-1", ODD, "-1"),
        ("encoder.beta", "0", BETA, "0"),
        ("encoder.beta", "1.001", BETA, "1.001"),
        ("encoder.beta", "nan", BETA, "NaN"),
        ("encoder.threshold", "inf", POSITIVE, "Infinity"),
        ("encoder.threshold", "true", POSITIVE, "true"),
        ("circuit.angle_scale", '"pi"', POSITIVE, '"pi"'),
        ("circuit.qubits", "17", "an integer from 1 to 16", "17"),
        ("circuit.blocks", "9", "an integer from 1 to 8", "9"),
        ("readout.relu", "1", "true or false", "1"),
        ("ladder.limit", "0", f"{COUNT}, or be left out", "0"),
        ("ladder.shots", "0x" + "F" * 6000, COUNT, "a number beyond all limits"),
        ("gate.max_accuracy_drop", "-1.5", "a number from -1 to 1", "-1.5"),
        ("training.weight_decay", "-0.1", "a number of at least 0", "-0.1"),
        ("export.dt", "0.0", POSITIVE, "0.0"),
        ("export.dt", "1979-05-27", POSITIVE, '"1979-05-27"'),
        ("gate", "[{}]", "a table with the keys max_accuracy_drop, min_accuracy", "[{}]"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    tmp_path: Path, key: str, value: str, allowed: str, given: str
) -> None:
    message = refusal(tmp_path, f'name = "a"\ndata.source = "digits"\n{key} = {value}\n')
    assert message == f"{key} must be {allowed}, got {given}"


def test_a_wrong_item_is_told_with_its_place(tmp_path: Path) -> None:
    message = refusal(tmp_path, SMALLEST + '[encoder]\nchannels = [8, "16", 16]\n')
    assert message == f'encoder.channels[1] must be {WIDTH}, got "16"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[circuit]\nqbits = 9",
            "circuit.qbits is not a key (did you mean qubits?); allowed here are qubits, blocks, entangler, "
            "angle_scale, initialisation, simulator",
        ),
        (
            "[zebra]",
            "zebra is not a key; allowed here are name, seed, data, coding, encoder, circuit, noise, readout, "
            "training, export, ladder, gate",
        ),
        (
            '"ze\\nbra" = 1',
            "'data.ze\\nbra' is not a key; allowed here are source, pixel_range, validation_fraction, "
            "train_limit, test_limit",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_keys_there_are(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, SMALLEST + text + "\n") == message


SOURCE = '"digits", "mnist", "fashion-mnist", "kmnist" or "npz:PATH"'
DATA_KEYS = "source, pixel_range, validation_fraction, train_limit, test_limit"
NAME = 'letters, digits, "_" and, after the first of them, ".", "-" and spaces'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"', f"the key data is missing; it must be a table with the keys {DATA_KEYS}"),
        ('name = "a"\n[data]', f"the key data.source is missing; it must be {SOURCE}"),
        ('name = "a"\ndata.source = "mnst"', f'data.source must be {SOURCE}, got "mnst"'),
        ('name = "a"\ndata.source = "npz:"', f'data.source must be {SOURCE}, got "npz:"'),
        ('name = "a"\ndata.source = "mnist "', f'data.source must be {SOURCE}, got "mnist "'),
        ('name = "../a"\ndata.source = "mnist"', f'name must be {NAME}, got "../a"'),
        ('name = "a\\n"\ndata.source = "mnist"', f'name must be {NAME}, got "a\\n"'),
        ('name = ""\ndata.source = "mnist"', f'name must be {NAME}, got ""'),
        (
            'name = "a"\nseed = -1\ndata.source = "mnist"',
            "seed must be an integer from 0 to 4294967295, got -1",
        ),
        (
            'name = "a"\ndata = {source = "mnist", validation_fraction = 1.0}',
            "data.validation_fraction must be a number of at least 0 and below 1, got 1.0",
        ),
        (
            'name = "a"\n[data]\nsorce = "mnist"',
            f"data.sorce is not a key (did you mean source?); allowed here are {DATA_KEYS} (1 more key is wrong)",
        ),
        (
            'name = "a"\n[data]\nsource = 3\n[encoder]\nchannels = ["x", 0]\nbeta = "x"',
            f"data.source must be {SOURCE}, got 3 (3 more keys are wrong)",
        ),
    ],
)
def test_missing_keys_and_several_wrong_ones(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text + "\n") == message


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    message = refusal(tmp_path, f'name = "{"/" * 1000}"\n[data]\nsource = "digits"\n')
    assert len(message) < 250


SECTIONS = {name: field for name, field in Config.model_fields.items() if name not in ("name", "seed")}


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("value", ["{}", "[[]]", "1979-05-27", "nan", "-7", '"?"'])
def test_a_value_that_no_key_takes_is_refused_for_every_key(tmp_path: Path, section: str, value: str) -> None:
    model = SECTIONS[section].annotation
    assert model is not None
    for key in model.model_fields:
        text = f'name = "a"\ndata.source = "digits"\n{section}.{key} = {value}\n'
        if (section, key) == ("data", "source"):
            text = f'name = "a"\ndata.source = {value}\n'
        message = refusal(tmp_path, text)
        assert message.startswith((f"{section}.{key} must be ", f"{section}.{key}[0] must be "))
        assert message.rpartition(", got ")[2]


def test_importing_it_is_light() -> None:
    """Every command imports it, also those that only print a help text."""
    heavy = {"torch", "numpy", "pennylane", "qiskit", "sklearn", "tomlkit", "rich"}
    program = f"import sys, spiq.pipeline.config.schema; sys.exit(repr({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


def test_the_choices_are_those_of_the_parts_that_carry_them_out() -> None:
    assert get_args(configuration.Coding.model_fields["kind"].annotation) == get_args(CodingKind)
    assert get_args(configuration.Circuit.model_fields["entangler"].annotation) == get_args(Entangler)
    assert tuple(IDX_SETS) == configuration.IDX_SOURCES
