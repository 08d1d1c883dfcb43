"""What beginners do wrong, and what they are told: what was received, what is accepted, and the call that is meant.

A row of a table is a mistake: its name, the code, the error (or warning), and words that the message must have.
"""

import re
import shlex
import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn import (
    callbacks,
    constraints,
    datasets,
    images,
    initializers,
    io,
    layers,
    losses,
    metrics,
    networks,
    ops,
    optimizers,
    regularizers,
    vis,
)

X, Y = np.random.default_rng(0).random((8, 28, 28, 1), np.float32), np.arange(8)


def classifier(units=10, activation="softmax", loss="sparse_categorical_crossentropy", shape=(28, 28, 1), **compiled):
    """A small model; loss None: not compiled."""
    model = fastcnn.Sequential([layers.Flatten(input_shape=shape), layers.Dense(units, activation)], seed=0)
    if loss is not None:
        model.compile(compiled.pop("optimizer", "sgd"), loss, **compiled)
    return model


class OnAnotherDevice:
    """As a tensor is that makes no array."""

    shape = (8, 28, 28, 1)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()")


def pairs():
    """A generator of batches."""
    yield X, Y


MODULES = (callbacks, constraints, datasets, images, initializers, io, layers, losses, metrics, networks, ops, optimizers,
           regularizers, vis)
NAMES = {
    **{name: getattr(layers, name) for name in layers.__all__}, **{module.__name__[8:]: module for module in MODULES},
    "Sequential": fastcnn.Sequential, "Model": fastcnn.Model, "Input": fastcnn.Input, "load_model": fastcnn.load_model,
    "fastcnn": fastcnn, "keras": fastcnn.compat.keras, "np": np, "x": X, "y": Y, "pairs": pairs, "classifier": classifier,
    "Elsewhere": OnAnotherDevice,
}

SHAPES = [
    ("no channels", "Sequential([Conv2D(8, 3, input_shape=(28, 28))])", ValueError,
     "(height, width, channels)", "grey images have one channel", "Received: (28, 28)"),
    ("samples in input_shape", "Sequential([Conv2D(8, 3, input_shape=(60000, 28, 28, 1))])", ValueError,
     "how many samples there are is no part of it", "Received: (60000, 28, 28, 1)"),
    ("batch in input_shape", "Sequential([Conv2D(8, 3, input_shape=(None, 28, 28, 1))])", TypeError,
     "input_shape must be a tuple of integers", "without the batch", "Received: (None, 28, 28, 1)"),
    ("batch in Input", "Input((None, 784))", TypeError, "without the batch", "Received: (None, 784)"),
    ("a number as input_shape", "Dense(10, input_shape=784)", TypeError, "tuple of integers", "Received: 784"),
    ("a text as input_shape", "Dense(10, input_shape='28x28')", TypeError, "tuple of integers", "Received: '28x28'"),
    ("images as Input", "Input(x)", TypeError, "tuple of integers", "an array of float32, shape (8, 28, 28, 1)"),
    ("unknown width", "Input((28, None, 1))", TypeError, "tuple of integers", "Received: (28, None, 1)"),
    ("no pixels", "Input((28, 0, 1))", ValueError, "shape must be an integer ≥ 1", "Received: 0"),
    ("no input shape", "Sequential([Dense(10)]).summary()", ValueError, "input_shape=", "build(shape)"),
    ("no layers", "Sequential().predict(x)", ValueError, "no layers"),
    ("convolution of rows", "Sequential([Flatten(input_shape=(28, 28, 1)), Conv2D(8, 3)])", ValueError,
     "put it before Flatten()", "Reshape", "Received: (784,)"),
    ("kernel beyond the image", "Sequential([Conv2D(8, 29, input_shape=(28, 28, 1))])", ValueError,
     "layer 'conv2d'", "must not be larger than the padded input", "(28, 28, 1) with kernel size (29, 29)"),
    ("pool beyond the image", "Sequential([MaxPooling2D(30, input_shape=(28, 28, 1), name='p1')])", ValueError,
     "layer 'p1'", "must not be larger", "pool size (30, 30)"),
    ("too many poolings", "Sequential([Input((28, 28, 1)), *[MaxPooling2D() for _ in range(5)]])", ValueError,
     "layer 'max_pooling2d_4'", "Received: max_pool2d of input (1, 1, 1)"),
    ("channels first unsaid", "Sequential([Conv2D(8, 3, input_shape=(1, 28, 28))])", ValueError,
     "are the channels first? data_format='channels_first' says so", "(1, 28, 28)"),
    ("padding as large as the pool", "Sequential([MaxPooling2D(2, padding=2, input_shape=(8, 8, 1))])", ValueError,
     "padding must be less than the pool size (2, 2)", "Received: ((2, 2), (2, 2))"),
    ("groups and channels", "Sequential([Conv2D(9, 3, groups=3, input_shape=(8, 8, 1))])", ValueError,
     "groups must divide the input's 1 channels", "Received: 3"),
    ("another number of values", "Sequential([Reshape((10, 10), input_shape=(784,))])", ValueError,
     "target_shape must hold the 784 values", "Received: (10, 10)"),
    ("all cut away", "Sequential([Cropping2D(20, input_shape=(28, 28, 1))])", ValueError, "at least one pixel of 28 × 28"),
    ("torch's normalization", "Sequential([BatchNormalization(32, input_shape=(8, 8, 32))])", ValueError,
     "axis must be the last", "Received: 32"),
    ("merging of other shapes", "Add()([Input((3,)), Input((4,))])", ValueError, "(Add) takes inputs of one shape",
     "(3,), (4,)"),
    ("joining of other shapes", "Concatenate()([Input((4, 4, 2)), Input((5, 5, 2))])", ValueError,
     "alike but along axis 3", "Received: (4, 4, 2), (5, 5, 2)"),
    ("one input to add", "Add()(Input((3,)))", ValueError, "a list of at least 2 inputs", "Received: 1"),
]

