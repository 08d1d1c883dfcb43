"""Text of the page, as people write JSON and JavaScript, taken apart without running it."""

import json
import re

MOST = 50_000  # characters of a text
_AROUND = re.compile(r"\b(?:var|let|const|layer_defs|defs|push|net|layers|makeLayers|new|convnetjs|Net)\b|[\s\[\](),;=.]+")
_QUOTED = re.compile(r"'((?:[^'\\\n]|\\.)*)'")
_BARE = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")


class Wrong(ValueError):
    """What is wrong with a network, and where.

    Args:
        message: for people.
        place: number of the layer; line: of the text, from 1; None: unknown.
    """

    def __init__(self, message, place=None, line=None):
        super().__init__(message)
        self.place, self.line = place, line


def objects(text):
    """[(line, dictionary)] of what stands in braces in a text. Around it there may be JSON's and ConvNetJS' punctuation alone.

    Raises:
        Wrong: anything else; names the line.

    Example:
        >>> objects("layer_defs.push({type:'pool', sx:2});  // halves")
        [(1, {'type': 'pool', 'sx': 2})]
    """
    if not isinstance(text, str) or len(text) > MOST:
        raise Wrong(f"a network must be a text of at most {MOST:,} characters. Received: "
                    + (f"{len(text):,}" if isinstance(text, str) else type(text).__name__))
    text = re.sub(r"//[^\n]*", "", text)
    found, around, depth, start, end, quote = [], [], 0, 0, 0, None
    for i, letter in enumerate(text):
        if quote:
            quote = None if letter == quote and text[i - 1] != "\\" else quote
        elif depth and letter in "\"'":
            quote = letter
        elif letter == "{":
            depth += 1
            if depth == 1:
                around.append((end, text[end:i]))
                start = i
        elif letter == "}":
            depth -= 1
            if depth < 0:
                raise Wrong("} closes nothing here", line=_line(text, i))
            if depth == 0:
                end = i + 1
                found.append((_line(text, start), _read(text[start:end], _line(text, start))))
    if depth:
        raise Wrong("{ is never closed", len(found), _line(text, start))
    for at, part in (*around, (end, text[end:])):
        rest = _AROUND.sub("", part)
        if rest:
            line = _line(text, at + part.find(rest[0]))
            raise Wrong(f"only layers in braces belong here. Received: {' '.join(part.split())[:60]!r}", line=line)
    if not found:
        raise Wrong("a network must have layers, each in braces. Received: none", line=1)
    return found


def _line(text, place):
    return text.count("\n", 0, place) + 1


def _read(text, line):
    loose = _BARE.sub(r'\1"\2"\3', _QUOTED.sub(lambda match: json.dumps(match[1]), text))
    error = None
    for form in text, re.sub(r",(\s*})", r"\1", loose):
        try:
            found = json.loads(form, parse_constant=_refuse)
        except json.JSONDecodeError as wrong:
            error = error or wrong
            error = wrong
        except (ValueError, RecursionError) as wrong:
            raise Wrong(f"this cannot be read: {wrong}", line=line) from None
        else:
            return found
    raise Wrong(f"this is no layer in braces: {error.msg}", line=line + error.lineno - 1)


def _refuse(name):
    raise ValueError(f"numbers must be finite. Received: {name}")
