"""What is wrong with a file."""


class FileFormatError(ValueError):
    """A file is damaged, incomplete, of no format that is read here, or of one whose contents fastcnn cannot compute; the
    message names the path and the reason.

    Example:
        >>> _ = open("cut.safetensors", "wb").write(bytes(7))
        >>> try: fastcnn.io.load_file("cut.safetensors")
        ... except FileFormatError as error: print(str(error).partition(";")[0])
        cut.safetensors: it must be a file that save or save_file wrote, and whole
    """
