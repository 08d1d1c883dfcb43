"""What Keras calls its layers and their arguments, of versions 1 to 3, and what that is here."""

from fastcnn.arguments import shown

PARAMETERS = {  # class: its arrays, in Keras' order and by fastcnn's names; arguments that say whether there is one
    **dict.fromkeys(("Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D"), ("kernel", "bias")),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    **dict.fromkeys(("GroupNormalization", "LayerNormalization"), ("gamma", "beta")),
    "PReLU": ("alpha",),
}
_PRESENT = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
CLASSES = {  # those without arrays
    "Activation", "AdaptiveAveragePooling2D", "Add", "Average", "AveragePooling2D", "Concatenate", "Cropping2D", "Dropout",
    "ELU", "Flatten", "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "LeakyReLU", "MaxPooling2D",
    "Maximum", "Minimum", "Multiply", "Normalization", "Permute", "ReLU", "Rescaling", "Reshape", "Softmax",
    "SpatialDropout2D", "Subtract", "UpSampling2D", "ZeroPadding2D", *PARAMETERS,
}
OLD_CLASSES = {"AtrousConvolution2D": "Conv2D", "Convolution2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose",
               "SeparableConvolution2D": "SeparableConv2D", "BatchNormalizationV1": "BatchNormalization"}
TRAINING_ONLY = {  # change what training sees, and nothing else
    "ActivityRegularization", "AlphaDropout", "GaussianDropout", "RandomBrightness", "RandomContrast", "RandomFlip",
    "RandomRotation", "RandomTranslation", "RandomZoom",
}
OLD_ARGUMENTS = {
    "nb_filter": "filters", "subsample": "strides", "border_mode": "padding", "dim_ordering": "data_format",
    "bias": "use_bias", "init": "kernel_initializer", "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer", "W_constraint": "kernel_constraint", "b_constraint": "bias_constraint",
    "atrous_rate": "dilation_rate",
    "output_dim": "units", "p": "rate", "sigma": "stddev", "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
}
ALPHA = {"LeakyReLU": "negative_slope"}  # what was called alpha
IGNORED = {  # argument: values that mean nothing here; none: whatever they are
    "activity_regularizer": (None,), "adjustment": (None,), "alpha_constraint": (None,), "alpha_regularizer": (None,),
    "autocast": (), "batch_input_shape": (), "batch_shape": (), "dtype": (), "fused": (), "implementation": (),
    "input_dim": (), "input_dtype": (), "input_shape": (), "lora_alpha": (), "lora_rank": (None,), "mode": (0,), "name": (),
    "noise_shape": (None,), "optional": (False,), "quantization_config": (None,), "quantization_mode": (None,),
    "ragged": (False, None), "renorm": (False,), "renorm_clipping": (), "renorm_momentum": (), "sparse": (False, None),
    "supports_masking": (), "synchronized": (False,), "virtual_batch_size": (None,),
}


def parameters(kind, config):
    """Names of the arrays that a layer has, in Keras' order.

    Example:
        >>> parameters("BatchNormalization", {"scale": False})
        ['beta', 'moving_mean', 'moving_variance']
    """
    return [name for name in PARAMETERS.get(kind, ()) if config.get(_PRESENT.get(name), True)]


def modern(kind, config, old):
    """Arguments of a layer as fastcnn takes them.

    Args:
        kind: the class, by its name of today.
        config: Keras' arguments.
        old: was it written by a Keras before 3?

    Raises:
        ValueError: an argument means something that fastcnn does not compute.
    """
    found = {}
    for name, value in config.items():
        name = OLD_ARGUMENTS.get(name, name)
        if name == "alpha":
            name = ALPHA.get(kind, name)
        if name in ("nb_row", "nb_col", "pool_length"):
            continue
        if name in IGNORED:
            if IGNORED[name] and value not in IGNORED[name]:
                raise ValueError(f"{name} must be {IGNORED[name][0]}. Received: {shown(value)}"[:200])
            continue
        found[name] = _plain(value)
    if "nb_row" in config:
        found["kernel_size"] = [config["nb_row"], config["nb_col"]]
    if found.get("data_format") in _FORMATS:
        found["data_format"] = _FORMATS[found["data_format"]]
    if found.get("trainable") is not False:
        found.pop("trainable", None)
    for name, only in _ONLY.get(kind, {}).items():
        if found.pop(name, only) != only:
            raise ValueError(f"{name} must be {only!r}. Received: {shown(config.get(name))}"[:200])
    if kind.endswith("Normalization") and isinstance(found.get("axis"), list) and kind != "LayerNormalization":
        found["axis"] = found["axis"][0]
    if old and found.get("activation") == "hard_sigmoid":
        found["activation"] = {"name": "hard_sigmoid", "slope": 0.2}
    return found


_FORMATS = {"tf": "channels_last", "default": "channels_last"}
_ONLY = {  # class: arguments that have one value here
    "Softmax": {"axis": -1}, "Normalization": {"input_mean": None, "input_variance": None},
    "Conv2DTranspose": {"groups": 1}, "DepthwiseConv2D": {"groups": 1}, "SeparableConv2D": {"groups": 1},
    "LayerNormalization": {"rms_scaling": False},
}


def _plain(value):
    """A value without what Keras says of the class it is of."""
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "function" or value.get("module") == "builtins":
        return value.get("config")
    if isinstance(value.get("class_name"), str):
        config = value.get("config") or {}
        return {"class_name": value["class_name"], "config": {k: _plain(v) for k, v in config.items() if _says(k, v)}}
    return value


def _says(name, value):
    return value is not None and name != "dtype"
