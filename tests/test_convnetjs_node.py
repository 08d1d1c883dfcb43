"""Against ConvNetJS itself, run by node: both read what the other wrote, and train alike.

Needs node and the package convnetjs where node finds it: `npm install convnetjs` in this folder, or NODE_PATH."""

import json
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from test_convnetjs import DEMO, ENDS, EVERY, TARGET, images, wide

import fastcnn
from fastcnn.convnetjs import Net, Trainer, Vol, augment

SCRIPT = """
const convnet = require('convnetjs');
const work = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const vol = (w, of) => {
  const v = new convnet.Vol(of.out_sx, of.out_sy, of.out_depth, 0);
  v.w = Float64Array.from(w);
  return v;
};
const net = new convnet.Net();
if (work.defs) net.makeLayers(work.defs);
if (work.net && work.defs) {  // the layers of the definitions, with the other's weights
  const other = new convnet.Net();
  other.fromJSON(work.net);
  const theirs = other.getParamsAndGrads();
  net.getParamsAndGrads().forEach((own, i) => own.params.set(theirs[i].params));
} else if (work.net) net.fromJSON(work.net);
const found = {outputs: [], costs: [], stats: []};
const trainer = work.options && new convnet.Trainer(net, work.options);
work.x.forEach((x, i) => {
  const v = vol(x, net.layers[0]);
  if (trainer) {
    const stats = trainer.train(v, work.y[i]);
    found.stats.push([stats.cost_loss, stats.l1_decay_loss, stats.l2_decay_loss, stats.loss]);
  } else {
    found.outputs.push(Array.from(net.forward(v).w));
    if (work.y) found.costs.push(net.backward(work.y[i]));
  }
});
found.activations = net.layers.map(layer => Array.from(layer.out_act.w));
found.gradients = net.layers.map(layer => Array.from(layer.out_act.dw));
found.own = Array.from(net.layers[0].in_act.dw);
found.cuts = (work.cuts || []).map(cut => convnet.augment(vol(work.x[0], net.layers[0]), ...cut)).map(v => v.toJSON());
found.sums = net.getParamsAndGrads().map(entry => Array.from(entry.grads));
found.net = net.toJSON();
process.stdout.write(JSON.stringify(found));
"""


@lru_cache
def why_not():
    """Why ConvNetJS cannot be run; None: it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    run = subprocess.run(["node", "-e", "require.resolve('convnetjs')"], cwd=Path(__file__).parent, capture_output=True)
    return "node does not find the package convnetjs (npm install convnetjs, or NODE_PATH)" if run.returncode else None


@pytest.fixture(autouse=True)
def needs_convnetjs():
    if why_not() is not None:
        pytest.skip(why_not())


def node(**work):
    """What ConvNetJS made of it."""
    run = subprocess.run(["node", "-e", SCRIPT], input=json.dumps(work), cwd=Path(__file__).parent, capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def pixels(x):
    return [image.reshape(-1).tolist() for image in x]


@pytest.fixture(params=ENDS)
def kind(request):
    return request.param


@pytest.fixture
def net(kind):
    """Every type of layer, and weights that matter everywhere."""
    return wide(Net([*EVERY, ENDS[kind]], seed=3))


def near(found, right, bound=1e-6):
    found, right = np.ravel(found), np.ravel(right)
    return found.shape == right.shape and np.abs(found - right).max() <= bound * max(1, np.abs(right).max())


def test_it_reads_what_we_write(net, kind):
    """Outputs, costs and every layer's activations; with drop_prob .5, where its mistake makes no difference."""
    half = json.loads(json.dumps(net.toJSON()).replace('"drop_prob": 0.25', '"drop_prob": 0.5'))
    net, x = Net().fromJSON(half), images(3)
    found = node(net=half, x=pixels(x), y=[TARGET[kind]] * 3)
    assert near(net.predict(x), found["outputs"])
    mistaken = Net(faithful=True).fromJSON(half)
    assert near([mistaken.getCostLoss(image, TARGET[kind]) for image in x], found["costs"], 1e-5)
    net.forward(x[-1])
    for layer, activations in zip(net.layers, found["activations"], strict=True):
        assert near(layer.out_act.w, activations), layer


def test_we_read_what_it_writes(kind):
    x = images(3)
    found = node(defs=[*EVERY, ENDS[kind]], x=pixels(x))
    net = Net(faithful=True).fromJSON(json.dumps(found["net"]))
    assert isinstance(found["net"]["layers"][1]["filters"][0]["w"], dict), "as JavaScript writes typed arrays"
    assert near(net.predict(x), found["outputs"])
    assert [layer.layer_type for layer in net.layers] == [layer["layer_type"] for layer in found["net"]["layers"]]


def test_nothing_is_lost_on_the_way_there_and_back(net):
    returned = node(net=net.toJSON(), x=pixels(images()))["net"]
    assert Net().fromJSON(returned).toJSON() == net.toJSON()
    ours = net.toJSON()
    for own, theirs in zip(ours["layers"], returned["layers"], strict=True):
        assert own.keys() == theirs.keys()


def test_its_dropout_at_prediction_is_reproduced_when_asked(net):
    x = images(2)
    found = node(net=net.toJSON(), x=pixels(x))["outputs"]
    assert near(Net(faithful=True).fromJSON(net.toJSON()).predict(x), found)
    assert not near(net.predict(x), found, 1e-3)


