"""Every public name says what it takes, gives and raises, and its example runs."""

import inspect
import os
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import snntorch
import tomlkit
import torch
from torch import nn

import spiq
from shared.tiny_run import TINY
from spiq.export.network.trace import Trace

NAMES = [name for name in spiq.__all__ if not name.startswith("__")]
METHODS = ("encode", "spiking", "decode", "circuit", "classical", "export")


def public() -> dict[str, Any]:
    """What is documented, by name."""
    found: dict[str, Any] = {name: getattr(spiq, name) for name in NAMES}
    found |= {f"OwnNetwork.{name}": getattr(spiq.OwnNetwork, name) for name in METHODS}
    return found | {"Trace": Trace}


def section(doc: str, title: str) -> str:
    """What stands below a title such as Args, without its indentation; "" if there is no such section."""
    _, there, rest = f"\n{doc}\n".partition(f"\n{title}:\n")
    lines = []
    for line in rest.splitlines():
        if there and line and not line.startswith(" "):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines)).strip() if there else ""


@pytest.mark.parametrize("name", list(public()))
def test_it_says_what_it_takes_gives_and_raises(name: str) -> None:
    thing = public()[name]
    doc = inspect.getdoc(thing) or ""
    assert doc.splitlines()[0].endswith((".", "?")), f"{name}: {doc.splitlines()[:1]}"
    told = section(doc, "Args") + "\n" + section(doc, "Attributes")
    signature = inspect.signature(thing)
    for parameter in signature.parameters.values():
        if parameter.name != "self" and not issubclass(thing if inspect.isclass(thing) else int, Exception):
            assert f"\n{parameter.name}: " in f"\n{told}", f"{name}: does not tell of {parameter.name}"
    if inspect.isfunction(thing):
        assert section(doc, "Returns"), name
        assert section(doc, "Raises") or name == "to_qnode", name


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name: mine/bundle and digits.toml."""
    folder = tmp_path_factory.mktemp("examples")
    given = parts()
    network = spiq.network(given["encoder"], given["qnode"], given["readout"], steps=8, input_shape=(1, 8, 8))
    network.export(folder / "mine" / "bundle", given["x_train"], (given["x_test"][:4], given["y_test"][:4]))
    (folder / "digits.toml").write_text(tomlkit.dumps(TINY))
    return folder


def parts() -> dict[str, Any]:
    """What the examples take for granted."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)

    @qml.qnode(qml.device("default.qubit", wires=2))
    def qnode(inputs: Any) -> Any:
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.CNOT(wires=[0, 1])
        return [qml.expval(qml.Z(wire)) for wire in range(2)]

    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 2), snntorch.Leaky(0.9, reset_mechanism="zero"))
    return {
        "spiq": spiq,
        "np": np,
        "encoder": encoder,
        "qnode": qnode,
        "readout": nn.Linear(2, 3),
        "x_train": random.random((70, 1, 8, 8)),
        "x_test": random.random((12, 1, 8, 8)),
        "y_test": np.arange(12) % 3,
    }


@pytest.mark.parametrize("name", [name for name in public() if "." not in name])
def test_its_example_runs(name: str, ground: Path, monkeypatch: pytest.MonkeyPatch, no_lava: None) -> None:
    example = section(inspect.getdoc(public()[name]) or "", "Example")
    assert example, f"{name}: has no example"
    monkeypatch.chdir(ground)
    before = set(os.listdir(ground / "mine"))
    exec(compile(example, name, "exec"), parts())
    # What an example writes is written where it says.
    assert set(os.listdir(ground / "mine")) - before <= {"other", "third"}
