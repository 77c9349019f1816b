"""Lava's virtual environments: where they lie, whether they are ready, and making them.

Lava 0.10.0 and lava-dl 0.6.0 run on CPython 3.10 and NumPy 1 only, so they never share an interpreter with spiq. There
are two environments, each made of a list of pinned packages that lies beside this module:

- lava: lava-nc and what it needs.
- netx: the same, h5py, and lava-dl with its reader of netx files. lava-dl's metadata ask for PyTorch and torchvision,
  5 GB of packages, but the reader computes nothing with them; slayer_stand_in.py says how it is imported without.
  Packages are therefore installed as listed, without what they ask for.

An environment lies under $SPIQ_LAVA_HOME, or else in the folder lava of spiq's cache, in a folder with the hash of its
list in the name: another version of spiq with other pins makes another one and leaves this one alone. The stamp in it
is written last. What has no stamp is not ready, so a set-up that was killed is begun anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ....export.errors import InputError
from ....export.files.atomic import new_file
from ....export.files.cache import cache_folder
from .python310 import NEEDED, PYTHON_VARIABLE, Search, find_python310
from .uv_command import SetUpWatch, Uv, UvError, find_uv

HOME_VARIABLE = "SPIQ_LAVA_HOME"

COMMANDS = {"lava": "spiq lava setup", "netx": "spiq lava setup --netx"}
"""Each environment, and what a user types to have it."""

STAMP = "installed.json"
"""Holds the list of what was installed, once all of it is."""

WORKER_FOLDER = Path(__file__).parents[1] / "worker"

TRIALS = {
    "lava": "import lava.proc.lif.process",
    "netx": (
        "import sys; sys.path.append(sys.argv[1]); from slayer_stand_in import stand_in; stand_in(); "
        "import lava.lib.dl.netx.hdf5"
    ),
}
"""What each environment must be able to do, in Python; the argument is the worker's folder. They need most of Lava, and
of the interpreter the modules that a CPython built without their libraries lacks."""


class Environment(NamedTuple):
    """One of Lava's virtual environments: its name ("lava" or "netx"), its folder, and the interpreter in it."""

    name: str
    folder: Path
    python: Path


def environment(name: str) -> Environment:
    """Where the environment `name` is, or would be."""
    home = Path(os.path.expanduser(os.environ.get(HOME_VARIABLE) or cache_folder() / "lava")).absolute()
    identity = hashlib.sha256("\n".join(pinned(name)).encode()).hexdigest()
    folder = home / f"{name}-{identity[:12]}"
    return Environment(name, folder, folder / "bin" / "python")


def pinned(name: str) -> tuple[str, ...]:
    """The packages of the environment `name`, each as name==version."""
    found: list[str] = []
    for line in _list(name).read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement.startswith("-r "):
            found += pinned(requirement.removeprefix("-r requirements-").removesuffix(".txt"))
        elif requirement:
            found.append(requirement)
    return tuple(found)


def ready(name: str) -> bool:
    """Whether the environment `name` stands: its stamp, its interpreter and a folder of metadata a package."""
    made = environment(name)
    packages = made.folder / "lib" / "python3.10" / "site-packages"
    try:
        stamp = json.loads((made.folder / STAMP).read_text(encoding="utf-8"))
        there = set(os.listdir(packages))
        has_python = made.python.exists()
    except (OSError, ValueError):
        return False
    metadata = {f"{pin.replace('-', '_').replace('==', '-')}.dist-info" for pin in pinned(name)}
    return stamp == list(pinned(name)) and has_python and metadata <= there


def required(name: str) -> Environment:
    """The environment `name`. Raises InputError, which says what to type, where it is not ready or not to be read."""
    made = environment(name)
    if ready(name):
        return made
    try:
        # glob says nothing of a folder that cannot be read.
        there = os.listdir(made.folder.parent) if made.folder.parent.is_dir() else []
        if made.folder.name in there:
            os.listdir(made.folder)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}; Lava's environment is there") from error
    if made.folder.name in there:
        raise InputError(f"{made.folder}: this environment for Lava is not whole; `{COMMANDS[name]}` makes it anew")
    if any(other.startswith(f"{name}-") for other in there):
        raise InputError(
            f"{made.folder.parent}: the environment for Lava there is another version's of spiq; `{COMMANDS[name]}` "
            "makes the one for this version"
        )
    raise InputError(f"{made.folder}: Lava's environment was never set up; `{COMMANDS[name]}` makes it")


def set_up(name: str, watch: SetUpWatch) -> bool:
    """Make the environment `name`, telling `watch` what is being done; False where it was there already.

    Where another set-up is at work, this one waits for it. Raises InputError where there is no CPython 3.10, where the
    packages are not to be had, and where the folder cannot be written.
    """
    if ready(name):
        return False
    made = environment(name)
    try:
        with _alone(made.folder, watch) as lock:
            if ready(name):
                return False
            try:
                _make(made, watch, lock)
            except BaseException:
                shutil.rmtree(made.folder, ignore_errors=True)
                raise
    except OSError as error:
        raise InputError(f"{made.folder}: Lava's environment cannot be written: {error.strerror or error}") from error
    return True


@contextmanager
def _alone(folder: Path, watch: SetUpWatch) -> Iterator[int]:
    """Hold the lock of `folder`; yields its file descriptor. It is free when every process that has it is gone."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            watch("waiting for another set-up")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _make(made: Environment, watch: SetUpWatch, lock: int) -> None:
    watch(f"looking for {NEEDED}")
    search = find_python310()
    if made.folder.exists():
        shutil.rmtree(made.folder)
    try:
        uv = find_uv(made.folder.parent, watch, lock)
        if search.python:
            watch("making the environment")
            uv.run("venv", made.folder, "--python", search.python)
        else:
            watch(f"fetching {NEEDED}")
            _fetch(uv, made, search)
        watch("installing the packages")
        # Only wheels: a package that had to be built would need a compiler.
        listed = ("--no-deps", "--only-binary", ":all:", "--requirement", _list(made.name))
        uv.run("pip", "install", "--python", made.python, *listed)
    except UvError as error:
        raise InputError(f"{made.folder}: Lava's environment cannot be made: {error}") from error
    watch("trying it")
    _try(made, lock)
    with new_file(made.folder / STAMP) as written:
        written.write_text(json.dumps(pinned(made.name), indent=2) + "\n", encoding="utf-8")


def _fetch(uv: Uv, made: Environment, search: Search) -> None:
    try:
        uv.run("venv", made.folder, "--python", "3.10", "--managed-python")
    except UvError as error:
        raise InputError(
            f"Lava needs a {NEEDED}, and there is none: {', '.join(search.places)}, and uv cannot fetch one ({error}); "
            f"install Python 3.10, or set {PYTHON_VARIABLE} to the path of one"
        ) from error


def _try(made: Environment, lock: int) -> None:
    """Raise InputError where Lava does not even import."""
    command = [str(made.python), "-I", "-c", TRIALS[made.name], str(WORKER_FOLDER)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, pass_fds=(lock,))
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with exit status {done.returncode}"])[-1]
        raise InputError(
            f"{made.folder}: Lava does not run on the Python it was made with ({made.python.resolve()}): {reason}; "
            f"set {PYTHON_VARIABLE} to another one"
        )


def _list(name: str) -> Path:
    return Path(__file__).with_name(f"requirements-{name}.txt")
