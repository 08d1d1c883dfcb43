"""Networks written as ONNX."""


def write(description, path):
    raise NotImplementedError
