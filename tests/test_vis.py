"""Plots: what they show, that their letters neither overlap nor leave the figure, and that nothing is shown or changed."""

import sys
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn import layers, vis
from fastcnn.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastcnn.vis import style

CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
CURVES = {"loss": [0.9, 0.4, 0.3], "accuracy": [0.6, 0.8, 0.9], "data_wait": [0.1] * 3, "val_loss": [0.8, 0.5, 0.45],
          "val_accuracy": [0.7, 0.85, 0.9], "learning_rate": [0.1, 0.05, 0.01]}
FUNCTIONS = {
    "activations": lambda: vis.activations(None, None), "confusion_matrix": lambda: vis.confusion_matrix([0], [0]),
    "filters": lambda: vis.filters(None), "gradients": lambda: vis.gradients(None, None, None),
    "graph": lambda: vis.graph(None), "mistakes": lambda: vis.mistakes(np.zeros((1, 2, 2)), [0], [[0.0, 1.0]]),
    "history": lambda: vis.history(CURVES), "profile": lambda: vis.profile(None),
    "rbf_prototypes": lambda: vis.rbf_prototypes(np.ones((10, 84))),
    "saliency": lambda: vis.saliency(None, None), "History.plot": lambda: fastcnn.callbacks.History().plot(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_without_matplotlib(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="plotting needs matplotlib: pip install matplotlib. Received: no module"):
        FUNCTIONS[name]()


def test_every_plot_is_in_this_list():
    assert set(vis.__all__) == set(FUNCTIONS) - {"History.plot"}


@pytest.fixture
def lenet():
    model = fastcnn.networks.lenet5(seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def published():
    """LeNet-5 of 1998: a connection table, and the smallest output is the answer."""
    model = fastcnn.networks.lenet5(variant="1998", seed=0)
    model.compile("sgd", "rbf_mean_squared_error")
    return model


@pytest.fixture
def digits():
    return np.random.default_rng(0).random((12, 28, 28, 1)).astype(np.float32), np.arange(12) % 10


def boxes(figure):
    """[(text, extent in pixels)] of everything that is written."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    figure.draw_without_rendering()
    ticks = {id(label) for axis in figure.findobj(Axis) for label in axis.get_ticklabels(which="both")}
    seen = [(axis, label) for axis in figure.findobj(Axis) if axis.axes.get_visible() for label in axis.get_ticklabels()]
    for axis, label in seen:  # those of ticks beyond the ends are not drawn
        low, high = sorted(axis.get_view_interval())
        if low - 1e-9 <= label.get_position()[axis.axis_name == "y"] <= high + 1e-9:
            ticks.discard(id(label))
    found = [text for text in figure.findobj(Text) if text.get_visible() and id(text) not in ticks]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text().strip()]


def legible(figure):
    """No text overlaps another or the figure's edge."""
    written, edge = boxes(figure), figure.bbox
    assert len(written) > 1
    for i, (text, box) in enumerate(written):
        assert box.x0 >= -0.5 and box.y0 >= -0.5 and box.x1 <= edge.x1 + 0.5 and box.y1 <= edge.y1 + 0.5, text
        for other, place in written[i + 1:]:
            turned = {text, other} <= set(CLASSES)  # the boxes of turned text overlap
            x, y = min(box.x1, place.x1) - max(box.x0, place.x0), min(box.y1, place.y1) - max(box.y0, place.y0)
            assert turned or min(x, y) < 1, (text, other)
    return True


def titles(figure):
    return [axes.get_title("left") for axes in figure.axes if axes.get_title("left")]


def pictures(figure):
    """The arrays that are shown as pictures, masks as NaN."""
    return [np.ma.filled(image.get_array().astype(float), np.nan) for axes in figure.axes for image in axes.get_images()]


def test_letters_that_overlap_are_noticed(plt):
    figure = plt.figure()
    figure.text(0.5, 0.5, "one")
    figure.text(0.51, 0.5, "two")
    with pytest.raises(AssertionError, match="one.*two"):
        legible(figure)
    figure.texts[1].set_position((0.99, 0.1))
    with pytest.raises(AssertionError, match="two"):
        legible(figure)


def test_nothing_is_shown(plt, lenet, digits, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("shown"))
    x, y = digits
    for figure in (vis.history(CURVES), vis.filters(lenet), vis.activations(lenet, x[0]), vis.gradients(lenet, x, y),
                   vis.graph(lenet), vis.saliency(lenet, x[:2]), vis.confusion_matrix(y, y),
                   vis.rbf_prototypes(np.ones((10, 84))), vis.mistakes(x, y, np.eye(10)[(y + 1) % 10])):
        assert isinstance(figure, plt.Figure) and plt.fignum_exists(figure.number)


def test_given_figures(plt, lenet, digits):
    """A part of a figure, or its axes, can be drawn on; no other figure comes into being."""
    x, y = digits
    figure = plt.figure(figsize=(16, 12))
    parts = figure.subfigures(2, 3).ravel()
    assert vis.history(CURVES, ["loss", "accuracy"], figure=parts[0]) is parts[0]
    assert vis.activations(lenet, x[0], figure=parts[1]) is parts[1]
    assert vis.gradients(lenet, x, y, figure=parts[2]) is parts[2]
    assert vis.saliency(lenet, x[:3], figure=parts[3]) is parts[3]
    assert vis.rbf_prototypes(np.ones((10, 84)), figure=parts[4]) is parts[4]
    whole = plt.figure(figsize=(2, 1.5))
    assert vis.graph(lenet, figure=whole) is whole
    plt.close(whole)
    axes = parts[5].subplots(1, 3)
    assert vis.confusion_matrix(y, y, ax=axes[0]).axes[0] is axes[0] and titles(parts[5]) == ["12 of 12 right (100.00 %)"]
    vis.filters(lenet, ax=axes[1])
    vis.history(CURVES, "loss", ax=axes[2])
    assert [ax.get_title("left") for ax in axes[1:]] == ["c1: 6 filters of 5 × 5", "loss"]
    figure.draw_without_rendering()
    assert plt.get_fignums() == [figure.number]
    for wrong in (lambda: vis.history(CURVES, figure=axes[0]), lambda: vis.rbf_prototypes(np.ones((10, 84)), figure="it")):
        with pytest.raises(TypeError, match="figure must be a matplotlib Figure or SubFigure. Received: "):
            wrong()
    with pytest.raises(TypeError, match="ax must be matplotlib Axes. Received: Figure"):
        vis.confusion_matrix(y, y, ax=figure)


# History


def test_history(plt):
    figure = vis.history(CURVES)
    assert titles(figure) == ["loss", "accuracy", "learning rate"] and legible(figure)
    loss, accuracy, rate = figure.axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert np.array_equal(loss.lines[1].get_xydata(), [[1, 0.8], [2, 0.5], [3, 0.45]])
    assert {text.get_text() for text in accuracy.texts} == {"training\n90.00 %", "validation\n90.00 %"}
    assert [label.get_text() for label in accuracy.get_yticklabels()][1].endswith(" %")
    assert len(rate.lines) == 1 and [text.get_text() for text in rate.texts] == ["0.01"]


def test_history_of_a_training(plt, lenet, digits):
    figure = lenet.fit(*digits, epochs=2, verbose=0, validation_data=digits).plot()
    assert titles(figure) == ["loss", "accuracy"] and legible(figure)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    lenet.fit(*digits, epochs=5, initial_epoch=3, verbose=0)
    assert lenet.history.plot("loss").axes[0].lines[0].get_xdata().tolist() == [4, 5]


@pytest.mark.parametrize("curves", [
    {"loss": [1.0]}, {"loss": [np.nan, np.nan]}, {"loss": [1.0, np.inf, 2.0]}, {"loss": [-1.0, -2.0], "val_loss": [5.0]},
    {"loss": [0.5] * 60, "val_loss": [0.5] * 60}, {"val_loss": [1.0, 2.0]}, {"data_wait": [0.5, 0.6]},
    {f"m{i}": [i, i + 1] for i in range(4)}, {f"m{i}": [i, i + 1] for i in range(7)},
    {"loss": [1e-9, 2e-9], "val_loss": [1e9] * 2},
], ids=str)
def test_any_history(plt, curves):
    figure = vis.history(curves)
    assert len(figure.axes) == len({name.removeprefix("val_") for name in curves}) and legible(figure)


def test_wrong_histories(plt):
    with pytest.raises(TypeError, match="what fit returned, or a dictionary of lists. Received: list"):
        vis.history([1, 2])
    for empty in ({}, {"loss": []}, fastcnn.callbacks.History()):
        with pytest.raises(ValueError, match="at least one epoch"):
            vis.history(empty)
    with pytest.raises(ValueError, match=r"among loss, accuracy, data_wait, learning_rate. Received: \['val_loss'\]"):
        vis.history(CURVES, ["loss", "val_loss"])
    with pytest.raises(ValueError, match="ax takes one panel.*Received: 3 panels"):
        vis.history(CURVES, ax=plt.figure().add_subplot())


# Filters


def test_filters_of_one_channel(plt, lenet):
    figure = vis.filters(lenet)
    (picture, *_), kernel = pictures(figure), lenet.layers[0].weights[0]
    assert titles(figure) == ["c1: 6 filters of 5 × 5"] and legible(figure)
    for i in range(6):
        assert np.array_equal(picture[:, 6 * i:6 * i + 5], kernel[:, :, 0, i])
    image = figure.axes[0].get_images()[0]
    assert image.get_clim() == pytest.approx((-np.abs(kernel).max(), np.abs(kernel).max()))
    assert np.isnan(picture[:, 5::6]).all()


def test_filters_of_many_channels(plt, lenet):
    kernel = lenet.get_layer("c3").weights[0]
    figure = vis.filters(lenet, "c3")
    assert titles(figure) == ["c3: 16 filters of 5 × 5 × 6"] and figure.axes[0].get_xlabel() == "filter" and legible(figure)
    assert np.array_equal(pictures(figure)[0][12:17, 60:65], kernel[:, :, 2, 10])
    for wanted in (2, -6, lenet.layers[2]):
        assert titles(vis.filters(lenet, wanted, limit=1)) == ["c3: 16 filters of 5 × 5 × 6 (first 1 of both)"]
    figure = vis.filters(lenet, "c3", limit=4)
    assert titles(figure) == ["c3: 16 filters of 5 × 5 × 6 (first 4 of both)"] and pictures(figure)[0].shape == (23, 23)
    assert titles(vis.filters(lenet, "c3", limit=6)) == ["c3: 16 filters of 5 × 5 × 6 (first 6)"]
    wide = fastcnn.Sequential([Conv2D(2, 3, input_shape=(9, 9, 5), name="wide")])
    assert titles(vis.filters(wide, limit=2)) == ["wide: 2 filters of 3 × 3 × 5 (first 2 channels)"]
    figure = vis.filters(wide)
    assert figure.axes[0].get_xlabel() == "channel" and legible(figure)
    assert np.array_equal(pictures(figure)[0][4:7, 12:15], wide.layers[0].weights[0][:, :, 3, 1])


def test_filters_of_other_convolutions(plt):
    shape = {"input_shape": (9, 9, 3)}
    depthwise = fastcnn.Sequential([layers.DepthwiseConv2D(4, depth_multiplier=2, name="dw", **shape)], seed=0)
    separable = fastcnn.Sequential([layers.SeparableConv2D(5, 4, depth_multiplier=2, name="sep", **shape)], seed=0)
    for model, name in ((depthwise, "dw"), (separable, "sep")):
        figure, kernel = vis.filters(model), model.layers[0].weights[0]
        assert titles(figure) == [f"{name}: 6 filters of 4 × 4"] and kernel.shape == (4, 4, 3, 2)
        assert np.array_equal(pictures(figure)[0][:, 15:19], kernel[:, :, 1, 1]) and legible(figure)
    transposed = fastcnn.Sequential([layers.Conv2DTranspose(2, 3, input_shape=(9, 9, 5), name="up")], seed=0)
    figure = vis.filters(transposed)
    assert titles(figure) == ["up: 2 filters of 3 × 3 × 5"]
    assert np.array_equal(pictures(figure)[0][4:7, 12:15], transposed.layers[0].weights[0][:, :, 1, 3])


def test_filters_with_a_connection_table(plt, published):
    layer = published.get_layer("c3")
    figure = vis.filters(published, "c3")
    picture = pictures(figure)[0]
    assert titles(figure) == ["c3: 16 filters of 5 × 5 × 6"] and legible(figure)
    seen = {(channel, number): layer.weights[0][:, :, i] for i, (channel, number) in enumerate(layer.table)}
    assert len(seen) == 60
    for channel in range(6):
        for number in range(16):
            tile = picture[6 * channel:6 * channel + 5, 6 * number:6 * number + 5]
            assert np.array_equal(tile, seen.get((channel, number), np.full((5, 5), np.nan)), equal_nan=True)
    blank = fastcnn.Sequential([Conv2D(2, 3, connection_table=[[1], [0, 1]], input_shape=(5, 5, 2))])
    assert np.isnan(pictures(vis.filters(blank, limit=1))[0]).all(), "the first filter does not see the first channel"
    grey = fastcnn.Sequential([Conv2D(1, 3, connection_table=[[1]], input_shape=(5, 5, 3))])
    assert (pictures(vis.filters(grey))[0][..., [0, 2]] == 0.5).all()


def test_filters_of_colours(plt):
    model = fastcnn.Sequential([Conv2D(10, 4, input_shape=(9, 9, 3), name="a_layer_of_a_rather_long_name")])
    kernel = model.layers[0].get_weights()[0]
    kernel[..., 7] = 0
    model.set_weights([kernel, np.zeros(10)])
    figure = vis.filters(model)
    picture, = pictures(figure)
    assert legible(figure) and picture.shape == (9, 24, 3) and picture.min() >= 0 and picture.max() <= 1
    for i in range(10):
        tile = picture[5 * (i // 5):5 * (i // 5) + 4, 5 * (i % 5):5 * (i % 5) + 4]
        assert np.allclose(tile, 0.5 + 0.5 * kernel[..., i] / (np.abs(kernel[..., i]).max() or 1))


def test_templates(plt):
    model = fastcnn.Sequential([Flatten(input_shape=(6, 7, 1)), Dense(4, name="dense"), Dense(3, name="top")])
    figure = vis.filters(model)
    assert titles(figure) == ["dense: 4 filters of 6 × 7"]
    assert np.array_equal(pictures(figure)[0][:, 8:15], model.layers[1].weights[0][:, 1].reshape(6, 7))
    with pytest.raises(ValueError, match="Layers that do: dense. Received: top"):
        vis.filters(model, "top")
    with pytest.raises(ValueError, match="Layers that do: dense. Received: flatten"):
        vis.filters(model, 0)
    with pytest.raises(ValueError, match="layers are flatten, dense, top; did you mean 'dense'. Received: 'dens'"):
        vis.filters(model, "dens")
    with pytest.raises(TypeError, match="must be a name, a number or a layer of the model. Layers with filters: dense"):
        vis.filters(model, Dense(3))
    with pytest.raises(TypeError, match="Layers with filters: none"):
        vis.filters(fastcnn.Sequential([Dense(3, input_shape=(2,))]))


def test_many_filters(plt):
    figure = vis.filters(fastcnn.Sequential([Conv2D(96, 11, strides=4, input_shape=(67, 67, 3), name="conv1")]))
    assert titles(figure) == ["conv1: 96 filters of 11 × 11 × 3"] and legible(figure)
    deep = fastcnn.Sequential([Conv2D(100, 3, input_shape=(9, 9, 40), name="deep")])
    figure = vis.filters(deep)
    assert titles(figure) == ["deep: 100 filters of 3 × 3 × 40 (first 24 of both)"] and legible(figure)


# Activations


def test_activations(plt, lenet, digits):
    x = digits[0][0]
    figure = vis.activations(lenet, x, class_names=CLASSES)
    assert legible(figure) and len(figure.axes) == 8
    y = lenet.layers[0](x[None])[0]
    maps = pictures(figure)[1]
    for i in range(6):
        assert np.array_equal(maps[:, i * 30:i * 30 + 28], y[:, :, i])
    dense = lenet.layers[:6]
    for layer in dense:
        y = layer(x[None] if layer is dense[0] else y)
    assert np.array_equal(pictures(figure)[5][0], y[0])
    bars = figure.axes[-1].patches
    assert np.allclose([bar.get_height() for bar in bars], lenet.predict(x[None])[0])
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == CLASSES
    few = vis.activations(lenet, x, layers=["c3", "c1"], limit=4)
    assert len(few.axes) == 3 and "first 4 maps" in few.texts[-1].get_text() and legible(few)


def test_activations_of_other_networks(plt):
    rng = np.random.default_rng(0)
    model = fastcnn.Sequential([
        Conv2D(40, 3, activation="relu", input_shape=(30, 20, 2), name="a_layer_of_a_rather_long_name"), MaxPooling2D(),
        Dropout(0.5), Flatten(), Dense(600, name="wide"), Dense(30, "softmax")], seed=0)
    figure = vis.activations(model, rng.random((1, 30, 20, 2)))
    assert legible(figure) and len(figure.axes) == 4  # the input is no picture; dropout and flatten do nothing
    said = " ".join(text.get_text() for text in figure.texts)
    assert "first 32 maps" in said and "first 512 units" in said and "a_layer_of_a_rathe…" in said
    first = fastcnn.Sequential([Conv2D(4, 3, input_shape=(3, 9, 8), data_format="channels_first")])
    figure = vis.activations(first, rng.random((3, 9, 8)))
    assert [picture.shape for picture in pictures(figure)] == [(9, 8, 3), (7, 4 * 7 - 1)]


def test_wrong_activations(plt, lenet, digits):
    with pytest.raises(ValueError, match="x must be one sample. Received: 12 samples"):
        vis.activations(lenet, digits[0])
    for options in ({"class_names": ["a", "b"]}, {"class_names": CLASSES, "layers": ["c1"]}):
        with pytest.raises(ValueError, match="class_names must name the units of the last layer, which is shown"):
            vis.activations(lenet, digits[0][0], **options)
    with pytest.raises(ValueError, match="no input shape"):
        vis.activations(fastcnn.Sequential([Dense(3)]), np.zeros(3))


def test_activations_of_distances(plt, published, digits):
    """The answer, whose bar is red, is the smallest."""
    x = np.pad(digits[0][:1], ((0, 0), (2, 2), (2, 2), (0, 0)))
    figure = vis.activations(published, x)
    bars, y = figure.axes[-1].patches, published.predict(x)[0]
    assert legible(figure) and len({bar.get_facecolor() for bar in bars}) == 2
    assert [bar.get_facecolor() == bars[y.argmin()].get_facecolor() for bar in bars] == list(y == y.min())
    assert pictures(figure)[5].shape == (3, 120), "maps of one pixel are units"


# Gradients


def test_gradients(plt, lenet, digits):
    before = lenet.get_weights()
    figure = vis.gradients(lenet, *digits)
    assert legible(figure) and all(np.array_equal(a, b) for a, b in zip(before, lenet.get_weights()))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["c1", "c3", "c5", "f6", "output"]
    from fastcnn.vis.probing import Gradients

    found = Gradients(lenet, *digits, lenet.loss).parameters["f6"]
    largest = max(np.abs(g).max() for g in found.values())
    assert f"max {largest:.3g}" in [text.get_text() for text in figure.axes[0].texts][3]
    medians = [line.get_xdata()[0] for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1]
    assert medians[3] == pytest.approx(np.log10(np.median(np.abs(found["kernel"]))), abs=1e-6)
    assert legible(vis.gradients(lenet, *digits, layers=["c3"]))


def test_gradients_that_vanish(plt):
    model = fastcnn.Sequential([Dense(5, activation="relu", input_shape=(3,), kernel_initializer="zeros", name="dead"),
                                Dense(2, name="top")])
    model.compile("sgd", "mse")
    figure = vis.gradients(model, np.ones((2, 3)), np.ones((2, 2)))
    assert [text.get_text() for text in figure.axes[0].texts] == ["max 0\n100 % zero", "max 1\n83.3 % zero"]
    assert legible(figure)
    assert legible(vis.gradients(model, np.ones((2, 3)), np.zeros((2, 2))))


def test_gradient_maps(plt, lenet, digits):
    from fastcnn.vis.probing import Gradients

    x, y = digits
    figure = vis.gradients(lenet, x[3], y[3], kind="maps")
    assert legible(figure) and len(figure.axes) == 8
    found = Gradients(lenet, x[3:4], y[3:4], lenet.loss)
    assert np.array_equal(pictures(figure)[1], found.input[0, ..., 0])
    assert np.array_equal(pictures(figure)[3][:, 30:44], found.outputs["s2"][0, :, :, 2])
    for given in (y[3:4], y[3:4, None]):
        few = vis.gradients(lenet, x[3], given, kind="maps", layers=["s2"])
        assert len(few.axes) == 2
    hot = fastcnn.networks.lenet5(seed=0)
    hot.compile("sgd", "categorical_crossentropy")
    assert np.allclose(pictures(vis.gradients(hot, x[3], np.eye(10)[3], "maps"))[1], found.input[0, ..., 0], atol=1e-6)


def test_wrong_gradients(plt, lenet, digits):
    x, y = digits
    with pytest.raises(ValueError, match="kind must be one of 'histograms', 'maps'; did you mean 'maps'.? Received: 'map'"):
        vis.gradients(lenet, x, y, kind="map")
    with pytest.raises(ValueError, match="layers must be some that learn: c1, c3, c5, f6, output. Received: 's2'"):
        vis.gradients(lenet, x, y, layers="s2")
    with pytest.raises(ValueError, match="layers must be some below the last: c1, s2.*Received: 'output'"):
        vis.gradients(lenet, x[0], y[0], kind="maps", layers="output")
    with pytest.raises(ValueError, match="needs a loss"):
        vis.gradients(fastcnn.networks.lenet5(), x, y)
    with pytest.raises(ValueError, match="one sample. Received: 12"):
        vis.gradients(lenet, x, y, kind="maps")


# Saliency


def test_saliency(plt, lenet, digits):
    from fastcnn.vis.probing import Gradients, Score

    x, _ = digits
    figure = vis.saliency(lenet, x[:9], np.arange(9), class_names=CLASSES)
    maps = np.abs(Gradients(lenet, x[:9], np.arange(9), Score(), scores=True).input)[..., 0]
    shown = pictures(figure)
    assert legible(figure) and len(shown) == 18 and all(np.array_equal(shown[2 * i + 1], maps[i]) for i in range(9))
    predicted = lenet.predict(x[:1]).argmax()
    assert titles(figure)[0] == (CLASSES[0] if predicted == 0 else f"{CLASSES[0]}\nsees {CLASSES[predicted]}")
    assert titles(vis.saliency(lenet, x[0])) == [str(predicted)] == titles(vis.saliency(lenet, x[0, ..., 0]))


def test_saliency_in_colours(plt):
    """Of the largest channel; channels first gives the same picture."""
    rng = np.random.default_rng(0)
    last = fastcnn.Sequential([Conv2D(4, 3, input_shape=(9, 9, 3)), Flatten(), Dense(3, "softmax", name="top")], seed=0)
    first = fastcnn.Sequential([Conv2D(4, 3, input_shape=(3, 9, 9), data_format="channels_first"), Flatten(),
                                Dense(3, "softmax", name="top")], seed=0)
    first.set_weights(last.get_weights())
    x = rng.random((2, 9, 9, 3)).astype(np.float32)
    a, b = vis.saliency(last, x, [1, 2]), vis.saliency(first, x.transpose(0, 3, 1, 2), [1, 2])
    assert all(np.array_equal(p, q) for p, q in zip(pictures(a), pictures(b))) and pictures(a)[1].shape == (9, 9)


def test_saliency_of_distances(plt, published, digits):
    x = np.pad(digits[0][:3], ((0, 0), (2, 2), (2, 2), (0, 0)))
    figure = vis.saliency(published, x)
    assert titles(figure) == [str(label) for label in published.predict(x).argmin(axis=1)] and legible(figure)


def test_wrong_saliency(plt, lenet, digits):
    x, y = digits
    with pytest.raises(ValueError, match="y must hold labels from 0 to 9. Received: 0 … 10"):
        vis.saliency(lenet, x[:2], [0, 10])
    with pytest.raises(ValueError, match="y must be 2 labels, integers. Received: float64"):
        vis.saliency(lenet, x[:2], [0.0, 1.0])
    with pytest.raises(ValueError, match="class_names must name 10 outputs. Received: 2"):
        vis.saliency(lenet, x[:2], class_names=["a", "b"])
    with pytest.raises(ValueError, match="at most 32 samples. Received: 33"):
        vis.saliency(lenet, np.zeros((33, 28, 28, 1)))
    with pytest.raises(ValueError, match=r"must take images of 1 or 3 channels.*Received: \(3,\) → \(2,\)"):
        vis.saliency(fastcnn.Sequential([Dense(2, input_shape=(3,))]), np.zeros((1, 3)))


# Notebooks


def test_what_the_first_figure_sets_stays(plt):
    """pyplot turns interactive when it finds a notebook; were that taken back, users' own figures would not be shown."""
    settings = plt.matplotlib.rcParams
    before = settings["interactive"], settings["font.size"]

    @style.drawing
    def draw():
        assert settings["font.size"] == 9
        settings["interactive"] = not before[0]
        return plt.figure()

    try:
        draw()
        assert settings["interactive"] is not before[0] and settings["font.size"] == before[1]
    finally:
        settings["interactive"] = before[0]
    with pytest.raises(ZeroDivisionError):
        style.drawing(lambda: 1 / 0)()
    assert settings["font.size"] == before[1]


def test_a_cell_s_value_is_shown_once(plt, monkeypatch):
    """IPython asks a figure to show itself; those that pyplot still has are shown when the cell ends."""
    for backend, left in (("module://matplotlib_inline.backend_inline", 0), ("inline", 0), ("agg", 1)):
        figure = vis.confusion_matrix([0, 1], [0, 1])
        monkeypatch.setattr(plt, "get_backend", lambda backend=backend: backend)
        with pytest.raises(NotImplementedError):  # then IPython shows it as ever
            figure._ipython_display_()
        assert plt.fignum_exists(figure.number) == bool(left)
    own, axes = plt.subplots()
    assert vis.confusion_matrix([0, 1], [0, 1], ax=axes)._ipython_display_ and plt.fignum_exists(own.number)


CELLS = {  # what is run: how many figures the cell shows
    "from fastcnn import networks, vis; model = networks.lenet5(seed=0); vis.filters(model)": 1, "vis.filters(model);": 1,
    "import matplotlib.pyplot as plt; plt.plot([1, 2]);": 1, "vis.filters(model); vis.confusion_matrix([0, 1], [0, 1])": 2,
    "figure, axes = plt.subplots(); vis.confusion_matrix([0], [0], ax=axes)": 1, "figure": 1,
    "vis.history({'loss': [1.0, 0.5]})": 1, "plt.plot([1, 2])": 1,
}


def test_in_a_notebook(plt):
    """With a kernel, where there is one."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel"), pytest.importorskip("matplotlib_inline")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    folder = str(Path(fastcnn.__file__).parents[1])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in book.cells:
        assert sum("image/png" in output.get("data", {}) for output in cell.outputs) == CELLS[cell.source], cell.source


# Confusion matrix


def cells(figure):
    return {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in figure.axes[0].texts}


def test_confusion_matrix(plt):
    true, predicted = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]
    expected = {(0, 0): "2", (0, 1): "1", (1, 0): "1", (1, 1): "1", (2, 2): "1", (0, 2.65): "66.7 %", (1, 2.65): "50.0 %",
                (2, 2.65): "100.0 %"}
    hot = np.eye(3)
    for y, p in ((true, predicted), (np.array(true)[:, None], hot[predicted]), (hot[true], np.array(predicted, float))):
        figure = vis.confusion_matrix(y, p)
        assert cells(figure) == expected and titles(figure) == ["4 of 6 right (66.67 %)"] and legible(figure)
    assert cells(vis.confusion_matrix(true, predicted, normalize=True))[0, 1] == "33.3"
    red, green, blue = pictures(vis.confusion_matrix(true, predicted))[0][1, 0]
    assert red > blue and pictures(figure)[0][2, 2][2] > pictures(figure)[0][2, 2][0]


def test_red_is_deepest_at_the_most_frequent_mistake(plt):
    """Not at the one that takes the largest part of its row; of percents it is that one."""
    true, predicted = np.repeat([0, 0, 1, 1], [80, 20, 1, 4]), np.repeat([0, 1, 1, 0], [80, 20, 1, 4])

    def depth(cell, **options):
        return 1 - pictures(vis.confusion_matrix(true, predicted, **options))[0][cell][1]  # how little green is left

    assert depth((0, 1)) > 3 * depth((1, 0)) > 0
    assert depth((1, 0), normalize=True) > 3 * depth((0, 1), normalize=True) > 0


def test_confusion_matrix_of_a_sigmoid(plt):
    model = fastcnn.Sequential([fastcnn.layers.Dense(1, "sigmoid", input_shape=(3,))], seed=0)
    x, y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 2
    p = model.predict(x)
    right = ((p[:, 0] > 0.5) == y).sum()
    assert p.shape == (40, 1) and 0 < right < 40
    for given, options in ((p, {}), (np.log(p / (1 - p)), {"threshold": 0})):
        assert titles(vis.confusion_matrix(y, given, **options)) == [f"{right} of 40 right ({100 * right / 40:.2f} %)"]


def test_confusion_matrix_with_names(plt):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 10, 40_000)
    figure = vis.confusion_matrix(true, np.where(rng.random(40_000) < 0.9, true, rng.integers(0, 10, 40_000)), CLASSES)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == CLASSES and legible(figure)
    assert titles(figure)[0].startswith("36,")


def test_confusion_matrix_of_many_classes(plt):
    true = np.arange(300) % 100
    figure = vis.confusion_matrix(true, true)
    assert not cells(figure) and legible(figure) and len(figure.axes[0].get_xticklabels()) == 20
    assert len(vis.confusion_matrix([0], [0]).axes[0].texts) == 2
    assert pictures(vis.confusion_matrix([0], [[0.9, 0.1, 0.0]]))[0].shape == (3, 3, 3), "as many classes as outputs"


def test_wrong_confusion_matrices(plt):
    for true, predicted, error, reason in (
            ([0, 1], [0], ValueError, "y_true and y_pred must have one length. Received: 2, 1"),
            ([], [], ValueError, "y_true and y_pred must hold at least one sample. Received: 0"),
            (np.zeros((0, 3)), [], ValueError, "at least one sample"),
            ([0, -1], [0, 1], ValueError, "from 0 to 1. Received: -1 to 1"),
            ([0, 1], [-0.2, 0.7], TypeError, "y_pred must hold whole numbers as labels; of a single output's logits, thr"),
            ([0, 1], [[0.2, 0.8], [np.nan, 0]], ValueError, "NaN is of no class. Received: NaN for 1 of 2 samples"),
            (["a"], [1], ValueError, "class_names must be given where y_true or y_pred holds names, and the other one"),
            ([object()], [1], TypeError, "y_true must be an array of real numbers. Received: an array with")):
        with pytest.raises(error, match=reason):
            vis.confusion_matrix(true, predicted)
    with pytest.raises(ValueError, match="class_names must name all classes, 0 to 2. Received: 2 names"):
        vis.confusion_matrix([0, 1], [2, 1], ["a", "b"])
    with pytest.raises(TypeError, match="normalize must be True or False"):
        vis.confusion_matrix([0], [0], normalize="true")


# Prototypes


def test_rbf_prototypes(plt):
    bitmaps = np.sign(np.random.default_rng(0).normal(size=(10, 12, 7)))
    figure = vis.rbf_prototypes(bitmaps)
    assert all(np.array_equal(a, b) for a, b in zip(pictures(figure), bitmaps)) and legible(figure)
    image = figure.axes[0].get_images()[0]
    ink = {value: image.cmap(image.norm(value))[0] for value in (-1, 1)}
    assert ink[1] < 0.2 and ink[-1] > 0.9, "black is +1"
    assert [axes.get_title() for axes in figure.axes] == [str(i) for i in range(10)]
    for given in (bitmaps[:2].reshape(2, 84), bitmaps[:2].tolist()):
        assert np.array_equal(pictures(vis.rbf_prototypes(given)), bitmaps[:2])
    trained = vis.rbf_prototypes(np.random.default_rng(0).normal(size=(26, 84)), class_names="abcdefghijklmnopqrstuvwxyz")
    assert len(trained.axes) == 26 and legible(trained)
    assert trained.axes[0].get_images()[0].cmap.N > 2, "trained prototypes are shown in the colours of signs"


def test_rbf_prototypes_of_a_model(plt, published):
    drawn = fastcnn.networks.rbf_prototypes()
    for given in (published, published.layers[-1], drawn):
        assert np.array_equal(pictures(vis.rbf_prototypes(given)), drawn)


def test_wrong_prototypes(plt, lenet):
    for given in (lenet, fastcnn.Sequential(), None):
        with pytest.raises(TypeError, match="an array, or a model whose last layer has prototypes. Received: "):
            vis.rbf_prototypes(given)
    with pytest.raises(ValueError, match=r"must have shape \(N, 12, 7\) or \(N, 84\). Received: \(10, 83\)"):
        vis.rbf_prototypes(np.ones((10, 83)))
    with pytest.raises(ValueError, match="class_names must name 10 prototypes. Received: 2"):
        vis.rbf_prototypes(np.ones((10, 84)), ["a", "b"])


# Mistakes


def test_mistakes(plt):
    x, labels = np.random.default_rng(0).random((5, 6, 4, 3)), [0, 1, 2, 1, 0]
    y = np.array([[0.5, 0.4, 0.1], [0.9, 0.1, 0.0], [0.3, 0.3, 0.4], [0.3, 0.1, 0.6], [0.2, 0.7, 0.1]])
    figure = vis.mistakes(x, labels, y, ["cat", "dog", "a name that takes far more room than there is"])
    legible(figure)
    words = [text.get_text() for text in figure.texts]
    assert words[0] == "3 of 5 wrong" and words[1:3] == ["dog", "cat 90 %"] and words[3:5] == ["cat", "dog 70 %"]
    assert words[5] == "dog" and words[6].endswith("… 60 %")
    for shown, i in zip(pictures(figure), (1, 4, 3)):
        assert np.allclose(shown, (x[i] - x[i].min()) / np.ptp(x[i]))
    asked = []
    few = vis.mistakes(lambda numbers: asked.extend(numbers) or x[numbers], np.eye(3)[labels], y, limit=2)
    assert asked == [1, 4] and few.texts[0].get_text() == "3 of 5 wrong; the 2 surest" and len(few.axes) == 2
    grey = vis.mistakes(x[..., 0], [0, 0, 1, 1, 1], y[:, :1])
    assert [text.get_text() for text in grey.texts][1:5] == ["0", "1 90 %", "1", "0 80 %"]
    none = vis.mistakes(x, y.argmax(1), y)
    assert none.texts[0].get_text() == "0 of 5 wrong" and not none.axes


@pytest.mark.parametrize("wrong, message", [
    ((np.zeros((2, 3, 3)), [0, 1, 1], np.eye(3)), "x must be 3 images, as there are labels. Received: 2"),
    ((np.zeros((3, 3, 3)), [0, 1], np.eye(3)), "one length. Received: 2, 3"),
    ((np.zeros((3, 3, 3)), [0, 1, 1], [0, 1, 1]), r"y_pred must be probabilities \(N, classes\). Received: shape \(3,\)"),
])
def test_mistakes_refuse(wrong, message):
    with pytest.raises(ValueError, match=message):
        vis.mistakes(*wrong)
