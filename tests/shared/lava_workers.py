"""Workers that take the place of the real one, jobs for them, and what of them still runs."""

import contextlib
import os
from pathlib import Path

import numpy as np

from spiq.hardware.lava.jobs import ProgramJob
from spiq.hardware.loihi.program import INPUT, Connection, Layer, LoihiProgram, NeuronGroup
from spiq.hardware.loihi.synapse import DenseSynapse


def job(time_steps: int = 4, samples: int = 3) -> ProgramJob:
    rng = np.random.default_rng(0)
    synapse = DenseSynapse((rng.integers(-60, 61, (5, 6)) * 2).astype(np.int16))
    neuron = NeuronGroup((5,), 100, 4096, 0, np.zeros(1, np.int16), 0)
    program = LoihiProgram((6,), (Layer("layer", (Connection(INPUT, synapse),), neuron, 1.0),))
    return ProgramJob(program, (rng.random((time_steps, samples, 6)) < 0.5).astype(np.uint8))


ENDLESS = job(50, 4000)
"""Takes minutes in Lava."""


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
