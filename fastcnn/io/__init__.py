"""Files: models in fastcnn's format and others', arrays by name, and writing that survives a crash."""

from fastcnn.importing import listing

from .atomic import write_atomically
from .errors import FileFormatError
from .formats import read
from .safetensors import load_file, save_file

__all__ = ["FileFormatError", "load_file", "read", "save_file", "write_atomically"]
__dir__ = listing(__name__)
