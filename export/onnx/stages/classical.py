"""A classical stage: an ONNX model from anywhere, once its operators and sizes are what may run here."""

from onnx import TensorProto, helper

from ...errors import InputError
from ...network.stages import Classical, Tensor
from ..signature import OnnxValue, read_signature

ELEMENTS = (TensorProto.FLOAT, TensorProto.DOUBLE)


def read_classical(content: bytes, where: str) -> Classical:
    """The stage of a model's content, which errors call `where`.

    Raises InputError where it is no valid model, uses what `table` does not allow, gives another number of values than
    one, or reads or gives what is no float or double [sample, *shape] with an open sample axis.
    """
    inputs, outputs = read_signature(content, where)
    if not inputs or len(outputs) != 1:
        raise InputError(f"{where}: must read one or more values and give one, got {len(inputs)} and {len(outputs)}")
    tensors = [_tensor(name, value, where) for name, value in (*inputs.items(), *outputs.items())]
    return Classical(content, tuple(tensors[:-1]), tensors[-1])


def _tensor(name: str, value: OnnxValue, where: str) -> Tensor:
    sizes = tuple(size for size in value.shape[1:] if isinstance(size, int) and size > 0)
    is_open = bool(value.shape) and not isinstance(value.shape[0], int)
    if value.element not in ELEMENTS or not is_open or not sizes or sizes != value.shape[1:]:
        raise InputError(
            f"{where}: {name!r} must be a float or double [sample, …], the number of samples open and the others "
            f"fixed, got {value}"
        )
    return Tensor(name, helper.tensor_dtype_to_np_dtype(value.element).name, sizes)
