"""Write `norse_conv` once more in the layout of nir 0.1.0: no version, no Conv2d.input_shape, no v_reset."""

import shutil
from pathlib import Path

import h5py
import nir

FOLDER = Path(__file__).parent


def old_node(group: h5py.Group) -> nir.NIRNode:
    values = {key: group[key][()] for key in group if key not in ("type", "input_shape", "v_reset")}
    return getattr(nir, group["type"][()].decode())(**values)


if __name__ == "__main__":
    with h5py.File(FOLDER / "norse_conv.nir") as file:
        nodes = {name: old_node(group) for name, group in file["node/nodes"].items()}
        edges = [(source.decode(), target.decode()) for source, target in file["node/edges"][()]]
    nir.write(FOLDER / "nir_0_1_conv.nir", nir.NIRGraph(nodes=nodes, edges=edges))
    shutil.copyfile(FOLDER / "norse_conv.npz", FOLDER / "nir_0_1_conv.npz")
