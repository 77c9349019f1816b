"""Write the norse 1.1.0 pairs: networks exported with `norse.torch.to_nir`.

Under nir 1.0.8 all but one. Cells with norse's default parameters can be written only by a nir that knows no v_reset
(it is a number there, which `nir.write` cannot compress): that one is written under nir 1.0.4.

norse steps by v <- v + dt_cell / tau (v_leak - v + input), tau in seconds, but its exporter writes dt_export · tau.
So a reader must step by dt = dt_cell · dt_export. Both are 1e-3 unless given; the pairs store the product.
"""

import importlib
from collections.abc import Callable
from functools import partial

import nir
import norse.torch as norse
import torch
from peer_pair import Framework, Margin, draw, write_pair
from torch import nn

MARGIN = Margin()
CELL_DT = 1e-3


def watched(threshold: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """norse's own threshold function, with its argument v - threshold seen on the way."""

    def see(distance: torch.Tensor, method: str, alpha: float) -> torch.Tensor:
        MARGIN.see(distance)
        return threshold(distance, method, alpha)

    return see


def export(network: nn.Module, shape: tuple[int, ...], dt: float) -> nir.NIRGraph:
    return norse.to_nir(network, torch.zeros(shape), dt=dt)


def export_with_batch(network: nn.Module, shape: tuple[int, ...], dt: float) -> nir.NIRGraph:
    """As norse's own tests do it: the batch stays in the shapes of Input and Output."""
    return export(network, (1, *shape), dt)


def export_with_shapes(network: nn.Module, shape: tuple[int, ...], dt: float) -> nir.NIRGraph:
    """`to_nir` leaves the shapes of Conv2d open, and `nir.write` stops at them: infer_types fills them in."""
    graph = export(network, shape, dt)
    graph.infer_types()
    return graph


def run(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    spikes, state = [], None
    for step in x:
        y, state = network(step, state)
        spikes.append(y)
    return torch.stack(spikes)


def box(shape: tuple[int, ...], v_leak: float) -> norse.LIFBoxCell:
    full = partial(torch.full, shape)
    return norse.LIFBoxCell(
        norse.LIFBoxParameters(tau_mem_inv=full(200.0), v_leak=full(v_leak), v_th=full(1.0), v_reset=full(0.0)),
        dt=CELL_DT,
    )


def iaf(shape: tuple[int, ...]) -> norse.IAFCell:
    return norse.IAFCell(norse.IAFParameters(v_th=torch.ones(shape), v_reset=torch.zeros(shape)), dt=CELL_DT)


def integrate(shape: tuple[int, ...]) -> norse.LIBoxCell:
    return norse.LIBoxCell(
        norse.LIBoxParameters(tau_mem_inv=torch.full(shape, 300.0), v_leak=torch.zeros(shape)), dt=CELL_DT
    )


def boxes() -> nn.Sequential:
    """norse starts such neurons from v_leak."""
    return norse.SequentialState(
        draw(nn.Linear(12, 16), 3.0, 0.6), box((16,), 0.3), draw(nn.Linear(16, 5, bias=False), 6.0), box((5,), 0.3)
    )


def convolutional() -> nn.Sequential:
    """The exporter has no Flatten, so the output is a map, and no Conv2d without a bias."""
    return norse.SequentialState(
        draw(nn.Conv2d(1, 3, 3, padding=1), 0.9, 0.1),
        iaf((3, 8, 8)),
        draw(nn.Conv2d(3, 3, 3, stride=(2, 3), dilation=2), 6.0, 1.0),
        box((3, 2, 2), 0.0),
    )


def integrator() -> nn.Sequential:
    """A leaky integrator without spikes between two affine layers."""
    return norse.SequentialState(
        draw(nn.Linear(12, 8), 1.5, 0.1), integrate((8,)), draw(nn.Linear(8, 5), 0.7, 0.1), iaf((5,))
    )


def current_based() -> nn.Sequential:
    """norse adds the whole input to the current: w_in = tau_syn / dt in NIR. Its exporter leaves w_in at 1."""
    shape = (5,)
    full = partial(torch.full, shape)
    cell = norse.LIFCell(
        norse.LIFParameters(
            tau_syn_inv=full(200.0), tau_mem_inv=full(100.0), v_leak=full(0.0), v_th=full(1.0), v_reset=full(0.0)
        ),
        dt=CELL_DT,
    )
    return norse.SequentialState(draw(nn.Linear(12, 5), 2.0, 0.5), cell)


def defaults() -> nn.Sequential:
    """Cells as norse makes them: every parameter is a number, not an array in the neurons' shape."""
    return norse.SequentialState(
        draw(nn.Linear(12, 8), 6.0, 1.0), norse.LIFBoxCell(), draw(nn.Linear(8, 5), 1.5, 0.1), norse.IAFCell()
    )


def norse_pair(
    name: str,
    make: Callable[[], nn.Module],
    shape: tuple[int, ...],
    dt: float,
    export: Callable[[nn.Module, tuple[int, ...], float], nir.NIRGraph] = export,
    **write_options: object,
) -> None:
    framework = Framework(
        lambda network, shape: export(network, shape, dt), run, MARGIN, partial(nir.write, **write_options)
    )
    write_pair(name, framework, make, shape, dt=CELL_DT * dt)


if __name__ == "__main__":
    for module in ("iaf", "lif", "lif_box"):
        functional = importlib.import_module(f"norse.torch.functional.{module}")
        functional.threshold = watched(functional.threshold)
    if nir.version == "1.0.4":
        norse_pair("norse_defaults", defaults, (12,), 1e-3, export_with_batch)
    else:
        # gzip, nir's default, makes files of this size twice as large
        norse_pair("norse_v_leak", boxes, (12,), 0.1, compression=None)
        norse_pair("norse_conv", convolutional, (1, 8, 8), 1.0, export_with_shapes, compression=None)
        norse_pair("norse_leak", integrator, (12,), 0.1, compression=None)
        norse_pair("norse_cuba", current_based, (12,), 0.1, compression=None)
