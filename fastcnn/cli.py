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
        _release()
        print(interrupt.args[0] if interrupt.args else "Interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        _release()
        print(f"fastcnn: {_reason(error)}", file=sys.stderr)
        return 1


def _parser():
    import argparse

    parser = argparse.ArgumentParser(prog="fastcnn", description="Classic convolutional networks on a CPU.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    train = commands.add_parser("train", help="train a network on a bundled data set",
                                formatter_class=argparse.ArgumentDefaultsHelpFormatter,
                                description="Train LeNet-5 on MNIST and evaluate it on the test set. Ctrl-C stops "
                                            "early; with --save what was learnt so far is kept.")
    train.add_argument("network", choices=["lenet5"], help="which network")
    train.add_argument("--epochs", type=_positive, default=5, metavar="N", help="passes over the training set")
    train.add_argument("--batch-size", type=_positive, default=32, metavar="N", help="images per step")
    train.add_argument("--learning-rate", type=_rate, default=0.05, metavar="X", help="largest learning rate")
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="of weights and the order of images")
    train.add_argument("--limit", type=_positive, default=argparse.SUPPRESS, metavar="N",
                       help="use only the first N images of the training set and of the test set")
    _add_threads(train, argparse.SUPPRESS)
    train.add_argument("--save", default=argparse.SUPPRESS, metavar="FILE", help="write the model to FILE")
    train.set_defaults(run=_train, limit=None, save=None)

    evaluate = commands.add_parser("evaluate", help="loss and accuracy of a saved model on a test set",
                                   formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    evaluate.add_argument("model", metavar="MODEL", help="a file that --save or Model.save wrote")
    evaluate.add_argument("--data", choices=["mnist"], default="mnist", help="which test set")
    evaluate.add_argument("--limit", type=_positive, default=argparse.SUPPRESS, metavar="N",
                          help="use only the first N images")
    _add_threads(evaluate, argparse.SUPPRESS)
    evaluate.set_defaults(run=_evaluate, limit=None)

    predict = commands.add_parser(
        "predict", help="classify images",
        description="Print file, class and probability of each image, separated by tabs. A model of 28x28x1 pixels "
                    "takes light ink on a dark ground, as in MNIST.")
    predict.add_argument("model", metavar="MODEL", help="a file that --save or Model.save wrote")
    predict.add_argument("images", metavar="IMAGE", nargs="+",
                         help="a PNG or JPEG file (needs Pillow: pip install 'fastcnn[image]'), resized to the model's "
                              "input; or an .npy file of one image or several, uint8 (0 to 255) or ready-made floats")
    predict.add_argument("--invert", action="store_true", help="dark ink on a light ground (PNG and JPEG)")
    predict.add_argument("--top", type=_positive, default=1, metavar="K", help="print the K likeliest classes")
    _add_threads(predict, argparse.SUPPRESS)
    predict.set_defaults(run=_predict)

    info = commands.add_parser("info", help="what this build of fastcnn runs on")
    info.set_defaults(run=_info)
    return parser


def _add_threads(parser, default):
    parser.add_argument("--threads", type=_positive, default=default, metavar="N",
                        help="threads to use (all the machine grants); results do not depend on it")


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
    folder = os.path.dirname(os.path.abspath(options.save)) if options.save else None
    if folder and (os.path.isdir(options.save) or not os.access(folder, os.W_OK)):
        raise _Failure(f"cannot write {options.save}: it is a folder, or its folder is missing or read-only")
    model, begun = fastcnn.networks.lenet5(seed=options.seed), []
    begin = LambdaCallback(on_train_begin=begun.append)
    try:
        result = train_lenet5(options.epochs, options.batch_size, options.learning_rate, options.seed, options.limit,
                              callbacks=[begin], model=model)
    except KeyboardInterrupt:
        if not options.save:
            raise KeyboardInterrupt("Interrupted.") from None
        if not begun:
            raise KeyboardInterrupt(f"Interrupted before training began; {options.save} was not written.") from None
        model.save(options.save)
        raise KeyboardInterrupt(f"Interrupted; the model as trained so far is in {options.save}.") from None
    if options.save:
        model.save(options.save)
    print(f"Trained in {result.train_seconds:.1f} s.")
    _print_result(["loss", "accuracy"], [result.loss, result.accuracy], result.test_images, result.test_seconds)
    if options.save:
        print(f"Saved to {options.save}")
    return 0


def _evaluate(options):
    from time import perf_counter

    import fastcnn
    from fastcnn.recipes import prepare_digits

    _set_threads(options)
    model = fastcnn.load_model(options.model)
    if tuple(model.input_shape) != _DIGITS:
        raise _Failure(f"MNIST's images are 28x28x1. Received: a model of input shape {model.input_shape}")
    _, (x, y) = fastcnn.datasets.mnist.load_data()
    x, y = prepare_digits(x[:options.limit]), y[:options.limit]
    start = perf_counter()
    values = model.evaluate(x, y, verbose=0)
    values = values if isinstance(values, (list, tuple)) else [values]
    _print_result(model.metrics_names, values, len(x), perf_counter() - start)
    return 0


def _print_result(names, values, images, seconds):
    results = ", ".join(f"{name} {100 * value:.2f} %" if name == "accuracy" else f"{name} {value:.4f}"
                        for name, value in zip(names, values))
    print(f"Test {results} ({images:,} images in {seconds:.2f} s)")


def _predict(options):
    import fastcnn

    _set_threads(options)
    model = fastcnn.load_model(options.model)
    code = 0
    for path in options.images:
        try:
            images = _read_npy(path, model.input_shape) if path.endswith(".npy") else _read_image(
                path, model.input_shape, options.invert)
        except Exception as error:  # the others may be fine
            print(f"fastcnn: {_reason(error, path)}", file=sys.stderr)
            code = 1
            continue
        probabilities = model.predict(images)
        for i, row in enumerate(probabilities.reshape(len(images), -1)):
            name = path if len(images) == 1 else f"{path}[{i}]"
            for label in row.argsort()[::-1][:options.top]:
                print(f"{name}\t{label}\t{row[label]:.4f}")
    return code


def _info(options):
    import fastcnn

    fastcnn.show_config()
    return 0
