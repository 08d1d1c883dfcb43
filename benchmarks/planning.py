"""How long the engine takes to plan a training: seconds of processor time, and how they grow with depth.

`python -m benchmarks.planning`

Networks of 10 to 80 convolutions in a chain, VGG-19, ResNet-50 and ResNet-152, at batch 16. The first plan of a process also
imports modules, so one is made before. Initial values are drawn before, too. A row is the median of five models.
"""

from time import process_time

import fastcnn
from fastcnn.layers import Conv2D, Dense, GlobalAveragePooling2D


def chain(depth):
    """That many convolutions of 16 filters."""
    return fastcnn.Sequential([fastcnn.Input((32, 32, 16)),
                               *(Conv2D(16, 3, padding="same", activation="relu") for _ in range(depth)),
                               GlobalAveragePooling2D(), Dense(10, "softmax")], seed=0)


def seconds(build):
    """The median of five plans."""
    found = []
    for _ in range(5):
        model = build()
        model.compile(fastcnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
        model._prepare_training()  # initial values are drawn and laid side by side, which is no planning
        start = process_time()
        model._plan("train", 16, True)
        found.append(process_time() - start)
    return sorted(found)[2]


def main():
    seconds(lambda: chain(2))
    rows = [(f"{depth} convolutions", lambda depth=depth: chain(depth)) for depth in (10, 20, 40, 80)]
    rows += [("VGG-19", lambda: fastcnn.networks.vgg(19)), ("ResNet-50", lambda: fastcnn.networks.resnet(50)),
             ("ResNet-152", lambda: fastcnn.networks.resnet(152))]
    for name, build in rows:
        print(f"{name:16} {seconds(build):.4f} s", flush=True)


if __name__ == "__main__":
    main()
