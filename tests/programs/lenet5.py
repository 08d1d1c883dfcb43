"""LeNet-5 as Keras tutorials build it: tanh, average pooling, C5 as a convolution over all that is left."""

from fastcnn.compat import keras
from fastcnn.compat.keras.datasets import mnist
from fastcnn.compat.keras.layers import AveragePooling2D, Conv2D, Dense, Flatten
from fastcnn.compat.keras.models import Sequential
from fastcnn.compat.keras.utils import np_utils

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train = x_train.reshape(-1, 28, 28, 1).astype("float32") / 255
x_test = x_test.reshape(-1, 28, 28, 1).astype("float32") / 255
y_train = np_utils.to_categorical(y_train, 10)
y_test = np_utils.to_categorical(y_test, 10)

model = Sequential()
model.add(Conv2D(6, kernel_size=(5, 5), strides=(1, 1), activation="tanh", input_shape=(28, 28, 1), padding="same"))
model.add(AveragePooling2D(pool_size=(2, 2), strides=(2, 2), padding="valid"))
model.add(Conv2D(16, kernel_size=(5, 5), strides=(1, 1), activation="tanh", padding="valid"))
model.add(AveragePooling2D(pool_size=(2, 2), strides=(2, 2), padding="valid"))
model.add(Conv2D(120, kernel_size=(5, 5), strides=(1, 1), activation="tanh", padding="valid"))
model.add(Flatten())
model.add(Dense(84, activation="tanh"))
model.add(Dense(10, activation="softmax"))
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.SGD(lr=0.1), metrics=["accuracy"])
model.summary()

history = model.fit(x=x_train, y=y_train, epochs=3, batch_size=64, validation_data=(x_test, y_test), verbose=2)
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
print("by epoch:", history.history["val_acc"])
print("predicted:", model.predict_classes(x_test[:10]))
