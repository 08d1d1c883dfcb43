# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.compat import keras as keras
