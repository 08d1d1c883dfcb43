"""What a network answers to test images: how often it is right, which classes it confuses, its worst mistakes."""

import numpy as np

_BATCH = 100   # images
_CLASSES = 40  # the most that a table of confusions has


class Answers:
    """Answers to the first test images.

    Args:
        model: compiled.
        images: an `Images`.
        count: of them; None: all.

    Attributes:
        probabilities: (count, classes); best: the answers; loss, accuracy: means.
    """

    def __init__(self, model, images, count):
        x, y = images.x_test[:count], images.y_test[:count]
        self.labels, self.count, self.names = images.labels_test[:count], len(x), images.class_names
        outputs = np.concatenate([model.predict(images.prepare(x[i:i + 10 * _BATCH]), _BATCH)
                                  for i in range(0, len(x), 10 * _BATCH)])
        self.loss = model.loss(y, outputs)
        self.found = self.probabilities(model, outputs)
        self.best = self.found.argmax(axis=1)
        self.accuracy = float((self.best == self.labels).mean())

    @staticmethod
    def probabilities(model, outputs):
        """What a network's outputs say of each class, the likeliest largest; of logits and distances a softmax."""
        last = getattr(model.outputs[0].layer, "activation", ("linear",))[0]
        if outputs.shape[1] == 1:
            yes = outputs if last == "sigmoid" else 1 / (1 + np.exp(-outputs.astype(np.float64)))
            return np.concatenate([1 - yes, yes], axis=1)
        if last in ("softmax", "sigmoid"):
            return outputs
        scores = outputs.astype(np.float64) * (-0.5 if model.smallest_wins else 1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def told(self, first, count):
        """Some of the answers, the confusions, and the worst mistakes, in JSON's types."""
        wrong = np.flatnonzero(self.best != self.labels)
        sure = wrong[np.argsort(-self.found[wrong, self.best[wrong]], kind="stable")]
        classes = len(self.names)
        table = np.bincount(self.labels * classes + self.best, minlength=classes**2).reshape(classes, classes)
        places = (first + np.arange(min(count, self.count))) % self.count
        return {"count": self.count, "accuracy": self.accuracy, "loss": self.loss, "names": self.names, "wrong": len(wrong),
                "strip": self._each(places), "mistakes": self._each(sure[:count]),
                "confusion": table.tolist() if classes <= _CLASSES else None}

    def confused(self, label, answer, count):
        """The images of a class that were given some answer, as `told` has them."""
        found = np.flatnonzero((self.labels == label) & (self.best == answer))
        return self._each(found[:count])

    def _each(self, numbers):
        best = np.argsort(-self.found[numbers], axis=1, kind="stable")[:, :3]
        return [{"number": int(i), "label": int(self.labels[i]),
                 "likeliest": [[int(k), float(self.found[i, k])] for k in row]} for i, row in zip(numbers, best)]
