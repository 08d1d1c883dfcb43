# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.io import torch as torch
from fastcnn.io.atomic import write_atomically as write_atomically
from fastcnn.io.errors import FileFormatError as FileFormatError
from fastcnn.io.formats import read as read
from fastcnn.io.safetensors import load_file as load_file, save_file as save_file