ARGUMENTS = [
    ("negative filters", "Conv2D(-8, 3)", ValueError, "filters must be an integer ≥ 1", "Received: -8"),
    ("no units", "Dense(0)", ValueError, "units must be an integer ≥ 1", "Received: 0"),
    ("units that are a float", "Dense(10.0)", TypeError, "units must be an integer", "Received: 10.0"),
    ("units that are a text", "Dense('10')", TypeError, "units must be an integer", "Received: '10'"),
    ("units left out", "Dense(activation='relu')", TypeError, "Dense needs units"),
    ("kernel size left out", "Conv2D(32)", TypeError, "Conv2D needs kernel_size"),
    ("three kernel sizes", "Conv2D(8, (3, 3, 3))", ValueError, "kernel_size", "a pair of integers", "Received: (3, 3, 3)"),
    ("half a pixel", "Conv2D(8, 3.5)", TypeError, "kernel_size", "Received: 3.5"),
    ("no strides", "Conv2D(8, 3, strides=0)", ValueError, "strides must be an integer ≥ 1", "Received: 0"),
    ("activation as strides", "Conv2D(32, 3, 'relu')", TypeError, "strides must be", "Received: 'relu'"),
    ("padding's capital", "Conv2D(8, 3, padding='Same')", ValueError, 'padding must be "valid", "same"', "Received: 'Same'"),
    ("negative padding", "Conv2D(8, 3, padding=-1)", ValueError, "padding must be an integer ≥ 0", "Received: -1"),
    ("torch's data format", "Conv2D(8, 3, data_format='NCHW')", ValueError, "'channels_last', 'channels_first'", "'NCHW'"),
    ("activation's typo", "Dense(10, 'softmx')", ValueError, "did you mean 'softmax'?", "Received: 'softmx'"),
    ("activation that is a function", "Dense(10, np.tanh)", ValueError, "did you mean 'tanh'?",
     "Received: the function tanh"),
    ("activation that is an op", "Dense(10, ops.relu)", ValueError, "did you mean 'relu'?", "Received: the function relu"),
    ("activation that is a class", "Dense(10, ReLU)", ValueError, "did you mean 'relu'?", "Received: the class ReLU"),
    ("torch's linear layer", "Dense(784, 10)", ValueError, "activation must be one of", "Received: 10"),
    ("initializer's typo", "Dense(10, kernel_initializer='zeroes')", ValueError, "did you mean 'zeros'?", "'zeroes'"),
    ("torch's initializer", "Dense(10, kernel_initializer='xavier')", ValueError, "did you mean 'glorot_uniform'",
     "'xavier'"),
    ("a number as regularizer", "Dense(10, kernel_regularizer=0.01)", TypeError, "a name, a Regularizer", "Received: 0.01"),
    ("regularizer's typo", "Dense(10, kernel_regularizer='L3')", ValueError, "accepted: l1, l2", "Received: 'L3'"),
    ("rate in percent", "Dropout(50)", ValueError, "rate must be less than 1", "Received: 50"),
    ("rate of all", "Dropout(1.0)", ValueError, "rate must be less than 1", "Received: 1.0"),
    ("rate that is a text", "Dropout('0.5')", TypeError, "rate must be a real number", "Received: '0.5'"),
    ("axis by name", "Concatenate(axis='channels')", TypeError, "axis must be an integer", "Received: 'channels'"),
    ("negative slope", "LeakyReLU(-0.1)", ValueError, "negative_slope must lie in [0, ∞]", "Received: -0.1"),
    ("shape by position", "Reshape(28, 28)", ValueError, "data_format must be one of", "Received: 28"),
    ("a flag that is a text", "Dense(10, use_bias='no')", TypeError, "use_bias must be True or False", "Received: 'no'"),
    ("name with a slash", "Dense(10, name='a/b')", ValueError, "name must be a text without '/'", "Received: 'a/b'"),
    ("a name twice", "Sequential([Dense(3, name='a', input_shape=(4,)), Dense(2, name='a')])", ValueError,
     "layers' names must differ", "Received: 'a' twice"),
    ("learning rate that is a text", "optimizers.Adam('0.01')", TypeError, "learning_rate must be a real number", "'0.01'"),
    ("negative learning rate", "optimizers.Adam(-1)", ValueError, "learning_rate must lie in [0, ∞]", "Received: -1"),
    ("momentum above one", "optimizers.SGD(momentum=1.5)", ValueError, "momentum must be less than 1", "Received: 1.5"),
    ("patience that is a text", "callbacks.EarlyStopping(patience='3')", TypeError, "patience must be an integer", "'3'"),
    ("mode's typo", "callbacks.EarlyStopping(mode='best')", ValueError, "'auto', 'min', 'max'", "Received: 'best'"),
    ("a number as schedule", "callbacks.LearningRateScheduler(0.1)", TypeError, "must be callable", "Received: 0.1"),
    ("variant's typo", "networks.lenet5(variant='rellu')", ValueError, "did you mean 'relu'?", "Received: 'rellu'"),
    ("no such depth", "networks.resnet(19)", ValueError, "18, 34, 50, 101, 152", "Received: 19"),
    ("threads that are a word", "fastcnn.set_num_threads('all')", TypeError, "an integer from 1 to 1024", "Received: 'all'"),
    ("seed that is a text", "fastcnn.set_random_seed('42')", TypeError, "seed must be an integer", "Received: '42'"),
]

