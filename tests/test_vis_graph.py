"""Drawn networks: what boxes say, that they do not touch, where arrows lead, and that no arrow crosses a box."""

import random
from itertools import combinations, pairwise

import numpy as np
import pytest
from test_graphs import inception, residual, shared
from test_vis import legible

import fastcnn
from fastcnn import layers as L
from fastcnn import vis
from fastcnn.vis.layering import Layering


def long_residual(blocks=9):
    """As a ResNet: every third block has a convolution beside it."""
    x = start = fastcnn.Input((16, 16, 4))
    for i in range(blocks):
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x)))
        y = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(y))
        x = L.ReLU()(L.Add()([y, L.Conv2D(4, 1)(x) if i % 3 == 2 else x]))
    return fastcnn.Model(start, L.Dense(3)(L.GlobalAveragePooling2D()(x)), name="long_residual")


def googlenet(modules=9):
    """Modules of four branches, and two outputs on the way."""
    x, ends = (start := fastcnn.Input((16, 16, 4))), []
    for i in range(modules):
        branches = [L.Conv2D(4, 1)(x), L.Conv2D(4, 3, padding="same")(L.Conv2D(2, 1)(x)),
                    L.Conv2D(4, 5, padding="same")(L.Conv2D(2, 1)(x)),
                    L.Conv2D(4, 1)(L.MaxPooling2D(3, 1, padding="same")(x))]
        x = L.Concatenate(name=f"inception_{i}")(branches)
        if i in (3, 6):
            ends.append(L.Dense(5)(L.Dropout(0.5)(L.Dense(6)(L.Flatten()(L.Conv2D(1, 1)(x))))))
    return fastcnn.Model(start, [L.Dense(5, name="main")(L.GlobalAveragePooling2D()(x)), *ends])


def densely(count=6):
    """Each layer takes what all before it gave."""
    given = [fastcnn.Input((4, 4, 3))]
    for _ in range(count):
        taken = L.Concatenate()(given) if len(given) > 1 else given[0]
        given.append(L.Conv2D(2, 1)(taken))
    return fastcnn.Model(given[0], given[-1])


def towers(depth=24):
    """Two long branches, one of them shorter, and a value that is taken at the end again."""
    x = start = fastcnn.Input((4, 4, 2))
    ends = [start]
    for length in (depth, depth - 3):
        y = x
        for _ in range(length):
            y = L.Conv2D(2, 1)(y)
        ends.append(y)
    return fastcnn.Model(start, L.Concatenate()(ends), name="a_network_of_two_towers_with_a_name_that_is_rather_long")


NETWORKS = {"lenet5": fastcnn.networks.lenet5, "alexnet": fastcnn.networks.alexnet, "residual": residual,
            "inception": inception, "shared": shared, "long_residual": long_residual, "googlenet": googlenet,
            "densely": densely, "towers": towers}


