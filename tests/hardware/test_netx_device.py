"""The device that runs netx files: files that are none, spikes that do not fit, workers that fail."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from shared.netx_program import small_program
from spiq.export.errors import DeviceError, InputError, SpiqError
from spiq.hardware.lava import netx_device
from spiq.hardware.lava.netx_device import NetxDevice, open_netx
from spiq.hardware.loihi.formats.netx_file import write_netx
from spiq.hardware.loihi.simulator.simulate import simulate

PYTHON = Path(sys.executable)

WORKER = """
import json, sys, time
print(json.dumps({{'ready': True}}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    {answer}
"""
"""A worker that answers every job in one way."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_netx(tmp_path / "encoder.net", small_program())
    return tmp_path / "encoder.net"


def spikes(samples: int = 3) -> np.ndarray:
    return (np.random.default_rng(1).random((6, samples, 1, 4, 3)) < 0.5).astype(np.uint8)


def fake_worker(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: str) -> None:
    (folder / "worker.py").write_text(WORKER.format(answer=answer))
    monkeypatch.setattr(netx_device, "NETX_WORKER", folder / "worker.py")


@pytest.mark.netx
def test_it_gives_the_simulators_spikes_and_tells_how_far_it_is(file: Path) -> None:
    program, told = small_program(), []
    found = NetxDevice(file, (1, 4, 3), watch=told.append).run(spikes())
    assert 0.1 < found.mean() < 0.9
    assert np.array_equal(found, simulate(program, spikes()))
    assert told == sorted(told)
    assert told[-1] == 3


def test_the_sizes_are_those_of_the_file(file: Path) -> None:
    opened = open_netx(file)
    assert (opened.input_size, opened.output_size) == (12, 5)


def test_no_samples_need_no_answer(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_worker(monkeypatch, tmp_path, "sys.exit(1)")
    assert NetxDevice(file, (1, 4, 3), python=PYTHON).run(spikes(0)).shape == (6, 0, 5)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.net: must be a netx file .*, got no such file"):
        NetxDevice(tmp_path / "a.net", (1, 4, 3), python=PYTHON)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a netx file .*, got a folder"):
        NetxDevice(tmp_path, (1, 4, 3), python=PYTHON)


def test_a_nir_file_is_not_taken_for_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.net", "w") as stored:
        stored["node/type"] = "NIRGraph"
    with pytest.raises(InputError, match=r"a.net: not a well-formed netx file: it has no group 'layer'"):
        open_netx(tmp_path / "a.net")


def test_a_file_without_an_input_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as stored:
        stored["layer/0/type"][0] = b"conv"
    with pytest.raises(
        InputError, match=r"its layers must be an input and at least one .* got conv, conv, flatten, dense_rec"
    ):
        open_netx(file)


def test_spikes_of_another_size_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r"encoder.net: must read \[1, 4, 4\] spikes a step, which come to it, got 12"):
        NetxDevice(file, (1, 4, 4), python=PYTHON)
    with pytest.raises(InputError, match=r"must have the shape \[time, sample, 1, 4, 3\], got"):
        NetxDevice(file, (1, 4, 3), python=PYTHON).run(spikes()[:, :, :, :2])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("sys.exit(3)", "ended with status 3"),
        ("time.sleep(60)", "was silent for 1 s and is ended"),
        ("print('ready', flush=True)", "printed 'ready', which is no answer"),
        ("print(json.dumps({'job': 9, 'done': True}), flush=True)", "out of turn"),
        ("print(json.dumps({'job': 0, 'error': 'Oops: no'}), flush=True)", r"failed with .*encoder.net: Oops: no"),
        ("print(json.dumps({'job': 0, 'done': True}), flush=True)", r"left a result .*0.result: .*, got no such file"),
    ],
    ids=["exit", "silence", "no answer", "another job", "error", "no result"],
)
def test_a_worker_that_fails_is_an_error(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, message: str
) -> None:
    fake_worker(monkeypatch, tmp_path, answer)
    with pytest.raises(SpiqError, match=message):
        NetxDevice(file, (1, 4, 3), time_limit=1, python=PYTHON).run(spikes())


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (
            "numpy.savez(file, **{'0': numpy.full((6, 3, 5), 7, 'uint8')})",
            "must leave spikes of 0 or 1 for layer 0, got 7",
        ),
        ("numpy.save(file, numpy.zeros(3))", "left a result that cannot be read: .*single array"),
        ("file.write(b'PK')", "left a result that cannot be read"),
    ],
    ids=["values", "npy", "rubbish"],
)
def test_a_result_that_is_no_spikes_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: str, message: str
) -> None:
    lines = f"import numpy; file = open(job['result'], 'wb'); {save}; file.close()"
    fake_worker(monkeypatch, tmp_path, f"{lines}; print(json.dumps({{'job': 0, 'done': True}}), flush=True)")
    with pytest.raises(DeviceError, match=message):
        NetxDevice(file, (1, 4, 3), python=PYTHON).run(spikes())


def test_a_result_of_another_shape_is_refused(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = "import numpy; numpy.savez(open(job['result'], 'wb'), **{'0': numpy.zeros((6, 3, 4), 'uint8')})"
    fake_worker(monkeypatch, tmp_path, f"{save}; print(json.dumps({{'job': 0, 'done': True}}), flush=True)")
    with pytest.raises(DeviceError, match=r"must leave uint8 \[6, 3, 5\] for layer 0, got uint8 \[6, 3, 4\]"):
        NetxDevice(file, (1, 4, 3), python=PYTHON).run(spikes())
