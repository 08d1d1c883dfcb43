"""A small training, for emulators and valgrind: prints the instruction set and the bits of its weights and predictions.

    FASTCNN_ISA=scalar python tests/small_training.py

Each instruction set has bits of its own, whatever the CPU: another machine's must be the same (.ci/emulators).
"""

import hashlib

import numpy as np

import fastcnn
from fastcnn import layers

random = np.random.default_rng(1)
x, y = random.random((40, 12, 12, 3), np.float32), random.integers(0, 5, 40)
model = fastcnn.Sequential([
    layers.Conv2D(8, 3, activation="relu", kernel_initializer="glorot_uniform", input_shape=(12, 12, 3)),
    layers.MaxPooling2D(2), layers.BatchNormalization(), layers.Conv2D(18, 3, kernel_initializer="glorot_uniform"),
    layers.Flatten(), layers.Dropout(0.2), layers.Dense(5, activation="softmax", kernel_initializer="glorot_uniform"),
], seed=2)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, batch_size=8, epochs=2, verbose=0)
digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in [*model.get_weights(), model.predict(x)]))
print(fastcnn._ops.active_isa(), digest.hexdigest()[:16])
