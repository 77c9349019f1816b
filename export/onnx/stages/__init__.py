"""What each kind of stage is in ONNX: nodes that a model, or the twin, is put together from."""
