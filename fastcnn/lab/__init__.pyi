# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.lab.session import Lab as Lab