def test_definitions_make_the_same_layers(kind):
    theirs = node(defs=[*EVERY, ENDS[kind]], x=pixels(images()))["net"]["layers"]
    for own, other in zip(Net([*EVERY, ENDS[kind]]).toJSON()["layers"], theirs, strict=True):
        for layer in (own, other):
            if layer.pop("filters", None):
                layer["biases"] = np.unique(Vol([0]).fromJSON(layer["biases"]).w.astype(np.float32)).tolist()
        assert own == other


def test_gradients(net, kind):
    """Of every layer's output and of all weights, its normalization's mistake included."""
    x, y = images()[0], TARGET[kind]
    layers = [d for d in EVERY if "drop_prob" not in d]
    net = wide(Net([*layers, ENDS[kind]], faithful=True, seed=3))
    found = node(defs=[*layers, ENDS[kind]], net=net.toJSON(), x=pixels([x]), y=[y])
    net.forward(x)
    assert net.backward(y) == pytest.approx(found["costs"][0], rel=1e-5)
    for layer, gradients in list(zip(net.layers, found["gradients"], strict=True))[:-1]:
        assert near(layer.out_act.dw, gradients, 1e-5), layer
    for entry, sums in zip(net.getParamsAndGrads(), found["sums"], strict=True):
        assert near(entry["grads"], sums, 1e-5)
    right = Net().fromJSON(net.toJSON())
    right.forward(x)
    right.backward(y)
    assert not near(right.layers[0].out_act.dw, found["gradients"][0], 1e-3), "its normalization's gradient is another"
    assert near(right.layers[3].out_act.dw, found["gradients"][3], 1e-5)


METHODS = {
    "vanilla": {"method": "sgd", "momentum": 0.0}, "momentum": {"method": "sgd", "momentum": 0.8},
    "adagrad": {"method": "adagrad"}, "windowgrad": {"method": "windowgrad", "ro": 0.9}, "adadelta": {"method": "adadelta"},
}


@pytest.mark.parametrize("rule", METHODS)
def test_three_batches_of_the_demo(rule):
    """As it is, by adadelta; by the other methods with fewer images of every other pixel, since node needs its time."""
    step, size = (1, 20) if rule == "adadelta" else (2, 5)
    options = {"batch_size": size, "l1_decay": 0.001, "l2_decay": 0.001, **METHODS[rule]}
    (x, y), _ = fastcnn.datasets.mnist.load_data()
    x, y = x[:3 * size, 2:26:step, 2:26:step] / 255 - 0.5, y[:3 * size].tolist()
    net = Net([{**DEMO[0], "out_sx": 24 // step, "out_sy": 24 // step},
               {**DEMO[1], "l1_decay_mul": 1.0}, *DEMO[2:]], seed=1)
    start = net.model.get_weights()
    found = node(net=net.toJSON(), x=pixels(x), y=y, options=options)
    trainer = Trainer(net, **options)
    told = [trainer.train(Vol.from_image(image), label) for image, label in zip(x, y)]
    assert near([[s["cost_loss"], s["l1_decay_loss"], s["l2_decay_loss"], s["loss"]] for s in told], found["stats"], 1e-5)
    theirs = Net().fromJSON(found["net"]).model.get_weights()
    for own, other, before in zip(net.model.get_weights(), theirs, start):
        assert np.abs(own - other).max() < 1e-5 and np.abs(own - before).max() > 1e-4


def test_steps_of_every_layer(kind):
    """Three steps with all its mistakes, but no dropout, which each draws for itself."""
    x, options = images(12), {"method": "sgd", "learning_rate": 0.02, "batch_size": 4, "l2_decay": 0.01}
    layers = [{key: value for key, value in d.items() if key != "drop_prob"} for d in EVERY]
    net = wide(Net([*layers, ENDS[kind]], faithful=True, seed=3))
    found = node(defs=[*layers, ENDS[kind]], net=net.toJSON(), x=pixels(x), y=[TARGET[kind]] * 12,
                 options=options)
    trainer = Trainer(net, **options)
    told = [trainer.train(image, TARGET[kind]) for image in x]
    assert near([s["cost_loss"] for s in told], [cost for cost, *_ in found["stats"]], 1e-4)
    for own, other in zip(net.model.get_weights(), Net().fromJSON(found["net"]).model.get_weights()):
        assert np.abs(own - other).max() < 2e-5


def test_volumes_and_their_gradients(kind):
    """augment, JSON, and the gradients that a volume has after backward; of one gradient that has no mistake in it."""
    cuts = [[4, 2, 1, False], [6, -1, 3, True], [5, 6, 6, True], [8, 0, 0, True]]
    x, layers = images()[0], [EVERY[0], *EVERY[3:6], ENDS[kind]]
    net = Net(layers, seed=3)
    found = node(defs=layers, net=net.toJSON(), x=pixels([x]), y=[TARGET[kind]], cuts=cuts)
    v = Vol.from_image(x)
    net.forward(v)
    net.backward(TARGET[kind])
    assert near(v.dw, found["own"], 1e-5) and v.dw.any()
    for cut, theirs in zip(cuts, found["cuts"], strict=True):
        own = augment(v, *cut)
        assert own.toJSON() == Vol(0, 0, 0, 0).fromJSON(theirs).toJSON() and (own.sx, own.sy) == (cut[0], cut[0])
