"""Images per second of whole networks, forward and training. `python benchmarks/networks.py [--batches 1 16 128 1024]`

Predictions are compared with the NumPy float64 reference, and a training step with its gradients' effect on the loss, before
anything is timed.
"""

import argparse
from functools import partial

import numpy as np
from timing import in_turn

import fastcnn
from fastcnn import reference


def lenet5_logits(x, weights):
    """LeNet-5 in the reference's words."""
    w = [a.astype(np.float64) for a in weights]
    h = reference.avg_pool2d(reference.tanh(reference.conv2d(x, w[0], w[1], padding="same")), 2)
    h = reference.avg_pool2d(reference.tanh(reference.conv2d(h, w[2], w[3])), 2).reshape(len(x), -1)
    for kernel, bias in ((w[4], w[5]), (w[6], w[7])):
        h = reference.tanh(reference.dense(h, kernel, bias))
    return reference.dense(h, w[8], w[9])


def make(batch):
    """(model, x, y), compiled and checked."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, 28, 28, 1)).astype("f"), rng.integers(0, 10, batch)
    model = fastcnn.networks.lenet5(seed=1)
    model.compile(fastcnn.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy")
    logits = lenet5_logits(x[:16], model.get_weights())
    assert np.abs(model.predict_on_batch(x)[:16] - reference.softmax(logits)).max() < 1e-6, "wrong predictions"
    loss = [model.train_on_batch(x, y) for _ in range(3)]
    expected = reference.softmax_cross_entropy(lenet5_logits(x[:16], fastcnn.networks.lenet5(seed=1).get_weights()), y[:16])
    assert batch > 16 or abs(loss[0] - expected.mean()) < 1e-5, "wrong loss"
    assert loss[2] < loss[0], "a step does not lower the loss"
    return model, x, y


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 128, 1024])
    given = parser.parse_args()
    fastcnn.show_config()
    print(f"\n{'lenet5':10}{'forward, images/s':>20}{'training, images/s':>20}   quiet windows")
    for batch in given.batches:
        model, x, y = make(batch)
        t = in_turn({"forward": partial(model.predict_on_batch, x), "training": partial(model.train_on_batch, x, y)})
        print(f"batch {batch:<4}" + "".join(f"{batch / t[name].median:20,.0f}" for name in ("forward", "training"))
              + f"   {t['forward'].kept} of {t['forward'].windows}", flush=True)


if __name__ == "__main__":
    main()
