"""Three blocks or more, backwards through the light cone of each measured qubit.

Around each measured qubit stands a window of qubits. Its observable starts as one Pauli vector on the qubit in the
middle and goes back block by block: through the CZ gates (an exchange of Pauli strings, and a Z on the next qubit
outside wherever the outermost one flips) and through the block before them (a transfer matrix on each qubit). So the
window grows by one qubit to either side each time. Before the second block it is complete: 2b - 5 qubits of b blocks,
4^(2b - 5) numbers for each measured qubit and sample. The second block, the first CZ gates and the product state after
the first block then close it to one number, qubit by qubit. What a qubit has to know of its neighbours for that is
whether they flip, one bit each.

A line ends in qubits that stay in |0>, on which CZ does nothing.

In every tensor the measured qubit and the sample come last. A Pauli matrix is one axis of 4, in the order I, Z, X, Y,
or two of 2, (flip, phase).
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .bloch import LocalMaps
from .controlled_z import PAULI_MATRICES, exchange_by_cz

Z_ROW = 1

_At = Callable[[Tensor, int], Tensor]


def cone_expectations(maps: LocalMaps, ring: bool) -> Float[Tensor, "qubit sample"]:
    """<Z> of each qubit of a circuit of three blocks or more.

    A ring must have 2 blocks - 1 qubits or more: no window may meet itself.
    """
    prepared, between = maps.prepared.transpose(0, 1), maps.between.permute(0, 2, 3, 1, 4)
    n_qubits, n_between = prepared.shape[1], len(between)
    at = _window(n_qubits, ring, n_between + 1, prepared.device)
    if not ring:
        prepared, between = _with_end(prepared, (0.0, 0.0, 1.0)), _with_end(between, torch.eye(4).tolist())
    operator = maps.measured.transpose(0, 1)
    for half, matrices in enumerate(between[1:].flip(0)):
        local = [at(matrices, offset) for offset in range(-half, half + 1)]
        operator = _grown(
            _through_block(operator, local), at(matrices[Z_ROW], -half - 1), at(matrices[Z_ROW], half + 1)
        )
        operator = _through_cz(operator, 2 * half + 3)

    second, sites, half = between[0], _site_values(prepared), n_between - 1
    left, right = (
        _edge_values(at(second[Z_ROW], edge), at(sites, edge), at(prepared[2], outside))
        for edge, outside in ((-half - 1, -half - 2), (half + 1, half + 2))
    )
    inside = [(at(second, offset), at(sites, offset)) for offset in range(-half, half + 1)]
    return _closed(operator, inside, left, right)


def _window(n_qubits: int, ring: bool, reach: int, device: torch.device) -> _At:
    """The function that moves the qubits of a tensor [..., qubit, sample], so that qubit i + offset stands at i.

    Beyond an end of a line stands the qubit that was appended to the tensor.
    """

    def place(qubit: int) -> int:
        return qubit % n_qubits if ring else qubit if 0 <= qubit < n_qubits else n_qubits

    index = {
        offset: torch.tensor([place(qubit + offset) for qubit in range(n_qubits)], device=device)
        for offset in range(-reach, reach + 1)
    }
    return lambda tensor, offset: tensor.index_select(-2, index[offset])


def _with_end(tensor: Tensor, values: Sequence) -> Tensor:
    """The tensor [..., qubit, sample] with one more qubit, whose `values` [...] are the same for every sample."""
    end = torch.tensor(values, dtype=tensor.dtype, device=tensor.device)[..., None, None]
    return torch.cat((tensor, end.expand_as(tensor[..., :1, :])), dim=-2)


def _through_cz(operator: Float[Tensor, "string qubit sample"], width: int) -> Float[Tensor, "string qubit sample"]:
    """Through the CZ gates inside a window of `width` qubits."""
    source, sign = exchange_by_cz(width, [(site, site + 1) for site in range(width - 1)], operator)
    return operator.index_select(0, source) * sign[:, None, None]


def _through_block(
    operator: Float[Tensor, "string qubit sample"], blocks: Sequence[Float[Tensor, "4 4 qubit sample"]]
) -> Float[Tensor, "2 string 2 qubit sample"]:
    """Through one block, with whether the outermost qubits flip before it: [left, string, right, qubit, sample]."""
    last = operator.shape[-2:]
    ends = [block.unflatten(0, (2, 2)) for block in (blocks[0], blocks[-1])]
    if len(blocks) == 1:
        left = (operator.view(2, 2, 1, *last) * ends[0]).sum(1)
        return left.unsqueeze(2) * torch.eye(2).to(operator)[:, None, :, None, None]
    for site, block in enumerate(blocks[1:-1], start=1):
        sites = operator.reshape(PAULI_MATRICES**site, PAULI_MATRICES, 1, -1, *last)
        operator = (sites * block.unsqueeze(2)).sum(1)
    left = (operator.reshape(2, 2, 1, -1, *last) * ends[0].unsqueeze(3)).sum(1)
    right = (left.reshape(-1, 1, 2, 2, *last) * ends[1].movedim(2, 0)).sum(3)
    return right.reshape(2, -1, 2, *last)


def _grown(
    split: Float[Tensor, "2 string 2 qubit sample"],
    left: Float[Tensor, "4 qubit sample"],
    right: Float[Tensor, "4 qubit sample"],
) -> Float[Tensor, "string qubit sample"]:
    """The operator on a window with one more qubit to either side, given what Z becomes on each of the two."""
    flipped = split[1] * left[:, None, None]
    grown = torch.cat((flipped[:1] + split[0], flipped[1:])).flatten(0, 1)
    flipped = grown[:, 1, None] * right
    return torch.cat((flipped[:, :1] + grown[:, :1], flipped[:, 1:]), dim=1).flatten(0, 1)


def _site_values(prepared: Float[Tensor, "3 qubit sample"]) -> Float[Tensor, "2 2 2 2 qubit sample"]:
    """Each Pauli matrix's value after the first CZ gates: [flip to the left, flip, phase, flip to the right, ...]."""
    x, y, z = prepared.unbind()
    one = torch.ones_like(z)
    odd = (z, one, y, -x)
    values = torch.stack((one, z, x, y, *odd, *odd, one, z, -x, -y))
    return values.view(2, 2, 2, 2, *z.shape).permute(0, 2, 3, 1, 4, 5)


