"""Loihi programs whose archive somebody has compressed: they are read, and damage in them is one sentence."""

from pathlib import Path

import numpy as np
import pytest

from spiq.export.errors import InputError
from spiq.hardware.loihi.formats.storage import read_program, write_program
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import DenseSynapse


def test_a_damaged_compressed_entry_is_named(tmp_path: Path) -> None:
    weight = (np.random.default_rng(0).integers(-60, 61, (5, 6)) * 2).astype(np.int16)
    neuron = NeuronGroup((5,), 100, 4096, 0, np.zeros(1, np.int16), 0)
    program = LoihiProgram((6,), (Layer("layer", (Connection(INPUT, DenseSynapse(weight)),), neuron, 1.0),))
    path = tmp_path / "loihi.npz"
    write_program(path, program)
    with np.load(path, allow_pickle=False) as archive:
        entries = dict(archive)
    np.savez_compressed(path, allow_pickle=False, **entries)
    assert np.array_equal(read_program(path).layers[0].connections[0].synapse.weight, weight)
    content = bytearray(path.read_bytes())
    place = content.find(b"weight.npy")
    content[place + 40 : place + 60] = b"\xff" * 20
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"loihi.npz: the key 0.0.weight: not readable as a Loihi program"):
        read_program(path)
