"""Scripts that behave badly instead of the worker: each is one sentence, and leaves no process, no shared memory and no
file behind.
"""

import mmap
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

import pytest

from shared.lava_workers import job, script
from spiq.export.errors import DeviceError, InputError
from spiq.hardware.lava.jobs import run_jobs


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
        ("np.savez(file, **{'0': np.full((4, 3, 5), 7, np.uint8)})", "must leave spikes of 0 or 1 for layer 0, got 7"),
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
    with pytest.raises(DeviceError, match=r"must leave uint8 \[4, 3, 5\] for layer 0, got uint8 \[4, 3, 6\]"):
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