def _edge_values(
    observable: Float[Tensor, "4 qubit sample"],
    site: Float[Tensor, "2 2 2 2 qubit sample"],
    z_outside: Float[Tensor, "qubit sample"],
) -> Float[Tensor, "2 2 2 qubit sample"]:
    """The qubit next to a window, closed: [whether a Z was put on it, its flip, the window's flip, qubit, sample].

    `observable` is what that Z becomes in the block before; the qubit beyond is only seen by its <Z>.
    """
    alone = site[0]
    untouched = torch.stack((alone[0, 0], torch.zeros_like(alone[0, 0])))
    stay, flip = (observable.unflatten(0, (2, 2)).unsqueeze(2) * alone).sum(1)
    return torch.stack((untouched, torch.stack((stay, flip * z_outside))))


def _closed(
    operator: Float[Tensor, "string qubit sample"],
    inside: Sequence[tuple[Float[Tensor, "4 4 qubit sample"], Float[Tensor, "2 2 2 2 qubit sample"]]],
    left: Float[Tensor, "2 2 2 qubit sample"],
    right: Float[Tensor, "2 2 2 qubit sample"],
) -> Float[Tensor, "qubit sample"]:
    """The value of an operator that has come back through the CZ gates after the second block, qubit by qubit.

    `inside` has the second block and the site values of each qubit of the window, from the left.
    """
    blocks = [block.unflatten(1, (2, 2)).unflatten(0, (2, 2)) for block, _ in inside]
    values = [site for _, site in inside]
    values[0] = (left[:, :, :, None, None] * values[0]).sum(1)
    values[-1] = (values[-1].unsqueeze(4) * right.transpose(0, 2)[:, None]).sum(3)
    # Outside a window's outermost qubit a Z stands if that qubit's own Pauli matrix flips, so it needs no axis.
    if len(inside) == 1:
        (block,), (value,) = blocks, values
        diagonal = torch.stack((value[0, :, :, 0], value[1, :, :, 1]))
        return (operator.unflatten(0, (2, 2)) * (block * diagonal[:, None]).sum((2, 3))).sum((0, 1))

    last = operator.shape[-2:]
    first = (blocks[0].unsqueeze(4) * values[0].unsqueeze(1)).sum(3)
    partial = (operator.reshape(2, 2, 1, 1, -1, *last) * first.unsqueeze(4)).sum((0, 1))
    for block, value in zip(blocks[1:-1], values[1:-1], strict=True):
        site = (block[:, :, None, :, :, None] * value).sum(4).permute(2, 3, 0, 1, 4, 5, 6).flatten(2, 3)
        partial = (partial.reshape(2, 2, 4, 1, -1, *last) * site.unsqueeze(4)).sum((0, 2))
    site = (blocks[-1][:, :, None] * values[-1].movedim(3, 0)[:, None]).sum(4)
    return (partial.reshape(2, 2, 2, 2, *last) * site.permute(2, 3, 0, 1, 4, 5)).sum((0, 1, 2, 3))
