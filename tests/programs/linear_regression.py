"""One dense unit finds the line through noisy points."""

import numpy as np

from fastcnn.compat.keras.layers.core import Dense
from fastcnn.compat.keras.models import Sequential

x = np.linspace(-1, 1, 101)
y = 3 * x + np.random.randn(*x.shape) * 0.33

model = Sequential()
model.add(Dense(input_dim=1, output_dim=1, init="uniform", activation="linear"))
model.compile(optimizer="sgd", loss="mse")

w, b = model.layers[0].get_weights()
print("before: w = %.2f, b = %.2f" % (w[0][0], b[0]))
model.fit(x, y, nb_epoch=200, verbose=0)
w, b = model.layers[0].get_weights()
print("after: w = %.2f, b = %.2f" % (w[0][0], b[0]))
