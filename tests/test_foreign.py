"""What stands in the place of arrays: tables, pictures, sparse and masked arrays, single samples, rows for images."""

import re

import numpy as np
import pytest

import fastcnn
from fastcnn import layers as L
from fastcnn.compat import keras
from fastcnn.compat.keras import layers as KL

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(0, 256, (12, 8, 8, 1)).astype(np.uint8), np.arange(12) % 3
ROWS = IMAGES.reshape(12, 64)


def model(shape=(8, 8, 1), package=fastcnn, layers=L, **options):
    found = package.Sequential([layers.Flatten(input_shape=shape, **options), layers.Dense(3, "softmax")], seed=0)
    found.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return found


class Table:
    """A data frame as NumPy sees it: an array for whoever asks, in columns with names."""

    def __init__(self, values, dtype=None, columns=None):
        self.values = np.array(values, dtype)
        self.shape, self.columns = self.values.shape, columns or [f"p{i}" for i in range(self.values.shape[-1])]

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(self.columns)

    def __getitem__(self, name):
        return self.values[:, self.columns.index(name)]

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Sparse:
    """A sparse matrix as scipy has it: no array, and no length."""

    shape = (12, 64)

    def toarray(self):
        return ROWS

    def __len__(self):
        raise TypeError("sparse array length is ambiguous")

    def __iter__(self):
        return iter(ROWS)


def message(call, *arguments, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*arguments, **options)
    return str(caught.value)


def asked(found, x, y=LABELS, fit=True):
    """What each way to give samples to a model says of x; each must say the same."""
    calls = {"predict": (x,), "predict_on_batch": (x,), "__call__": (x,), "predict_classes": (x,), "evaluate": (x, y),
             "test_on_batch": (x, y), "train_on_batch": (x, y), "gradients": (x, y), **({"fit": (x, y)} if fit else {})}
    said = {name: message(getattr(found, name), *given) for name, given in calls.items()}
    assert len(set(said.values())) == 1, said
    return said["predict"]


@pytest.mark.parametrize("package, layers", [(fastcnn, L), (keras, KL)])
@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_a_single_image_is_no_batch(package, layers):
    found = model(package=package, layers=layers)
    for x in IMAGES[0], IMAGES[0, ..., 0]:
        said = "must have shape (samples, 8, 8, 1); x[None] is a batch of one sample. Received: shape (8, 8"
        assert said in asked(found, x)
        assert "; [x] is a batch of one sample. Received" in asked(found, x.tolist())
        assert np.array_equal(found.predict(x[None]), found.predict([x.tolist()]))
    assert np.array_equal(found(IMAGES[:1]), found.predict(IMAGES)[:1])


def test_what_is_meant_by_other_shapes():
    says = {(12, 64): "; x.reshape(-1, 8, 8, 1) makes samples of rows.", (64,): "; x.reshape(-1, 8, 8, 1) makes samples of",
            (12, 1, 8, 8): "; x.transpose(0, 2, 3, 1) puts channels last.", (12, 8, 8, 3): "1). Received",
            (12, 4, 4, 4): "1). Received"}
    for shape, words in says.items():
        assert words in message(model().predict, np.zeros(shape)), shape
    first = fastcnn.Sequential([L.Conv2D(2, 3, data_format="channels_first", input_shape=(3, 8, 8))])
    said = "(samples, 3, 8, 8); x.transpose(0, 3, 1, 2) puts channels first"
    assert said in message(first.predict, np.zeros((2, 8, 8, 3)))
    assert "; x[None] is a batch of one" in message(first.predict, np.zeros((3, 8, 8)))
    flat = model((64,))
    assert "; x.reshape(-1, 64) makes rows of images" in message(flat.predict, IMAGES)
    assert "; x[None] is a batch of one" in message(flat.predict, ROWS[0])
    x = [fastcnn.Input((8, 8, 1)), fastcnn.Input((64,))]
    two = fastcnn.Model(x, L.Concatenate()([L.Flatten()(x[0]), x[1]]))
    a, b = two.input_names
    assert f"x['{a}'] must have shape (samples, 8, 8, 1); x['{a}'][None] is" in message(two.predict, [IMAGES[0], ROWS])
    assert np.array_equal(two(dict(zip((a, b), (IMAGES, ROWS)))), two.predict([IMAGES, ROWS]))


def test_layers_without_a_shape_yet():
    for x, y in ((np.zeros((5, 8, 8)), np.zeros(5)), (np.zeros((8, 8, 1)), np.zeros(8))):
        unbuilt = fastcnn.Sequential([L.Conv2D(2, 3), L.Flatten(), L.Dense(2, "softmax")])
        unbuilt.compile("sgd", "sparse_categorical_crossentropy")
        for call, given in ((unbuilt.fit, (x, y)), (unbuilt.predict, (x,)), (L.Conv2D(2, 3), (x,))):
            assert "a single one is x[None], grey images without channels are x[..., None]. R" in message(call, *given)
        assert unbuilt.predict(np.zeros((5, 8, 8, 1))).shape == (5, 2)
    unbuilt = fastcnn.Sequential([L.Flatten(), L.Dense(2, "softmax")])
    unbuilt.compile("sgd", "sparse_categorical_crossentropy")
    assert "Received: x 8, y 1" in message(unbuilt.fit, np.zeros((8, 8)), [1])
    unbuilt.fit(np.zeros((1, 8, 8)), [1], verbose=0)  # nothing was built for what was no batch
    assert unbuilt.input_shape == (None, 8, 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, object, bool])
