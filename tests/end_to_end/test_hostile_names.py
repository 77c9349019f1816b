"""Names that would break a line, a terminal or an encoding are shown escaped by every command that shows them."""

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import nir
import numpy as np
import pytest

from shared import command
from shared.command import NO_LAVA, SPIQ
from spiq.export.nir.file import write_nir

spiq = partial(command.spiq, **NO_LAVA)
assert_refused = partial(command.assert_refused, **NO_LAVA)

NAME = "fc\n\x1b[31mred\u202e"
SHOWN = r"fc\n\x1b[31mred\u202e"


def graph(weight: np.ndarray) -> nir.NIRGraph:
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        NAME: nir.Linear(weight),
        "if": nir.IF(np.ones(3), np.ones(3)),
        "output": nir.Output({"output": np.array([3])}),
    }
    return nir.NIRGraph(nodes, [("input", NAME), (NAME, "if"), ("if", "output")], type_check=False)


def test_a_node_with_control_characters_is_described_and_refused_on_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "sound.nir"
    write_nir(path, graph(np.ones((3, 2))))
    shown = spiq("nir", path).stdout
    assert SHOWN in shown
    assert "\x1b" not in shown
    assert json.loads(spiq("nir", path, "--json").stdout)["nodes"][1]["node"] == NAME
    write_nir(tmp_path / "wrong.nir", graph(np.ones((3, 5))))
    assert SHOWN in assert_refused("nir", tmp_path / "wrong.nir")


def test_options_and_files_with_control_characters_are_refused_on_one_line(tmp_path: Path) -> None:
    assert assert_refused("nir", tmp_path / "g.nir", "--on", "a\nb").endswith(r"got a\nb")
    assert r"no\x1b\nfile.nir: must be a NIR graph (.nir, HDF5), got no such file" in assert_refused(
        "nir", tmp_path / "no\x1b\nfile.nir"
    )
    assert "No such option" in assert_refused("nir", tmp_path / "g.nir", "--a\nb")


def test_a_file_whose_name_is_no_utf8_is_shown_in_tables_json_and_errors(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.nir"
    write_nir(os.fsdecode(path), graph(np.ones((3, 2))))
    for arguments in ((), ("--json",)):
        done = subprocess.run([SPIQ, "nir", path, *arguments], capture_output=True, check=True)
        assert rb"\udcff.nir" in done.stdout
    assert json.loads(done.stdout)["graph"] == f"{tmp_path}/\\udcff.nir"
    done = subprocess.run([SPIQ, "nir", path + b".none"], capture_output=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr.decode()
        == f"spiq: {tmp_path}/\\udcff.nir.none: must be a NIR graph (.nir, HDF5), got no such file\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_without_utf8_ends_no_command(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "→.nir"
    write_nir(path, graph(np.ones((3, 2))))
    assert r"\u2192.nir" in spiq("nir", path, PYTHONIOENCODING=encoding).stdout
    assert r"\u2192.none" in assert_refused("nir", tmp_path / "→.none", PYTHONIOENCODING=encoding)
