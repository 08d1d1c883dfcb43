"""Definitions as people write them, in JSON or JavaScript, taken apart without running them."""

import json
import re
from contextlib import contextmanager

from fastcnn import arguments

_AROUND = re.compile(r"\b(?:var|let|const|layer_defs|push|net|layers|makeLayers|new|convnetjs|Net)\b|[\s\[\](),;=.]+")
_STRING = r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\''
_PARTS = re.compile(rf"{_STRING}|//[^\n]*|[{{}}]")
_QUOTED, _BARE = re.compile(r"'((?:[^'\\\n]|\\.)*)'"), re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")


class Wrong(ValueError):
    """What is wrong with a network, and where.

    Args:
        message: for people.
        place: number of the layer; line: of the text, from 1; None: unknown.
    """

    def __init__(self, message, place=None, line=None):
        super().__init__(message)
        self.place, self.line = place, line


@contextmanager
def at(place, line):
    """A block whose errors are those of a layer."""
    try:
        yield
    except Wrong:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise Wrong(" ".join(str(error).split()) or type(error).__name__, place, line) from None


def objects(text):
    """[(line, dictionary)] of what stands in braces in a text. Around it there may be JSON's and ConvNetJS' punctuation
    alone, and comments.

    Raises:
        Wrong: anything else; names the line.

    Example:
        >>> objects("layer_defs.push({type:'pool', sx:2});  // halves")
        [(1, {'type': 'pool', 'sx': 2})]
    """
    text = re.sub(rf"({_STRING})|//[^\n]*", lambda match: match[1] or "", text)
    found, depth, start, end = [], 0, 0, 0
    for match in _PARTS.finditer(text):
        if match[0] == "{":
            if depth == 0:
                start = match.start()
                _check_between(text, end, start)
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth < 0:
                raise Wrong("} closes nothing here", line=_line(text, match.start()))
            if depth == 0:
                end = match.end()
                found.append((_line(text, start), _read(text[start:end], len(found), _line(text, start))))
    if depth:
        raise Wrong("{ is never closed", len(found), _line(text, start))
    _check_between(text, end, len(text))
    if not found:
        raise Wrong("a network must have layers, each in braces. Received: none", line=1)
    return found


def _line(text, place):
    return text.count("\n", 0, place) + 1


def _check_between(text, start, end):
    rest = _AROUND.sub(lambda match: " " * len(match[0]), text[start:end])
    if rest.strip():
        at = start + len(rest) - len(rest.lstrip())
        raise Wrong(f"only layers in braces belong here. Received: "
                    f"{arguments.shown(' '.join(rest.split())[:60])}", line=_line(text, at))


def _read(text, place, line):
    loose = _BARE.sub(r'\1"\2"\3', _QUOTED.sub(lambda match: json.dumps(match[1]), text))
    for form in text, re.sub(r",(\s*})", r"\1", loose):
        try:
            return json.loads(form, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            wrong = Wrong(f"this is no layer: {error.msg}", place, line + error.lineno - 1)
        except (ValueError, RecursionError) as error:
            raise Wrong(f"this cannot be read: {error}", place, line) from None
    raise wrong


def _refuse(name):
    raise ValueError(f"numbers must be finite. Received: {name}")