def test_tables(dtype):
    """Rows are samples in their order, whatever the index; columns of objects may hold numbers."""
    a, b, columns = model((64,)), model((64,)), ROWS > 99 if dtype is bool else ROWS
    table, y = Table(columns, dtype), Table(LABELS[:, None], object if dtype is object else None)
    found = a.fit(table, y, epochs=2, validation_split=0.25, sample_weight=Table(np.arange(12.0)), verbose=0).history
    assert found == b.fit(columns, LABELS, epochs=2, validation_split=0.25, sample_weight=np.arange(12), verbose=0).history
    assert np.array_equal(a.predict(table), b.predict(columns)) and np.array_equal(a(table), b(columns))
    assert a.evaluate(table, y, verbose=0) == b.evaluate(columns, LABELS, verbose=0)
    assert a.train_on_batch(table, y, sample_weight=Table(np.arange(12.0))) == b.train_on_batch(
        columns, LABELS, sample_weight=np.arange(12))
    assert "; np.asarray(x).reshape(-1, 8, 8, 1) makes samples of rows. Received: shape (12, 64)" in asked(model(), table, y)


def test_tables_that_hold_something_else():
    cells = ROWS.astype(object)
    for place, value, shown in (((3, 5), None, "None"), ((0, 63), "seven", "'seven'"), ((11, 0), 1j, "1j")):
        odd = cells.copy()
        odd[place] = value
        said = asked(model((64,)), Table(odd))
        assert said == f"x must be an array of real numbers. Received: {shown} at row {place[0]}, column 'p{place[1]}'"
        assert f"Received: {shown} at x[{place[0]}, {place[1]}]" in message(model((64,)).predict, odd)
    assert "Received: texts, 'a.jpg' …" in asked(model(), ["a.jpg"])
    assert "Received: nan at y[3]" in message(model().fit, IMAGES, [0, 1, 2, np.nan, *LABELS[4:]])
    assert "Received: None at y[3]" in message(model().fit, IMAGES, [0, 1, 2, None, *LABELS[4:]])


def test_sparse_and_masked_arrays_say_what_to_do():
    found = "must be an array; {}.toarray() makes one of a sparse matrix. Received: Sparse of shape (12, 64)"
    assert asked(model((64,)), Sparse()) == f"x {found.format('x')}"
    assert f"y {found.format('y')}" == message(model((64,)).fit, ROWS, Sparse())
    masked = np.ma.masked_less(ROWS, 20)
    said = r"x must have all its numbers; x.filled\(0\) puts zeros for masked ones. Received: \d+ masked of 768"
    assert re.fullmatch(said, asked(model((64,)), masked))
    assert model((64,)).predict(np.ma.array(ROWS)).shape == (12, 3), "nothing is masked"


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_pictures():
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    grey = [pil.fromarray(image[..., 0]) for image in IMAGES]
    colour = [picture.convert("RGB") for picture in grey]
    for shape, pictures, arrays in (((8, 8, 1), grey, IMAGES), ((8, 8, 3), colour, IMAGES.repeat(3, axis=3))):
        for package, layers in ((fastcnn, L), (keras, KL)):
            a, b = model(shape, package, layers), model(shape, package, layers)
            assert "; [x] is a batch of one sample. Received: shape (8, 8" in asked(a, pictures[0])
            assert a.fit(pictures, LABELS, verbose=0).history == b.fit(arrays, LABELS, verbose=0).history
            for call in ("predict", "predict_on_batch", "__call__", "predict_classes"):
                assert np.array_equal(getattr(a, call)(pictures), getattr(b, call)(arrays))
            assert a.evaluate(pictures, LABELS, verbose=0) == b.evaluate(arrays, LABELS, verbose=0)
    for mode in "P", "CMYK", "HSV", "YCbCr":
        said = asked(model(), [grey[0], colour[0].convert(mode)])
        assert "of mode 'RGB' or 'L'" in said and f"picture.convert('RGB') makes such. Received: mode '{mode}'" in said
    assert "picture.resize((8, 8)) and picture.convert('L') make such. Received: (8, 8, 'L') and (9, 8, 'L')" in asked(
        model(), [*grey[:3], grey[0].resize((9, 8))])


def test_pandas_polars_and_scipy():
    """The same of the packages themselves, where they are installed."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame, order = pandas.DataFrame(ROWS, columns=[f"p{i}" for i in range(64)]), RNG.permutation(12)
    labels = pandas.Series(LABELS)
    expected = model((64,)).fit(ROWS[order], LABELS[order], verbose=0).history
    tables = [(frame.iloc[order], labels.iloc[order]),
              (frame.iloc[order].astype("Int64"), labels.iloc[order].astype("Int64")),
              (frame.iloc[order].astype(pandas.SparseDtype("uint8", 0)), labels.iloc[order].to_frame())]
    for x, y in tables:
        assert model((64,)).fit(x, y, verbose=0).history == expected
    missing = frame.astype("Int64")
    missing.iloc[3, 5] = pandas.NA
    assert "Received: <NA> at row 3, column 'p5'" in asked(model((64,)), missing)
    assert "Received: 'a' at row 0, column 'name'" in asked(model((64,)), frame.assign(name="a"))
    names = pandas.Series(pandas.Categorical([("ape", "bee", "cat")[i] for i in LABELS]))
    named = model((64,))
    named.fit(frame, names, verbose=0)
    assert named.class_names == ["ape", "bee", "cat"]
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    assert "x.toarray() makes one" in asked(model((64,)), sparse.csr_matrix(ROWS))
    polars = pytest.importorskip("polars", reason="polars is not installed")
    table = polars.DataFrame(ROWS[order], schema=[f"p{i}" for i in range(64)])
    assert model((64,)).fit(table, polars.Series(LABELS[order]), verbose=0).history == expected