NAMED = [  # what is called otherwise here, or is misspelt
    ("argument's typo", "Conv2D(8, 3, pading='same')", TypeError, "has no argument 'pading'", "Did you mean 'padding'?"),
    ("torch's stride", "Conv2D(8, 3, stride=2)", TypeError, "Did you mean 'strides'?"),
    ("torch's bias", "Conv2D(8, 3, bias=False)", TypeError, "Did you mean 'use_bias'?"),
    ("torch's channels", "Conv2D(in_channels=1, out_channels=32, kernel_size=3)", TypeError, "no argument 'in_channels'",
     "input_shape, of a model's first layer"),
    ("channels by position", "Conv2D(1, 32, kernel_size=3)", TypeError, "kernel_size once", "two values"),
    ("torch's units", "Dense(out_features=10)", TypeError, "Did you mean 'units'?"),
    ("torch's rate", "Dropout(p=0.5)", TypeError, "Did you mean 'rate'?"),
    ("old Keras' input", "Dense(10, input_dim=784)", TypeError, "Did you mean 'input_shape'?"),
    ("old Keras' rate", "optimizers.Adam(lr=0.01)", TypeError, "Did you mean 'learning_rate'?"),
    ("torch's betas", "optimizers.Adam(betas=(0.9, 0.999))", TypeError, "Did you mean beta_1 and beta_2?"),
    ("shape of the model", "Sequential(input_shape=(28, 28, 1))", TypeError, "input_shape of the first layer"),
    ("optimizer of the model", "Sequential([Dense(1)], optimizer='adam')", TypeError,
     "Did you mean compile(optimizer, loss"),
    ("old Keras' model", "Model(Input((3,)), output=1)", TypeError, "Did you mean 'outputs'?"),
    ("fit's epoch", "classifier().fit(x, y, epoch=3)", TypeError, "fit has no argument 'epoch'", "Did you mean 'epochs'?"),
    ("old Keras' epochs", "classifier().fit(x, y, nb_epoch=3)", TypeError, "Did you mean 'epochs'?"),
    ("rate of fit", "classifier().fit(x, y, lr=0.1)", TypeError, "Did you mean compile(optimizers.Adam(learning_rate)"),
    ("names of data", "classifier().fit(x_train=x, y_train=y)", TypeError, "fit has no argument 'x_train'",
     "Did you mean 'x'?"),
    ("metric", "classifier().compile('sgd', 'mse', metric=['mae'])", TypeError, "compile has no argument",
     "Did you mean 'metrics'?"),
    ("optimizer's typo", "classifier(optimizer='adm')", ValueError, "did you mean 'adam'?", "Received: 'adm'"),
    ("loss' typo", "classifier(loss='sparse_crossentropy')", ValueError, "'sparse_categorical_crossentropy'",
     "Received: 'sparse_"),
    ("metric's typo", "classifier(metrics=['acuracy'])", ValueError, "did you mean 'accuracy'?", "Received: 'acuracy'"),
    ("validation's metric", "classifier(metrics=['val_accuracy'])", ValueError, "did you mean 'accuracy'?",
     "'val_accuracy'"),
    ("torch's layer", "layers.Linear(784, 10)", AttributeError, "has no attribute 'Linear'", "Did you mean Dense(units)?"),
    ("torch's convolution", "layers.Conv2d(1, 8, 3)", AttributeError, "Did you mean 'Conv2D'?"),
    ("Keras' other pooling", "layers.MaxPool2D()", AttributeError, "Did you mean 'MaxPooling2D'?"),
    ("torch's normalization's name", "layers.BatchNorm2d(8)", AttributeError, "Did you mean 'BatchNormalization'?"),
    ("a layer of sequences", "layers.LSTM(10)", AttributeError, "has no attribute 'LSTM'", "none of sequences"),
    ("Keras' lambda", "layers.Lambda(lambda x: x)", AttributeError, "a subclass of Layer with forward and backward"),
    ("imported layer", "from fastcnn.layers import MaxPool2D", ImportError, "'MaxPool2D'", "Did you mean 'MaxPooling2D'?"),
    ("imported data", "from fastcnn import MNIST", ImportError, "'MNIST'", "Did you mean fastcnn.datasets.mnist?"),
    ("layer of the package", "fastcnn.Conv2D(8, 3)", AttributeError, "Did you mean fastcnn.layers.Conv2D?"),
    ("torch's modules", "fastcnn.nn.Conv2d(1, 8, 3)", AttributeError, "no attribute 'nn'", "Did you mean fastcnn.layers?"),
    ("Keras' models", "fastcnn.models.Sequential()", AttributeError, "fastcnn.Sequential, Model and load_model"),
    ("Keras' utils", "fastcnn.utils.to_categorical(y)", AttributeError, "Did you mean fastcnn.compat.keras.utils?"),
    ("Keras", "fastcnn.keras.Sequential()", AttributeError, "Did you mean fastcnn.compat.keras?"),
    ("package's typo", "fastcnn.layer.Dense(3)", AttributeError, "Did you mean 'layers'?"),
    ("class' typo", "fastcnn.Sequental()", AttributeError, "Did you mean 'Sequential'?"),
    ("torch's load", "fastcnn.load('model')", AttributeError, "Did you mean 'load_model'?"),
    ("torch's tensor", "fastcnn.Tensor([1, 2])", AttributeError, "takes and gives NumPy arrays"),
    ("torch's device", "fastcnn.device('cuda')", AttributeError, "computes on the CPU alone"),
    ("no such optimizer", "optimizers.Nadam()", AttributeError, "Did you mean 'Adam'?"),
    ("torch's loss", "losses.CrossEntropyLoss()", AttributeError, "SparseCategoricalCrossentropy(from_logits=True)"),
    ("torch's op", "ops.maxpool2d(x, 2)", AttributeError, "Did you mean 'max_pool2d'?"),
    ("Keras' callback", "callbacks.TensorBoard()", AttributeError, "CSVLogger"),
]

