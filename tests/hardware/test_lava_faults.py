"""Workers that fail: each is one sentence, and leaves no process, no shared memory and no file behind.

The first part gives the client scripts that behave badly instead of the worker; the second part does harm to the real
one while Lava runs.
"""

import contextlib
import mmap
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from spiq.export.errors import DeviceError, InputError
from spiq.hardware.lava.client import WORKER, LavaWorker
from spiq.hardware.lava.environment import required
from spiq.hardware.lava.jobs import ProgramJob, run_jobs
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.simulate import simulate
from spiq.hardware.loihi.synapse import DenseSynapse


def job(time_steps: int = 4, samples: int = 3) -> ProgramJob:
    rng = np.random.default_rng(0)
    synapse = DenseSynapse((rng.integers(-60, 61, (5, 6)) * 2).astype(np.int16))
    neuron = NeuronGroup((5,), 100, 4096, 0, np.zeros(1, np.int16), 0)
    program = LoihiProgram((6,), (Layer("layer", (Connection(INPUT, synapse),), neuron, 1.0),))
    return ProgramJob(program, (rng.random((time_steps, samples, 6)) < 0.5).astype(np.uint8))


ENDLESS = job(50, 4000)
"""Takes minutes in Lava."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder. At the end it must be empty, and no worker may have left a process or shared memory."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    started: list[LavaWorker] = []
    start = LavaWorker.__enter__

    def recorded(worker: LavaWorker) -> LavaWorker:
        started.append(start(worker))
        return worker

    monkeypatch.setattr(LavaWorker, "__enter__", recorded)
    yield folder
    assert list(folder.iterdir()) == []
    for worker in started:
        assert shared_by(worker.folder) == []
        assert group(worker.pid) == []


def shared_by(folder: Path) -> list[Path]:
    """The shared memory and semaphores of the worker with this folder."""
    return list(Path("/dev/shm").glob(f"*{folder.name}*"))


def group(leader: int) -> list[int]:
    """The numbers of the group's processes that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
            if int(rest[2]) == leader and rest[0] != "Z":
                found.append(pid)
    return sorted(found)


def leader_of(folder: Path) -> int:
    """The number of the worker that was given this folder."""
    named = [line for line in Path("/proc").glob("[0-9]*/cmdline") if read(line).endswith(f"{folder}\0")]
    return next(pid for line in named if os.getpgid(pid := int(line.parent.name)) == pid)


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def script(folder: Path, body: str) -> Path:
    """A worker made of these lines; `say` answers, `job` is the first job, `folder` the worker's."""
    path = folder / "script.py"
    path.write_text(
        "import json, os, pathlib, signal, subprocess, sys, time\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "def say(**answer): os.write(1, json.dumps(answer).encode() + b'\\n')\n"
        "def ready():\n"
        "    say(ready=True)\n"
        "    return json.loads(sys.stdin.readline())\n" + body
    )
    return path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no such module')", "ended with status 1; its log ends with 'no such module'"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL; its log is empty"),
        ("job = ready(); sys.exit(3)", "ended with status 3"),
        ("print('Hello', flush=True); time.sleep(99)", "printed 'Hello', which is no answer"),
        ("os.write(1, b'\\xff\\x00\\n'); time.sleep(99)", "which is no answer"),
        ("os.write(1, b'[1]\\n'); time.sleep(99)", r"printed '\[1\]', which is no answer"),
        ("\nwhile True: os.write(1, b'x' * 9999)", "printed 'xxx"),
        ("say(done=True); time.sleep(99)", "answered {'done': True} out of turn"),
        ("job = ready(); say(job=7, done=True); time.sleep(99)", "out of turn"),
        ("job = ready(); say(job=0, done=True); time.sleep(99)", "left a result that cannot be read"),
        (
            "job = ready(); open(job['result'], 'w').write('PK'); say(job=0, done=True); time.sleep(99)",
            "left a result that cannot be read",
        ),
        ("job = ready(); say(job=0, error='disk on fire'); time.sleep(99)", "failed with the program: disk on fire"),
        ("os.close(1); time.sleep(99)", "closed its standard output"),
        ("job = ready(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)", "was silent for 2 s"),
        ("subprocess.Popen(['sleep', '99', str(folder)]); ready(); sys.exit(1)", "ended with status 1"),
        ("os.write(1, b'[' * 60000 + b'\\n'); time.sleep(99)", "which is no answer"),
        ("import shutil; shutil.rmtree(folder); sys.exit(1)", "ended with status 1; its log is empty"),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_bad_worker_is_one_sentence(place: Path, tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message) as caught:
        run_jobs(Path(sys.executable), [job()], time_limit=2, script=script(tmp_path, body))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        ("np.save(file, np.zeros(3))", "left a result that cannot be read: .*single array"),
        ("np.savez(file, **{'0': np.full((4, 3, 5), 7, np.uint8)})", "left the value 7 for layer 0; spikes are 0 or 1"),
        (
            "np.savez_compressed(file, **{'0': np.random.default_rng(0).integers(0, 255, 60).astype('u1')})\n"
            "file.seek(60)\n"
            "file.write(b'\\xff' * 10)",
            "left a result that cannot be read",
        ),
    ],
    ids=["npy", "values", "deflate"],
)
def test_a_result_that_is_no_spikes_is_refused(place: Path, tmp_path: Path, save: str, message: str) -> None:
    body = (
        "import numpy as np\n"
        "job = ready()\n"
        f"file = open(job['result'], 'wb')\n{save}\nfile.close()\n"
        "say(job=0, done=True)\n"
        "time.sleep(99)"
    )
    with pytest.raises(DeviceError, match=message):
        run_jobs(Path(sys.executable), [job()], time_limit=20, script=script(tmp_path, body))


