"""Classes by their names: as targets, as answers, in weights; what is remembered of them, and refused."""

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL
from fastcnn.losses import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from fastcnn.optimizers import SGD

NAMES = ["ape", "bee", "cat"]
X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
PLACES = X[:, :3].argmax(axis=1)
Y = [NAMES[i] for i in PLACES]


def model(outputs=3, activation="softmax", loss="sparse_categorical_crossentropy", sequential=fastcnn.Sequential, **given):
    found = sequential([L.Dense(outputs, activation, input_shape=(4,))], seed=0)
    found.compile(SGD(0.5), loss, metrics=["accuracy"], **given)
    return found


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights()))


class Series:
    """What pandas gives: no array, but one for whoever asks."""

    def __init__(self, values):
        self.values = np.asarray(values, object)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


FORMS = {"list": list, "tuple": tuple, "text": np.array, "column": lambda y: np.array(y)[:, None],
         "objects": lambda y: np.array(y, object), "series": Series, "object column": lambda y: np.array(y, object)[:, None],
         "bytes": lambda y: np.array(y).astype("S")}


@pytest.mark.parametrize("form", FORMS)
def test_names_train_as_numbers_do(form):
    y, names, numbers = FORMS[form](Y), model(), model()
    a, b = names.fit(X, y, epochs=5, verbose=0), numbers.fit(X, PLACES, epochs=5, verbose=0)
    assert a.history == b.history and same(names, numbers)
    assert names.class_names == NAMES and numbers.class_names is None
    assert names.evaluate(X, y, verbose=0) == numbers.evaluate(X, PLACES, verbose=0)
    assert names.test_on_batch(X, y) == numbers.test_on_batch(X, PLACES)
    assert names.gradients(X, y)[0] == numbers.gradients(X, PLACES)[0]
    assert names.train_on_batch(X, y) == numbers.train_on_batch(X, PLACES) and same(names, numbers)
    answers = names.predict_classes(X)
    assert answers.tolist() == [NAMES[i] for i in numbers.predict_classes(X)] and answers.dtype.kind == "U"


