"""How the layers of a network are connected."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from fastcnn.typing import Figure, FigureBase, Model
from fastcnn.vis.layering import Layering
from fastcnn.vis.style import GREY, INK, bare, cut, drawing, figure_of, inches

_LETTERS, _LARGE = 7, 11    # points: of boxes, of the title
_LINE = 0.125    # inches of a line of text
_HEIGHT = 3 * _LINE + 0.09  # of a box
_SIDE = 0.1      # between text and a box's edge
_MOST = 28       # letters of a name
_GAP, _STEEP = 0.17, 0.45  # between rows: at least, and where arrows go far aside
_SLOPE = 0.07    # of a gap, per inch that an arrow goes aside in it
_EDGE, _TITLE = 0.2, 0.7
_GUTTER = 0.4    # between columns
_LANE = 0.09     # between arrows in a gutter
_PORT = 0.15     # between arrows that end at a box
_TURN = 0.3      # above and below columns, where arrows change to the next
_PAGE = 16, 9.5  # inches that a figure should not exceed
_LEARNS, _MERGES, _PLAIN, _LINES = "#dce7f2", "#f7e2d5", "#f2f2f2", "#8a8a8a"


class _Box(NamedTuple):
    """What a box says, and how it looks."""

    name: str
    kind: str
    numbers: str
    fill: str
    edge: str
    sources: list  # numbers of boxes


@drawing
def graph(model: Model, figure: FigureBase | None = None) -> Figure:
    """The layers as boxes, with arrows from each to those that take its values; branches stand side by side.

    A box tells the layer's name and type, its output's shape, and its parameters if it has some. A layer that is called
    several times has a box for each call. A model that serves as a layer is one box. Boxes with dark edges are inputs and
    outputs, blue ones have parameters, red ones take several values. Long networks stand in several columns.

    Args:
        model: built.
        figure: a matplotlib figure to draw on; the drawing shrinks to its size. None: a new one of pyplot's.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError: the figure is none of matplotlib's.
        ValueError: the model is not built.

    Example:
        >>> figure = graph(fastcnn.networks.lenet5())
        >>> [text.get_text() for text in figure.axes[0].texts[:6]]
        ['input', 'InputLayer', '28 × 28 × 1', 'c1', 'Conv2D', '28 × 28 × 6 · 156']
    """
    model._need_built()
    boxes = _boxes(model)
    wide = max(max(_wide(box.name, "bold"), _wide(box.kind), _wide(box.numbers)) for box in boxes)
    return _Drawing(model, boxes, Layering([box.sources for box in boxes], wide + 2 * _SIDE)).draw(figure)


def _boxes(model):
    """The inputs, then the calls of layers in their order."""
    inputs, outputs = model.graph.inputs, {id(symbol) for symbol in model.graph.outputs}
    calls = sorted(model.graph.order, key=lambda call: call.number)
    begins = {id(symbol): i for i, symbol in enumerate(inputs)}
    number = {call: i for i, call in enumerate(calls, len(inputs))}
    given = {}  # call: {id of a value that somebody takes: the value}
    for symbol in (*(taken for call in calls for taken in call.inputs), *model.graph.outputs):
        given.setdefault(symbol.call, {})[id(symbol)] = symbol
    boxes, seen = [_Box(cut(symbol.name, _MOST), "InputLayer", _shape(symbol), "white", INK, []) for symbol in inputs], set()
    for call in calls:
        layer, count, values = call.layer, call.layer.count_params(), given[call]
        kind = type(layer).__name__ + (f", {len(layer.layers)} layers" if hasattr(layer, "graph") else "")
        numbers = [", ".join(map(_shape, values.values()))]
        if count:
            numbers.append("same weights" if layer in seen else f"{count:,}")
        seen.add(layer)
        sources = [begins.get(id(symbol), number.get(symbol.call)) for symbol in call.inputs]
        boxes.append(_Box(cut(layer.name, _MOST), kind, " · ".join(numbers),
                          _LEARNS if count else _MERGES if len(sources) > 1 else _PLAIN,
                          INK if outputs & set(values) else GREY, sources))
    return boxes


def _shape(symbol):
    return " × ".join(map(str, symbol.shape[1:]))


def _wide(text, weight="normal", size=_LETTERS):
    """Inches of a text."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    return TextToPath().get_text_width_height_descent(text, FontProperties(weight=weight, size=size), False)[0] / 72