HABITS = [  # of other frameworks, and of arrays
    ("model.parameters()", "optimizers.SGD(classifier().parameters(), 0.1)", TypeError, "parameters is a list",
     "compile(optimizer, loss)"),
    ("model.train()", "classifier().train()", AttributeError, "no attribute 'train'", "Did you mean fit(x, y)"),
    ("model.eval()", "classifier().eval()", AttributeError, "Did you mean predict(x) or evaluate(x, y)"),
    ("model.to", "classifier().to('cuda')", AttributeError, "computes on the CPU alone"),
    ("model.forward", "classifier().forward(x)", NotImplementedError, "predict(x) computes"),
    ("zero_grad", "optimizers.SGD().zero_grad()", AttributeError, "gradients(x, y), which begins at zero"),
    ("optimizer.step", "optimizers.SGD().step()", AttributeError, "Did you mean apply(model, gradients)"),
    ("minimize", "optimizers.Adam().minimize('loss')", AttributeError, "Did you mean fit(x, y)?"),
    ("apply_gradients", "optimizers.Adam().apply_gradients([])", AttributeError, "Did you mean apply(model, gradients)?"),
    ("gradients as a list", "optimizers.SGD().apply(classifier(), [np.zeros((784, 10)), np.zeros(10)])", TypeError,
     "gradients must be {layer/parameter: array}", "Received: [array("),
    ("state_dict", "classifier().state_dict()", AttributeError, "Did you mean get_weights() or save(path)?"),
    ("load_state_dict", "classifier().load_state_dict({})", AttributeError,
     "set_weights(arrays) or fastcnn.load_model(path)"),
    ("fit_generator", "classifier().fit_generator(pairs())", AttributeError, "Did you mean fit(source)?"),
    ("predict_proba", "classifier().predict_proba(x)", AttributeError, "Did you mean predict(x)?"),
    ("load_weights of a model", "classifier().load_weights('notes.txt')", ValueError, "Received: a text that begins 'Hello"),
    ("to_json", "classifier().to_json()", AttributeError, "Did you mean get_config()?"),
    ("method's typo", "classifier().predict_clases(x)", AttributeError, "Did you mean 'predict_classes'?"),
    ("optimizer.lr", "classifier().optimizer.lr", AttributeError, "SGD has no attribute 'lr'",
     "Did you mean 'learning_rate'?"),
    ("kernel before building", "Dense(3).kernel", AttributeError, "weights, which there are once the layer is built"),
    ("kernel that is set", "classifier().layers[1].kernel = np.zeros((784, 10))", AttributeError,
     "kernel of a Dense cannot be set", "set_weights(arrays) does it", "Received: an array of float64, shape (784, 10)"),
    ("layers that are set", "classifier().layers[1] = Dense(3)", TypeError, "add(layer) and pop()"),
    ("layer by name", "classifier().layers['dense']", TypeError, "get_layer('dense') takes names", "Received: 'dense'"),
    ("layer beyond the last", "classifier().layers[7]", IndexError, "numbers from 0 to 1", "Received: 7"),
    ("layer's typo", "classifier().get_layer('dence')", ValueError, "did you mean 'dense'?", "Received: 'dence'"),
    ("layers without a list", "Sequential(Conv2D(8, 3), Dense(10))", TypeError, "layers must be a list: Sequential([layer"),
    ("a layer's class", "Sequential([Flatten, Dense(10)])", TypeError, "did you mean Flatten(…)?",
     "Received: the class Flatten"),
    ("a layer by name", "Sequential([Dense(10), 'relu'])", TypeError, "a layer must be a fastcnn.layers.Layer",
     "Received: 'relu'"),
    ("an op as a layer", "Sequential([Dense(10), ops.relu])", TypeError, "must be a fastcnn.layers.Layer",
     "the function relu"),
    ("a list in the list", "Sequential([[Flatten()]])", TypeError, "must be a fastcnn.layers.Layer", "Received: [<Flatten"),
    ("a layer twice", "(lambda d: Sequential([d, d]))(Dense(3))", ValueError, "Model(inputs, outputs) may use one twice",
     "'dense'"),
    ("Input behind layers", "Sequential([Dense(2, input_shape=(3,)), Input((3,))])", ValueError, "first entry",
     "behind 1 layers"),
    ("Model without outputs", "Model(Input((3,)))", TypeError, "Model needs outputs"),
    ("layers as outputs", "Model(Input((3,)), Dense(3))", TypeError, "did you mean Dense(…)(x)?",
     "Received: <Dense units=3"),
    ("layers as inputs", "Model(Dense(3), Dense(3))", TypeError, "inputs must be an Input", "did you mean Input(shape)?"),
    ("arrays as inputs", "Model(x, y)", TypeError, "inputs must be an Input", "an array of float32, shape (8, 28, 28, 1)"),
    ("a chain that is not connected", "Model(Input((3,)), Dense(3)(Input((3,))))", ValueError,
     "each call of Input makes another",
     "Received: inputs 'input_layer'"),
    ("an input without effect", "(lambda a: Model([a, Input((2,))], Dense(3)(a)))(Input((3,)))", ValueError,
     "each input must lead to an output", "Received: inputs[1]"),
    ("no input", "Dense(3)()", TypeError, "layer() missing", "'x'"),
    ("two inputs without a list", "Add()(Input((3,)), Input((3,)))", TypeError, "on a list of them: [a, b]",
     "Received: 2 values"),
    ("a list for one input", "Dense(3)([Input((3,)), Input((3,))])", ValueError, "Concatenate and Add",
     "Received: a list of 2"),
    ("a layer on a layer", "Dense(3)(Dense(4))", TypeError, "x must be an array", "class Dense, which holds none"),
    ("a shape for an input", "Flatten()((28, 28, 1))", ValueError, "x must be a batch", "Received: shape (3,)"),
    ("a single image", "Conv2D(8, 3)(x[0])", ValueError, "(height, width, channels)", "Received: (28, 1)"),
    ("symbols and arrays", "Add()([Input((3,)), np.ones((1, 3))])", TypeError, "not on both", "<Symbol of shape (None, 3)"),
    ("a symbol plus a number", "Input((3,)) + 1", TypeError, "Rescaling(scale, offset)", "Received: <Symbol", "and 1"),
    ("an array plus a symbol", "np.ones(3) + Input((3,))", TypeError, "Add()([a, b])", "array([1., 1., 1.])"),
    ("a symbol's maximum", "np.maximum(Input((3,)), 0)", TypeError, "layers.Activation('relu')", "functions take arrays"),
    ("part of a symbol", "Input((28, 28, 1))[:, :14]", TypeError, "layers.Cropping2D", "Received: <Symbol"),
    ("an op on a symbol", "ops.relu(Input((3,)))", TypeError, "layers.Activation('relu')", "functions take arrays"),
    ("torch's kernel", "ops.conv2d(x, np.ones((8, 1, 3, 3)))", ValueError, "(height, width, 1 input channels",
     "(8, 1, 3, 3)"),
    ("an op on one image", "ops.max_pool2d(x[0], 2)", ValueError, "x must have 4 dimensions", "Received: shape (28, 28, 1)"),
]

