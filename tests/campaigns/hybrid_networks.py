"""Hundreds of random hybrid networks: what is deployed against PyTorch, snnTorch and PennyLane themselves.

    python tests/campaigns/hybrid_networks.py --tries 200 --seed 0

Each network is exported, opened again, and run on `nir` with `exact`, on `nir` with `aer`, and as its ONNX twin.
Compared with the parts on their own in float64: spikes with ==, a circuit's inputs and expectations to 1e-9, classical
stages to 1e-9 in double and else to 1e-5 of the largest. The exit status is 1 where anything differs.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import spiq
from shared.hybrid_networks import random_hybrid
from spiq.export.network.trace import Trace
from spiq.export.onnx.twin import twin_signature
from spiq.hardware.network.cosimulation import cosimulate
from spiq.hardware.registry import devices
from spiq.hardware.runtime.onnx_session import run_onnx

EXACT, SINGLE = 1e-9, 1e-5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    worst: Counter[str] = Counter()
    total: Counter[str] = Counter()
    failed = []
    for number in range(asked.tries):
        seed = asked.seed * 1_000_000 + number
        found = compared(seed, total)
        for key, error in found.items():
            worst[key] = max(worst[key], error)
        bad = [key for key, error in found.items() if error > (SINGLE if key.endswith("single") else EXACT)]
        if bad:
            failed.append((seed, bad))
    print(f"{asked.tries} networks: {dict(total)}")
    for key, error in sorted(worst.items()):
        print(f"{key}: largest difference {error:.2g}")
    for seed, bad in failed:
        print(f"seed {seed} differs: {', '.join(bad)}")
    return 1 if failed else 0


def compared(seed: int, total: Counter[str]) -> dict[str, float]:
    """The largest difference of each kind of value, for each way to run the network."""
    own, samples = random_hybrid(seed)
    with tempfile.TemporaryDirectory() as folder:
        bundle = own.export(Path(folder) / "bundle", golden=samples)
        network = bundle.network
        wanted = own.traced(network, samples)
        total["spiking stages"] += len(network.spiking)
        total["circuits"] += len(network.quantum)
        total["of several branches"] += len(network.spiking) > 1
        total["spikes"] += sum(int(wanted[name].sum()) for name in network.spiking)
        total["twins"] += "model.onnx" in bundle.content
        total["on the chip"] += bundle.golden.loihi is not None
        found = {}
        for qpu in ("exact", "aer"):
            trace = cosimulate(network, devices(bundle, "nir", qpu), samples)
            found |= {f"nir and {qpu}, {kind}": error for kind, error in differences(network, trace, wanted).items()}
        if "model.onnx" in bundle.content:
            answers = twin_of(bundle, samples)
            found |= {f"ONNX twin, {kind}": error for kind, error in differences(network, answers, wanted).items()}
    return found


def twin_of(bundle: spiq.Bundle, samples: np.ndarray) -> Trace:
    """What model.onnx gives, by stage."""
    inputs, _ = twin_signature(bundle.network)
    assert list(inputs) == ["input"]
    found = run_onnx(bundle.content["model.onnx"], {"input": samples}, "model.onnx")
    return Trace(bundle.network, {stage: found[name] for stage, name in bundle.twin_outputs.items()})


def differences(network: spiq.HybridNetwork, found: Trace, wanted: Trace) -> dict[str, float]:
    """The largest difference of each kind: a number of spikes, or in parts of the largest value or 1."""
    errors: dict[str, float] = {}
    for name, values in found.items():
        if name in network.spiking:
            kind, error = "spikes", float((values != wanted[name]).sum())
        else:
            scale = max(1.0, float(np.abs(wanted[name]).max()))
            error = float(np.abs(values - wanted[name]).max()) / scale
            kind = "decoded" if name in network.decodes else "expectations"
            if name in network.classical:
                kind = "classical double" if double(network, name) else "classical single"
            elif behind_single(network, name):
                kind = f"{kind} behind a single"
        errors[kind] = max(errors.get(kind, 0.0), error)
    return errors


def double(network: spiq.HybridNetwork, name: str) -> bool:
    """Whether a classical stage and all that lead to it are in double."""
    return network.classical[name].result.dtype == "float64" and not behind_single(network, name)


def behind_single(network: spiq.HybridNetwork, name: str) -> bool:
    before = network.before({name}) & network.classical.keys()
    return any(network.classical[other].result.dtype == "float32" for other in before)


if __name__ == "__main__":
    sys.exit(main())