def drawn(figure):
    """([(left, top, right, bottom) of each box], [(path of each line, whether it ends in an arrow's head)])."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    axes, = figure.axes
    boxes, lines = [], []
    for patch in axes.get_children():
        if isinstance(patch, FancyBboxPatch):
            x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
            boxes.append((x - 0.03, y - 0.03, x + width + 0.03, y + height + 0.03))
        elif isinstance(patch, FancyArrowPatch):
            lines.append((patch._path_original, type(patch.get_arrowstyle()).__name__ == "CurveFilledB"))
    return boxes, lines


def along(path):
    """Points of a line."""
    points, at = [], None
    for vertices, code in path.iter_segments():
        vertices = vertices.reshape(-1, 2)
        if code == 1:
            points.append(vertices[0])
        elif code == 2:
            points += [at + (vertices[0] - at) * t for t in np.linspace(0, 1, 20)]
        else:
            a, b, c = vertices
            points += [at * (1 - t)**3 + 3 * a * t * (1 - t)**2 + 3 * b * t * t * (1 - t) + c * t**3
                       for t in np.linspace(0, 1, 20)]
        at = vertices[-1]
    return np.array(points)


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_and_arrows(name, plt):
    model = NETWORKS[name]()
    figure = vis.graph(model)
    assert legible(figure) and figure.axes[0].texts[-2].get_text() == f"{model.name}: {model.count_params():,} parameters"
    boxes, lines = drawn(figure)
    calls = model.graph.calls
    assert len(boxes) == len(calls)
    for a, b in combinations(boxes, 2):
        assert min(a[2], b[2]) < max(a[0], b[0]) or min(a[3], b[3]) < max(a[1], b[1]), "boxes touch"
    for path, _ in lines:
        points = along(path)
        for left, top, right, bottom in boxes:
            inside = ((points > (left + 0.01, top + 0.01)) & (points < (right - 0.01, bottom - 0.01))).all(axis=1)
            assert not inside.any(), "an arrow crosses a box"
    heads = [path.vertices[-1] for path, is_head in lines if is_head]
    for call, (left, top, right, _) in zip(calls, boxes):
        into = [x for x, y in heads if abs(y - top) < 1e-6 and left < x < right]
        assert len(into) == len(call.inputs)
        assert all(b - a > 0.01 for a, b in pairwise(sorted(into)))


@pytest.mark.parametrize("name", NETWORKS)
def test_arrows_lead_from_what_is_taken(name, plt):
    """Followed backwards from their heads, lines come to the boxes whose values are taken, as often as they are."""
    model = NETWORKS[name]()
    boxes, lines = drawn(vis.graph(model))
    calls, starts = model.graph.calls, [(path.vertices[0], path.vertices[-1]) for path, _ in lines]

    def sources(point):
        """Numbers of the boxes that the lines to a point come from."""
        for i, (left, _, right, bottom) in enumerate(boxes):
            if abs(point[1] - bottom) < 1e-6 and left < point[0] < right:
                return {i}
        before = [start for start, end in starts if np.abs(end - point).max() < 1e-6]
        return set().union(*map(sources, before))

    number = {call.number: i for i, call in enumerate(calls)}
    for i, call in enumerate(calls):
        left, top, right, _ = boxes[i]
        found = [sources(start) for start, end in starts if abs(end[1] - top) < 1e-6 and left < end[0] < right]
        assert all(len(one) == 1 for one in found)
        assert sorted(n for one in found for n in one) == sorted(number[symbol.call.number] for symbol in call.inputs)


def said(figure):
    texts = [text.get_text() for text in figure.axes[0].texts[:-2]]
    return [tuple(texts[i:i + 3]) for i in range(0, len(texts), 3)]


def test_what_boxes_say(plt):
    found = said(vis.graph(shared()))
    assert found[:2] == [("a", "InputLayer", "8 × 8 × 2"), ("b", "InputLayer", "8 × 8 × 2")]
    assert [box for box in found if box[0] == "conv2d"] == [
        ("conv2d", "Conv2D", "6 × 6 × 6 · 114"), ("conv2d", "Conv2D", "6 × 6 × 6 · same weights")]
    assert [box[1:] for box in found if box[0] == "inner"] == [
        ("Sequential, 2 layers", "4 · 102"), ("Sequential, 2 layers", "4 · same weights")]
    assert ("multiply", "Multiply", "4") in found and len(found) == 18


def test_a_model_of_several_outputs_as_a_layer(plt):
    a, b = fastcnn.Input((4,)), fastcnn.Input((3,))
    pair = fastcnn.Model([a, b], [L.Dense(2)(a), L.Dense(2)(b)], name="pair")
    x, y = fastcnn.Input((4,)), fastcnn.Input((3,))
    first, second = pair([x, y])
    figure = vis.graph(fastcnn.Model([x, y], L.Add()([first, second])))
    assert ("pair", "Model, 4 layers", "2, 2 · 18") in said(figure) and legible(figure)
    assert sum(is_head for _, is_head in drawn(figure)[1]) == 4


def test_part_of_a_network(plt):
    """A model may begin at any value."""
    model = fastcnn.networks.lenet5()
    tail = fastcnn.Model(model.get_layer("s2").output, model.get_layer("f6").output)
    found = said(vis.graph(tail))
    assert [box[0] for box in found] == ["s2", "c3", "s4", "flatten", "c5", "f6"]
    assert found[0] == ("s2", "InputLayer", "14 × 14 × 6") and len(drawn(vis.graph(tail))[1]) == 5


def test_channels_first_and_long_names(plt):
    name = "a_convolution_that_somebody_has_given_a_very_long_name"
    model = fastcnn.Sequential([L.Conv2D(4, 3, data_format="channels_first", input_shape=(3, 8, 9), name=name)])
    figure = vis.graph(model)
    assert said(figure)[1] == (f"{name[:27]}…", "Conv2D", "4 × 6 × 7 · 112") and legible(figure)


def test_a_value_taken_twice(plt):
    x = fastcnn.Input((4,))
    figure = vis.graph(fastcnn.Model(x, L.Multiply()([x, x])))
    assert sum(is_head for _, is_head in drawn(figure)[1]) == 2 and legible(figure)


def test_given_figures_shrink_it(plt):
    model = long_residual()
    free = vis.graph(model)
    small = plt.figure(figsize=(6, 4))
    assert vis.graph(model, figure=small) is small and legible(small)
    assert small.axes[0].texts[0].get_fontsize() < free.axes[0].texts[0].get_fontsize() == 7
    with pytest.raises(TypeError, match="figure must be a matplotlib Figure or SubFigure. Received: Axes"):
        vis.graph(model, figure=small.axes[0])
    with pytest.raises(ValueError, match="no input shape yet"):
        vis.graph(fastcnn.Sequential([L.Dense(3)]))


def test_long_networks_stand_in_columns(plt):
    model = long_residual()
    figure = vis.graph(model)
    width, height = figure.get_size_inches()
    assert width < 20 and height < 11
    lefts = {round(box[0], 1) for box in drawn(figure)[0]}
    assert max(lefts) > 6
    column = vis.graph(fastcnn.networks.lenet5())
    assert len({round(box[0], 2) for box in drawn(column)[0]}) == 1


# Where boxes stand


def test_rows():
    assert Layering([[], [0], [1], [0, 2], [3]], 1).row[:5] == [0, 1, 2, 3, 4]
    assert Layering([[], [0], [1], [], [2, 3]], 1).row[:5] == [0, 1, 2, 2, 3], "an input stands above what takes it"


def test_branches_do_not_cross():
    """Two chains that are written down in turn."""
    places = Layering([[], [0], [0], [2], [1], [4], [3]], 1)
    assert places._crossings() == 0
    left, right = places.x[1], places.x[2]
    assert places.x[:7] == pytest.approx([(left + right) / 2, left, right, right, left, left, right], abs=0.01)


def test_a_sum_s_way_around_is_straight():
    places = Layering([[], [0], [1], [2], [3, 0], [4]], 1)
    assert np.ptp(places.x[:6]) < 0.05, "boxes above each other"
    assert len(places.x) == 9 and np.ptp(places.x[6:]) == 0 and abs(places.x[6] - places.x[0]) > 0.5


@pytest.mark.parametrize("seed", range(30))
def test_any_graph(seed):
    rng = random.Random(seed)
    sources = [[]] + [sorted(rng.choices(range(max(0, i - rng.choice((1, 2, 6))), i), k=rng.choice((0, 1, 1, 1, 2, 3))))
                      for i in range(1, rng.randrange(2, 60))]
    places = Layering(sources, 1.5)
    for box, taken in enumerate(sources):
        assert all(places.row[source] < places.row[box] for source in taken)
    assert [(path[0], path[-1]) for path in places.paths] == [(s, box) for box, taken in enumerate(sources) for s in taken]
    for path in places.paths:
        assert [places.row[item] for item in path] == list(range(places.row[path[0]], places.row[path[-1]] + 1))
    for row in places.rows:
        for a, b in pairwise(row):
            least = sum((1.5 if item < len(sources) else 0.16) / 2 for item in (a, b))
            assert places.x[b] - places.x[a] > least + 0.1
    for columns in range(1, len(places.rows) // 4 + 2):
        starts = places.cut(columns)
        assert len(starts) == columns and starts[0] == 0 and all(a < b < len(places.rows) for a, b in pairwise(starts))