TRAINING = [
    ("never compiled", "classifier(loss=None).fit(x, y)", ValueError, "compile(optimizer, loss)", "Received: no loss"),
    ("no loss", "m = classifier(loss=None); m.compile('adam'); m.evaluate(x, y)", ValueError, "compile(optimizer, loss)"),
    ("a function as loss", "classifier(loss=lambda t, p: 0)", TypeError, "a fastcnn.losses.Loss", "the function <lambda>"),
    ("a number as optimizer", "classifier(optimizer=0.01)", TypeError, "a name, an Optimizer", "Received: 0.01"),
    ("a module as optimizer", "classifier(optimizer=optimizers)", TypeError, "Received: the module fastcnn.optimizers"),
    ("metrics without a list", "classifier(metrics='accuracy')", TypeError, "metrics must be a list",
     "Received: 'accuracy'"),
    ("an instance with wrong words", "classifier(metrics=['accuracy', 5])", TypeError, "metric must be a name",
     "Received: 5"),
    ("one output, many classes", "classifier(1, 'sigmoid').fit(x, y)", ValueError, "an output for each class",
     "'sigmoid' and binary"),
    ("softmax of one", "classifier(1, 'softmax', 'binary_crossentropy').fit(x, y % 2)", ValueError, "several outputs",
     "'sigmoid'"),
    ("labels for one-hot rows", "classifier(loss='categorical_crossentropy').fit(x, y)", ValueError,
     "one-hot rows (None, 10)",
     "sparse_categorical_crossentropy", "Received: shape (8,)"),
    ("one-hot rows for labels", "classifier().fit(x, np.eye(10)[y])", ValueError, "categorical_crossentropy",
     "shape (8, 10)"),
    ("labels for an error", "classifier(loss='mse').fit(x, y)", ValueError, "labels go with sparse_categorical_crossentropy",
     "Received: shape (8,)"),
    ("classes of yes or no", "classifier(1, 'sigmoid', 'binary_crossentropy').fit(x, y)", ValueError, "numbers from 0 to 1",
     "Received: 0 … 7"),
    ("rows of yes or no", "classifier(1, 'sigmoid', 'binary_crossentropy').fit(x, np.eye(2)[y % 2])", ValueError,
     "(None, 1)", "one-hot rows", "Received: shape (8, 2)"),
    ("no softmax", "classifier(10, None).fit(x, y, verbose=0)", UserWarning, "from_logits=True", "'softmax'",
     "ends in 'linear'"),
    ("relu at the end", "classifier(10, 'relu').fit(x, y, verbose=0)", UserWarning, "takes probabilities", "ends in 'relu'"),
    ("softmax twice", "classifier(loss=losses.SparseCategoricalCrossentropy(from_logits=True))", UserWarning, "takes logits",
     "did you mean SparseCategoricalCrossentropy()", "ends in 'softmax'"),
    ("labels from 1", "classifier(8).fit(x, y + 1)", ValueError, "from 0 to 7; did you mean y − 1?", "Received: 1 … 8"),
    ("labels beyond the classes", "classifier(5).fit(x, y)", ValueError, "labels from 0 to 4", "Received: 0 … 7"),
    ("negative labels", "classifier().fit(x, y - 1)", ValueError, "labels from 0 to 9", "Received: -1 … 6"),
    ("broken labels", "classifier().fit(x, y + 0.5)", TypeError, "integer labels", "Received: 0.5 at y[0]"),
    ("texts as targets", "classifier(1, None, 'mse').fit(x, np.array(list('abcdefgh')))", TypeError,
     "y must hold numbers for mean_squared_error", "names of classes go with sparse_categorical_crossentropy"),
    ("names beside their classes", "classifier().fit(x, np.array(list('abcdefgh')))", ValueError, "10 outputs, one for each",
     "Received: 8: 'a', 'b'"),
    ("y of another length", "classifier().fit(x, y[:5])", ValueError, "the same number of samples", "Received: x 8, y 5"),
    ("a number as y", "classifier().fit(x, 3)", TypeError, "y must be an array", "Received: 3"),
    ("no y", "classifier().fit(x)", ValueError, "y must be given when x is an array", "x of type ndarray"),
    ("no x", "classifier().fit()", TypeError, "fit needs x"),
    ("x and y in brackets", "classifier().fit((x, y))", ValueError, "did you mean (x, y) without a bracket",
     "x of type tuple"),
    ("all of MNIST", "classifier().fit(datasets.mnist.load_data())", ValueError, "without a bracket", "x of type tuple"),
    ("x and y exchanged", "classifier().fit(y, x)", ValueError, "x must have shape (samples, 28, 28, 1)",
     "Received: shape (8,)"),
    ("half the images", "classifier().fit(x[:, :14], y)", ValueError, "(samples, 28, 28, 1)",
     "Received: shape (8, 14, 28, 1)"),
    ("flat images", "classifier().fit(x.reshape(8, 784), y)", ValueError, "x.reshape(-1, 28, 28, 1)",
     "Received: shape (8, 784)"),
    ("channels first", "classifier().fit(x.reshape(8, 1, 28, 28), y)", ValueError, "x.transpose(0, 2, 3, 1)",
     "(8, 1, 28, 28)"),
    ("channels last", "classifier(shape=(3, 28, 28)).predict(np.zeros((2, 28, 28, 3)))", ValueError,
     "x.transpose(0, 3, 1, 2)"),
    ("colours for grey", "classifier().fit(np.zeros((8, 28, 28, 3)), y)", ValueError, "(samples, 28, 28, 1)",
     "(8, 28, 28, 3)"),
    ("no samples", "classifier().fit(x[:0], y[:0])", ValueError, "at least one sample", "Received: 0 samples"),
    ("rows of other lengths", "classifier(shape=(2,)).predict([[1, 2], [3]])", ValueError, "rows of one length",
     "[[1, 2], [3]]"),
    ("a file's name as x", "classifier().predict('digit.png')", TypeError, "images.decode_image", "Received: 'digit.png'"),
    ("nothing as x", "classifier().predict(None)", TypeError, "x must be an array of real numbers", "Received: None"),
    ("a number as x", "classifier()(5)", ValueError, "(samples, 28, 28, 1)", "Received: shape ()"),
    ("one image to predict", "classifier(shape=(28, 28, 3)).predict(np.zeros((28, 28, 3)))", ValueError, "x[None]",
     "(28, 28, 3)"),
    ("x of another name", "classifier().fit({'a': x}, y)", ValueError, "for each input: input", "Received: 'a'"),
    ("a tensor elsewhere", "classifier().predict(Elsewhere())", TypeError, "x must be an array", "cuda:0",
     "OnAnotherDevice object>"),
    ("labels as batch size", "classifier().predict(x, y)", TypeError, "batch_size must be an integer",
     "Received: array([0, 1"),
    ("epochs that are a text", "classifier().fit(x, y, epochs='3')", TypeError, "epochs must be an integer",
     "Received: '3'"),
    ("negative epochs", "classifier().fit(x, y, epochs=-3)", ValueError, "epochs must be an integer ≥ 0", "Received: -3"),
    ("no batch", "classifier().fit(x, y, batch_size=0)", ValueError, "batch_size must be an integer ≥ 1", "Received: 0"),
    ("verbose that is a word", "classifier().fit(x, y, verbose='loud')", ValueError, 'verbose must be 0, 1, 2 or "auto"',
     "'loud'"),
    ("split in percent", "classifier().fit(x, y, validation_split=20)", ValueError, "validation_split must be less than 1",
     "20"),
    ("validation without y", "classifier().fit(x, y, validation_data=x)", ValueError, "validation_data must be (x, y)",
     "an array of"),
    ("validation of other lengths", "classifier().fit(x, y, validation_data=(x, y[:3]))", ValueError, "validation_data: ",
     "y 3"),
    ("validation of other shapes", "classifier().fit(x, y, validation_data=(x[:, :9], y))", ValueError,
     "validation_data: x must"),
    ("validation's labels", "classifier().fit(x, y, validation_data=(x, y + 5))", ValueError, "validation_data: y must",
     "5 … 12"),
    ("validation's source", "classifier().fit(x, y, validation_data=iter([(x, y[:3])]), verbose=0)", ValueError,
     "batch 0 of validation_data: ", "Received: x 8, y 3"),
    ("a number as callbacks", "classifier().fit(x, y, callbacks=5)", TypeError, "callbacks must be a list", "Received: 5"),
    ("a callback's class", "classifier().fit(x, y, callbacks=[callbacks.EarlyStopping])", TypeError,
     "did you mean EarlyStopping(…)?", "Received: the class EarlyStopping"),
    ("a function as callback", "classifier().fit(x, y, callbacks=[print])", TypeError, "a callback must be",
     "the function print"),
    ("a metric that is not there", "classifier().fit(x, y, verbose=0, callbacks=[callbacks.EarlyStopping()])", UserWarning,
     "misses 'val_loss'", "which have 'loss'"),
    ("a file's name of nothing", "classifier().fit(x, y, verbose=0, callbacks=[callbacks.ModelCheckpoint('m-{val_los}')])",
     ValueError, "filepath may name loss, epoch", "Received: 'm-{val_los}'"),
    ("weights of classes as a list", "classifier().fit(x, y, class_weight=[1] * 10)", TypeError,
     "a dictionary {label: weight}"),
    ("a class without a weight", "classifier().fit(x, y, class_weight={0: 1})", ValueError, "name every label", "[1, 2, 3"),
    ("weights of other lengths", "classifier().fit(x, y, sample_weight=np.ones(3))", ValueError, "sample_weight 3"),
    ("a generator's function", "classifier().fit(pairs)", ValueError, "did you mean what it returns, x()?",
     "x of type function"),
    ("a generator of x alone", "classifier().fit(iter([x]))", ValueError, "batch 0 of the source", "(x, y)",
     "Received: ndarray"),
    ("a generator of samples", "classifier().fit(zip(x, y))", ValueError, "batch 0 of the source", "x[None]", "(28, 28, 1)"),
    ("a generator of nothing", "classifier().fit(iter([]))", ValueError, "must hold at least one"),
    ("a generator that ends", "classifier().fit(pairs(), epochs=3, verbose=0)", UserWarning, "ran out", "steps_per_epoch"),
    ("a generator and y", "classifier().fit(pairs(), y)", ValueError, "y must not be given when x is a source",
     "array([0, 1"),
    ("a generator to split", "classifier().fit(pairs(), validation_split=0.2)", ValueError, "give validation_data", "0.2"),
    ("weights left out", "classifier().set_weights([np.ones((784, 10))])", ValueError, "a list of 2 arrays",
     "dense/bias (10,)"),
    ("weights transposed", "classifier().set_weights([np.ones((10, 784)), np.ones(10)])", ValueError,
     "its transpose would fit"),
    ("a kernel as weights", "classifier().layers[1].set_weights(np.ones((784, 10)))", ValueError,
     "as get_weights() gives it"),
    ("a file as weights", "classifier().set_weights('m.safetensors')", TypeError, "a list of 2 arrays", "'m.safetensors'"),
]

