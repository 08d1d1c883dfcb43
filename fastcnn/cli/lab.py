"""`fastcnn lab`: watch a network learn in the browser, and touch it."""

from fastcnn.cli import options as common


def add(commands):
    """The command's place in the parser."""
    lab = commands.add_parser(
        "lab", help="watch a network learn in the browser, and touch it",
        description="Open a page on which a network learns from images: its maps, gradients and filters change while it "
                    "does, numbers and layers can be changed, digits drawn. Ctrl-C, or a button of the page, ends it.")
    lab.add_argument("--data", metavar="DATA", default="mnist",
                     help="mnist, fashion, cifar10; a folder or archive of images in class folders, or of IDX files; a CSV "
                          "or .npz file of digits (%(default)s)")
    lab.add_argument("--model", metavar="FILE", help="a saved model, or the name of a network, as lenet5 or alexnet (one "
                                                     "that fits the images)")
    lab.add_argument("--port", type=common.port, default=0, metavar="N", help="to answer at (any that is free)")
    lab.add_argument("--folder", metavar="DIR", default="lab", help="where the page saves models (%(default)s)")
    lab.add_argument("--no-browser", action="store_true", help="only print the page's address")
    common.add_threads(lab)
    lab.set_defaults(run=run)


def run(options):
    """Answers until it is stopped."""
    from fastcnn.lab import Lab

    common.set_threads(options)
    Lab(options.model, options.data, options.folder).serve(options.port, browser=not options.no_browser)
    return 0
