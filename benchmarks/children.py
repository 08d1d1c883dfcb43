"""What is measured in a process of its own, by jobs.in_child: nothing is imported here that is not asked for."""

import sys
import time


def peak():
    """Most bytes ever resident in this process."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def train(work, batch, steps):
    """Trains, and tells what it took."""
    import numpy as np

    import fastcnn

    imported, rng = peak(), np.random.default_rng(0)
    model = getattr(fastcnn.networks, work)(seed=0)
    model.compile(fastcnn.optimizers.SGD(0.01, momentum=0.9, weight_decay=5e-4, decoupled=False),
                  "sparse_categorical_crossentropy")
    shape, classes = model.input_shape[1:], model.output_shape[1]
    x, y = rng.standard_normal((batch, *shape), np.float32), rng.integers(0, classes, batch)
    losses = [float(model.train_on_batch(x, y)) for _ in range(steps)]
    return {"peak": peak(), "imported": imported, "losses": losses, "parameters": 4 * model.count_params(),
            "images": x.nbytes, "plan": model._plans["train"].bytes}


def train_torch(work, batch, steps, threads):
    """The same with torch alone in the process."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if work == "lenet5":
        shape, classes = (1, 28, 28), 10
        net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
                            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
                            nn.Linear(84, 10))
    else:
        shape, classes = (3, 227, 227), 1000

        def norm():
            return nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)

        net = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
            nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
            nn.Linear(4096, 1000))
    imported = peak()
    x, y = torch.randn(batch, *shape), torch.randint(classes, (batch,))
    optimizer, losses = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, fused=True), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"peak": peak(), "imported": imported, "losses": losses,
            "parameters": sum(4 * p.numel() for p in net.parameters())}


def import_seconds(module):
    """Seconds that importing a module takes once NumPy is there."""
    import numpy  # noqa: F401

    start = time.perf_counter()
    __import__(module)
    return time.perf_counter() - start
