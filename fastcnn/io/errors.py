"""What is wrong with a file."""


class FileFormatError(ValueError):
    """A file is damaged, incomplete, of no format that is read here, or of one whose contents fastcnn cannot compute; the
    message names the path and the reason.

    Example:
        >>> _ = open("cut.safetensors", "wb").write(bytes(7))
        >>> try: fastcnn.io.load_file("cut.safetensors")
        ... except FileFormatError as error: print(error)
        cut.safetensors: the file must hold the 8-byte length of its header. Received: 7 bytes
    """
