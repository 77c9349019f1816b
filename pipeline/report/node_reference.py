"""The nodes of NIR that are known, in Markdown, from the table of nodes and nothing else.

docs/nodes.md is this text.
"""

from ...export.nir.nodes.kind import NeuronKind
from ...export.nir.nodes.table import NODES
from ...hardware.inspection.node_support import CHIP, NETX, on_chip

INTRODUCTION = """\
# NIR's nodes

What each node means, and what becomes of it. A node is one entry of the table in `export/nir/nodes/`; the float
runtime, ONNX and the lowering know no node but by its entry. [adding-a-neuron.md](adding-a-neuron.md) shows how to
add one, [lava.md](lava.md) says what of each a program for the chip can hold.

`spiq check` prints this text, and `spiq check FILE` what of a file is supported where.

All nodes run in floating point, and in ONNX where the graph ends in spikes. A neuron's parameters are one value for
all, one for each channel, or one for each neuron.
"""

COLUMNS = ("node", "equation", "parameters of a neuron", CHIP, NETX)


def reference() -> str:
    """The whole text."""
    rows = []
    for node, kind in NODES.items():
        keys = " ".join(f"`{key}`" for key in kind.parameters) if isinstance(kind, NeuronKind) else ""
        rows.append((f"`{node.__name__}`", kind.equation, keys, *on_chip(kind).values()))
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return INTRODUCTION + "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
