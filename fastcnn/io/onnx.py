"""Models of ONNX, read and written."""
