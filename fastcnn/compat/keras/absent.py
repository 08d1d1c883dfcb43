"""What Keras has and fastcnn has not: names that can be imported, and say when they are called what there is instead."""

_MERGES = "Add, Concatenate, Average, Maximum, Minimum, Multiply and Subtract, called on lists"
_IMAGES = "layers of images and of rows of numbers: Conv2D, MaxPooling2D, Dense and kin"
_OWN = "Rescaling, LocalResponseNormalization, or a subclass of Layer with forward and backward in NumPy"
_PREPARED = "ImageDataGenerator or fastcnn.images.Augmentation, which change images before the network sees them"
_FOLDERS = "ImageDataGenerator().flow_from_directory; fastcnn.datasets.ImageFolder with fastcnn.images.ImageBatches"
_SUMMARY = "model.summary(), which prints the layers, and fastcnn.vis.graph(model), which draws them"
_STEPS = "SGD (nesterov=True), RMSprop, Adagrad, Adadelta, Adam and AdamW"

NAMES = {  # module: {name: what there is}
    "callbacks": {"RemoteMonitor": "CSVLogger", "TensorBoard": "CSVLogger, and fastcnn.vis for plots"},
    "layers": {
        **dict.fromkeys(("Merge", "merge"), _MERGES),
        **dict.fromkeys(("AveragePooling1D", "AveragePooling3D", "Bidirectional", "Conv1D", "Conv3D", "Convolution1D",
                         "Embedding", "GRU", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "LSTM", "MaxPooling1D",
                         "MaxPooling3D", "RepeatVector", "SimpleRNN", "TimeDistributed"), _IMAGES),
        **dict.fromkeys(("CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
                         "Resizing"), _PREPARED),
        **dict.fromkeys(("AlphaDropout", "GaussianDropout"), "Dropout, SpatialDropout2D and GaussianNoise"),
        "ActivityRegularization": "kernel_regularizer= and bias_regularizer= of layers",
        "Lambda": _OWN,
        "LocallyConnected2D": "Conv2D",
        "ThresholdedReLU": "ReLU, LeakyReLU, PReLU and ELU",
    },
    "models": {"model_from_yaml": "model_from_json"},
    "optimizers": dict.fromkeys(("Adamax", "Ftrl", "Nadam"), _STEPS),
    "preprocessing": {"image_dataset_from_directory": _FOLDERS},
    "utils": {"image_dataset_from_directory": _FOLDERS, "model_to_dot": _SUMMARY,
              "multi_gpu_model": "one CPU, all of which is used", "plot_model": _SUMMARY},
}


def put(modules):
    """Puts the names into the modules of {path below keras: module}."""
    for path, names in NAMES.items():
        for name, instead in names.items():
            setattr(modules[path], name, _refusal(f"keras.{path}.{name}", instead))


def _refusal(name, instead):
    def refuse(*args, **given):
        raise NotImplementedError(f"{name} is not in fastcnn. Accepted: {instead}. Received: a call of {name}")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Keras' `{name}`, which fastcnn does not have. What it has: {instead}."
    return refuse
