"""Files: arrays in one .safetensors file, and writing that survives a crash."""

from .atomic import write_atomically
from .safetensors import FileFormatError, load_file, save_file

__all__ = ["FileFormatError", "load_file", "save_file", "write_atomically"]