def test_what_a_kill_left_of_a_semaphore_is_removed_and_nobody_elses(place: Path, tmp_path: Path) -> None:
    left, older, used = (Path("/dev/shm") / f"sem.{secrets.token_hex(3)}" for _ in range(3))
    write = f"[pathlib.Path(path).write_bytes(bytes(32)) for path in {[str(left), str(used)]}]; "
    older.write_bytes(bytes(32))
    os.utime(older, (time.time() - 100,) * 2)
    used.write_bytes(bytes(32))
    try:
        with used.open("r+b") as file, mmap.mmap(file.fileno(), 32):
            with pytest.raises(DeviceError, match="ended with status 1"):
                run_jobs(Path(sys.executable), [job()], script=script(tmp_path, f"{write}sys.exit(1)"))
            assert [path.exists() for path in (left, older, used)] == [False, True, True]
    finally:
        for path in (left, older, used):
            path.unlink(missing_ok=True)


def test_an_environment_that_lacks_a_module_is_told_to_be_damaged(place: Path, tmp_path: Path) -> None:
    body = "job = ready(); say(job=0, error=\"ModuleNotFoundError: No module named 'lava.proc'\"); time.sleep(99)"
    with pytest.raises(DeviceError, match=r"the environment is damaged: remove .* and set Lava up again"):
        run_jobs(Path(sys.executable), [job()], script=script(tmp_path, body))


def test_a_worker_that_dies_when_nothing_is_left_to_do_is_no_error(place: Path, tmp_path: Path) -> None:
    # One worker does all jobs. The other ends before it was given any, when the last one is already given.
    body = (
        "import numpy as np\n"
        f"first, last = pathlib.Path({str(tmp_path / 'first')!r}), pathlib.Path({str(tmp_path / 'last')!r})\n"
        "try: first.mkdir()\n"
        "except FileExistsError:\n"
        "    while not last.exists(): time.sleep(0.02)\n"
        "    sys.exit(1)\n"
        "say(ready=True)\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)\n"
        "    with open(job['result'], 'wb') as file: np.savez(file, **{'0': np.ones((4, 3, 5), np.uint8)})\n"
        "    if job['job'] == 2:\n"
        "        last.mkdir()\n"
        "        time.sleep(2)\n"
        "    say(job=job['job'], done=True)\n"
    )
    jobs = [job(), job(), job()]
    found = run_jobs(Path(sys.executable), jobs, workers=2, time_limit=20, script=script(tmp_path, body))
    assert [layer.all() for (layer,) in found] == [True] * 3


def test_a_result_of_another_shape_is_refused(place: Path, tmp_path: Path) -> None:
    body = (
        "import numpy as np\n"
        "job = ready()\n"
        "np.savez(open(job['result'], 'wb'), **{'0': np.zeros((4, 3, 6), np.uint8)})\n"
        "say(job=0, done=True)\n"
        "time.sleep(99)"
    )
    with pytest.raises(DeviceError, match=r"left uint8 \[4, 3, 6\] for layer 0; uint8 \[4, 3, 5\] is needed"):
        run_jobs(Path(sys.executable), [job()], time_limit=20, script=script(tmp_path, body))


def test_an_interpreter_that_is_not_there(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"python: cannot be started: No such file.*spiq lava setup"):
        run_jobs(tmp_path / "python", [job()])


def test_a_temporary_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(InputError, match="none: cannot be written: No such file"):
        run_jobs(Path(sys.executable), [job()])


def test_no_temporary_folder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere/at/all"])
    with pytest.raises(InputError, match=r"the temporary folder: cannot be written: No usable .*'/nowhere/at/all'"):
        run_jobs(Path(sys.executable), [job()])


def test_one_bad_worker_ends_the_other(place: Path, tmp_path: Path) -> None:
    body = "job = ready()\nif job['job'] == 1: sys.exit(1)\ntime.sleep(99)"
    with pytest.raises(DeviceError, match="ended with status 1"):
        run_jobs(Path(sys.executable), [job(), job()], workers=2, time_limit=20, script=script(tmp_path, body))


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
    start = (
        f"import sys, tempfile\nsys.path.insert(0, {str(Path(__file__).parent)!r})\ntempfile.tempdir = sys.argv[1]\n"
    )
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
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGINT, last):
            process.send_signal(number)
            time.sleep(0.02)
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
