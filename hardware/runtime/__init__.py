"""Runs on the host: NIR graphs in floating point, ONNX models."""