FILES = [
    ("a model that is not there", "load_model('nothing')", FileNotFoundError, "nothing"),
    ("a folder as a model", "load_model('folder')", ValueError, "must be a file that save", "Received: a folder"),
    ("a picture as a model", "load_model('picture.jpg')", ValueError, "picture.jpg", "Received: a JPEG picture"),
    ("a text as a model", "load_model('notes.txt')", ValueError, "notes.txt", "a text that begins 'Hello, world'"),
    ("a page as a model", "load_model('page.html')", ValueError, "a page of the web"),
    ("an empty file as a model", "load_model('empty')", ValueError, "Received: 0 bytes"),
    ("arrays as a model", "load_model('arrays.safetensors')", ValueError, "holds no model"),
    ("half a model", "load_model('half.safetensors')", ValueError, "half.safetensors", "Received: "),
    ("a number as a path", "load_model(5)", TypeError, "path must be the path of a file or folder", "Received: 5"),
    ("a model as a path", "load_model(classifier())", TypeError, "path must be the path", "Received: <Sequential"),
    ("classes that are a text", "load_model('m.safetensors', 'weights')", TypeError, "custom_objects must be a dictionary",
     "'weights'"),
    ("weights of another network", "keras.models.Sequential([keras.layers.Dense(3, input_shape=(4,))]).load_weights("
     "'m.safetensors')", ValueError, "dense/kernel must have shape (4, 3)", "Received: shape (784, 10)"),
    ("a missing folder", "classifier().save('nowhere/m')", FileNotFoundError, "does not exist", "nowhere"),
    ("a folder to save to", "classifier().save('folder')", IsADirectoryError, "a directory stands where", "folder"),
    ("nothing to save to", "classifier().save(None)", TypeError, "path must be the path", "Received: None"),
    ("a model without a shape", "Sequential([Dense(3)]).save('m')", ValueError, "no input shape yet"),
    ("a list of arrays", "io.save_file([np.ones(3)], 'w')", TypeError, "a dict of str to array", "Received: list"),
    ("no photographs", "datasets.ImageFolder('folder')", ValueError, "must hold images", "Received: no files"),
    ("no folder", "datasets.ImageFolder('nowhere')", FileNotFoundError, "nowhere"),
    ("a text as photographs", "datasets.ImageFolder('notes.txt')", ValueError, "a folder, or an intact zip",
     "begins with b'Hello"),
    ("a single photograph", "datasets.ImageFiles('picture.jpg')", ValueError, "a folder, or an intact zip",
     "a single JPEG image"),
    ("photographs without classes", "datasets.ImageFolder('photos/cat')", ValueError, "a folder of images per class",
     "3 images"),
    ("a part's typo", "datasets.ImageFolder('photos', folder='tran')", ValueError, "holds 'cat', 'dog'", "Received: 'tran'"),
    ("a class' typo", "datasets.ImageFolder('photos', class_names=['dgo'])", ValueError, "['cat', 'dog']",
     "Received: ['dgo']"),
    ("a list of files", "datasets.ImageFolder(['a.jpg'])", TypeError, "path must be the path", "Received: ['a.jpg']"),
    ("four channels", "datasets.ImageFolder('photos', channels=4)", ValueError, "3 (RGB) or 1 (grey)", "Received: 4"),
    ("labels of other files", "datasets.ImageFiles('photos', labels={'x.jpg': 'cat'})", ValueError, "such as 'cat/0.png'",
     "'x.jpg'"),
    ("labels as a list", "datasets.ImageFiles('photos', labels=[0, 1])", TypeError, "{file: class}, or a CSV file",
     "[0, 1]"),
    ("labels without classes", "datasets.ImageFiles('photos', labels='notes.txt')", ValueError, "a file and a class",
     "second line"),
    ("a text as an image", "images.decode_image('notes.txt', 8)", ValueError, "notes.txt", "must be an intact image"),
    ("an image beyond the last", "datasets.ImageFolder('photos')[99]", IndexError, "numbers from 0 to 5", "Received: 99"),
    ("a crop beyond the image",
     "images.ImageBatches(datasets.ImageFolder('photos', size=8), 2, images.Augmentation(crop=9))",
     ValueError, "crop must fit into the images of 8 × 8 pixels", "Received: (9, 9)"),
    ("a folder as batches", "images.ImageBatches('photos', 2)", TypeError, "must be an ImageFolder", "Received: 'photos'"),
    ("images without batches", "classifier(2, shape=(28, 28, 3)).fit(datasets.ImageFolder('photos', size=28))", TypeError,
     "images.ImageBatches(source, batch_size)", "class ImageFolder"),
    ("MNIST elsewhere", "datasets.mnist.load_data('nowhere')", FileNotFoundError, "nowhere"),
    ("a log to nowhere", "callbacks.CSVLogger(None)", TypeError, "filename must be the path", "Received: None"),
]

