"""Harm to the real worker while Lava runs: each is one sentence, and leaves no process, no shared memory and no file
behind.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from shared.lava_workers import ENDLESS, group, job, leader_of, script, shared_by
from spiq.export.errors import DeviceError
from spiq.hardware.lava.client import WORKER
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.lava.jobs import run_jobs
from spiq.hardware.loihi.simulator.simulate import simulate


class WhileItRuns:
    """Does something once, when Lava is in the middle of a job."""

    def __init__(self, place: Path, act: str) -> None:
        self.place, self.act, self.done = place, act, False

    def __call__(self, samples: int) -> None:
        if samples == 0 or self.done:
            return
        self.done = True
        (folder,) = self.place.iterdir()
        leader = leader_of(folder)
        processes = group(leader)
        assert shared_by(folder)
        assert len(processes) > 4
        match self.act:
            case "kill the worker":
                os.kill(leader, signal.SIGKILL)
            case "kill one of Lava's processes":
                os.kill(processes[-1], signal.SIGKILL)
            case "stop the worker":
                os.killpg(leader, signal.SIGSTOP)
            case "interrupt":
                raise KeyboardInterrupt


@pytest.mark.lava
@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("kill the worker", "was killed by SIGKILL"),
        (
            "kill one of Lava's processes",
            "worker failed with the program: one of Lava's processes was killed by SIGKILL; its log",
        ),
        ("stop the worker", "was silent for 4 s"),
    ],
)
def test_harm_while_lava_runs(place: Path, act: str, message: str) -> None:
    python = required("lava").python
    with pytest.raises(DeviceError, match=message):
        run_jobs(python, [ENDLESS], watch=WhileItRuns(place, act), time_limit=4 if "silent" in message else 60)


@pytest.mark.lava
def test_ctrl_c_leaves_nothing(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_jobs(required("lava").python, [ENDLESS], watch=WhileItRuns(place, "interrupt"))


def worker_that(tmp_path: Path, prelude: str) -> Path:
    """The real worker, run after these lines."""
    path = tmp_path / "harmed.py"
    path.write_text(f"{prelude}\nimport runpy\nrunpy.run_path({str(WORKER)!r}, run_name='__main__')\n")
    return path


@pytest.mark.lava
def test_a_worker_killed_while_it_writes(place: Path, tmp_path: Path) -> None:
    prelude = (
        "import os, numpy\n"
        "def savez(file, **arrays):\n"
        "    file.write(b'PK\\x03\\x04 the first half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
        "numpy.savez = savez"
    )
    with pytest.raises(DeviceError, match="was killed by SIGKILL"):
        run_jobs(required("lava").python, [job()], script=worker_that(tmp_path, prelude))


@pytest.mark.lava
def test_an_error_in_one_of_lavas_processes(place: Path, tmp_path: Path) -> None:
    prelude = (
        "import lava.proc.dense.models as models\n"
        "def run_spk(model): raise ValueError('no current')\n"
        "models.AbstractPyDenseModelBitAcc.run_spk = run_spk"
    )
    with pytest.raises(
        DeviceError,
        match=r"failed with the program: (RuntimeError: )?ValueError in one of Lava's processes: no current",
    ):
        run_jobs(required("lava").python, [job()], script=worker_that(tmp_path, prelude))


@pytest.mark.lava
def test_no_room_for_the_result(place: Path, tmp_path: Path) -> None:
    # A limit on the size of files stands for a full disk, which takes root's rights to make.
    prelude = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    with pytest.raises(DeviceError, match=r"failed with the program: OSError: .*File too large"):
        run_jobs(required("lava").python, [job(10, 100)], script=worker_that(tmp_path, prelude))


def client(place: Path, lines: str, *arguments: object) -> list[str]:
    """The command of a client of its own, with this temporary folder, that has this module's names."""
    here = Path(__file__).parent
    start = f"import sys, tempfile\nsys.path[:0] = {[str(here), str(here.parent)]}\ntempfile.tempdir = sys.argv[1]\n"
    return [sys.executable, "-c", f"{start}from test_lava_faults import *\n{lines}", str(place), *map(str, arguments)]


def test_no_room_for_the_job(place: Path, tmp_path: Path) -> None:
    waiting = script(tmp_path, "ready(); time.sleep(99)")
    lines = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "run_jobs(Path(sys.executable), [job(40, 2000)], script=Path(sys.argv[2]))\n"
    )
    done = subprocess.run(client(place, lines, waiting), capture_output=True, text=True, timeout=120)
    assert re.search(
        f"InputError: {place}/.*: cannot be written: (File too large|480000 requested and .* written)$",
        done.stderr.strip(),
    )


