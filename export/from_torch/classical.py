"""A PyTorch module without a state, such as a readout, as a classical stage."""

import io
import warnings

import torch
from torch import nn

from ..errors import InputError
from ..network.stages import Classical
from ..nir.geometry import Shape
from ..onnx.model import OPSET
from ..onnx.stages.classical import read_classical


def classical_stage(module: nn.Module, shapes: tuple[Shape, ...], name: str) -> Classical:
    """The stage of a module in evaluation mode that reads values [sample, *shape], one for each of `shapes`.

    Its ONNX model is of the type of the module's parameters, float32 or float64, and float64 without any. Raises
    InputError, calling it `name`, where PyTorch cannot export it, or the model uses operators that are not allowed.
    """
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float64)
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"{name}: its parameters must be float32 or float64, got {dtype}")
    # Two samples, since an exporter takes a size of 1 for one that is always 1.
    given = tuple(torch.zeros(2, *shape, dtype=dtype) for shape in shapes)
    names = [f"values_{number}" for number in range(len(given))]
    content = io.BytesIO()
    was_training = module.training
    try:
        with warnings.catch_warnings():
            # PyTorch's newer exporter needs a further package, and the one without says so.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                given,
                content,  # pyright: ignore[reportArgumentType]
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=["answer"],
                dynamic_axes={one: {0: "sample"} for one in (*names, "answer")},
            )
    # What an exporter raises has no common base.
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: {type(module).__name__} cannot be exported to ONNX: {words}") from error
    finally:
        module.train(was_training)
    return read_classical(content.getvalue(), name)
