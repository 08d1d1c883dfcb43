"""The command `fastcnn`: train, evaluate, predict, info.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage, 130 interrupted.
"""

import os
import sys

_DIGITS = (None, 28, 28, 1)


class _Failure(Exception):
    """What the user is told in one line."""


def main(argv=None):
    """Run the command line and return the exit code.

    Args:
        argv: the words after `fastcnn`; None: those of this process.

    Example:
        >>> from fastcnn.cli import main
        >>> main(["info"])  # doctest: +SKIP
        0
    """
    parser = _parser()
    for stream in (sys.stdout, sys.stderr):  # file names need not be text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser.parse_args(argv)
        if options.command is None:
            parser.print_help()
            code = 0
        else:
            code = options.run(options)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: 2 for wrong usage, 0 after --help
        return stop.code or 0
    except BrokenPipeError:  # nobody reads on, as in `fastcnn info | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as interrupt:
        _complain(interrupt if interrupt.args else KeyboardInterrupt("Interrupted"))
        return 130
    except Exception as error:  # noqa: BLE001  whatever it is, users get one line
        _complain(error)
        return 1


def _parser():
    import argparse
    from inspect import signature

    from fastcnn.recipes import train_lenet5

    default = {name: parameter.default for name, parameter in signature(train_lenet5).parameters.items()}
    parser = argparse.ArgumentParser(prog="fastcnn", description="Classic convolutional networks on a CPU.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    train = commands.add_parser(
        "train", help="train a network on a bundled data set",
        description="Train LeNet-5 on MNIST, then evaluate it on the test set. Ctrl-C stops early; with "
                    "--save, what was learnt so far is kept.")
    train.add_argument("network", choices=["lenet5"], help="which network")
    for option, kind, what in [
        ("epochs", _positive, "passes over the training set"),
        ("batch-size", _positive, "images per step"),
        ("learning-rate", _rate, "the largest learning rate"),
        ("seed", _seed, "of the initial weights and the order of images"),
    ]:
        train.add_argument(f"--{option}", type=kind, metavar="X" if kind is _rate else "N",
                           default=default[option.replace("-", "_")], help=f"{what} (%(default)s)")
    train.add_argument("--save", metavar="FILE", help="write the model to FILE")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="loss and accuracy of a saved model on a test set")
    evaluate.add_argument("model", metavar="MODEL", help="a file that train --save or Model.save wrote")
    evaluate.add_argument("--data", choices=["mnist"], default="mnist", help="which test set (%(default)s)")
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser(
        "predict", help="classify images",
        description="Print file, class and probability of each image, separated by tabs. A model of 28x28x1 "
                    "pixels takes light ink on a dark ground, as in MNIST.")
    predict.add_argument("model", metavar="MODEL", help="a file that train --save or Model.save wrote")
    predict.add_argument("images", metavar="IMAGE", nargs="+",
                         help="a PNG or JPEG file, resized to the model's input (needs Pillow: pip install "
                              "'fastcnn[image]'), or an .npy file of one image or several: uint8, 0 to 255, "
                              "or floats as the model takes them")
    predict.add_argument("--invert", action="store_true", help="the images have dark ink on a light ground")
    predict.add_argument("--top", type=_positive, default=1, metavar="K",
                         help="print the K likeliest classes (%(default)s)")
    predict.set_defaults(run=_predict)

    limits = {train: "the training set and of the test set", evaluate: "the test set"}
    for command in train, evaluate, predict:
        if command in limits:
            command.add_argument("--limit", type=_positive, metavar="N",
                                 help=f"use only the first N images of {limits[command]}")
        command.add_argument("--threads", type=_positive, metavar="N",
                             help="threads to use (all that the machine grants); results do not depend on it")
    commands.add_parser("info", help="what this build of fastcnn runs on").set_defaults(run=_info)
    return parser


def _number(convert, text, smallest, what):
    from argparse import ArgumentTypeError

    try:
        value = convert(text)
    except ValueError:
        value = None
    if value is None or not smallest <= value < 2**31:
        raise ArgumentTypeError(f"must be {what}. Received: {text!r}")
    return value


def _positive(text):
    return _number(int, text, 1, "an integer from 1")


def _seed(text):
    return _number(int, text, 0, "an integer from 0")


def _rate(text):
    return _number(float, text, 0, "a number from 0")


