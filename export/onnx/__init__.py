"""The parts of a network as ONNX models, and what a model from elsewhere may contain."""
