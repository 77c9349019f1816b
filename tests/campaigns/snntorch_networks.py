"""Hundreds of random snnTorch networks: NIR, ONNX, Loihi's fixed point and Lava against snnTorch's own spikes.

    python tests/campaigns/snntorch_networks.py --tries 500 --seed 0 [--lava]

Half of the networks have any weights, half of them small dyadic ones. Of each network the graph's spikes are compared
with snnTorch's own forward, what onnxruntime counts with these spikes, and with --lava the program's spikes in the
simulator with real Lava's. The exit status is 1 where any differ.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.snntorch_networks import random_case
from spiq.export.errors import InputError
from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.graph import ResolvedGraph, resolve
from spiq.export.onnx.model import SPIKES, onnx_bytes
from spiq.export.onnx.stages.encoder import COUNTS, encoder_onnx
from spiq.hardware.lava.environment.setup import required
from spiq.hardware.lava.jobs import ProgramJob, run_jobs
from spiq.hardware.loihi.lowering.lower import lower_to_loihi
from spiq.hardware.loihi.program import LoihiProgram
from spiq.hardware.loihi.simulator.simulate import simulate
from spiq.hardware.runtime.nir_runtime import NirRuntime
from spiq.hardware.runtime.onnx_session import run_onnx


def counted(graph: ResolvedGraph, spikes: np.ndarray) -> np.ndarray:
    """The counts that onnxruntime gives."""
    return run_onnx(onnx_bytes(encoder_onnx(graph)), {SPIKES: spikes}, "encoder.onnx")[COUNTS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lava", action="store_true", help="the programs on real Lava too")
    asked = parser.parse_args()
    different: Counter[str] = Counter()
    spikes, refused, jobs = 0, Counter[str](), []
    for number in range(asked.tries):
        case = random_case(asked.seed * 1_000_000 + number, grid=bool(number % 2))
        graph = resolve(to_nir(case.network, case.shape))
        found = NirRuntime(graph).run(case.spikes)
        spikes += int(found.sum())
        different["nir"] += int((found != case.expected).sum())
        different["onnx"] += int((counted(graph, case.spikes) != found.sum(0)).sum())
        try:
            program = lower_to_loihi(graph, None)
        except InputError as error:
            refused[str(error).partition(": ")[2].partition(":")[2][:60]] += 1
            continue
        jobs.append((program, case.spikes))
    print(f"{asked.tries} networks, {spikes} spikes; different from snnTorch: {different['nir']}; "
          f"counts of onnxruntime that differ: {different['onnx']}")  # fmt: skip
    print(f"{len(jobs)} of them fit the chip; refused: {dict(refused)}")
    if asked.lava:
        different["lava"] = on_lava(jobs)
        print(f"spikes of the programs that differ between simulator and Lava: {different['lava']}")
    return 1 if sum(different.values()) else 0


def on_lava(jobs: list[tuple[LoihiProgram, np.ndarray]]) -> int:
    """How many spikes of the last layers differ."""
    python = required("lava").python
    answers = run_jobs(python, [ProgramJob(program, spikes) for program, spikes in jobs], workers=2)
    pairs = zip(answers, jobs, strict=True)
    return sum(
        int((answer[-1].reshape(*spikes.shape[:2], -1) != simulate(program, spikes)).sum())
        for answer, (program, spikes) in pairs
    )


if __name__ == "__main__":
    sys.exit(main())
