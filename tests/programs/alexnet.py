"""The AlexNet of Keras tutorials, of any size and number of classes: alexnet.py [SIZE [CLASSES]]."""

import sys

import numpy as np

from fastcnn.compat.keras.layers.convolutional import Convolution2D, MaxPooling2D
from fastcnn.compat.keras.layers.core import Activation, Dense, Dropout, Flatten
from fastcnn.compat.keras.models import Sequential
from fastcnn.compat.keras.optimizers import SGD

size = int(sys.argv[1]) if len(sys.argv) > 1 else 227
classes = int(sys.argv[2]) if len(sys.argv) > 2 else 1000


def alexnet(size, classes):
    model = Sequential()
    model.add(Convolution2D(96, 11, 11, subsample=(4, 4), border_mode="valid", input_shape=(size, size, 3)))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(3, 3), strides=(2, 2), border_mode="valid"))
    model.add(Convolution2D(256, 5, 5, border_mode="same"))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(3, 3), strides=(2, 2)))
    model.add(Convolution2D(nb_filter=384, nb_row=3, nb_col=3, border_mode="same", activation="relu"))
    model.add(Convolution2D(nb_filter=384, nb_row=3, nb_col=3, border_mode="same", activation="relu"))
    model.add(Convolution2D(nb_filter=256, nb_row=3, nb_col=3, border_mode="same", activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2), strides=(2, 2)))
    model.add(Flatten())
    for _ in range(2):
        model.add(Dense(4096, init="glorot_uniform"))
        model.add(Activation("relu"))
        model.add(Dropout(p=0.5))
    model.add(Dense(output_dim=classes))
    model.add(Activation("softmax"))
    return model


model = alexnet(size, classes)
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True),
              metrics=["accuracy"])
model.summary()


def batches():
    """Images of one brightness per class, endlessly."""
    while True:
        labels = np.random.randint(0, classes, 8)
        images = np.random.rand(8, size, size, 3) * 0.1 + labels[:, None, None, None] / classes
        yield images, np.eye(classes)[labels]


history = model.fit_generator(batches(), samples_per_epoch=32, nb_epoch=2, verbose=2)
print(model.predict_generator(batches(), val_samples=16).shape)
