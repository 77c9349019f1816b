"""Thousands of damaged NIR and netx files, each read or refused in one sentence, in time and memory.

    python tests/campaigns/damaged_hdf5.py --tries 5000 --seed 0

Sound files (of spiq and of the frameworks in tests/data/nir_peers) get bytes changed, cut off, or put in, and are
opened as a user's file is. That happens in a child process, which is ended where a file takes longer than `LIMIT`
seconds and may have `MEMORY` bytes of address space. The exit status is 1 where a file hung, ended the process, or
raised anything but an InputError of one line.
"""

import argparse
import itertools
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import nir
import numpy as np

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from shared.netx_program import small_program  # noqa: E402
from spiq.export.errors import InputError  # noqa: E402
from spiq.export.nir.file import read_nir, write_nir  # noqa: E402
from spiq.export.nir.graph import resolve  # noqa: E402
from spiq.hardware.lava.netx_device import open_netx  # noqa: E402
from spiq.hardware.loihi.formats.netx_file import netx_differences, write_netx  # noqa: E402

LIMIT = 10.0
MEMORY = 4 * 2**30


class Try(NamedTuple):
    """What came of one file; `memory` is the largest that the process has had so far, in bytes."""

    number: int
    file: str
    outcome: str
    seconds: float
    memory: int
    message: str = ""


def neurons_of_several_nodes() -> nir.NIRGraph:
    """snnTorch's resets by subtraction, a step late and at once, and a Delay."""
    ones, size = np.ones(4), np.array([4])
    nodes = {
        "input": nir.Input({"input": size}),
        "current": nir.LI(2e-4 * ones, 2 * ones, 0 * ones),
        "late_membrane": nir.CubaLI(2e-4 * ones, 3e-4 * ones, 3 * ones, 0 * ones, w_in=2 * ones),
        "late": nir.Threshold(ones),
        "late_reset": nir.Scale(-ones),
        "delay": nir.Delay(1e-4 * np.arange(4.0)),
        "membrane": nir.LI(2e-4 * ones, 2 * ones, 0 * ones),
        "once": nir.Threshold(ones),
        "once_reset": nir.Scale(-0.5 * ones),
        "taken": nir.Scale(-ones),
        "left": nir.Delay(1e-4 * ones),
        "above": nir.Threshold(ones),
        "again": nir.Scale(-ones),
        "output": nir.Output({"output": size}),
    }
    ways = (
        "input late_membrane late late_reset late_membrane",
        "late delay current membrane once once_reset membrane left above again once taken left",
        "once output",
    )
    edges = [edge for way in ways for edge in itertools.pairwise(way.split())]
    return nir.NIRGraph(nodes, edges, type_check=False)


def sound_files() -> dict[str, bytes]:
    """Files by name; a netx file's ends in .net."""
    found = {path.name: path.read_bytes() for path in sorted((TESTS / "data" / "nir_peers").glob("*.nir"))}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in list(found.items()):
            # As spiq writes it, with its mark and without resets to 0; nir cannot write a shape that is left open.
            with suppress(TypeError):
                write_nir(Path(folder) / name, read_nir(content))
                found[f"spiq's {name}"] = (Path(folder) / name).read_bytes()
        write_nir(Path(folder) / "several.nir", neurons_of_several_nodes())
        found["several.nir"] = (Path(folder) / "several.nir").read_bytes()
        write_netx(Path(folder) / "encoder.net", small_program())
        # As many as there are of the others.
        content = (Path(folder) / "encoder.net").read_bytes()
        return found | {f"encoder{number}.net": content for number in range(len(found))}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with 1 to 4 bytes changed; seldom cut off, or with bytes put in."""
    changed = bytearray(content)
    for place_of in rng.integers(len(changed), size=rng.integers(1, 5)):
        # A bit, or the whole byte.
        changed[place_of] ^= 1 << int(rng.integers(8)) if rng.random() < 0.5 else int(rng.integers(1, 256))
    kind = rng.random()
    if kind < 0.05:
        del changed[int(rng.integers(len(changed))) :]
    elif kind < 0.1:
        at = int(rng.integers(len(changed)))
        changed[at:at] = rng.bytes(int(rng.integers(1, 9)))
    return bytes(changed)


def opened(name: str, content: bytes) -> None:
    """Open it as a user's file is opened."""
    if not name.endswith(".net"):
        resolve(read_nir(content, name), name)
        return
    netx_differences(content, small_program())
    open_netx(content, name)


def tries(files: dict[str, bytes], seed: int, numbers: range, results: Connection) -> None:
    """In the child: every try's outcome, one by one."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    names = sorted(files)
    for number in numbers:
        rng = np.random.default_rng((seed, number))
        name = names[number % len(names)]
        content = damaged(files[name], rng)
        start, outcome, message = time.perf_counter(), "read", ""
        try:
            opened(name, content)
        except InputError as error:
            outcome, message = "refused", str(error)
            if "\n" in message:
                outcome = "refused in several lines"
        except BaseException as error:
            outcome, message = "another exception", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        results.send(Try(number, name, outcome, seconds, memory, message))


def campaign(count: int, seed: int) -> Iterator[Try]:
    """Every try, in children that are replaced where one is ended."""
    files = sound_files()
    context = multiprocessing.get_context("fork")
    number = 0
    while number < count:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=tries, args=(files, seed, range(number, count), theirs))
        child.start()
        theirs.close()
        while number < count:
            try:
                found = ours.recv() if ours.poll(LIMIT) else None
                outcome = "hung"
            except EOFError:
                found, outcome = None, "ended the process"
            if found is None:
                yield Try(number, sorted(files)[number % len(files)], outcome, LIMIT, 0)
                number += 1
                break
            yield found
            number += 1
        child.kill()
        child.join()


def main(show: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=5000, metavar="N", help="how many damaged files  [default: 5000]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the damage  [default: 0]")
    given = parser.parse_args()
    outcomes: Counter[str] = Counter()
    slowest, memory = 0.0, 0
    for found in campaign(given.tries, given.seed):
        outcomes[found.outcome] += 1
        slowest, memory = max(slowest, found.seconds), max(memory, found.memory)
        if found.outcome not in ("read", "refused"):
            show(f"try {found.number} of seed {given.seed} ({found.file}): {found.outcome} {found.message}")
    bad = sum(count for outcome, count in outcomes.items() if outcome not in ("read", "refused"))
    show(f"{given.tries} damaged NIR and netx files: {', '.join(f'{n} {name}' for name, n in outcomes.most_common())}")
    show(f"{bad} hung, ended the process or raised another exception")
    show(f"at most {slowest:.2f} s for a file, and {memory / 2**20:.0f} MiB for the process")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
