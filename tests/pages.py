"""The examples of a page of documentation, run from top to bottom in one namespace.

    python tests/pages.py docs/lenet5.md        # a page as it stands, in the current folder, with whole data sets
"""

import ast
import contextlib
import doctest
import io
import re
import sys
import traceback
from collections import namedtuple
from pathlib import Path

EXTRAS = ("PIL", "h5py", "matplotlib", "optuna", "sklearn")  # modules of optional extras, as those pages name them
FENCES = ("python", "text", "sh", "js")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Example = namedtuple("Example", "line source want mode error", defaults=(None,))
Example.__doc__ = (
    "A ```python block (mode 'exec') or a >>> of a doctest ('single'): its first line in the page, what it must print "
    "(None: anything) and the last line of the traceback that it must end with (None: it must not).")


class Wrong(AssertionError):
    """An example fails or prints something else."""


class Missing(Exception):
    """An example needs a module that is not installed."""


def examples(text):
    """The examples of a page in order. A ```text block right behind a ```python block is what that prints."""
    found, after, code = [], 0, False
    for fence in FENCE.finditer(text):
        kind, body = fence[1].strip(), fence[2]
        found += _doctests(text, after, fence.start())
        code &= not text[after:fence.start()].strip()
        if kind == "text" and code:
            found[-1] = found[-1]._replace(want=body)
        code = kind == "python" and not body.lstrip().startswith(">>>")
        if code:
            found.append(Example(_line(text, fence.start(2)), body, None, "exec"))
        elif kind == "python":
            found += _doctests(text, fence.start(2), fence.end(2))
        after = fence.end()
    return found + _doctests(text, after, len(text))


def _line(text, position):
    return text.count("\n", 0, position) + 1


def _doctests(text, start, end):
    first = _line(text, start)
    return [Example(first + e.lineno, e.source, e.want, "single", e.exc_msg)
            for e in doctest.DocTestParser().get_examples(text[start:end]) if not e.options.get(doctest.SKIP)]


def run(path, show=False):
    """Runs a page's examples; returns how many there are.

    Args:
        path: of the page.
        show: also let examples print.

    Raises:
        Wrong: one fails, or prints something else; names its line and what it printed.
        Missing: one needs an optional module that is not installed; those before it were right.
    """
    found, namespace = examples(Path(path).read_text(encoding="utf-8")), {"__name__": "page"}
    for example in found:
        try:
            got = _printed(example, str(path), namespace)
        except ImportError as error:
            if error.name in EXTRAS or "pip install " in str(error):
                raise Missing(f"{Path(path).name} from line {example.line} on: {error}") from None
            raise Wrong(f"{path}, line {example.line}: {error}") from error
        except Exception as error:
            raise Wrong(f"{path}, line {example.line}: {type(error).__name__}: {error}") from error
        if show:
            print(got, end="")
        if example.want is not None and not doctest.OutputChecker().check_output(example.want, got, doctest.ELLIPSIS):
            raise Wrong(f"{path}, line {example.line}: {example.source}should print\n{example.want}and prints\n{got}")
    return len(found)


def _printed(example, path, namespace):
    """What an example prints; line numbers of its errors are the page's."""
    tree = ast.parse(example.source, path, example.mode)
    code = compile(ast.increment_lineno(tree, example.line - 1), path, example.mode)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if example.error is None:
            exec(code, namespace)
            return printed.getvalue()
        try:
            exec(code, namespace)
        except Exception as error:
            last = "".join(traceback.format_exception_only(type(error), error))
            if doctest.OutputChecker().check_output(example.error, last, doctest.ELLIPSIS):
                return example.want
            raise
    raise Wrong(f"should end with {example.error}")


if __name__ == "__main__":
    for page in sys.argv[1:]:
        print(f"{page}: {run(page, show=True)} examples")