def not_here(reason: str) -> NoReturn:
    """Skips the test, but where Lava is required no part of it may go unseen."""
    if os.environ.get("SPIQ_REQUIRE_LAVA"):
        pytest.fail(reason)
    pytest.skip(reason)


def with_a_small(folder: Path | str, size: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """The command, where a file system of so few bytes lies over the folder; it goes with the command."""
    mount = 'mount -t tmpfs -o "size=$1" none "$0" && shift && exec "$@"'
    start = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*start, mount, str(folder), size, "true"], capture_output=True, timeout=20)
    except FileNotFoundError:
        not_here("there is no unshare")
    if allowed.returncode:
        not_here(f"no file system may be mounted here: {allowed.stderr.decode().strip()}")
    return subprocess.run([*start, mount, str(folder), size, *command], capture_output=True, text=True, timeout=120)


@pytest.mark.lava
def test_a_disk_too_full_for_the_result(place: Path) -> None:
    # The job takes 11 pages of 4096 bytes, and the result 8 more.
    lines = "run_jobs(required('lava').python, [job(10, 600)])"
    done = with_a_small(place, "60k", client(place, lines))
    sentence = done.stderr.strip().splitlines()[-1]
    assert re.search(
        r"DeviceError: Lava's worker failed with the program: OSError: .*(No space left|requested and)", sentence
    )


@pytest.mark.lava
def test_shared_memory_that_is_full(place: Path) -> None:
    done = with_a_small("/dev/shm", "64k", client(place, "run_jobs(required('lava').python, [job(10, 300)])"))
    sentence = done.stderr.strip().splitlines()[-1]
    assert re.search("DeviceError: Lava's worker .*; /dev/shm, through which Lava's processes speak, is full", sentence)


RUN_ENDLESS = "run_jobs(required('lava').python, [ENDLESS], watch=lambda samples: print(samples, flush=True))"


@pytest.mark.lava
def test_a_killed_client_leaves_nothing(place: Path) -> None:
    with subprocess.Popen(client(place, RUN_ENDLESS), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        next(line for line in process.stdout if int(line) > 0)
        (folder,) = place.iterdir()
        leader = leader_of(folder)
        assert shared_by(folder)
        process.kill()
    end = time.monotonic() + 20
    while group(leader) and time.monotonic() < end:
        time.sleep(0.05)
    assert group(leader) == []
    assert shared_by(folder) == []


@pytest.mark.lava
@pytest.mark.parametrize("last", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_pressing_ctrl_c_again_cuts_nothing_short(place: Path, last: signal.Signals) -> None:
    lines = RUN_ENDLESS.replace("[ENDLESS]", "[ENDLESS, ENDLESS], 2")
    with subprocess.Popen(client(place, lines), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        next(line for line in process.stdout if int(line) > 0)
        folders = list(place.iterdir())
        leaders = [leader_of(folder) for folder in folders]
        assert len(leaders) == 2
        process.send_signal(signal.SIGINT)
        # Until the client has begun to end its workers: before that, SIGTERM ends the client itself at once.
        while process.poll() is None and all(map(group, leaders)):
            time.sleep(0.001)
        for number in (signal.SIGINT, signal.SIGINT, last):
            process.send_signal(number)
            time.sleep(0.01)
        process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, -last)
    assert list(place.iterdir()) == []
    assert [shared_by(folder) for folder in folders] == [[], []]
    assert [group(leader) for leader in leaders] == [[], []]


@pytest.mark.lava
def test_two_clients_do_not_disturb_each_other(place: Path, tmp_path: Path) -> None:
    python = required("lava").python
    elsewhere = tmp_path / "u"
    elsewhere.mkdir()
    with subprocess.Popen(client(elsewhere, RUN_ENDLESS), stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        next(line for line in other.stdout if int(line) > 0)
        with pytest.raises(DeviceError, match="was killed by SIGKILL"):
            run_jobs(python, [ENDLESS], watch=WhileItRuns(place, "kill the worker"))
        good = job(4, 5)
        ((found,),) = run_jobs(python, [good])
        assert np.array_equal(found, simulate(good.program, good.spikes))
        # The other one still runs, and gets further.
        last = max(int(other.stdout.readline()) for _ in range(2))
        next(line for line in other.stdout if int(line) > last)
        (folder,) = elsewhere.iterdir()
        assert shared_by(folder)
        other.send_signal(signal.SIGINT)
    assert other.returncode == -signal.SIGINT
    assert list(elsewhere.iterdir()) == []
    assert shared_by(folder) == []
