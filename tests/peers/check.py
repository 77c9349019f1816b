"""spiq's NIR files in the frameworks that read NIR: each must give spiq's spikes.

    python tests/peers/check.py --folder .peers

Every framework gets a virtual environment of its own below the folder, with the versions of `PEERS`, reads the files
there and runs them. The table says, for each file, how many of all spikes differ; the exit status is 1 if any does.
The other direction, files that the frameworks wrote, is tests/hardware/test_nir_peers.py.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from jaxtyping import Shaped, UInt8
from torch import nn

from spiq.export.from_torch.graph import to_nir
from spiq.export.nir.file import write_nir
from spiq.export.nir.graph import resolve
from spiq.export.nir.time_step import DEFAULT_DT
from spiq.hardware.runtime.nir_runtime import NirRuntime
from spiq.pipeline.config.schema import Encoder
from spiq.pipeline.models.encoder import build_encoder

HERE = Path(__file__).resolve().parent
TIME, SAMPLE, RATE, SEED = 20, 16, 0.3, 0


@dataclass(frozen=True)
class Peer:
    """A framework's environment, and the files that it can read.

    `alone` is installed without what it asks for: torchvision, which would bring another torch, and drivers of chips.
    """

    libraries: tuple[str, ...]
    alone: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def versions(self) -> str:
        return ", ".join(name.replace("==", " ") for name in (*self.alone, *self.libraries) if name.startswith(KNOWN))


KNOWN = ("norse", "sinabs", "spikingjelly", "neurobench", "nir==")

PEERS = {
    "norse": Peer(
        ("torch==2.13.0", "numpy==2.4.6", "nir==1.0.8", "nirtorch==2.6"), ("norse==1.1.0",), ("images", "leaky")
    ),
    "sinabs": Peer(
        ("torch==2.13.0", "numpy==2.4.6", "nir==1.0.4", "nirtorch==2.0.2", "matplotlib==3.11.2", "pbr==7.1.3"),
        ("sinabs==3.1.3",),
        ("images",),
    ),
    "spikingjelly": Peer(
        ("torch==2.13.0", "numpy==2.4.6", "scipy==1.17.1", "nir==1.0.8", "nirtorch==2.6"),
        ("spikingjelly==2.0.0", "loguru==0.7.3"),
        ("euler",),
    ),
    # No files: `check_neurobench` asks it.
    "neurobench": Peer(
        ("torch==2.13.0", "numpy==2.4.6", "nir==1.0.8", "snntorch==1.0.0", "tqdm==4.70.1"), ("neurobench==2.3.0",), ()
    ),
}


def images() -> nir.NIRGraph:
    """The pipeline's own encoder, with trained-like weights: Conv2d, IF, SumPool2d, Flatten, Affine; r = 1."""
    encoder = build_encoder(Encoder(channels=[6, 8]), (1, 8, 8), 9)
    return to_nir(with_spikes(encoder), (1, 8, 8))


def leaky() -> nir.NIRGraph:
    """Conv2d, LIF, Flatten, Affine, LIF; an LIF has r = 1, in its weights instead, since norse reads no other."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), leak(0.9), nn.Flatten(), nn.Linear(36, 9), leak(0.75))
    graph = to_nir(with_spikes(network), (1, 8, 8))
    for weights, neuron in (("0", "1"), ("3", "4")):
        layer, r = graph.nodes[weights], graph.nodes[neuron].r
        layer.weight, layer.bias = layer.weight * r.flat[0], layer.bias * r.flat[0]
        graph.nodes[neuron].r = np.ones_like(r)
    return graph


def euler() -> nir.NIRGraph:
    """Conv2d, IF, AvgPool2d, Flatten, Affine, LIF, Affine, IF; an IF has r = 1 / dt."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        leak(1.0),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 20),
        leak(0.75),
        nn.Linear(20, 9),
        leak(1.0),
    )
    return to_nir(with_spikes(network), (1, 8, 8), integration="euler")


NETWORKS: OrderedDict[str, Callable[[], nir.NIRGraph]] = OrderedDict(images=images, leaky=leaky, euler=euler)


def leak(beta: float) -> nn.Module:
    return snntorch.Leaky(beta=beta, threshold=1.0, reset_mechanism="zero")


def with_spikes(network: nn.Sequential) -> nn.Sequential:
    """Weights and biases with which neurons spike in some steps and not in others."""
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.weight.mul_(3.0)
                if layer.bias is not None:
                    layer.bias.add_(0.1)
    return network.eval()


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of the framework's environment, which is made if it is not there with these versions."""
    peer, home = PEERS[name], folder / name
    python, mark = home / "bin" / "python", home / "spiq-versions.txt"
    wanted = "\n".join((*peer.libraries, *peer.alone))
    if not mark.is_file() or mark.read_text() != wanted:
        venv.create(home, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, *peer.libraries], check=True)
        subprocess.run([*pip, "--no-deps", *peer.alone], check=True)
        mark.write_text(wanted)
    return python


def answer(
    python: Path, name: str, file: Path, spikes: UInt8[np.ndarray, "time sample *shape"]
) -> Shaped[np.ndarray, "time sample *out"]:
    """What the framework gives for these input spikes."""
    given, taken = file.with_suffix(".in.npy"), file.with_suffix(".out.npy")
    np.save(given, spikes, allow_pickle=False)
    script = HERE / f"read_{name}.py"
    done = subprocess.run(
        [python, script, file, given, taken, str(DEFAULT_DT)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} could not run {file.name}:\n{done.stderr}")
    return np.load(taken, allow_pickle=False)


def check(folder: Path) -> bool:
    """Print the table; whether all spikes are equal."""
    equal = True
    spikes = (np.random.default_rng(SEED).random((TIME, SAMPLE, 1, 8, 8)) < RATE).astype(np.uint8)
    with tempfile.TemporaryDirectory() as files:
        for file, make in NETWORKS.items():
            torch.manual_seed(SEED)
            path = Path(files) / f"{file}.nir"
            write_nir(path, make())
            # As the frameworks compute.
            ours = NirRuntime(resolve(nir.read(path), path.name), torch.float32).run(spikes)
            for name, peer in PEERS.items():
                if file in peer.files:
                    theirs = answer(python_of(name, folder), name, path, spikes).reshape(ours.shape)
                    different = int((theirs != ours).sum())
                    equal &= different == 0 and bool(ours.any())
                    print(f"{peer.versions}: {path.name}, {different} of {ours.size} differ, {ours.sum()} spikes")
    return equal


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(".peers"), help="where the environments are kept")
    sys.exit(not check(parser.parse_args().folder.resolve()))
