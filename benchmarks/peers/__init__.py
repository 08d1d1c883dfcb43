"""Other libraries on the same network: same weights, same batch, same number of threads, each in its strongest forms.

A peer is a module with functions that build contestants: `forward(model, x)` returns a callable that predicts,
`training(model, x, y, rate, momentum, decay)` one that takes a step and returns the loss.
"""

import importlib
from functools import partial

from benchmarks import jobs

_MODULES = {"torch": "pytorch", "onnxruntime": "onnx_runtime", "openvino": "intel_openvino", "keras": "keras_network",
            "ncnn": "tencent_ncnn", "mnn": "alibaba_mnn", "litert": "google_litert", "dlib": "dlib_lenet5",
            "convnetjs": "convnetjs_node"}
_FORMS = {  # name: (package, options); the first form of each package is its plain one
    "forward": {"torch": ("torch", {}), "torch channels_last": ("torch", {"form": "channels_last"}),
                "torch.compile": ("torch", {"form": "compile"}), "onnxruntime": ("onnxruntime", {}),
                "openvino": ("openvino", {}), "keras": ("keras", {}), "ncnn": ("ncnn", {}), "mnn": ("mnn", {}),
                "litert": ("litert", {})},
    "training": {"torch": ("torch", {}), "torch channels_last": ("torch", {"form": "channels_last"}),
                 "torch.compile": ("torch", {"form": "compile"}), "keras": ("keras", {}), "dlib": ("dlib", {})},
}


def contestants(stage, packages):
    """[(name, builder)] of the forms of these packages; building fails if the package is not there."""
    return [(name, partial(_build, package, stage, options)) for name, (package, options) in _FORMS[stage].items()
            if package in packages]


def is_peer(name):
    """Is a contestant of this name, a form's or a package's, another library?"""
    return name in _MODULES or any(name in forms for forms in _FORMS.values())


def installed(packages):
    """Those that can be imported, each in a process of its own, and {name: why not} of the others."""
    unable = {name: why for name in packages if (why := _tried(name))}
    return tuple(name for name in packages if name not in unable), unable


def _tried(package):
    try:
        return jobs.in_child("peers", "why_not", package)
    except Exception as error:  # noqa: BLE001  what crashes its process is not there, either
        return reason(error)


def why_not(package):
    """Why a package cannot be imported; None: it can."""
    try:
        importlib.import_module(f"benchmarks.peers.{_MODULES[package]}")
    except Exception as error:  # noqa: BLE001  a broken installation is none
        return reason(error)


def _build(package, stage, options, *arguments):
    module = importlib.import_module(f"benchmarks.peers.{_MODULES[package]}")
    return getattr(module, stage)(*arguments, **options)


def reason(error):
    """Why a peer cannot, in a few words."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    return jobs.describe(error, 160)
