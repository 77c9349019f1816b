"""`spiq lava setup` and what `spiq doctor` says of Lava, as processes."""

import json
import os
from pathlib import Path

import pytest

from shared.command import spiq


def test_help_has_an_example_and_a_command_is_needed() -> None:
    assert "lava" in spiq("--help").stdout
    assert "setup" in spiq("lava", "--help").stdout
    assert "spiq lava setup --netx" in spiq("lava", "setup", "--help").stdout.split("Example")[1]
    assert spiq("lava", status=2).stderr == "spiq: Missing command.\n"


def test_a_wrong_python_gives_one_sentence_and_no_folder(tmp_path: Path) -> None:
    done = spiq("lava", "setup", status=2, SPIQ_LAVA_HOME=str(tmp_path / "home"), SPIQ_LAVA_PYTHON="/nowhere/python")
    assert done.stderr == (
        "spiq: SPIQ_LAVA_PYTHON must name a CPython 3.10, got /nowhere/python, which is no program\n"
    )
    assert done.stdout == ""
    assert [name for name in os.listdir(tmp_path / "home") if not name.endswith(".lock")] == []


def test_doctor_says_what_to_type(tmp_path: Path) -> None:
    found = {item["name"]: item for item in json.loads(spiq("doctor", "--json", SPIQ_LAVA_HOME=str(tmp_path)).stdout)}
    for name, command in (("Lava", "spiq lava setup"), ("lava-dl netx", "spiq lava setup --netx")):
        assert found[name]["found"] == "not set up"
        assert not found[name]["fine"]
        assert found[name]["optional"]
        assert found[name]["advice"].startswith(f"{command},")


@pytest.mark.netx
@pytest.mark.lava
def test_what_is_ready_is_left_alone_and_named() -> None:
    first, second = json.loads(spiq("lava", "setup", "--netx", "--json").stdout)
    assert (first["name"], first["made"], second["name"], second["made"]) == ("lava", False, "netx", False)
    done = spiq("lava", "setup")
    assert done.stdout == f"{first['folder']}: ready\n"
    assert done.stderr == ""
    assert Path(second["python"]).exists()
    assert [item["found"] for item in json.loads(spiq("doctor", "--json").stdout)[-2:]] == ["ready", "ready"]
