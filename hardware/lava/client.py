"""One worker of Lava, seen from here: started, spoken to over pipes, and ended with all that it started.

`worker.py` says what the lines mean. Lava starts a process of its own for each synapse and neuron group, shares memory
between them, and waits for ever where one of them dies. So a worker leads a process group, which is killed as a whole,
and has a folder of its own, whose name begins the name of all its shared memory: both can be removed whatever state it
is in, and nothing of another worker is touched. A client that is killed itself leaves a worker behind that sees its
standard input end and does the same.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ...export.errors import DeviceError, InputError
from .shared_memory import SHARED_MEMORY, is_full, remove_left

WORKER = Path(__file__).parent / "worker" / "worker.py"

LONGEST_LINE = 2**16
"""Bytes: no answer of a worker is nearly as long."""

LOG_TAIL = 4096
"""Bytes of the log's end that are searched for the last line."""

LAST_LINE = 300
"""Characters of that line that go into an error."""

FAREWELL = 10.0
"""Seconds that killed processes have to vanish."""

GRACE = 1.0
"""Seconds that a worker which has closed a pipe has to end by itself, so that it can be said how it did."""

PAUSE = 0.02
"""Seconds between two looks at it."""

LIBRARY_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Lava forks dozens of processes: threads of their own would only be in each other's way."""


class LavaWorker:
    """A worker process under the interpreter `python`, from `with` to the block's end.

    Raises InputError where the interpreter cannot be started or the temporary folder cannot be written.
    """

    def __init__(self, python: Path, script: Path = WORKER) -> None:
        self.python, self.script = python, script

    def __enter__(self) -> "LavaWorker":
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="spiq-lava-"))
        except OSError as error:
            # Where no folder at all can be written, the reason names those that were tried.
            where = Path(error.filename).parent if error.filename else "the temporary folder"
            raise InputError(f"{where}: cannot be written: {error.strerror}") from error
        self._started = time.time()
        self._log = self.folder / "log"
        self._unread = b""
        process = None
        try:
            with self._log.open("wb") as log:
                process = self._process = subprocess.Popen(
                    [str(self.python), "-I", str(self.script), str(self.folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                    env={**os.environ, **LIBRARY_THREADS},
                    bufsize=0,
                )
            os.set_blocking(self.fileno(), False)
            self.heard = time.monotonic()
            return self
        except BaseException as error:
            with signals_held():
                self._end(process)
            if not isinstance(error, OSError):
                raise
            raise InputError(
                f"{self.python}: cannot be started: {error.strerror}; `spiq lava setup` makes Lava's environment anew"
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills the worker with all that it started, and removes what they leave behind; a signal waits for that."""
        with signals_held():
            self._end(self._process)

    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        if process:
            # The leader is not waited for yet, so its number cannot belong to others.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _wait_for_group(process.pid)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        remove_left(self.folder.name, self._started)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The worker's number, which is that of its process group too."""
        return self._process.pid

    def fileno(self) -> int:
        """What to wait on for its answers."""
        assert self._process.stdout
        return self._process.stdout.fileno()

    def send(self, content: dict[str, Any]) -> None:
        """Sends one line. Raises DeviceError where the worker is dead."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(content).encode() + b"\n")
        except OSError as error:
            raise self.failure(self._ending(GRACE) or "closed its standard input") from error
        self.heard = time.monotonic()

    def receive(self) -> list[dict[str, Any]]:
        """The answers that have come, without waiting for any.

        Raises DeviceError where a line is no answer, and where the worker has ended.
        """
        # Asked before reading: what it said before it ended is all there then.
        ending = self._ending()
        answers = []
        while received := self._received():
            *lines, self._unread = (self._unread + received).split(b"\n")
            answers += [self._answer(line) for line in lines]
            if len(self._unread) > LONGEST_LINE:
                raise self._no_answer(self._unread)
        if answers:
            self.heard = time.monotonic()
        elif received is not None or ending:
            raise self.failure(ending or self._ending(GRACE) or "closed its standard output")
        return answers

    def failure(self, what: str) -> DeviceError:
        """The error that the worker did this, with the last line of its log."""
        tail = b""
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - LOG_TAIL))
            tail = log.read()
        lines = tail.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        full = f"; {SHARED_MEMORY}, through which Lava's processes speak, is full" if is_full() else ""
        log_end = f"ends with {last[:LAST_LINE]!r}" if last else "is empty"
        return DeviceError(f"Lava's worker {what}{full}; its log {log_end}")

    def _received(self) -> bytes | None:
        """What is in the pipe: None if nothing is yet, no bytes if nothing ever will be."""
        try:
            return os.read(self.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return None

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._no_answer(line) from error
        if not isinstance(answer, dict):
            raise self._no_answer(line)
        return answer

    def _no_answer(self, line: bytes) -> DeviceError:
        return self.failure(f"printed {line[:LAST_LINE].decode(errors='replace')!r}, which is no answer")

    def _ending(self, patience: float = 0.0) -> str:
        """How the worker ended; "" where it still runs after so many seconds."""
        end = time.monotonic() + patience
        while not (ended := os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            if time.monotonic() >= end:
                return ""
            time.sleep(PAUSE)
        if ended.si_code == os.CLD_EXITED:
            return f"ended with status {ended.si_status}"
        return f"was killed by {signal.Signals(ended.si_status).name}"


@contextmanager
def worker_stack() -> Iterator[ExitStack]:
    """A stack to enter several workers on. At the block's end all are ended before a signal is heard."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        with signals_held():
            stack.close()


@contextmanager
def signals_held() -> Iterator[None]:
    """Lets SIGINT and SIGTERM wait until the end of the block, so that pressing Ctrl-C twice cuts nothing short.

    They come to the main thread, so there is nothing to do in others. The handlers are replaced, since the libraries'
    threads would take a signal that the main thread blocks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    # A handler that Python does not know could not be put back.
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    try:
        for number in before:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)


def _wait_for_group(leader: int) -> None:
    """Until no process of the group runs; killed ones may take a moment to vanish."""
    end = time.monotonic() + FAREWELL
    while _group_runs(leader) and time.monotonic() < end:
        time.sleep(PAUSE)


def _group_runs(leader: int) -> bool:
    """Whether a process of the group runs. One that has ended, but that nobody has waited for, does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state parent group …; the name may hold anything.
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(group) == leader and state not in "ZX":
            return True
    return False
