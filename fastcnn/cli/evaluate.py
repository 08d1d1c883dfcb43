"""`fastcnn evaluate`: how good a saved model is on a test set."""

from fastcnn.cli import options as common
from fastcnn.cli.messages import Failure


def add(commands):
    """The command's place in the parser."""
    evaluate = commands.add_parser(
        "evaluate", help="loss and accuracy of a saved model on a test set",
        description="Digits are tested on MNIST. Photographs are tested on a folder or zip archive of class folders; where "
                    "it has parts, on \"val\" or \"test\"; and where training held a part of these images out, on that.")
    common.add_model(evaluate)
    evaluate.add_argument("--data", metavar="DIR_OR_ZIP", help="photographs in class folders; digits: mnist, as a rule")
    common.add_crops(evaluate)
    evaluate.add_argument("--limit", type=common.positive, metavar="N",
                          help="digits: use only the first N images of the test set")
    common.add_half_weights(evaluate)
    common.add_threads(evaluate)
    evaluate.set_defaults(run=run)


def run(options):
    """Prints loss and accuracy."""
    from fastcnn.images import Preparation

    common.set_threads(options)
    model = common.load(options)
    photographs = Preparation.of(model)
    return _evaluate_digits(options, model) if photographs is None else _evaluate_photographs(options, model, photographs)


def _evaluate_digits(options, model):
    from time import perf_counter

    import fastcnn
    from fastcnn.recipes import prepare_digits

    if options.data not in (None, "mnist"):
        common.preparation(model, options.model)
    if options.crops:
        raise Failure(f"--crops is for models of photographs. Received: --crops {options.crops} and a model of "
                      f"{model.input_shape}")
    variant = common.digits_variant(model)
    if variant is None:
        raise Failure(f"MNIST has images of shape (28, 28, 1). Received: a model of {model.input_shape}")
    _, (x, y) = fastcnn.datasets.mnist.load_data()
    x, y = prepare_digits(x[:options.limit], variant), y[:options.limit]
    start = perf_counter()
    values = model.evaluate(x, y, verbose=0)
    values = values if isinstance(values, (list, tuple)) else [values]
    print_result("Test", model.metrics_names, values, len(x), perf_counter() - start)
    return 0


def _evaluate_photographs(options, model, preparation):
    from time import perf_counter

    import numpy as np

    from fastcnn.images import predict_batches
    from fastcnn.losses import SparseCategoricalCrossentropy
    from fastcnn.metrics import SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy
    from fastcnn.recipes.sources import evaluation_source

    if options.data is None:
        raise Failure(f"{options.model} is a model of photographs: --data must say which. Received: no --data")
    if options.limit:
        raise Failure(f"--limit is for digits; photographs come in the order of their classes. Received: {options.limit}")
    notes = (model.metadata.get("training") or {}).get("images")
    source, held_out = evaluation_source(options.data, preparation, notes)
    start = perf_counter()
    labels, rows = [], []
    for numbers, y in predict_batches(model, source, preparation.augmentation, options.crops or 1):
        labels.append(source.labels[numbers])
        rows.append(y)
    labels, y = np.concatenate(labels), np.concatenate(rows)
    warn_of_broken(source)
    if not len(y):
        raise Failure(f"{options.data}: no image can be read. Received: {len(source)} files")
    values = {"loss": SparseCategoricalCrossentropy()(labels, y), "accuracy": SparseCategoricalAccuracy()(labels, y)}
    if y.shape[1] > 5:
        values["top-5 accuracy"] = SparseTopKCategoricalAccuracy(5)(labels, y)
    print_result("Test on the images that training held out:" if held_out else "Test", list(values), values.values(), len(y),
                 perf_counter() - start)
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
