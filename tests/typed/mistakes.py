"""Mistakes that type checkers find: each line that says so, and no other. Nobody runs this."""

import numpy as np

import fastcnn
from fastcnn import Input, Model, Sequential, callbacks, datasets, images, layers, losses, metrics, networks, ops, optimizers
from fastcnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

x, y = np.zeros((8, 28, 28, 1)), np.zeros(8)

# Layers: their own arguments, those of the base, and those of layers that have none of their own
Conv2D(8, 3, activaton="relu")  # error
Conv2D(8, 3, kernel_size=5)  # error
Conv2D(8)  # error
Conv2D("8", 3)  # error
Conv2D(8, 3, activation="relu", input_shap=(28, 28, 1))  # error
Conv2D(8, 3, input_shape=28)  # error
Conv2D(8, 3, name=3)  # error
Dense(10, activations="softmax")  # error
Dense(10, kernel_regulariser="l2")  # error
Dropout(0.5, train=True)  # error
Dropout("half")  # error
MaxPooling2D(2, stride=2)  # error
BatchNormalization(momentun=0.9)  # error
Flatten(nmae="flat")  # error
Flatten(10)  # error
layers.Add(axis=1)  # error
layers.ReLU(max=6)  # error
layers.RBF(10, trainabel=True)  # error
layers.Softmax(axis=-1)  # error
layers.Conv2d(8, 3)  # error
layers.Layer(nam="x")  # error
Input(28)  # error
Input((28, 28), batch=3)  # error
Conv2D(8, 3)(x, True)  # error

# What can be set, and what can be read
dense = Dense(10)
dense.trainable = False
dense.trainabel = False  # error
dense.units.value  # error
dense.add_weight("w")  # error
Conv2D(8, 3)(Input((28, 28, 1))).shap  # error
Input((3,)) + 1  # error

# Models
model = Sequential([Flatten(), Dense(10)], sed=1)  # error
model = Sequential([Flatten(), "dense"])  # error
model = Sequential([Flatten(), Dense(10)])
model.add("dense")  # error
model.compile(optimiser="sgd")  # error
model.compile("sgd", "mse", metric=["accuracy"])  # error
model.compile(0.1)  # error
model.fit(x, y, epoch=3)  # error
model.fit(x, y, epochs="3")  # error
model.fit(x, y, validation_spilt=0.1)  # error
model.fit(x, y, callbacks=["early"])  # error
model.fit(x, y).histroy  # error
model.evaluate(x, y, batchsize=3)  # error
model.predict(x, batch=3)  # error
model.prdict(x)  # error
model.layers.pop()  # error
model.layers.append(Dense(3))  # error
model.layers[0] = Dense(3)  # error
model.trainabel = False  # error
model.save()  # error
model.get_layer(nme="dense")  # error
model.gradients(x)  # error
Model(x, y)  # error
Model(Input((3,)), output=Input((3,)))  # error
fastcnn.load_model("m.safetensors", custom_object={})  # error
fastcnn.load_model("m.safetensors").fit(x, y, epoch=3)  # error
networks.lenet5(class_count=10)  # error
networks.resnet(20, cifar10=True)  # error
networks.alexnet(varient="caffe")  # error
networks.resnet50()  # error

# Training
optimizers.SGD(lr=0.1)  # error
optimizers.SGD(0.1, clip_norm=1.0)  # error
optimizers.Adam(learning_rate="fast")  # error
optimizers.Adam(beta1=0.9)  # error
optimizers.SGD(0.1).lr = 0.2  # error
optimizers.adam(0.1)  # error
optimizers.SDLM.published(60000, nu=0.1)  # error
optimizers.schedules.CosineDecay(0.1)  # error
losses.SparseCategoricalCrossentropy(from_logit=True)  # error
losses.MeanSquaredError(delta=1)  # error
losses.Huber(delta="1")  # error
metrics.Precision(threshold=0.5)  # error
metrics.SparseTopKCategoricalAccuracy(top=3)  # error
callbacks.EarlyStopping(monitor="loss", patiense=3)  # error
callbacks.ModelCheckpoint()  # error
callbacks.LambdaCallback(on_epoch_ends=print)  # error
fastcnn.initializers.HeNormal(sed=1)  # error
fastcnn.regularizers.L2(l1=0.1)  # error
fastcnn.constraints.MaxNorm(max=2)  # error


class Own(layers.Layer):
    def forward(self, x, training=False):
        return x


class Stop(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.sav("model.safetensors")  # error


Own(None)  # error

# Data, photographs, arrays
datasets.mnist.load_data(pth="mnist.npz")  # error
datasets.ImageFolder("photos", sise=64)  # error
datasets.ImageFolder()  # error
datasets.minst  # error
images.Augmentation(corp=32)  # error
images.ImageBatches(None, batchsize=3)  # error
ops.conv2d(x, np.zeros((3, 3, 1, 4)), stride=2)  # error
ops.conv2(x, x)  # error
ops.relu(x).shap  # error
fastcnn.reference.max_pool2d(x)  # error
fastcnn.vis.histroy(model.fit(x, y))  # error
fastcnn.vis.filters(model, layr="conv")  # error
fastcnn.vis.filters(model).save("filters.png")  # error
fastcnn.io.save_file({}, "a", verify=True)  # error
fastcnn.recipes.train_lenet5(epoch=1)  # error
fastcnn.recipes.train_lenet5(epochs=1).acuracy  # error
fastcnn.set_num_threads("2")  # error
fastcnn.set_config(exakt=True)  # error
fastcnn.convnetjs.Net([], faithfull=True)  # error
fastcnn.convnetjs.MagicNet()  # error
fastcnn.convnetjs.Trainer(fastcnn.convnetjs.Net(), "adam").fit(x, y, verbosity=0)  # error
fastcnn.Sequental()  # error
