"""Learning rates that change from step to step."""

import math

from fastcnn import arguments, registry


class Schedule(registry.Configurable):
    """Base class: call it with the number of steps taken to get the learning rate of the next."""

    def __call__(self, step):
        """The learning rate after `step` steps."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")


class OneCycle(Schedule):
    """Up to the peak along a cosine over the first part of training, then down to almost nothing.

    Args:
        peak: the largest learning rate.
        steps: optimizer steps of the whole training.
        warmup: part of the steps on the way up.
        start, end: first and last learning rate, as a part of the peak.

    Source:
        Smith, Topin 2018, "Super-convergence".

    Example:
        >>> rate = OneCycle(0.05, 100)
        >>> rate(30) == 0.05 and rate(0) < rate(10) and rate(100) < rate(60)
        True
    """

    config = ("peak", "steps", "warmup", "start", "end")

    def __init__(self, peak, steps, warmup=0.3, start=0.04, end=1e-4):
        self.peak = arguments.number("peak", peak, 0)
        self.steps = arguments.integer("steps", steps)
        self.warmup = arguments.number("warmup", warmup, 0, 1)
        self.start, self.end = arguments.number("start", start, 0, 1), arguments.number("end", end, 0, 1)

    def __call__(self, step):
        top = self.warmup * self.steps
        if step < top:
            low, part = self.start, 1 - step / top
        else:
            low, part = self.end, min(1.0, (step - top) / max(self.steps - top, 1))
        return self.peak * (low + (1 - low) * (1 + math.cos(math.pi * part)) / 2)


def get(identifier):
    """A schedule from its configuration or itself."""
    return registry.resolve("learning_rate", Schedule, registry.names(OneCycle), identifier)[0]
