"""`fastcnn predict`: classes and probabilities of single images, or distances from the classes' prototypes."""

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure, complain


def add(commands):
    """The command's place in the parser."""
    predict = commands.add_parser(
        "predict", help="classify images",
        description="Print file, class and probability of each image, separated by tabs. LeNet-5 takes light ink on a dark "
                    "ground, as in MNIST; as published in 1998 it has distances, of which the smallest comes first.")
    common.add_model(predict)
    predict.add_argument("images", metavar="IMAGE", nargs="+",
                         help="a PNG or JPEG file, prepared as the model's training images were (needs Pillow: pip "
                              "install pillow), or an .npy file of one image or several: uint8, 0 to 255, "
                              "or floats as the model takes them")
    predict.add_argument("--invert", action="store_true", help="digits: the images have dark ink on a light ground")
    predict.add_argument("--top", type=common.positive, metavar="K",
                         help="print the K likeliest classes (photographs: 5, digits: 1)")
    common.add_crops(predict)
    common.add_half_weights(predict)
    common.add_threads(predict)
    predict.set_defaults(run=run)


def run(options):
    """Prints a line per image and class; images that cannot be read are complained about, and the code is 1."""
    from fastcnn.images import Preparation

    common.set_threads(options)
    model = common.load(options)
    photographs = Preparation.of(model)
    if photographs is None and options.crops:
        raise Failure(f"--crops is for models of photographs. Received: --crops {options.crops} and a model of "
                      f"{model.input_shape} that says nothing of how they are prepared")
    if photographs is not None and options.invert:
        raise Failure("--invert is for digits. Received: a model of photographs")
    names = range(model.output_shape[-1]) if photographs is None else photographs.class_names
    top, code = options.top or (1 if photographs is None else 5), 0
    for path in options.images:
        try:
            if photographs is None:
                read = _read_array if path.lower().endswith(".npy") else _read_image
                rows = model.predict(read(path, model, options.invert))
            else:
                rows = _photograph(model, photographs, path, options.crops or 1)
        except Exception as error:  # noqa: BLE001  whatever it is, the other images may be fine
            complain(error, path)
            code = 1
            continue
        rows = rows.reshape(len(rows), -1)
        for i, row in enumerate(rows):
            name = path if len(rows) == 1 else f"{path}[{i}]"
            for label in (row if model.smallest_wins else -row).argsort(kind="stable")[:top]:
                print(f"{name}\t{names[label]}\t{row[label]:.4f}")
    return code


def _photograph(model, preparation, path, crops):
    """Probabilities, one row per image."""
    import numpy as np

    from fastcnn.images import decode_image, predict

    p = preparation
    if not path.lower().endswith(".npy"):
        x = decode_image(path, p.size, p.channels, p.ground)[None]
        return predict(model, x, p.augmentation, crops)
    x = _load(path)
    if x.dtype != np.uint8:
        if crops != 1:
            raise Failure(f"ten crops need uint8. Received: {x.dtype}")
        return model.predict(_read_array(path, model, False))
    if x.ndim not in (3, 4) or x.shape[-1] != p.channels or min(x.shape[-3:-1]) < min(p.augmentation.crop):
        raise Failure(f"must hold one or several images of {p.channels} channels, at least {p.augmentation.crop} pixels. "
                      f"Received: shape {x.shape}")
    return predict(model, x.reshape(-1, *x.shape[-3:]), p.augmentation, crops)


def _load(path):
    import numpy as np

    x = np.load(path, allow_pickle=False)
    if not isinstance(x, np.ndarray):
        raise Failure(f"must hold one array. Received: {type(x).__name__}")
    return x


def _pixels(model):
    """Height, width and channels of images in bytes: the published LeNet-5 takes MNIST's, and pads them."""
    return (28, 28, 1) if common.digits_variant(model) == "1998" else tuple(model.input_shape[1:])


def _read_array(path, model, invert):
    import numpy as np

    x, sample = _load(path), tuple(model.input_shape[1:])
    if x.dtype == np.uint8:
        sample = _pixels(model)
    shapes = [sample, sample[:-1]] if sample[-1] == 1 else [sample]
    if x.shape not in shapes and x.shape[1:] not in shapes:
        raise Failure(f"must hold one or several images of shape {sample}. Received: shape {x.shape}")
    x = x.reshape(-1, *sample)
    if x.dtype == np.uint8:
        return _prepared(255 - x if invert else x, model)
    if x.dtype.kind != "f" or invert:
        raise Failure(f"must be uint8{'' if invert else ' or floats'}. Received: {x.dtype}")
    return x


def _read_image(path, model, invert):
    import numpy as np

    from fastcnn.images.decode import flatten, open_image, pillow

    if len(model.input_shape) != 4 or model.input_shape[3] not in (1, 3):
        raise Failure(f"the model takes no grey or RGB images. Received: a model of {model.input_shape}")
    try:
        resampling = pillow().Resampling
    except ImportError as error:
        raise Failure(f"{error} (.npy files are read without)") from None
    height, width, channels = _pixels(model)
    image = flatten(open_image(path), channels, "white" if invert else "black")
    image = image.resize((width, height), resampling.BILINEAR)
    x = np.asarray(image, np.uint8).reshape(1, height, width, channels)
    return _prepared(255 - x if invert else x, model)


def _prepared(x, model):
    """Pixels as the model takes them: digits as in training, others from 0 to 1."""
    import numpy as np

    from fastcnn.recipes import prepare_digits

    variant = common.digits_variant(model)
    return np.divide(x, np.float32(255), dtype=np.float32) if variant is None else prepare_digits(x, variant)