COMMANDS = [  # code 2: wrong usage; 1: something else
    ("command's typo", "trian lenet5", 2, "invalid choice: 'trian'", "did you mean train?"),
    ("help without dashes", "help", 2, "invalid choice: 'help'", "did you mean --help?"),
    ("version's typo", "--virsion", 2, "--virsion", "did you mean --version?"),
    ("network's typo", "train lenet", 2, "invalid choice: 'lenet'", "did you mean lenet5?"),
    ("no network", "train", 2, "required: NETWORK"),
    ("option's typo", "train lenet5 --epocs 3", 2, "--epocs", "did you mean --epochs?"),
    ("option's other name", "train lenet5 --lr 0.1", 2, "--lr", "did you mean --learning-rate?"),
    ("option without a value", "train lenet5 --epoch", 2, "--epochs", "expected one argument"),
    ("epochs as a word", "train lenet5 --epochs three", 2, "--epochs", "an integer from 1", "Received: 'three'"),
    ("no epochs", "train lenet5 --epochs 0", 2, "an integer from 1", "Received: '0'"),
    ("another network's option", "train lenet5 --mixup 0.2", 2, "--mixup does not apply to lenet5"),
    ("another network's variant", "train lenet5 --variant caffe", 2, "--variant caffe does not apply",
     "tanh, sigmoid, relu, 1998"),
    ("no photographs to train on", "train alexnet", 2, "alexnet needs --data"),
    ("data that are not there", "train lenet5 --data nowhere", 1, "nowhere: No such file"),
    ("a folder without images", "train alexnet --data folder", 1, "must hold images", "Received: no files"),
    ("a text as data", "train alexnet --data notes.txt", 1, "a folder, or an intact zip", "b'Hello, w'"),
    ("a class that is not there", "train alexnet --data photos --classes dgo", 1, "['cat', 'dog']", "Received: ['dgo']"),
    ("a missing folder to save to", "train lenet5 --save nowhere/m", 1, "cannot write nowhere/m", "no folder"),
    ("a folder as a file", "train lenet5 --save folder", 1, "cannot write folder", "it is a folder"),
    ("a file that is there", "train lenet5 --save m.safetensors", 1, "m.safetensors is there already", "--overwrite"),
    ("no such model", "evaluate nothing", 1, "nothing: No such file"),
    ("a model that is none", "evaluate notes.txt", 1, "must be a file that save",
     "Received: a text that begins 'Hello, world'"),
    ("a picture as a model", "predict digit.png m.safetensors", 1, "the model comes first: fastcnn predict m.saf"),
    ("no picture", "predict m.safetensors", 2, "required: IMAGE"),
    ("unknown preparation", "predict m.safetensors digit.png", 1, "--scale 1/255", "Received: a model of (None, 28, 28, 1)"),
    ("no such picture", "predict m.safetensors no.png --scale 1/255", 1, "no.png: No such file"),
    ("a text as a picture", "predict m.safetensors notes.txt --scale 1/255", 1, "notes.txt: must be an intact image"),
    ("a picture of another size", "predict m.safetensors small.npy --scale 1/255", 1, "of shape (28, 28, 1)",
     "shape (5, 5)"),
    ("a scale that is a word", "predict m.safetensors digit.png --scale x", 2, "--scale", "1/255", "Received: 'x'"),
    ("no threads", "predict m.safetensors digit.png --threads 0", 2, "--threads", "an integer from 1", "Received: '0'"),
    ("no model to classify by", "classify photos", 2, "required: --model"),
    ("other classes", "classify photos --model m.safetensors --scale 1/255 --classes a,b", 1, "class_names must be 10",
     "['a', 'b']"),
    ("a word too many", "info now", 2, "unrecognized arguments: now"),
]

