"""The CIFAR-10 network of posts from Keras 1 to 2: channels first, bounded norms of weights, decay, folds of the data."""

import numpy as np

from fastcnn.compat.keras import backend as K
from fastcnn.compat.keras.callbacks import LearningRateScheduler
from fastcnn.compat.keras.constraints import maxnorm
from fastcnn.compat.keras.datasets import cifar10
from fastcnn.compat.keras.layers import Dense, Dropout, Flatten
from fastcnn.compat.keras.layers.convolutional import Conv2D, Convolution2D, MaxPooling2D
from fastcnn.compat.keras.layers.normalization import BatchNormalization
from fastcnn.compat.keras.models import Sequential
from fastcnn.compat.keras.optimizers import SGD
from fastcnn.compat.keras.preprocessing.image import ImageDataGenerator
from fastcnn.compat.keras.utils import np_utils

K.set_image_dim_ordering("th")
seed = 7
np.random.seed(seed)

(X_train, y_train), (X_test, y_test) = cifar10.load_data()
X_train = X_train.astype("float32") / 255.0
X_test = X_test.astype("float32") / 255.0
y_train = np_utils.to_categorical(y_train)
y_test = np_utils.to_categorical(y_test)
num_classes = y_test.shape[1]

epochs = 2
lrate = 0.02
scores, models = [], []
for fold in range(2):
    held = np.arange(len(X_train)) % 2 == fold
    model = Sequential()
    model.add(Convolution2D(16, 3, 3, input_shape=(3, 32, 32), border_mode="same", activation="relu",
                            W_constraint=maxnorm(m=0.2)))
    model.add(Dropout(0.2))
    model.add(Conv2D(16, (3, 3), activation="relu", padding="same", kernel_constraint=maxnorm(0.1)))
    model.add(BatchNormalization(axis=1))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(64, activation="relu", kernel_constraint=maxnorm(1)))
    model.add(Dropout(0.5))
    model.add(Dense(num_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"],
                  optimizer=SGD(lr=lrate, momentum=0.9, decay=lrate / epochs, nesterov=False))
    print(model.summary())
    flow = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True).flow(
        X_train[~held], y_train[~held], batch_size=32)
    model.fit_generator(flow, steps_per_epoch=len(flow), epochs=epochs, verbose=0,
                        validation_data=(X_train[held], y_train[held]),
                        callbacks=[LearningRateScheduler(lambda epoch: lrate * 0.5 ** epoch)])
    scores.append(model.evaluate(X_test, y_test, verbose=0)[1])
    models.append(model)
print("Accuracy: %.2f%% (+/- %.2f%%)" % (100 * np.mean(scores), 100 * np.std(scores)))
