"""`fastcnn predict`: classes and probabilities of single images, or distances from the classes' prototypes."""

import os
import sys

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure, complain


def add(commands):
    """The command's place in the parser."""
    predict = commands.add_parser(
        "predict", help="classify images",
        description="Print file, class and probability of each image, separated by tabs. LeNet-5 takes light ink on a dark "
                    "ground, as in MNIST; as published in 1998 it has distances, of which the smallest comes first.")
    common.add_model(predict, "; left out: mnist")
    predict.add_argument("images", metavar="IMAGE", nargs="*",
                         help="an image file, prepared as the model's training images were (needs Pillow: pip install "
                              "pillow), or an .npy file of one image or several: uint8, 0 to 255, or floats as "
                              "the model takes them")
    predict.add_argument("--invert", action="store_true", help="digits: the images have dark ink on a light ground")
    predict.add_argument("--top", type=common.positive, metavar="K",
                         help="print the K likeliest classes (photographs: 5, digits: 1)")
    predict.rest = "images"
    common.add_crops(predict)
    common.add_preparation(predict)
    common.add_half_weights(predict)
    common.add_threads(predict)
    predict.set_defaults(run=run, error=predict.error)


def run(options):
    """Prints a line per image and class; images that cannot be read are complained about, and the code is 1."""
    from fastcnn.images import Preparation

    common.set_threads(options)
    if _is_image(options.model):  # the first word, which need not be a model
        if other := next((path for path in options.images if os.path.isfile(path) and not _is_image(path)), None):
            raise Failure(f"the model comes first: fastcnn predict {other} {options.model}")
        options.model, options.images = "mnist", [options.model, *options.images]
        print("fastcnn: no model was named: these are taken for digits, and read by the LeNet-5 that comes with fastcnn",
              file=sys.stderr)
    elif not options.images:
        options.error("the following arguments are required: IMAGE")
    model = common.load(options)
    if all(map(_holds_floats, options.images)) and not (options.crops or options.invert):
        preparation = Preparation.of(model)  # which floats do not need
    else:
        preparation = common.preparation(model, options)
        _check(options, model, preparation)
    names = preparation.class_names if preparation else _names(model)
    top, code = options.top or (5 if _of_photographs(preparation) else 1), 0
    for path in options.images:
        try:
            rows = _outputs(model, preparation, path, options)
        except Exception as error:  # noqa: BLE001  whatever it is, the other images may be fine
            complain(error, path)
            code = 1
            continue
        for i, row in enumerate(rows):
            name = path if len(rows) == 1 else f"{path}[{i}]"
            for label in (row if model.smallest_wins else -row).argsort(kind="stable")[:top]:
                print(f"{name}\t{names[label]}\t{row[label]:.4f}")
    return code


def _is_image(path):
    """Whether a word is an image and no model: by the file's content, or of a file that is missing by its ending."""
    from fastcnn.io.recognize import recognize

    if path.lower().endswith(".npy"):
        return True
    if not os.path.isfile(path):
        return os.path.splitext(path)[1].lower() in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
    found = recognize(path) or ""
    return "picture" in found


def _of_photographs(preparation):
    """Of which the middle is cut out, as digits' is not."""
    return preparation is not None and isinstance(preparation.size, int)


def _check(options, model, preparation):
    """Options that do not go with a model of digits, or of photographs."""
    if options.crops and not _of_photographs(preparation):
        raise Failure(f"--crops is for models of photographs. Received: --crops {options.crops} and a model of "
                      f"{model.input_shape}")
    if options.invert and _of_photographs(preparation):
        raise Failure("--invert is for digits. Received: a model of photographs")


def _names(model):
    found = model.metadata.get("class_names")
    return found or [str(i) for i in range(max(2, model.output_shape[-1]))]


def _holds_floats(path):
    """Whether a file is an array of floats, which a model takes as they are."""
    import numpy as np

    if not path.lower().endswith(".npy"):
        return False
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).dtype.kind == "f"
    except (OSError, ValueError, EOFError, AttributeError):
        return True  # told where it is read


def _outputs(model, preparation, path, options):
    """Probabilities, or distances, one row per image."""
    import numpy as np

    from fastcnn.images import predict

    if path.lower().endswith(".npy"):
        x = _array(model, preparation, path, options)
    else:
        x = preparation.decode(path, "white" if options.invert else None)[None]
        if preparation.ground == "black" and not options.invert and _edge(x[0]) > 127:
            print(f"fastcnn: {path} is light at its edges: if that is paper with dark ink, --invert reads it",
                  file=sys.stderr)
    if x.dtype.kind == "f":
        rows = model.predict(x)
    else:
        rows = predict(model, 255 - x if options.invert else x, preparation.augmentation, options.crops or 1)
    if np.isnan(rows).any():
        raise Failure("the model's answer must be numbers. Received: NaN")
    return common.probabilities(model, rows.reshape(len(rows), -1))


def _edge(image):
    """The mean of the outermost pixels."""
    import numpy as np

    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).mean()


def _array(model, preparation, path, options):
    """Images of an .npy file (N, …): bytes that are to be prepared, or floats as the model takes them."""
    import numpy as np

    try:
        x = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        raise Failure("must hold an array of numbers, as np.save writes it. Received: Python objects, or other "
                      "bytes") from None
    if not isinstance(x, np.ndarray):
        raise Failure(f"must hold one array. Received: {type(x).__name__}")
    if x.size == 0:
        raise Failure(f"must hold at least one image. Received: shape {x.shape}")
    if x.dtype.kind == "f" and options.crops not in (None, 1):
        raise Failure(f"ten crops need uint8. Received: {x.dtype}")
    if x.dtype != np.uint8 and (x.dtype.kind != "f" or options.invert):
        raise Failure(f"must be uint8{'' if options.invert else ' or floats'}. Received: {x.dtype}")
    if x.dtype == np.uint8 and _of_photographs(preparation):
        crop = getattr(preparation.augmentation, "crop", None) or (1, 1)
        if x.ndim not in (3, 4) or x.shape[-1] != preparation.channels or any(n < m for n, m in zip(x.shape[-3:-1], crop)):
            raise Failure(f"must hold one or several images of {preparation.channels} channels, at least {crop} pixels. "
                          f"Received: shape {x.shape}")
        return x.reshape(-1, *x.shape[-3:])
    sample = preparation.shape if x.dtype == np.uint8 else tuple(model.input_shape[1:])
    shapes = [sample, sample[:-1]] if sample[-1] == 1 else [sample]
    if x.shape not in shapes and x.shape[1:] not in shapes:
        raise Failure(f"must hold one or several images of shape {sample}. Received: shape {x.shape}")
    return x.reshape(-1, *sample)
