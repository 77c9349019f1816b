"""What an ONNX model reads and gives: names, element types and shapes, as the standard's own checker confirms them."""

from collections.abc import Mapping
from typing import NamedTuple

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto

from ..errors import InputError
from .sizes import check_sizes
from .table import check_operators


class OnnxValue(NamedTuple):
    """An input or an output of a model.

    `element` is a `TensorProto.DataType`. In the shape a word stands for an axis whose length is open; the word itself
    means nothing.
    """

    element: int
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        known = self.element in TensorProto.DataType.values()
        element = TensorProto.DataType.Name(self.element).lower() if known else f"type {self.element}"
        return f"{element} [{', '.join(map(str, self.shape))}]"

    def fits(self, wanted: "OnnxValue") -> bool:
        """Whether this is what is wanted, with the same axes open."""
        lengths, needed = ([_length(axis) for axis in value.shape] for value in (self, wanted))
        return self.element == wanted.element and lengths == needed


def check_signature(
    content: bytes, where: str, inputs: Mapping[str, OnnxValue], outputs: Mapping[str, OnnxValue]
) -> None:
    """Raise InputError where a file's content is no valid ONNX model, or does not read and give just these values.

    Errors call the file `where`; `read_signature` says what else is refused.
    """
    model = _checked(content, where)
    read, given = _values_of(model)
    for verb, found, wanted in (("read", read, inputs), ("give", given, outputs)):
        if found.keys() != wanted.keys() or not all(found[name].fits(wanted[name]) for name in wanted):
            raise InputError(f"{where}: must {verb} {_listed(wanted)}, got {_listed(found)}")
    _check_one(model, read, where)


def read_signature(content: bytes, where: str) -> tuple[dict[str, OnnxValue], dict[str, OnnxValue]]:
    """What a model reads and gives, in its own order. Raises InputError, calling it `where`, if it is no valid one.

    ONNX infers every shape from the operators and the constants, so a model whose graph says one shape and computes
    another is no valid one. Before that, what it uses is held against `table`, and after it, what it takes for one
    sample and one step against `sizes`.
    """
    model = _checked(content, where)
    inputs, outputs = _values_of(model)
    _check_one(model, inputs, where)
    return inputs, outputs


def _checked(content: bytes, where: str) -> onnx.ModelProto:
    model = read_model(content, where)
    check_operators(model, where)
    try:
        onnx.checker.check_model(content, full_check=True)
    # A ValueError is for a complaint that quotes what is not UTF-8.
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        raise InputError(f"{where}: not a valid ONNX model: {' '.join(str(error).split())}") from error
    return model


def _values_of(model: onnx.ModelProto) -> tuple[dict[str, OnnxValue], dict[str, OnnxValue]]:
    """What the model says that it reads and gives."""
    constants = {constant.name for constant in model.graph.initializer}
    inputs, outputs = (
        {value.name: _value(value.type.tensor_type) for value in values if value.name not in constants}
        for values in (model.graph.input, model.graph.output)
    )
    return inputs, outputs


def _check_one(model: onnx.ModelProto, inputs: Mapping[str, OnnxValue], where: str) -> None:
    """Raise InputError where one sample of one step takes more than the limits, or its shapes do not follow."""
    # Whoever runs it looks once more, with as many samples as there are.
    one = {name: tuple(axis if isinstance(axis, int) else 1 for axis in value.shape) for name, value in inputs.items()}
    check_sizes(model, one, where)


def read_model(content: bytes, where: str) -> onnx.ModelProto:
    """The model in a file's content. Raises InputError where it is none; whether it is valid is not looked at."""
    try:
        model = onnx.load_model_from_string(content)
        _read_texts(model)
    # So protobuf's errors come, and names that are not UTF-8.
    except (DecodeError, ValueError) as error:
        raise InputError(f"{where}: not a valid ONNX model: {error}") from error
    if not model.HasField("graph"):
        raise InputError(f"{where}: not a valid ONNX model: it has no graph")
    return model


def _read_texts(message: Message) -> None:
    """Raises UnicodeDecodeError where a text is not UTF-8; protobuf would, but only once somebody reads it."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in [value] if isinstance(value, Message) else value:
                _read_texts(part)
        elif field.type == FieldDescriptor.TYPE_STRING:
            for text in [value] if isinstance(value, str | bytes) else value:
                # What cannot be decoded is listed as it is.
                if isinstance(text, bytes):
                    text.decode()


def _length(axis: int | str) -> int | None:
    return axis if isinstance(axis, int) else None


def _value(tensor: onnx.TypeProto.Tensor) -> OnnxValue:
    axes = (axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "any" for axis in tensor.shape.dim)
    return OnnxValue(tensor.elem_type, tuple(axes))


def _listed(values: Mapping[str, OnnxValue]) -> str:
    return ", ".join(f"{name!r} {value}" for name, value in values.items()) or "nothing"
