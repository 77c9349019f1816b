"""Bytes flipped, put in and cut out in each file of a sound bundle, its hashes made anew: opened and run in a child.

    python tests/campaigns/damaged_bundles.py --tries 2000 --seed 1

Each try is a process of its own with a limit of time and memory. It may end in one sentence, or in an answer: a bundle
whose content is wrong but possible is run, and `spiq verify` tells the difference. It must not end in anything else.
"""

import argparse
import multiprocessing
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

# A fork has its parent's thread pools, but none of their threads, and would wait for them for ever.
os.environ["OMP_NUM_THREADS"] = "1"

from shared.resealed import resealed
from shared.tiny_run import TINY, make_tiny_run, tiny_images_of
from spiq.export.bundle.bundle import Bundle
from spiq.export.bundle.folder import open_bundle
from spiq.export.errors import InputError
from spiq.hardware.network.verification import verify
from spiq.pipeline.config.schema import Config
from spiq.pipeline.run.folder import BUNDLE

SECONDS = 60
MEMORY = 2 * 2**30
"""Addresses that a try may take beyond those of the process that it is forked from."""

REFUSED, SOUND, DIFFERS, OTHER, HUNG = "refused in one sentence", "sound", "told by verify", "another error", "hung"


class Outcome(NamedTuple):
    """How a try ended, its time in seconds, and its memory in MB, that of the libraries included."""

    kind: str
    what: str
    seconds: float
    megabytes: int


def damaged(content: bytes, choice: random.Random) -> bytes:
    """The content after one to four changes."""
    changed = bytearray(content)
    for _ in range(choice.choice((1, 1, 1, 2, 4))):
        place = choice.randrange(len(changed) + 1)
        match choice.choice(("flip", "flip", "flip", "insert", "cut", "copy")):
            case "flip":
                if place < len(changed):
                    changed[place] ^= 1 << choice.randrange(8) if choice.random() < 0.5 else choice.randrange(1, 256)
            case "insert":
                changed[place:place] = choice.randbytes(choice.randrange(1, 9))
            case "cut":
                del changed[place : place + choice.choice((1, 4, 64, len(changed)))]
            case "copy":
                start = choice.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + choice.randrange(1, 64)]
    return bytes(changed)


def answer(folder: Path) -> tuple[str, str]:
    """What opening the bundle, and running every file of it, comes to."""
    try:
        different = [check.file for check in verify(open_bundle(folder)) if not check.passed]
    except InputError as error:
        line = str(error)
        return (REFUSED, line) if line.isprintable() and len(line) <= 500 else (OTHER, f"no line: {line!r}")
    except BaseException as error:
        return OTHER, f"{type(error).__name__}: {error}"
    return (DIFFERS, ", ".join(different)) if different else (SOUND, "")


def tried(folder: Path) -> Outcome:
    """The answer of a child process; it is ended where it takes too long."""
    started = time.monotonic()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writes, "\n".join(answer(folder)).encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writes)
    ready = select.select([reads], [], [], SECONDS)[0]
    found = os.read(reads, 4096).decode() if ready else ""
    os.close(reads)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    kind, _, what = found.partition("\n")
    if not found:
        kind, what = (HUNG, "") if not ready else (OTHER, f"the process ended with status {status}")
    return Outcome(kind, what, time.monotonic() - started, usage.ru_maxrss // 1024)


def campaign(bundle: Bundle, tries: range, seed: int) -> list[tuple[int, str, Outcome]]:
    """The tries of these numbers: each one's number, the file that was damaged, and how it ended."""
    files = list(bundle.content)
    found = []
    with tempfile.TemporaryDirectory() as place:
        # The loops are compiled once, not in each child.
        list(verify(bundle)) if tries else None
        for number in tries:
            choice = random.Random(f"{seed}/{number}")
            file = choice.choice(files)
            folder = resealed(bundle, Path(place) / str(number), {file: damaged(bundle.content[file], choice)})
            found.append((number, file, tried(folder)))
            for part in folder.iterdir():
                part.unlink()
    return found


def tiny_bundle() -> Bundle:
    """Trained in a process of its own, for the memory and the threads that PyTorch keeps."""
    with tempfile.TemporaryDirectory() as place:
        trained = multiprocessing.get_context("spawn").Process(target=train, args=(Path(place) / "run",))
        trained.start()
        trained.join()
        return open_bundle(Path(place) / "run" / BUNDLE)


def train(run: Path) -> None:
    config = Config.model_validate(TINY)
    make_tiny_run(config, tiny_images_of(config), run)


def main() -> int:
    """Exit status 1 where a try hung or ended in another error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="a sound bundle; without it a small one is trained")
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the number of the first try, to run one again")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tries = range(given.first, given.first + given.tries)
    found = campaign(open_bundle(given.bundle) if given.bundle else tiny_bundle(), tries, given.seed)
    for file in sorted({file for _, file, _ in found}):
        counts = Counter(outcome.kind for _, name, outcome in found if name == file)
        print(f"{file:14} " + ", ".join(f"{kind}: {counts[kind]}" for kind in (REFUSED, SOUND, DIFFERS, OTHER, HUNG)))
    wrong = [entry for entry in found if entry[2].kind in (OTHER, HUNG)]
    for number, file, outcome in wrong:
        print(f"try {number}, {file}: {outcome.kind}: {outcome.what[:300]!r}")
    slowest, largest = (max((entry[2][place] for entry in found), default=0) for place in (2, 3))
    print(f"{len(found)} tries, {len(wrong)} wrong; the longest took {slowest:.1f} s, the largest {largest} MB")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
