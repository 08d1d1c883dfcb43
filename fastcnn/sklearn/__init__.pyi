# What __init__.py offers, for editors and type checkers, which do not run it.

from fastcnn.sklearn._estimators import CNNClassifier as CNNClassifier, CNNRegressor as CNNRegressor
from fastcnn.sklearn.network import small_network as small_network