def _train(options):
    import fastcnn
    from fastcnn.callbacks import LambdaCallback
    from fastcnn.recipes import train_lenet5

    _set_threads(options)
    save = options.save
    if save and (os.path.isdir(save) or not os.access(os.path.dirname(os.path.abspath(save)), os.W_OK)):
        raise _Failure(f"cannot write {save}: it is a folder, or its folder is missing or read-only")
    model, begun = fastcnn.networks.lenet5(seed=options.seed), []
    callbacks = [LambdaCallback(on_train_begin=begun.append)]
    try:
        result = train_lenet5(options.epochs, options.batch_size, options.learning_rate, options.seed,
                              options.limit, callbacks=callbacks, model=model)
    except KeyboardInterrupt:
        if not save or not begun:
            raise
        model.save(save)
        raise KeyboardInterrupt(f"Interrupted; the model as trained so far is in {save}") from None
    if save:
        model.save(save)
    print(f"Trained in {result.train_seconds:.1f} s")
    values = [result.loss, result.accuracy]
    _print_result(["loss", "accuracy"], values, result.test_images, result.test_seconds)
    if save:
        print(f"Saved to {save}")
    return 0


def _evaluate(options):
    from time import perf_counter

    import fastcnn
    from fastcnn.recipes import prepare_digits

    _set_threads(options)
    model = fastcnn.load_model(options.model)
    if tuple(model.input_shape) != _DIGITS:
        raise _Failure(f"MNIST has images of shape (28, 28, 1). Received: a model of {model.input_shape}")
    _, (x, y) = fastcnn.datasets.mnist.load_data()
    x, y = prepare_digits(x[:options.limit]), y[:options.limit]
    start = perf_counter()
    values = model.evaluate(x, y, verbose=0)
    values = values if isinstance(values, (list, tuple)) else [values]
    _print_result(model.metrics_names, values, len(x), perf_counter() - start)
    return 0


def _print_result(names, values, images, seconds):
    results = [f"{name} {100 * value:.2f} %" if name in ("accuracy", "acc") else f"{name} {value:.4f}"
               for name, value in zip(names, values, strict=True)]
    print(f"Test {', '.join(results)} ({images:,} images in {seconds:.2f} s)")


def _predict(options):
    import fastcnn

    _set_threads(options)
    model = fastcnn.load_model(options.model)
    code = 0
    for path in options.images:
        try:
            read = _read_array if path.lower().endswith(".npy") else _read_image
            images = read(path, tuple(model.input_shape), options.invert)
        except Exception as error:  # noqa: BLE001  whatever it is, the other images may be fine
            _complain(error, path)
            code = 1
            continue
        for i, row in enumerate(model.predict(images).reshape(len(images), -1)):
            name = path if len(images) == 1 else f"{path}[{i}]"
            for label in (-row).argsort(kind="stable")[:options.top]:
                print(f"{name}\t{label}\t{row[label]:.4f}")
    return code


def _read_array(path, input_shape, invert):
    import numpy as np

    x = np.load(path, allow_pickle=False)
    sample = input_shape[1:]
    shapes = [sample, sample[:-1]] if sample[-1] == 1 else [sample]
    if not isinstance(x, np.ndarray) or x.shape not in shapes and x.shape[1:] not in shapes:
        what = f"shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise _Failure(f"must hold one or several images of shape {sample}. Received: {what}")
    x = x.reshape(-1, *sample)
    if x.dtype == np.uint8:
        return _prepared(255 - x if invert else x, input_shape)
    if x.dtype.kind != "f" or invert:
        raise _Failure(f"must be uint8{'' if invert else ' or floats'}. Received: {x.dtype}")
    return x


def _read_image(path, input_shape, invert):
    import numpy as np

    from fastcnn.images.decode import flatten, open_image, pillow

    if len(input_shape) != 4 or input_shape[3] not in (1, 3):
        raise _Failure(f"the model takes no grey or RGB images. Received: a model of {input_shape}")
    try:
        resampling = pillow().Resampling
    except ImportError as error:
        raise _Failure(f"{error} (.npy files are read without)") from None
    image = flatten(open_image(path), input_shape[3], "white" if invert else "black")
    image = image.resize((input_shape[2], input_shape[1]), resampling.BILINEAR)
    x = np.asarray(image, np.uint8).reshape(1, *input_shape[1:])
    return _prepared(255 - x if invert else x, input_shape)


def _prepared(x, input_shape):
    """Pixels as the model takes them: digits as in training, others from 0 to 1."""
    import numpy as np

    from fastcnn.recipes import prepare_digits

    return prepare_digits(x) if input_shape == _DIGITS else np.divide(x, np.float32(255), dtype=np.float32)


def _info(options):
    import fastcnn

    fastcnn.show_config()
    return 0


def _set_threads(options):
    import fastcnn

    if options.threads:
        fastcnn.set_num_threads(options.threads)


def _complain(error, path=None):
    """One line on standard error, on a line of its own."""
    from fastcnn.callbacks.terminal import release

    release()
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        path = path or error.filename
    elif isinstance(error, MemoryError):
        text = text or "not enough memory"
    elif not isinstance(error, (_Failure, KeyboardInterrupt, OSError, TypeError, ValueError)):
        text = f"{type(error).__name__}: {text}"
    parts = ["fastcnn", str(path)] if path and str(path) not in text else ["fastcnn"]
    print(": ".join([*parts, " ".join(text.split())]), file=sys.stderr)