class _Drawing:
    """Boxes and arrows, in inches from the upper left corner."""

    def __init__(self, model, boxes, places):
        self.title, self.boxes, self.places = f"{model.name}: {model.count_params():,} parameters", boxes, places
        self.least = _wide(self.title, "bold", _LARGE) + 2 * _EDGE
        self.gaps = [_GAP] + [min(_STEEP, _GAP + _SLOPE * aside) for aside in places.aside()]
        most = min(len(places.rows) // 4 + 1, 40)
        self._arrange(min(range(1, most + 1), key=lambda n: (round(self._badness(n), 2), n)))

    def _badness(self, columns):
        """How many times larger than a page the drawing would be, and how many arrows would have to turn, in tens."""
        self._arrange(columns)
        turns = sum(self.places.passing(first)[0] - 1 for first in self.starts[1:])
        return max(1, self.width / _PAGE[0], self.height / _PAGE[1]) + turns / 10

    def _arrange(self, columns):
        """Places rows and columns."""
        self.starts = self.places.cut(columns)
        passing = [self.places.passing(first) for first in self.starts[1:]]
        self.turn = _TURN + _LANE * max(items for items, _ in passing) if passing else 0
        self.top, self.column, self.right, self.shift, self.bottom = [], [], [], [], []
        x = _EDGE
        for n, first in enumerate(self.starts):
            last = self.starts[n + 1] if n + 1 < columns else len(self.places.rows)
            y = _TITLE + self.turn
            for row in range(first, last):
                y += self.gaps[row] if row > first else _STEEP if n and passing[n - 1][0] < passing[n - 1][1] else 0
                self.top.append(y)
                self.column.append(n)
                y += _HEIGHT
            left, right = self.places.extent(first, last)
            self.shift.append(x - left)
            self.right.append(x + right - left)
            self.bottom.append(y)
            x = self.right[-1] + _GUTTER + (_LANE * passing[n][0] if n < len(passing) else 0)
        self.width, self.height = max(self.right[-1] + _EDGE, self.least), max(self.bottom) + self.turn + _EDGE

    def draw(self, figure=None):
        """The figure."""
        figure = figure_of(figure, self.width, self.height)
        width, height = inches(figure)
        self.scale = min(1, width / self.width, height / self.height)
        aside = (width / self.scale - self.width) / 2
        axes = self.axes = figure.add_axes((0, 0, 1, 1))
        bare(axes)
        axes.set_xlim(-aside, self.width + aside)
        axes.set_ylim(height / self.scale, 0)
        for number, box in enumerate(self.boxes):
            self._box(number, box)
        self._arrows()
        self._text(_EDGE, 0.22, self.title, _LARGE, weight="bold", ha="left")
        self._text(_EDGE, 0.45, "name, type, output · parameters", color=GREY, ha="left")
        return figure

    def _text(self, x, y, text, size=_LETTERS, **style):
        self.axes.text(x, y, text, fontsize=size * self.scale, va="center", **{"ha": "center", **style})

    def _box(self, number, box):
        from matplotlib.patches import FancyBboxPatch

        x, y, half = self._x(number), self.top[self.places.row[number]], self.places.width / 2
        self.axes.add_artist(FancyBboxPatch((x - half + 0.03, y + 0.03), 2 * half - 0.06, _HEIGHT - 0.06, facecolor=box.fill,
                                           boxstyle="round,pad=0.03", edgecolor=box.edge, linewidth=0.8 * self.scale))
        for line, (text, style) in enumerate(((box.name, {"weight": "bold"}), (box.kind, {"color": GREY}),
                                              (box.numbers, {}))):
            self._text(x, y + 0.045 + _LINE * (line + 0.5), text, **style)

    def _x(self, item):
        return self.places.x[item] + self.shift[self.column[self.places.row[item]]]

    # Arrows

    def _arrows(self):
        places, turning, ports = self.places, {}, self._ports()
        for number, path in enumerate(places.paths):
            for a, b in pairwise(path):
                is_end = b == path[-1]
                target = ports[number] if is_end else self._x(b), b, is_end
                if self.column[places.row[a]] == self.column[places.row[b]]:
                    self._bend(self._x(a), self._below(a), *target)
                else:
                    turning.setdefault(a, []).append(target)
        for column in range(len(self.right) - 1):
            own = [a for a in turning if self.column[places.row[a]] == column]
            for lane, a in enumerate(sorted(own, key=self._x, reverse=True)):
                self._turn(a, lane, column, turning[a])

    def _below(self, item):
        """Where an arrow leaves a row."""
        return self.top[self.places.row[item]] + _HEIGHT

    def _ports(self):
        """For each arrow the x at which it ends: straight below where it comes from, or if there is no room side by side."""
        into, found, half = {}, {}, 0.35 * self.places.width
        for number, path in enumerate(self.places.paths):
            into.setdefault(path[-1], []).append((self.places.x[path[-2]] - self.places.x[path[-1]], number))
        for box, arrows in into.items():
            arrows.sort()
            ends = [max(-half, min(half, aside)) for aside, _ in arrows]
            if any(right - left < _PORT for left, right in pairwise(ends)):
                step = min(2 * _PORT, 2 * half / len(arrows))
                ends = [step * (i - (len(arrows) - 1) / 2) for i in range(len(arrows))]
            found.update({number: self._x(box) + end for (_, number), end in zip(arrows, ends)})
        return found

    def _bend(self, x, y, end, item, is_end):
        """A line down to the row of an item, and past it unless it ends there."""
        from matplotlib.path import Path

        top = self.top[self.places.row[item]]
        middle, points = (y + top) / 2, [(x, y)]
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        points += [(x, middle), (end, middle), (end, top)]
        if not is_end:
            points.append((end, top + _HEIGHT))
            codes.append(Path.LINETO)
        self._line(points, codes, is_end)

    def _turn(self, a, lane, column, targets):
        """Lines from an item in one column to some in the next."""
        from matplotlib.path import Path

        away, begin = lane * _LANE, _TITLE + self.turn
        low, side, high = self.bottom[column] + 0.1 + away, self.right[column] + 0.14 + away, begin - _GAP - 0.08 - away
        middle = sum(end for end, *_ in targets) / len(targets)
        points = [(self._x(a), self._below(a)), (self._x(a), low), (side, low), (side, high), (middle, high),
                  (middle, begin - _GAP)]
        self._line(points, [Path.MOVETO] + [Path.LINETO] * 5, False)
        for target in targets:
            self._bend(*points[-1], *target)

    def _line(self, points, codes, is_end):
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        style = f"-|>,head_length={2.6 * self.scale},head_width={1.3 * self.scale}" if is_end else "-"
        self.axes.add_artist(FancyArrowPatch(path=Path(points, codes), arrowstyle=style, color=_LINES, joinstyle="round",
                                            linewidth=0.9 * self.scale, capstyle="round", shrinkA=0, shrinkB=0))
