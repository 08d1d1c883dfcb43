# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.search.plotting import plot as plot
from fastcnn.search.pruning import PruningCallback as PruningCallback
from fastcnn.search.tuning import tune as tune
