"""What guides to Keras' functional API show: a residual network, two inputs and two outputs, shared layers, a model as a
layer, features of a model's inside."""

import numpy as np

from fastcnn.compat import keras
from fastcnn.compat.keras import layers

rng = np.random.default_rng(0)

# A toy residual network

inputs = keras.Input(shape=(32, 32, 3), name="img")
x = layers.Conv2D(16, 3, activation="relu")(inputs)
x = layers.Conv2D(32, 3, activation="relu")(x)
block_1_output = layers.MaxPooling2D(3)(x)
x = layers.Conv2D(32, 3, activation="relu", padding="same")(block_1_output)
x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
block_2_output = layers.add([x, block_1_output])
x = layers.Conv2D(32, 3, activation="relu", padding="same")(block_2_output)
x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
block_3_output = layers.add([x, block_2_output])
x = layers.Conv2D(32, 3, activation="relu")(block_3_output)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(64, activation="relu")(x)
x = layers.Dropout(0.2)(x)
toy = keras.Model(inputs, layers.Dense(10)(x), name="toy_resnet")
toy.summary()
toy.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["acc"])
photographs = rng.random((64, 32, 32, 3), dtype=np.float32)
toy_history = toy.fit(photographs, rng.integers(0, 10, 64), batch_size=32, epochs=2, validation_split=0.2, verbose=0)

# Two inputs, two outputs

title = keras.Input(shape=(20,), name="title")
tags = keras.Input(shape=(12,), name="tags")
x = layers.concatenate([layers.Dense(16, activation="relu")(title), tags])
priority = layers.Dense(1, name="priority")(x)
department = layers.Dense(4, name="department")(x)
tickets = keras.Model(inputs=[title, tags], outputs={"priority": priority, "department": department})
tickets.compile(optimizer=keras.optimizers.RMSprop(1e-3),
                loss={"priority": keras.losses.BinaryCrossentropy(from_logits=True),
                      "department": keras.losses.CategoricalCrossentropy(from_logits=True)},
                loss_weights={"priority": 1.0, "department": 0.2})
tickets_history = tickets.fit(
    {"title": rng.random((96, 20)), "tags": rng.integers(0, 2, (96, 12)).astype("float32")},
    {"priority": rng.integers(0, 2, (96, 1)).astype("float32"), "department": np.eye(4)[rng.integers(0, 4, 96)]},
    epochs=2, batch_size=32, verbose=0)

# Shared layers: which of two digits is larger?

digit_a, digit_b = keras.Input(shape=(28, 28, 1)), keras.Input(shape=(28, 28, 1))
tower = keras.Sequential([layers.Conv2D(8, 3, activation="relu", input_shape=(28, 28, 1)), layers.MaxPooling2D(4),
                          layers.Flatten(), layers.Dense(16, activation="relu")])
joined = layers.concatenate([tower(digit_a), tower(digit_b)])
larger = keras.Model([digit_a, digit_b], layers.Dense(1, activation="sigmoid")(joined))
larger.compile("rmsprop", "binary_crossentropy", ["accuracy"])
(digits, labels), _ = keras.datasets.mnist.load_data()
pairs = rng.integers(0, len(digits), (2, 600))
images = [digits[i][..., None] / 255 for i in pairs]
larger_history = larger.fit(images, labels[pairs[0]] > labels[pairs[1]], epochs=6, batch_size=20, verbose=0)

# A model as a layer: an encoder, a decoder, and both in one

encoder_input = keras.Input(shape=(28, 28, 1), name="original")
x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(encoder_input)
x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
encoder = keras.Model(encoder_input, layers.Dense(12, activation="tanh")(layers.Flatten()(x)), name="encoder")
decoder_input = keras.Input(shape=(12,), name="code")
x = layers.Reshape((7, 7, 4))(layers.Dense(7 * 7 * 4, activation="relu")(decoder_input))
x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
decoder = keras.Model(decoder_input, layers.Conv2DTranspose(1, 3, strides=2, padding="same")(x), name="decoder")
autoencoder_input = keras.Input(shape=(28, 28, 1), name="img")
autoencoder = keras.Model(autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder")
autoencoder.compile("adam", "mse")
originals = digits[:512, ..., None] / 255
autoencoder_history = autoencoder.fit(originals, originals, epochs=5, verbose=0)
code = encoder.predict(originals[:3])

# The features of every layer

features = keras.Model(inputs=toy.input, outputs=[layer.output for layer in toy.layers])
activations = features(photographs[:2])
