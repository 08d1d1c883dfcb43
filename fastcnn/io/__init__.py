"""Files: arrays in one .safetensors file, and writing that survives a crash."""

from fastcnn.importing import answering, listing

from .atomic import write_atomically
from .safetensors import FileFormatError, load_file, save_file

__all__ = ["FileFormatError", "load_file", "save_file", "write_atomically"]
__dir__, __getattr__ = listing(__name__), answering(__name__)
