"""Words of a command line: argparse, but with one line of usage before an error, and with what may have been meant."""

import argparse
import sys
from difflib import get_close_matches


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` whose errors are two lines.

    Example:
        >>> try: Parser("fastcnn").parse_args(["--virsion"])
        ... except SystemExit as stop: stop.code
        2
    """

    rest = None  # the name of a list that words between and behind options belong to

    def error(self, message):
        """Ends the process: how the command is written, and what is wrong."""
        words = " ".join(action.metavar or action.dest if action.nargs is None or action.nargs == argparse.PARSER
                         else f"{action.metavar or action.dest} …" for action in self._actions if not action.option_strings)
        usage = " ".join(filter(None, (self.prog, words, "[OPTIONS]")))
        self.exit(2, f"usage: {usage}   ({self.prog} --help lists them)\nfastcnn: error: {message}\n")

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but what is not known is an error of the command that it was written behind."""
        options = [name for action in self._actions for name in action.option_strings]
        above = any(action.nargs == argparse.PARSER for action in self._actions)
        args = sys.argv[1:] if args is None else list(args)
        for word in args:  # said before what is missing for it
            name = word.partition("=")[0]
            if above and not word.startswith("-"):
                break
            if word.startswith("--") and not any(option.startswith(name) for option in options):
                self.error(f"unrecognized arguments: {word}{meant(name, options)}")
        namespace, unknown = super().parse_known_args(args, namespace)
        if self.rest:
            words = [word for word in unknown if not word.startswith("-")]
            setattr(namespace, self.rest, [*getattr(namespace, self.rest), *words])
            unknown = [word for word in unknown if word.startswith("-")]
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            choices = list(map(str, action.choices))
            known = [*choices, "--help", "--version"] if action.nargs == argparse.PARSER else choices
            raise argparse.ArgumentError(action, f"invalid choice: {value!r} (choose from {', '.join(choices)})"
                                                 + meant(str(value), known))


def meant(word, known):
    """"; did you mean …?", if one of those known is like the word, or is what it is called elsewhere.

    Example:
        >>> meant("trian", ["train", "predict"]), meant("--lr", ["--val", "--learning-rate"]), meant("x", ["train"])
        ('; did you mean train?', '; did you mean --learning-rate?', '')
    """
    from fastcnn import hints

    spelled, wanted = {hints.flat(other): other for other in known}, hints.flat(word)
    near = get_close_matches(hints.flat(hints.of_attribute("()").get(wanted, wanted)), spelled, 1)
    return f"; did you mean {spelled[near[0]]}?" if near else ""
