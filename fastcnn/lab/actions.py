"""What a page may ask for, and what it is answered. `Actions.table` has all of it."""

import json
import os
import re

import numpy as np

from fastcnn import arguments
from fastcnn.lab import code, layers, presets, settings
from fastcnn.lab.arithmetic import arithmetic
from fastcnn.lab.comparing import Comparison
from fastcnn.lab.frames import packed

_NAME = re.compile(r"\w[\w. -]{0,63}", re.ASCII)  # of a file, without its ending
_ENDING = ".safetensors"
_WAIT = 8   # seconds until a page hears that there is nothing new
_ROW = 60   # images in a row, at most


class Actions:
    """Answers to the page of a lab.

    Args:
        lab: a `Lab`.
    """

    def __init__(self, lab):
        self.lab, self.trainer, self.bench = lab, lab.trainer, lab.bench

    def table(self):
        """{(method, path): function of the query, or of the body}."""
        answers = {"GET": ("frame", "network", "runs", "answers", "confused", "pictures", "pixel", "compare", "files", "code"),
                   "POST": ("do", "settings", "build", "preset", "specimen", "compare", "save", "load")}
        return {(method, f"/api/{name}"): getattr(self, f"{method.lower()}_{name}")
                for method, names in answers.items() for name in names}

    # What is seen

    def get_frame(self, query):
        """The newest frame, once there is one after that with the number `after`."""
        trainer, after = self.trainer, int(query.get("after", -1))
        version, frame = trainer.newest(after, _WAIT)
        more = {"version": version, "same": version == after}
        if version == after or frame is None or trainer.doing == "over":
            return packed({**more, "state": trainer.doing, "message": trainer.message})
        more["settings"] = settings.told(trainer.model, trainer.batch_size, trainer.epochs)
        more["curves"] = {name: curve.since(query.get(name, "")) for name, curve in trainer.curves.items()}
        return frame.encode(json.loads(query.get("layers", "[]")), more)

    def get_network(self, query):
        """The network and the data, as long as `revision` stays."""
        trainer, bench, images = self.trainer, self.bench, self._images()
        model = trainer.model
        return {"revision": trainer.revision, "title": bench.title, "text": bench.text, "why_not": bench.why_not,
                "layers": layers.facts(model), "entries": bench.entries, "kept": bench.kept, "loss": type(model.loss).__name__,
                "parameters": model.count_params(), "input": list(model.input_shape[1:]), "shape": list(images.shape),
                "classes": images.class_names, "data": images.name, "training": len(images.x), "test": len(images.x_test),
                "optimizers": list(settings.KINDS), "folder": os.path.basename(self.lab.folder),
                "presets": {name: preset.title for name, preset in presets.offered(images.shape).items()}}

    def get_runs(self, query):
        """Curves of earlier trainings."""
        return {"runs": list(self.bench.runs)}

    def get_answers(self, query):
        """Answers to test images from the `first` on, confusions and mistakes."""
        first = arguments.integer("first", int(query.get("first", 0)), 0)
        return self._answers().told(first, min(_ROW, int(query.get("count", 20))))

    def get_confused(self, query):
        """Test images of the class `label` that got the `answer`."""
        return {"images": self._answers().confused(int(query["label"]), int(query["answer"]), _ROW)}

    def get_pictures(self, query):
        """Test images with these `numbers`, as bytes."""
        images, numbers = self._images(), json.loads(query["numbers"])
        if not isinstance(numbers, list) or not 0 < len(numbers) <= 2 * _ROW:
            raise ValueError(f"numbers must be a list of 1 to {2 * _ROW}. Received: {len(numbers)}")
        numbers = [arguments.integer("numbers", number, 0, len(images.x_test) - 1) for number in numbers]
        pixels = images.to_bytes(images.x_test[numbers])
        return packed({"shape": list(pixels.shape)}, [np.ascontiguousarray(pixels).tobytes()])

    def get_pixel(self, query):
        """The arithmetic of the number at a `place` of a `layer`."""
        place = [arguments.integer("place", i, 0) for i in json.loads(query["place"])]
        return self.trainer.call(self._pixel, query["layer"], place, shows=False)

    def _pixel(self, name, place):
        raw, _, _ = self.trainer.shown_image()
        return {**arithmetic(self.trainer.model, self.trainer.images.prepare(raw[None]), name, place),
                "step": self.trainer.step}

    def post_specimen(self, body):
        """Which image is shown: a test or training image by number, another one each time (null), or a drawing."""
        trainer, images = self.trainer, self._images()
        kind = arguments.choice("kind", body.get("kind"), ("test", "training", "drawing"))
        number, drawing = body.get("number"), None
        if kind == "drawing":
            number, drawing = None, images.of_bytes(bytes(body.get("pixels", [])))
        elif number is not None:
            number = arguments.integer("number", number, 0, len(images.x_test if kind == "test" else images.x) - 1)

        def choose():
            trainer.specimen, trainer.drawing = (kind, number), drawing

        trainer.call(choose)
        return {}

    # What is done

    def post_do(self, body):
        """start, pause, step, reset or stop."""
        action = arguments.choice("action", body.get("action"), ("start", "pause", "step", "reset", "stop"))
        if action == "stop":
            self.lab.finished.set()
        elif action == "reset":
            self.trainer.call(self.bench.reset)
        else:
            self.trainer.call(self.bench.go, action)
        return {}

    def post_settings(self, body):
        """Sets numbers of the training: {name: value}."""
        for name, value in body.items():
            self.trainer.call(self.bench.set, name, value)
        return {}

    def post_build(self, body):
        """Tries the network of a `text`; applies it if `apply` is true."""
        built = self.bench.built(body.get("text"))
        if not arguments.flag("apply", body.get("apply", False)):
            return {"layers": layers.facts(built.model), "entries": self.bench.written(built.model)[1],
                    "parameters": built.model.count_params()}
        return {"kept": self.trainer.call(self.bench.apply, built, body["text"])}

    def post_preset(self, body):
        """Takes a network of the list."""
        known = presets.offered(self._images().shape)
        name = arguments.choice("name", body.get("name"), tuple(known))
        self.trainer.call(self.bench.preset, name)
        return {}

    def post_compare(self, body):
        """Compares `optimizers`; without them it ends."""
        self.trainer.call(self.bench.compare, body.get("optimizers"))
        return {}

    def get_compare(self, query):
        """How far the comparison is."""
        comparison = self.trainer.comparison
        return {"running": self.trainer.doing == "comparing", **(comparison.told() if comparison else {"names": []})}

    # Files

    def get_files(self, query):
        """Names of saved models."""
        folder = self.lab.folder
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return {"names": sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))}

    def post_save(self, body):
        """Saves the model under a `name` of the folder."""
        path = self._path(body)
        os.makedirs(self.lab.folder, exist_ok=True)
        self.trainer.call(lambda: self.trainer.model.save(path), shows=False)
        return {}

    def post_load(self, body):
        """Takes a saved model."""
        self.trainer.call(self.bench.load, self._path(body))
        return {}

    def _path(self, body):
        name = body.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"a name must be of letters, digits, dots, dashes and spaces, 64 at most. Received: {name!r}")
        return os.path.join(self.lab.folder, name + _ENDING)

    def get_code(self, query):
        """Python that makes this network and trains it so."""
        trainer = self.trainer
        return {"code": code.code_of(trainer.model, self._images(), trainer.batch_size, trainer.epochs)}

    def _images(self):
        if self.trainer.doing == "loading":
            raise ValueError("the images are still being read")
        return self.trainer.images

    def _answers(self):
        self._images()
        return self.trainer.answers
