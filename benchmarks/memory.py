"""Group "memory": peak memory of training, each network and library in a process of its own.

Peak: the most that was resident at any time, interpreter, libraries and images included. The loss must be finite and change
from step to step, and the peer must have as many parameters.
"""

from functools import partial

import fastcnn
from benchmarks import peers
from benchmarks.jobs import Job, WrongResult, in_child

STEPS = 3


def jobs(settings):
    """AlexNet and LeNet-5."""
    return [Job("memory", work, partial(_measure, work, batch), "training", batch)
            for work in ("lenet5", "alexnet") for batch in settings.batches or [128]]


def _measure(work, batch, settings):
    ours = _checked(in_child("children", "train", work, batch, STEPS))
    found, others = ours["peak"] / 1e6, {}
    if "torch" in settings.peers:
        try:
            theirs = _checked(in_child("children", "train_torch", work, batch, STEPS, fastcnn.get_num_threads()))
            if theirs["parameters"] != ours["parameters"]:
                raise WrongResult(f"{theirs['parameters']} bytes of parameters, ours {ours['parameters']}")
            others["torch"] = {"value": theirs["peak"] / 1e6, "ratio": theirs["peak"] / ours["peak"]}
        except Exception as error:  # noqa: BLE001  a peer that cannot is no reason to stop
            others["torch"] = {"error": peers.reason(error)}
    parts = {f"{name}_mb": ours[name] / 1e6 for name in ("imported", "parameters", "images", "plan")}
    note = f"(before the network {parts['imported_mb']:.0f}, weights {parts['parameters_mb']:.1f}, images " \
           f"{parts['images_mb']:.1f}, plan's arrays {parts['plan_mb']:.1f})"
    return {"unit": "MB", "ours": found, "peers": others, "note": note, **parts}


def _checked(found):
    losses = found["losses"]
    if not all(0 < loss < 100 for loss in losses) or len(set(losses)) != len(losses):
        raise WrongResult(f"it does not train: {losses}")
    return found
