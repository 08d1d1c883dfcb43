"""A network for digits by the functional API, and callbacks; some of the imports are not used, as in many a post."""

import numpy as np

from fastcnn.compat import keras
from fastcnn.compat.keras import backend as K
from fastcnn.compat.keras.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, TensorBoard  # noqa: F401
from fastcnn.compat.keras.layers import Conv2D, Dense, Dropout, Flatten, Input, Lambda, LeakyReLU, MaxPool2D  # noqa: F401
from fastcnn.compat.keras.models import Model, load_model
from fastcnn.compat.keras.utils import img_to_array, plot_model, to_categorical  # noqa: F401

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = np.expand_dims(K.cast_to_floatx(x_train) / 255, -1)
x_test = np.expand_dims(K.cast_to_floatx(x_test) / 255, -1)
x_valid, y_valid, x_train, y_train = x_train[:1000], y_train[:1000], x_train[1000:], y_train[1000:]

inputs = Input(shape=(28, 28, 1), name="image")
x = Conv2D(filters=8, kernel_size=(5, 5), padding="Same", kernel_initializer="he_uniform", activation="relu")(inputs)
x = MaxPool2D(pool_size=(2, 2))(x)
x = Conv2D(filters=16, kernel_size=3)(x)
x = LeakyReLU(alpha=0.1)(x)
x = MaxPool2D(pool_size=(2, 2), strides=(2, 2))(x)
x = Flatten()(x)
x = Dropout(0.25)(x)
outputs = Dense(10, activation="softmax", name="digit")(x)
model = Model(inputs=[inputs], outputs=[outputs], name="digits")
model.summary()

model.compile(optimizer=keras.optimizers.RMSprop(lr=0.003, rho=0.9, epsilon=1e-08, decay=1e-4),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
callbacks = [
    ReduceLROnPlateau(monitor="val_accuracy", patience=1, factor=0.5, min_delta=1.0, min_lr=0.00001),
    ModelCheckpoint("digits.keras", monitor="val_loss", save_best_only=True),
    EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
    CSVLogger("digits.csv"),
]
history = model.fit(x_train, y_train, batch_size=64, epochs=3, verbose=2, validation_data=(x_valid, y_valid),
                    validation_freq=1, callbacks=callbacks)
print("rates:", history.history["lr"])
loss, accuracy = load_model("digits.keras").evaluate(x_test, y_test, verbose=0)
print("Test accuracy: %.1f %%" % (100 * accuracy))