@pytest.mark.parametrize("outputs, activation, loss, target", [
    (3, "softmax", "categorical_crossentropy", lambda i: np.eye(3)[i]),
    (3, None, CategoricalCrossentropy(from_logits=True), lambda i: np.eye(3)[i]),
    (3, None, SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1), lambda i: i),
    (3, None, "multiclass_hinge", lambda i: i), (3, None, "categorical_hinge", lambda i: np.eye(3)[i]),
    (3, "sigmoid", "binary_crossentropy", lambda i: np.eye(3)[i]),
    (1, "sigmoid", "binary_crossentropy", lambda i: i // 2),
    (1, None, BinaryCrossentropy(from_logits=True), lambda i: i // 2),
    (1, None, "hinge", lambda i: i // 2), (2, "softmax", "sparse_categorical_crossentropy", lambda i: i // 2)])
def test_each_loss_that_tells_classes_apart(outputs, activation, loss, target):
    names, numbers = model(outputs, activation, loss), model(outputs, activation, loss)
    y = Y if outputs == 3 else [("no", "yes")[i // 2] for i in PLACES]
    a, b = names.fit(X, y, verbose=0), numbers.fit(X, target(PLACES), verbose=0)
    assert a.history == b.history and same(names, numbers)
    assert set(names.predict_classes(X)) <= set(y)
    assert names.evaluate(X, y, verbose=0)[1] == np.mean(names.predict_classes(X) == np.array(y))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_a_loss_of_numbers_takes_no_names(loss):
    with pytest.raises(TypeError, match=r"y must hold numbers for mean_|y must hold numbers for huber"):
        model(loss=loss).fit(X, Y, verbose=0)


def test_names_that_are_numbers_keep_their_order():
    digits = fastcnn.Sequential([L.Dense(12, "softmax", input_shape=(4,))], seed=0)
    digits.compile("sgd", "sparse_categorical_crossentropy")
    digits.fit(X, [str(i % 12) for i in range(60)], verbose=0)
    assert digits.class_names == [str(i) for i in range(12)]


def test_names_are_saved(tmp_path):
    trained = model()
    trained.fit(X, Y, verbose=0)
    trained.save(tmp_path / "m.safetensors")
    for compile in (True, False):
        again = fastcnn.load_model(tmp_path / "m.safetensors", compile=compile)
        assert again.class_names == NAMES and again.predict_classes(X).tolist() == trained.predict_classes(X).tolist()
    assert fastcnn.load_model(tmp_path / "m.safetensors").evaluate(X, Y, verbose=0) == trained.evaluate(X, Y, verbose=0)
    bare = fastcnn.Sequential.from_config(trained.get_config())
    assert bare.predict_classes(X).dtype.kind == "i", "an architecture has no names"


def test_names_in_metadata_alone_change_no_answers():
    trained = model()
    trained.metadata["class_names"] = ["cat", "bee", "ape"]  # as recipes put them
    assert trained.predict_classes(X).dtype.kind == "i"
    trained.fit(X, Y, verbose=0)
    assert trained.class_names == ["cat", "bee", "ape"], "the outputs mean what they meant"
    turned = model()
    turned.fit(X, 2 - PLACES, verbose=0)
    assert same(trained, turned)


def test_unknown_names_are_errors():
    fresh, trained = model(), model()
    trained.fit(X, Y, verbose=0)
    other = ["dog", *Y[1:]]
    for call in (lambda: trained.evaluate(X, other, verbose=0), lambda: trained.test_on_batch(X, other),
                 lambda: trained.fit(X, Y, validation_data=(X, other), verbose=0), lambda: trained.fit(X, other, verbose=0),
                 lambda: trained.gradients(X, other)):
        with pytest.raises(ValueError, match=r"names of the model's classes, 'ape', 'bee', 'cat' .*Received: 'dog'"):
            call()
    with pytest.raises(ValueError, match=r"the model knows no names: train it on them, or say by model.class_names = "
                                         r"\[...\] what its outputs mean. Received: y with names, 'ape', 'bee', 'cat'"):
        fresh.evaluate(X, Y, verbose=0)
    assert fresh.class_names is None


def test_as_many_names_as_classes():
    with pytest.raises(ValueError, match="it has 4 outputs, one for each class .*Received: 3: 'ape', 'bee', 'cat'"):
        model(4).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="it has one output, which tells two classes apart .*Received: 3: 'ape'"):
        model(1, "sigmoid", "binary_crossentropy").fit(X, Y, verbose=0)
    some, all_ = model(4), model(4)
    some.class_names = [*NAMES, "dog"]
    some.fit(X, Y, verbose=0)
    all_.fit(X, PLACES, verbose=0)
    assert same(some, all_)
    for names, error, message in ((NAMES, ValueError, "class_names must be 4.*Received: 3"), ("abcd", TypeError, "a list"),
                                  ([1, 2, 3, 4], TypeError, "a list of texts. Rec"), (["a"] * 4, ValueError, "must differ")):
        with pytest.raises(error, match=message):
            some.class_names = names
    some.class_names = None
    assert some.predict_classes(X).dtype.kind == "i" and some.metadata == {}


def test_what_is_no_name():
    trained = model()
    trained.fit(X, Y, verbose=0)
    for y, message in (([*Y[:-1], None], "Received: None as target 59, and names"), ([0, *Y[1:]], "Received: 0 as target 0"),
                       (np.array([*Y[:-1], np.nan], object), "Received: nan as target 59")):
        with pytest.raises(TypeError, match=f"y must hold numbers, or names throughout. {message}"):
            trained.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match=r"one name for each sample. Received: names, shape \(60, 2\)"):
        trained.fit(X, np.array([Y, Y]).T, verbose=0)
    x = fastcnn.Input((4,))
    two = fastcnn.Model(x, [L.Dense(3, "softmax")(x), L.Dense(3, "softmax")(x)])
    two.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="if a model has one output; others take numbers. Received: names, and 2 outputs"):
        two.fit(X, [Y, Y], verbose=0)


def test_names_from_a_source_of_batches():
    batches = [(X[i:i + 20], Y[i:i + 20]) for i in (0, 20, 40)]
    streamed, whole = model(), model()
    streamed.fit(batches[0][0], Y[:20], epochs=0, verbose=0)  # nothing is trained; the names are there
    streamed.fit(iter(batches), verbose=0, validation_data=iter(batches))
    whole.fit(X, PLACES, 20, shuffle=False, verbose=0)
    assert same(streamed, whole) and streamed.evaluate(iter(batches), verbose=0) == whole.evaluate(X, PLACES, 20, verbose=0)
    with pytest.raises(ValueError, match="batch 0 of the source: y must hold as many .*class_names.*Received: 1: 'ape'"):
        model().fit(iter([(X[:2], ["ape", "ape"])]), verbose=0)


def test_names_of_a_head_that_is_gone():
    trained = model()
    trained.fit(X, Y, verbose=0)
    trained.pop()
    trained.add(L.Dense(2, "softmax"))
    trained.compile("sgd", "sparse_categorical_crossentropy")
    assert trained.predict_classes(X).dtype.kind == "i"
    trained.fit(X, [("no", "yes")[i // 2] for i in PLACES], verbose=0)
    assert trained.class_names == ["no", "yes"]


def test_keras_too():
    trained = model(sequential=keras.Sequential)
    trained.fit(X, Y, verbose=0)
    with pytest.warns(DeprecationWarning):
        assert set(trained.predict_classes(X)) <= set(NAMES)
    binary = keras.Sequential([KL.Dense(1, "sigmoid", input_shape=(4,))])
    binary.compile("sgd", "binary_crossentropy")
    binary.fit(X, [("no", "yes")[i // 2] for i in PLACES], verbose=0)
    with pytest.warns(DeprecationWarning):
        assert binary.predict_classes(X).shape == (60, 1)


# Weights of classes


def test_class_weight_by_name():
    table, numbers = {"ape": 1.0, "bee": 0.25, "cat": 3.0}, {0: 1.0, 1: 0.25, 2: 3.0}
    a, b = model(), model()
    a.fit(X, Y, class_weight=table, sample_weight=np.arange(60.0), verbose=0)
    b.fit(X, PLACES, class_weight=numbers, sample_weight=np.arange(60.0), verbose=0)
    assert same(a, b)
    a.fit(X, PLACES, class_weight={"ape": 1.0, 1: 0.25, "cat": 3.0}, verbose=0)  # it knows the names
    b.fit(X, PLACES, class_weight=numbers, verbose=0)
    assert same(a, b) and a.train_on_batch(X, Y, class_weight=table) == b.train_on_batch(X, PLACES, class_weight=numbers)
    for given, message in (({"ape": 1, "bee": 1}, r"no weight for \[2\]"), ({**table, "dog": 1}, "name 'ape', .*'dog'"),
                           ({**table, 3: 1}, "classes from 0 to 2. Received: 3"),
                           ({**table, 0: 1}, "each class once. Received: 0"),
                           ({**table, None: 1}, "classes from 0 to 2. Received: None")):
        with pytest.raises(ValueError, match=f"class_weight .*{message}"):
            a.fit(X, Y, class_weight=given, verbose=0)
    with pytest.raises(ValueError, match="class_weight may name numbers of classes. Received: 'ape', and a model that"):
        model().fit(X, PLACES, class_weight=table, verbose=0)


@pytest.mark.parametrize("ignored", [-1, 255])
@pytest.mark.parametrize("named", [False, True])
def test_class_weight_beside_labels_that_do_not_count(ignored, named):
    """They need no weight, and one that they have changes nothing."""
    loss, y = SparseCategoricalCrossentropy(ignore_class=ignored), np.where(np.arange(60) % 4, PLACES, ignored)
    table, weight = {0: 1.0, 1: 0.25, 2: 3.0, **({ignored: 7.0} if named else {})}, np.arange(60.0)
    expected = np.where(y == ignored, 0, weight * np.choose(PLACES, [1.0, 0.25, 3.0]))
    a, b = model(loss=loss), model()
    for method, options in (("fit", {"verbose": 0}), ("train_on_batch", {})):
        found = getattr(a, method)(X, y, sample_weight=weight, class_weight=table, **options)
        other = getattr(b, method)(X, PLACES, sample_weight=expected, **options)
        assert same(a, b) and (found == other if method != "fit" else found.history == other.history)
    with pytest.raises(ValueError, match=r"no weight for \[2\]"):
        a.fit(X, y, class_weight={0: 1, 1: 1, ignored: 1}, verbose=0)


# Predictions that are none


@pytest.mark.parametrize("outputs, activation, loss", [(3, "softmax", "sparse_categorical_crossentropy"),
                                                      (1, "sigmoid", "binary_crossentropy"), (1, None, "hinge")])
def test_nan_is_of_no_class(outputs, activation, loss):
    asked, x = model(outputs, activation, loss), X.copy()
    x[[7, 50], 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN is of no class. Received: NaN for 2 of 60 samples, x\[7\] the first"):
        asked.predict_classes(x)
    assert asked.predict_classes(x[:7]).shape == (7,)


# What is taken for what


def test_confusion_of_names():
    trained = model()
    trained.fit(X, Y, verbose=0)
    answers = trained.predict_classes(X)
    expected = fastcnn.metrics.confusion_matrix(PLACES, trained.predict(X), 3)
    for y in Y, np.array(Y), np.array(Y, object):
        assert np.array_equal(fastcnn.metrics.confusion_matrix(y, answers, class_names=NAMES), expected)
    found = fastcnn.metrics.confusion_matrix(Y, answers, class_names=["bee", *NAMES[::2], "dog"])
    assert np.array_equal(found[:3, :3], expected[[1, 0, 2]][:, [1, 0, 2]]) and found.shape == (4, 4)
    assert np.array_equal(fastcnn.metrics.confusion_matrix(Y, trained.predict(X), class_names=NAMES), expected)
    assert fastcnn.metrics.confusion_matrix(["b", "a"], ["b", "c"]).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    for given, message in ((([*Y[1:], "dog"], answers, None, None, None, NAMES), "y_true must hold names among .*'dog'"),
                           ((Y, trained.predict(X)), "class_names must be given where")):
        with pytest.raises(ValueError, match=message):
            fastcnn.metrics.confusion_matrix(*given)


def test_picture_of_the_confusion_of_names(plt):
    axes = fastcnn.vis.confusion_matrix(["cat", "ape", "cat"], ["cat", "cat", "cat"]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ape", "cat"]
    assert axes.get_title("left") == "2 of 3 right (66.67 %)"
