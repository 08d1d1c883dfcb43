"""A network layer by layer, each called on what the last one gave."""

import numpy as np

from fastcnn.compat.keras.layers import AveragePooling2D, Conv2D, Dense, Flatten
from fastcnn.compat.keras.models import Sequential

net = Sequential([
    Conv2D(6, kernel_size=5, padding="same", activation="sigmoid", input_shape=(28, 28, 1)),
    AveragePooling2D(pool_size=2, strides=2),
    Conv2D(16, kernel_size=5, activation="sigmoid"),
    AveragePooling2D(pool_size=2, strides=2),
    Flatten(),
    Dense(120, activation="sigmoid"),
    Dense(84, activation="sigmoid"),
    Dense(10),
])

X = np.random.rand(1, 28, 28, 1)
for layer in net.layers:
    X = layer(X)
    print(layer.__class__.__name__, "output shape:", X.shape)