TABLES = {"shapes": SHAPES, "arguments": ARGUMENTS, "names": NAMED, "habits": HABITS, "training": TRAINING, "files": FILES}
ROWS = [pytest.param(*row[1:3], row[3:], id=f"{table}: {row[0]}") for table, rows in TABLES.items() for row in rows]
INSIDE = re.compile(r"0x[0-9a-f]{6}|\bkwargs\b|\bargs\b|_Node|\bMachine\b|\bTraining\.|BaseModel|positional argument s|\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with files that are not what they are taken for."""
    folder, rng = tmp_path_factory.mktemp("mistakes"), np.random.default_rng(0)
    (folder / "folder").mkdir()
    (folder / "notes.txt").write_text("Hello, world\nsecond line\n")
    (folder / "page.html").write_text("<!DOCTYPE html><html><body>404</body></html>")
    (folder / "empty").touch()
    np.save(folder / "small.npy", np.zeros((5, 5), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier().save(folder / "m.safetensors")
    whole = (folder / "m.safetensors").read_bytes()
    (folder / "half.safetensors").write_bytes(whole[:len(whole) // 2])
    io.save_file({"a": np.ones(3)}, folder / "arrays.safetensors")
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(3):
            pillow.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).save(folder / "photos" / name / f"{i}.png")
    pillow.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).save(folder / "picture.jpg")
    pillow.fromarray(rng.integers(0, 255, (28, 28), np.uint8)).save(folder / "digit.png")
    return folder


def check(said, words):
    assert [part for part in words if part not in said] == [], said
    assert not INSIDE.search(said) and len(said) < 700, said


@pytest.mark.parametrize("code, kind, words", ROWS)
def test_a_mistake_is_told(code, kind, words, place, monkeypatch):
    monkeypatch.chdir(place)
    told = pytest.warns if issubclass(kind, Warning) else pytest.raises
    with told(kind) as caught:
        exec(code, dict(NAMES))
    said = str(caught[0].message if issubclass(kind, Warning) else caught.value)
    check(said, words)
    if issubclass(kind, (TypeError, ValueError)):
        assert any(word in said for word in ("Received: ", "Did you mean", "needs", "missing", "has no")), said


@pytest.mark.parametrize("line, code, words", [pytest.param(*row[1:3], row[3:], id=row[0]) for row in COMMANDS])
def test_a_mistake_on_the_command_line_is_told(line, code, words, place, monkeypatch, capsys):
    from fastcnn import cli

    monkeypatch.chdir(place)
    assert cli.main(shlex.split(line)) == code
    said = capsys.readouterr().err.splitlines()
    if code == 2:
        assert said.pop(0).startswith("usage: fastcnn ")
    assert len(said) == 1 and said[0].startswith("fastcnn: ")
    check(said[0], words)


def test_there_are_many():
    assert len(ROWS) + len(COMMANDS) >= 120
    assert len({row.id for row in ROWS}) == len(ROWS)
