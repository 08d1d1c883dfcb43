"""What a network trained on photographs takes for what: as a table, and as pictures beside its file."""

import os
import sys

_MOST = 20  # classes in a table


def files(save):
    """Names of the pictures beside a model's file.

    Example:
        >>> files("flowers.safetensors")
        ['flowers-confusion.png', 'flowers-mistakes.png']
    """
    stem = os.path.splitext(save)[0]
    return [f"{stem}-{what}.png" for what in ("confusion", "mistakes")]


def show(result, save):
    """Prints the confusion matrix, and draws it and the worst mistakes if the model was saved.

    Args:
        result: a `fastcnn.recipes.TrainedOnImages`.
        save: the model's file; None: nothing is drawn.
    """
    from fastcnn import metrics
    from fastcnn.tables import Table

    names, (numbers, y) = result.model.metadata["class_names"], result.answers
    labels = result.validation.labels[numbers]
    if len(names) <= _MOST:
        counts = metrics.confusion_matrix(labels, y, len(names))
        rows = [[name, *map(str, row)] for name, row in zip(names, counts)]
        print("What they are (rows) and what they were taken for (columns), over ten crops:")
        print(*Table(["", *names], rows, numbers=tuple(names)).lines(), sep="\n")
    if save is None:
        return
    try:
        from fastcnn import vis

        confusion, mistakes = files(save)
        vis.confusion_matrix(labels, y, names).savefig(confusion, dpi=120)
        vis.mistakes(lambda which: _pixels(result.validation, numbers[which]), labels, y, names).savefig(mistakes, dpi=120)
        print(f"Pictures: {confusion}, {mistakes}")
    except ImportError as error:
        print(f"fastcnn: no pictures of the mistakes: {error}", file=sys.stderr)


def _pixels(source, numbers):
    import numpy as np

    out = np.empty((len(numbers), *source.shape), np.uint8)
    source.read(numbers, out)
    return out
