"""The worker: a script that runs Loihi programs in Lava.

It runs under CPython 3.10 with NumPy 1.26 and imports nothing of spiq but the files beside it:

    python -I worker.py FOLDER

It reads one job a line from its standard input, as JSON, until that ends, and answers on its standard output with one
line of JSON each:

    {"job": 3, "program": PATH, "spikes": PATH, "result": PATH, "every_layer": false, "hardware": false}

    {"ready": true}                         once, when Lava is imported
    {"job": 3, "samples": 12}               so many samples of the job are done
    {"job": 3, "done": true}                the result lies at its path, whole
    {"job": 3, "missing": "…"}              something must be installed first, in one sentence
    {"job": 3, "error": "…"}                it failed

`program` is a file of `spiq.hardware.loihi.formats.storage`, `spikes` an .npy of uint8 [time, sample, *shape], `result`
an .npz with uint8 [time, sample, *shape] for each layer, under the layer's number: all of them or the last. Whatever
Lava prints goes to standard error. FOLDER is the worker's own, for all that it or Lava writes; every name that Lava
gives to shared memory begins with the folder's name, so that what is left of a worker that was killed can be told from
what others own. When standard input ends while a job runs, the client is gone: the worker removes its folder and its
shared memory, and ends itself and all of Lava's processes.
"""

import json
import multiprocessing
import multiprocessing.shared_memory
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

SHARED_MEMORY = Path("/dev/shm")

PROGRESS_INTERVAL = 0.2
"""Seconds between two lines that tell how far a job is."""

PROCESS_INTERVAL = 1.0
"""Seconds between two looks at whether Lava's processes live."""

LONGEST_ERROR = 3000
"""Bytes in JSON: a line must fit into what a pipe takes at once, 4096, since several processes write to it."""

FAREWELL = 5.0
"""Seconds that killed processes have to vanish."""


def main() -> None:
    """Does the jobs of standard input."""
    folder = Path(sys.argv[1]).absolute()
    given, answered = os.dup(0), os.dup(1)
    # Lava's processes hold the standard streams too: nothing of theirs may come between the lines.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # From inside the folder, since the name of a socket may be 108 bytes long at most, whatever the folder's is.
    os.chdir(folder)
    tempfile.tempdir = os.curdir
    _name_shared_memory(folder.name)
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(given, jobs, folder), daemon=True).start()
    sys.path.insert(0, str(Path(__file__).parent))
    from runner import Runner, UnavailableError  # pyright: ignore[reportMissingImports]

    runners = {False: Runner(False)}
    _answer(answered, {"ready": True})
    while True:
        job = jobs.get()
        ended = threading.Event()
        try:
            if job["hardware"] not in runners:
                runners[job["hardware"]] = Runner(job["hardware"])
            runner = runners[job["hardware"]]
            threading.Thread(target=_watch, args=(runner, job["job"], answered, ended), daemon=True).start()
            _do(job, runner, answered)
        except UnavailableError as error:
            _answer(answered, {"job": job["job"], "missing": str(error)})
        except Exception as error:
            # The log may lie on the disk whose being full is the error.
            with suppress(OSError):
                traceback.print_exc()
            _answer_error(answered, job["job"], f"{type(error).__name__}: {error}")
        ended.set()


def _do(job: dict[str, Any], runner: Any, answered: int) -> None:
    with np.load(job["program"], allow_pickle=False) as archive:
        program = dict(archive)
    spikes = np.load(job["spikes"], allow_pickle=False)
    found = runner.run(program, spikes, job["every_layer"], _teller(job["job"], answered))
    written = Path(f"{job['result']}.part")
    try:
        with written.open("wb") as file:
            np.savez(file, **{str(index): values for index, values in found.items()})
        written.replace(job["result"])
    finally:
        written.unlink(missing_ok=True)
    _answer(answered, {"job": job["job"], "done": True})


def _teller(job: int, answered: int) -> Callable[[int], None]:
    told = 0.0

    def tell(samples: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PROGRESS_INTERVAL:
            told = now
            _answer(answered, {"job": job, "samples": samples})

    return tell


def _answer(answered: int, content: dict[str, Any]) -> None:
    # Without a client, the thread that reads its jobs ends this process.
    with suppress(BrokenPipeError):
        os.write(answered, json.dumps(content).encode() + b"\n")


def _answer_error(answered: int, job: int, what: str) -> None:
    sentence = " ".join(what.split())[:LONGEST_ERROR]
    while len(json.dumps(sentence)) > LONGEST_ERROR:
        sentence = sentence[: len(sentence) * 9 // 10]
    _answer(answered, {"job": job, "error": sentence})


def _watch(runner: Any, job: int, answered: int, ended: threading.Event) -> None:
    while not ended.wait(PROCESS_INTERVAL):
        if failure := runner.failure():
            return _answer_error(answered, job, failure)


def _read_jobs(given: int, jobs: "queue.SimpleQueue[dict[str, Any]]", folder: Path) -> None:
    # Read without Python's buffers: their locks would go into the processes that Lava forks.
    unread = b""
    while received := os.read(given, 2**16):
        *lines, unread = (unread + received).split(b"\n")
        for line in lines:
            jobs.put(json.loads(line))
    # Lava's processes first: they would make anew what is removed.
    end = time.monotonic() + FAREWELL
    while (others := _others()) and time.monotonic() < end:
        for other in others:
            with suppress(OSError):
                os.kill(other, signal.SIGKILL)
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)
    for left in SHARED_MEMORY.glob(f"*{folder.name}-*"):
        left.unlink(missing_ok=True)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _others() -> "list[int]":
    """The other processes of this worker's group that still run; none where it leads no group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat") if os.getpgrp() == os.getpid() else ():
        try:
            # pid (name) state parent group …; the name may hold anything.
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(group) == os.getpgrp() and state not in "ZX" and int(stat.parent.name) != os.getpid():
            found.append(int(stat.parent.name))
    return found


def _name_shared_memory(name: str) -> None:
    """Lets the names of shared memory and semaphores begin with this one, instead of psm_ and mp.

    CPython 3.10 has no public way to it.
    """
    memory: Any = multiprocessing.shared_memory
    memory._SHM_NAME_PREFIX = f"/{name}-"
    memory._SHM_SAFE_NAME_LENGTH = len(memory._SHM_NAME_PREFIX) + 8
    process: Any = multiprocessing.current_process()
    process._config["semprefix"] = f"/{name}"


if __name__ == "__main__":
    main()
