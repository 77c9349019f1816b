"""A QNode as a function of one sample: with its weights given, and with inputs of the kind that it computes with."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import InputError

if TYPE_CHECKING:
    from pennylane import QNode
    from pennylane.qnn import TorchLayer
    from pennylane.tape import QuantumScript
    from torch import Tensor


class Form(NamedTuple):
    """How a QNode takes a sample: as a tensor of PyTorch or an array of NumPy, [input] or [1, input]."""

    tensors: bool
    batched: bool


FORMS = (Form(True, False), Form(True, True), Form(False, False), Form(False, True))


class QuantumFunction:
    """A QNode of which only the inputs are open.

    Args:
        qnode: a QNode, or a TorchLayer, which brings its weights and always takes samples [sample, input].
        argument: the name of the QNode's argument for the inputs; None for `inputs`, or the first one without it.
        weights: the QNode's other arguments by name.

    Raises:
        InputError: no QNode, an argument that it does not have, or a missing one.
    """

    def __init__(self, qnode: "QNode | TorchLayer", argument: str | None, weights: Mapping[str, Any] | None) -> None:
        import pennylane as qml

        self.forms = FORMS
        given = dict(weights or {})
        if _is_torch_layer(qnode):
            layer: Any = qnode
            if given:
                raise InputError(
                    f"weights must be left out for a TorchLayer, which has its own, got {', '.join(given)}"
                )
            given = dict(layer.qnode_weights)
            argument = argument or layer.input_arg
            qnode = layer.qnode
            self.forms = tuple(form for form in FORMS if form.batched)
        if not isinstance(qnode, qml.QNode):
            raise InputError(f"qnode must be a QNode or a qml.qnn.TorchLayer, got a {type(qnode).__name__}")
        self.qnode: Any = qnode
        self.argument = _argument(qnode, argument, given)
        self._weights = {True: {}, False: {}}
        for name, value in given.items():
            self._weights[True][name], self._weights[False][name] = _as_tensor_and_array(name, value)

    def tape(self, inputs: "Tensor", form: Form) -> "QuantumScript":
        """What the QNode queues for one sample [input], a float64 tensor; raises whatever its code raises."""
        from pennylane.workflow import construct_tape

        return construct_tape(self.qnode, level="user")(**self._arguments(inputs, form))

    def values(self, inputs: "Tensor", form: Form) -> list[float]:
        """All that the QNode returns for one sample, one number after the other, computed without shots or noise."""
        import pennylane as qml
        from pennylane.pytrees import flatten

        wires = self.qnode.device.wires or None
        exact = qml.set_shots(
            self.qnode.update(device=qml.device("default.qubit", wires=wires), diff_method=None), None
        )
        leaves = flatten(exact(**self._arguments(inputs, form)))[0]
        return [float(number) for leaf in leaves for number in np.ravel(np.real(np.asarray(leaf)))]

    def _arguments(self, inputs: "Tensor", form: Form) -> dict[str, Any]:
        weights = self._weights[form.tensors]
        if self.argument is None:
            return weights
        one: Any = inputs if form.tensors else inputs.detach().numpy().copy()
        return {**weights, self.argument: one[None] if form.batched else one}


def _argument(qnode: "QNode", argument: str | None, given: Mapping[str, Any]) -> str | None:
    """The name of the argument for the inputs, once all others are known to have a value; None where there is none."""
    parameters = inspect.signature(qnode.func).parameters
    any_name = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    named = {name: one for name, one in parameters.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    listed = ", ".join(named) or "none"
    if argument is None:
        argument = "inputs" if "inputs" in named else next((name for name in named if name not in given), None)
    elif argument not in named and not any_name:
        raise InputError(f"argument must be one of the QNode's arguments ({listed}), got {argument!r}")
    if argument in given:
        raise InputError(f"weights must be of the QNode's other arguments, got {argument}, which takes the inputs")
    unknown = [name for name in given if name not in named]
    if unknown and not any_name:
        raise InputError(f"weights must be of the QNode's arguments ({listed}), got {unknown[0]!r}")
    missing = [name for name, one in named.items() if one.default is one.empty and name not in (argument, *given)]
    if missing:
        raise InputError(
            "weights must have a value for every argument of the QNode but the inputs, got none for "
            f"{', '.join(missing)}"
        )
    return argument


def _as_tensor_and_array(name: str, value: Any) -> tuple[Any, Any]:
    """Arrays and tensors of real numbers in float64, as a tensor and as an array; all else as it is."""
    import torch

    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    elif isinstance(value, list | tuple):
        try:
            value = np.asarray(value) if np.asarray(value).dtype.kind == "f" else value
        except ValueError:  # rows of different lengths: the QNode may know what to do with them
            return value, value
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value, value
    array = np.array(value, dtype=np.float64, subok=False)
    if not np.isfinite(array).all():
        raise InputError(f"weights: {name} must hold finite numbers, got {array[~np.isfinite(array)][0]}")
    return torch.from_numpy(array.copy()), array


def _is_torch_layer(qnode: object) -> bool:
    import pennylane as qml

    # Without PyTorch that name is something else.
    layer: Any = qml.qnn.TorchLayer
    return isinstance(qnode, layer)
