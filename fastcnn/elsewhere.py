"""Names that users bring along from Keras, PyTorch and TensorFlow, and what does it here. Read when one of them is missed.

A name stands without case and underscores (`hints.flat`). What follows is what an error asks for behind "Did you mean", a
name that is accepted or other words; or a sentence. Names that are merely spelled otherwise are found without being here.
"""

_CPU = "fastcnn computes on the CPU alone, so that there is nothing to move."
_ARRAYS = "fastcnn takes and gives NumPy arrays."
_SEQUENCES = "fastcnn has layers of images and of rows of numbers, none of sequences."
_OWN = "a subclass of Layer with forward and backward"
_COMPILE = "compile(optimizer, loss, metrics)"
_RATE = "compile(optimizers.Adam(learning_rate), loss)"

NAMES = {
    # Attributes of packages
    "fastcnn": {
        **dict.fromkeys(("keras", "tf", "tensorflow"), "fastcnn.compat.keras"), "utils": "fastcnn.compat.keras.utils",
        "nn": "fastcnn.layers", "functional": "fastcnn.ops", "models": "fastcnn.Sequential, Model and load_model",
        "loadweights": "load_model", **dict.fromkeys(("save", "savemodel", "saveweights"), "model.save(path)"),
        "seed": "set_random_seed", "manualseed": "set_random_seed", "transforms": "fastcnn.images.Augmentation",
        "preprocessing": "fastcnn.images", "mnist": "fastcnn.datasets.mnist", "cifar10": "fastcnn.datasets.cifar10",
        "dataloader": "fastcnn.images.ImageBatches", "nograd": "predict(x), which never trains",
        **dict.fromkeys(("tensor", "constant", "variable", "array", "zeros", "ones", "fromnumpy"), _ARRAYS),
        **dict.fromkeys(("device", "cuda", "gpu"), _CPU),
    },
    "fastcnn.layers": {
        "linear": "Dense(units)", "fullyconnected": "Dense(units)", "pooling2d": "MaxPooling2D or AveragePooling2D",
        "deconvolution2d": "Conv2DTranspose", "lrn": "LocalResponseNormalization", "merge": "Add or Concatenate",
        "sigmoid": "Activation('sigmoid')", "tanh": "Activation('tanh')", "gelu": "Activation('gelu')",
        "silu": "Activation('silu')", "swish": "Activation('silu')", "lambda": _OWN, "module": _OWN,
        "sequential": "fastcnn.Sequential",
        **dict.fromkeys(("randomflip", "randomcrop", "resizing"), "fastcnn.images.Augmentation"),
        **dict.fromkeys(("lstm", "gru", "simplernn", "embedding", "conv1d", "maxpooling1d", "bidirectional", "attention"),
                        _SEQUENCES),
    },
    "fastcnn.losses": {"crossentropy": "SparseCategoricalCrossentropy(from_logits=True)", "mse": "mean_squared_error",
                       "mae": "mean_absolute_error", "l1": "MeanAbsoluteError", "bce": "BinaryCrossentropy",
                       "bcewithlogits": "BinaryCrossentropy(from_logits=True)", "nll": "SparseCategoricalCrossentropy"},
    "fastcnn.metrics": {"accuracy": "the name 'accuracy': compile(metrics=['accuracy'])", "f1": "F1Score"},
    "fastcnn.datasets": {"dataset": "ImageArray or ImageFolder", "dataloader": "fastcnn.images.ImageBatches"},
    "fastcnn.callbacks": {"tensorboard": "CSVLogger, or fastcnn.vis.history(history)"},
    # Attributes of objects, by class
    "Model": {
        "train": "fit(x, y) (there is no mode to switch)", "eval": "predict(x) or evaluate(x, y) (which never train)",
        "learn": "fit(x, y)", "test": "evaluate(x, y)", "score": "evaluate(x, y)", "accuracy": "evaluate(x, y)",
        "predictproba": "predict(x)", "classify": "predict_classes(x)", "fitgenerator": "fit(source)",
        "evaluategenerator": "evaluate(source)", "predictgenerator": "predict(source)", "addloss": _COMPILE,
        "zerograd": "gradients(x, y), which begins at zero", "namedparameters": "weights", "children": "layers",
        "modules": "layers", "variables": "weights", "trainablevariables": "trainable_weights", "shape": "input_shape",
        "statedict": "get_weights() or save(path)", "loadstatedict": "set_weights(arrays) or fastcnn.load_model(path)",
        "savemodel": "save(path)",
        "tojson": "get_config()", **dict.fromkeys(("lr", "learningrate"), "optimizer.learning_rate"),
        **dict.fromkeys(("load", "loadmodel"), "fastcnn.load_model(path)"),
        **dict.fromkeys(("to", "cuda", "cpu", "half", "double"), _CPU),
    },
    "Layer": {**dict.fromkeys(("kernel", "bias"), "weights, which there are once the layer is built"), "weight": "weights",
              "outchannels": "filters", "shape": "output_shape"},
    "Optimizer": {"step": "apply(model, gradients), or fit, which takes all steps", "minimize": "fit(x, y)",
                  "zerograd": "gradients(x, y), which begins at zero", "applygradients": "apply(model, gradients)"},
    # Arguments: of all that accept what follows; of some
    "()": {"lr": "learning_rate", "nepochs": "epochs", "numepochs": "epochs", "nbepoch": "epochs", "bs": "batch_size",
           "validation": "validation_data", "valdata": "validation_data", "valsplit": "validation_split", "xtrain": "x",
           "ytrain": "y", "xtest": "x", "ytest": "y", "inputs": "x", "labels": "y", "targets": "y", "outfeatures": "units",
           "outputdim": "units", "outchannels": "filters", "nbfilter": "filters", "bias": "use_bias",
           "inputdim": "input_shape", "p": "rate", "eps": "epsilon", "std": "stddev", "subsample": "strides",
           "bordermode": "padding", "init": "kernel_initializer", "nbclasses": "classes", "numclasses": "classes"},
    "fit": {"lr": _RATE, "learningrate": _RATE, "device": _CPU, **dict.fromkeys(("optimizer", "loss", "metrics"), _COMPILE)},
    **dict.fromkeys(("train_on_batch", "test_on_batch"), {"resetmetrics": "Metrics are those of this batch alone."}),
    "compile": {"lr": _RATE, "learningrate": _RATE, **dict.fromkeys(("epochs", "batchsize"), "fit(x, y, epochs=…)")},
    "Sequential": {"inputshape": "input_shape of the first layer, or Input(shape) before it",
                   **dict.fromkeys(("optimizer", "loss", "metrics"), _COMPILE)},
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense", "BatchNormalization"),
                    dict.fromkeys(("inchannels", "infeatures", "numfeatures"),
                                  "input_shape, of a model's first layer; others see how many inputs there are")),
    **dict.fromkeys(("Adam", "AdamW"), {"betas": "beta_1 and beta_2"}),
}
