"""`fastcnn evaluate`: how good a saved model is on a test set."""

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure


def add(commands):
    """The command's place in the parser."""
    evaluate = commands.add_parser(
        "evaluate", help="loss and accuracy of a saved model on a test set",
        description="Models of digits are tested on MNIST, unless --data says otherwise. Photographs are tested on a folder "
                    "or archive (zip, tar) of class folders; where it has parts, on \"val\" or \"test\"; and where training "
                    "held a part of these images out, on that.")
    common.add_model(evaluate)
    evaluate.add_argument("--data", metavar="DIR_OR_FILE",
                          help="images in class folders, or in an archive; digits also as IDX, CSV or .npz files; mnist")
    common.add_photographs(evaluate)
    common.add_crops(evaluate)
    evaluate.add_argument("--limit", type=common.positive, metavar="N",
                          help="digits: use only the first N images of the test set")
    evaluate.add_argument("--transpose", action="store_true",
                          help="digits: exchange rows and columns, as EMNIST's files need it")
    common.add_preparation(evaluate)
    common.add_half_weights(evaluate)
    common.add_threads(evaluate)
    evaluate.set_defaults(run=run)


def run(options):
    """Prints loss and accuracy."""
    from fastcnn.recipes.digits import SIDE, holds_arrays

    common.set_threads(options)
    model = common.load(options)
    preparation = common.preparation(model, options)
    digits = preparation.shape == (SIDE, SIDE, 1)
    if options.data is None and not digits:
        raise Failure(f"{options.model} is a model of photographs: --data must say which. Received: no --data")
    arrays = options.data in (None, "mnist") or digits and not options.labels and holds_arrays(options.data)
    if arrays and not digits:
        raise Failure(f"digits are images of shape {(SIDE, SIDE, 1)}. Received: a model of images of {preparation.shape}")
    return (_evaluate_arrays if arrays else _evaluate_files)(options, model, preparation)


def _evaluate_arrays(options, model, preparation):
    from time import perf_counter

    from fastcnn.images.prediction import as_input
    from fastcnn.recipes.digits import test_digits

    for option in "crops", "folder", "labels":
        if getattr(options, option):
            raise Failure(f"--{option} is for photographs. Received: --{option} {getattr(options, option)} and digits")
    x, y, held_out = test_digits(None if options.data == "mnist" else options.data, preparation.class_names,
                                 options.transpose, options.limit, _notes(model))
    start = perf_counter()
    x = as_input(model, preparation.augmentation(x[..., None]))
    if model.loss is None:
        values = _judged(model, y, model.predict(x))
    else:
        found = model.evaluate(x, _targets(model, y), verbose=0)
        values = dict(zip(model.metrics_names, found if isinstance(found, (list, tuple)) else [found], strict=True))
    print_result(_test(held_out), list(values), values.values(), len(x), perf_counter() - start)
    return 0


def _notes(model):
    """What a recipe remembered of the images it trained on."""
    return (model.metadata.get("training") or {}).get("images")


def _test(held_out):
    return "Test on the images that training held out:" if held_out else "Test"


def _targets(model, labels):
    """Labels, or rows with a one in them, as the model's loss takes them."""
    import numpy as np

    try:
        model.loss.prepare(labels, model.layers[-1].output_size)
        return labels
    except ValueError:
        return np.eye(model.output_shape[-1], dtype=np.float32)[labels]


def _judged(model, labels, y):
    """{name: value} of predictions."""
    from fastcnn.losses import SparseCategoricalCrossentropy
    from fastcnn.metrics import SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy

    if model.smallest_wins:
        return {"loss": model.loss(labels, y), "accuracy": SparseCategoricalAccuracy(best="smallest")(labels, y)}
    y = common.probabilities(model, y)
    values = {"loss": SparseCategoricalCrossentropy()(labels, y), "accuracy": SparseCategoricalAccuracy()(labels, y)}
    if y.shape[1] > 5:
        values["top-5 accuracy"] = SparseTopKCategoricalAccuracy(5)(labels, y)
    return values


def _evaluate_files(options, model, preparation):
    from time import perf_counter

    import numpy as np

    from fastcnn.images import predict_batches
    from fastcnn.recipes.sources import evaluation_source

    for option in "limit", "transpose":
        if getattr(options, option):
            raise Failure(f"--{option} is for digits, in files of arrays. Received: --{option} and {options.data}")
    source, held_out, line = evaluation_source(options.data, preparation, _notes(model), options.folder, options.labels)
    print(line)
    start = perf_counter()
    labels, rows = [], []
    for numbers, y in predict_batches(model, source, preparation.augmentation, options.crops or 1):
        labels.append(source.labels[numbers])
        rows.append(y)
    labels, y = np.concatenate(labels), np.concatenate(rows)
    warn_of_broken(source)
    if not len(y):
        raise Failure(f"{options.data}: no image can be read. Received: {len(source)} files")
    values = _judged(model, labels, y)
    print_result(_test(held_out), list(values), values.values(), len(y), perf_counter() - start)
    return 0


def warn_of_broken(source):
    """One warning for all images that could not be read."""
    import warnings

    broken = list(source.broken.values())
    if broken:
        more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
        warnings.warn(f"{len(broken)} of {len(source)} images cannot be decoded and are left out: "
                      f"{'; '.join(broken[:3])}{more}", stacklevel=2)


def print_result(what, names, values, images, seconds):
    """A line such as "Test loss 0.0312, accuracy 99.21 % (10,000 images in 0.31 s)"."""
    results = [f"{name} {100 * value:.2f} %" if name.endswith(("accuracy", "acc")) else f"{name} {value:.4f}"
               for name, value in zip(names, values, strict=True)]
    print(f"{what} {', '.join(results)} ({images:,} images in {seconds:.2f} s)")
