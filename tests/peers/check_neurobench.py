"""NeuroBench's metrics of spiq against those of the package neurobench: each figure must be the same number.

    python tests/peers/check_neurobench.py --folder .peers [--write]

The package gets a virtual environment of its own below the folder, with the versions of `check.PEERS`, and measures
the networks of `neurobench_networks` there. The exit status is 1 if a figure differs. With --write its figures become
tests/data/neurobench.json, which tests/hardware/test_neurobench.py holds spiq against.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from check import HERE, PEERS, python_of
from neurobench_networks import NETWORKS, network, spikes

from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import resolve
from spiq.hardware.cost.neurobench.metrics import metrics

KEPT = HERE.parent / "data" / "neurobench.json"


def theirs(folder: Path) -> dict[str, Any]:
    """The package's figures of each network."""
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        script = [python_of("neurobench", folder), HERE / "read_neurobench.py", answer]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"neurobench could not measure the networks:\n{done.stderr}")
        return json.loads(answer.read_text())


def ours(name: str) -> dict[str, Any]:
    """spiq's figures of the network's NIR graph."""
    _, shape = NETWORKS[name]
    graph = resolve(to_nir(network(name).layers, shape), name)
    return metrics(graph, [spikes(name)]).plain()


def check(folder: Path, write: bool) -> bool:
    """Print each figure that differs; whether none does."""
    expected = theirs(folder)
    equal = True
    for name in NETWORKS:
        found = ours(name)
        different = [key for key, value in expected[name].items() if found[key] != value]
        equal &= not different
        told = ", ".join(f"{key} {found[key]} and not {expected[name][key]}" for key in different)
        told = told or "all figures equal"
        print(f"{PEERS['neurobench'].versions}: {name}, {told}")
    if write:
        KEPT.write_text(json.dumps(expected, indent=2) + "\n")
    return equal


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(".peers"), help="where the environments are kept")
    parser.add_argument("--write", action="store_true", help=f"keep the package's figures in {KEPT.name}")
    given = parser.parse_args()
    sys.exit(not check(given.folder.resolve(), given.write))
