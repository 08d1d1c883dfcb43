"""The command `fastcnn`: train, tune, evaluate, predict, classify, convert, summary, lab, profile, bench, info: a file each.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage, 130 interrupted (143 by SIGTERM, 129 by
SIGHUP).
"""

import os
import sys
from contextlib import suppress

from fastcnn.callbacks import interruption
from fastcnn.cli.messages import complain, warnings_in_one_line


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
            with warnings_in_one_line(), interruption.caught():
                code = options.run(options)
        if sys.stdout is not None:  # it was closed before we began: what is printed goes nowhere
            sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: 2 for wrong usage, 0 after --help and --version
        return stop.code or 0
    except BrokenPipeError:  # nobody reads on, as in `fastcnn info | head -1`
        _output_fails()
        return 1
    except KeyboardInterrupt as interrupt:
        with suppress(OSError):  # the terminal may be gone
            complain(interrupt if interrupt.args else KeyboardInterrupt("Interrupted"))
        return interruption.exit_code()
    except Exception as error:  # noqa: BLE001  whatever it is, users get one line
        nameless = isinstance(error, OSError) and error.errno is not None and error.filename is None  # all others are named
        complain(error, "standard output" if _output_fails() or nameless else None)
        return 1


def _output_fails():
    """Whether what was printed cannot be written; then it goes nowhere, or the end of the process would say so again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _parser():
    from fastcnn import __version__
    from fastcnn.cli import bench, classify, convert, evaluate, info, lab, predict, profile, summary, train, tune
    from fastcnn.cli.parsing import Parser

    parser = Parser(prog="fastcnn", description="Classic convolutional networks on a CPU.")
    parser.add_argument("--version", action="version", version=f"fastcnn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in train, tune, evaluate, predict, classify, convert, summary, lab, profile, bench, info:
        command.add(commands)
    return parser
