"""What a page may ask for, and what it is answered. `Actions.table` has all of it."""

import json
import os
import re
from functools import partial

from fastcnn import arguments
from fastcnn.convnetjs.text import Wrong
from fastcnn.lab import layers, network, presets, settings
from fastcnn.lab.arithmetic import arithmetic
from fastcnn.lab.code import code_of
from fastcnn.lab.frames import packed
from fastcnn.networks.trained import FOLDER

_NAME = re.compile(r"\w[\w. -]{0,63}", re.ASCII)  # of a file, without its ending
_ENDING = ".safetensors"
_WAIT = 8   # seconds until a page hears that there is nothing new
_ROW = 60   # images in a row, at most
_SOME = 5   # frames that answer one request: it costs a browser as much as to paint them


class Actions:
    """Answers to the page of a lab.

    Args:
        lab: a `Lab`.
    """

    def __init__(self, lab):
        self.lab, self.trainer, self.bench = lab, lab.trainer, lab.bench

    def table(self):
        """{(method, path): function of the query, or of the body}."""
        names = [name.split("_", 1) for name in dir(self) if name.startswith(("get_", "post_"))]
        return {(method.upper(), f"/api/{name}"): partial(self._answer, f"{method}_{name}") for method, name in names}

    def _answer(self, name, given):
        if self.trainer.doing == "loading" and not name.startswith("get_frame") and given.get("action") != "stop":
            raise ValueError("the images are still being read")
        return getattr(self, name)(given)

    # What is seen

    def get_frame(self, query):
        """The newest frame, once there is one after that with the number `after`."""
        return next(self.get_frames(query))

    def get_frames(self, query):
        """Some frames, each the newest when the one before has been sent."""
        after, names, marks = int(query.get("after", -1)), json.loads(query.get("layers", "[]")), query
        for _ in range(_SOME):
            content, after, marks = self._frame(after, names, marks)
            yield content

    def _frame(self, after, names, marks):
        """(bytes, version, marks of the curves) of the newest frame."""
        trainer = self.trainer
        version, frame = trainer.newest(after, _WAIT)
        if version == after or frame is None or trainer.doing == "over":
            return packed({"version": version, "state": trainer.doing, "message": trainer.message}), version, marks
        curves = {name: curve.since(marks.get(name, "")) for name, curve in trainer.curves.items()}
        content = frame.encode(names, {"version": version, "curves": curves})
        return content, version, {name: tail["mark"] for name, tail in curves.items()}

    def get_network(self, query):
        """The network and the data, as long as `revision` stays, and the curves of earlier trainings."""
        trainer, bench, images, model = self.trainer, self.bench, self.trainer.images, self.trainer.model
        return {"revision": trainer.revision, "title": bench.title, "text": bench.text, "why_not": bench.why_not,
                "layers": layers.facts(model), "entries": bench.entries, "kept": bench.kept, "runs": list(bench.runs),
                "parameters": model.count_params(), "input": list(model.input_shape[1:]), "shape": list(images.shape),
                "classes": images.class_names, "data": images.name, "training": len(images.x), "test": len(images.x_test),
                "optimizers": settings.usual(), "folder": os.path.basename(self.lab.folder),
                "presets": {name: preset.title for name, preset in presets.offered(images.shape).items()}}

    def get_answers(self, query):
        """Answers to test images from the `first` on, confusions and mistakes."""
        first = arguments.integer("first", int(query.get("first", 0)), 0)
        return self.trainer.answers.told(first, min(_ROW, int(query.get("count", 20))))

    def get_confused(self, query):
        """Test images of the class `label` that got the `answer`."""
        return {"images": self.trainer.answers.confused(int(query["label"]), int(query["answer"]), _ROW)}

    def get_pictures(self, query):
        """Test images with these `numbers`, as bytes."""
        images, numbers = self.trainer.images, json.loads(query["numbers"])
        if not isinstance(numbers, list) or not 0 < len(numbers) <= _ROW:
            raise ValueError(f"numbers must be a list of 1 to {_ROW}. Received: {arguments.shown(numbers)}")
        numbers = [arguments.integer("numbers", number, 0, len(images.x_test) - 1) for number in numbers]
        pixels = images.to_bytes(images.x_test[numbers])
        return packed({"shape": list(pixels.shape)}, [pixels.tobytes()])

    def get_pixel(self, query):
        """The number at a `place` of a `layer`, and its arithmetic; of another `kind` of maps (row, column, map) alone."""
        trainer, name, kind = self.trainer, query["layer"], query.get("kind", "activations")
        place = tuple(arguments.integer("place", i, 0) for i in json.loads(query["place"]))

        def pixel():
            if kind != "activations":
                row, column, number = place
                return {"kind": kind, "value": trainer.frame.maps(name)[kind][number][row, column].tolist()}
            return arithmetic(trainer.model, trainer.images.prepare(trainer.shown_image()[0][None]), name, place)

        return {"place": place, **trainer.call(pixel, shows=False), "step": trainer.step}

    def post_specimen(self, body):
        """Which image is shown: a test or training image by number, another one each time (null), or a drawing."""
        trainer, images = self.trainer, self.trainer.images
        kind = arguments.choice("kind", body.get("kind"), ("test", "training", "drawing"))
        number = body.get("number") if kind != "drawing" else None
        drawing = images.of_bytes(bytes(body.get("pixels", []))) if kind == "drawing" else None
        if number is not None:
            number = arguments.integer("number", number, 0, len(images.x_test if kind == "test" else images.x) - 1)

        def choose():
            trainer.specimen, trainer.drawing = (kind, number), drawing

        return self._done(choose)

    # What is done

    def post_do(self, body):
        """start, pause, step, reset or stop."""
        action = arguments.choice("action", body.get("action"), ("start", "pause", "step", "reset", "stop"))
        return self.lab.finished.set() or {} if action == "stop" else self._done(self.bench.go, action)

    def post_settings(self, body):
        """Sets numbers of the training: {name: value}."""
        return self._done(self.bench.set, body)

    def post_build(self, body):
        """Tries the network of a `text`: its layers, or what is wrong, and where."""
        try:
            model, _ = self.bench.built(body.get("text"))
        except Wrong as error:
            return {"error": str(error), "place": error.place, "line": error.line}
        return {"layers": layers.facts(model), "entries": network.entries(model), "parameters": model.count_params()}

    def post_apply(self, body):
        """Uses the network of a `text`; names of layers that kept their weights."""
        self._done(self.bench.apply, body.get("text"))
        return {"kept": self.bench.kept}

    def post_preset(self, body):
        """Takes a network of the list."""
        name = arguments.choice("name", body.get("name"), tuple(presets.offered(self.trainer.images.shape)))
        return self._done(self.bench.preset, name)

    def post_compare(self, body):
        """Compares `optimizers`; without them it ends."""
        return self._done(self.bench.compare, body.get("optimizers"))

    def get_compare(self, query):
        """How far the comparison is."""
        comparison = self.trainer.comparison
        return {"running": self.trainer.doing == "comparing", **(comparison.told() if comparison else {"names": []})}

    # Files

    def get_files(self, query):
        """Names of saved models, and of those that come with fastcnn."""
        found = [os.listdir(folder) if os.path.isdir(folder) else [] for folder in (self.lab.folder, FOLDER)]
        mine, shipped = ([name.removesuffix(_ENDING) for name in sorted(names) if name.endswith(_ENDING)] for names in found)
        return {"names": mine, "shipped": shipped}

    def post_save(self, body):
        """Saves the model under a `name` of the folder."""
        path = self._path(body, self.lab.folder)
        os.makedirs(self.lab.folder, exist_ok=True)
        return self._done(lambda: self.trainer.model.save(path))

    def post_load(self, body):
        """Takes a saved model, or one that comes with fastcnn."""
        return self._done(self.bench.load, self._path(body, FOLDER if body.get("shipped") is True else self.lab.folder))

    def _path(self, body, folder):
        name = body.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"a name must be of letters, digits, dots, dashes and spaces, 64 at most. Received: "
                             f"{arguments.shown(name)}")
        return os.path.join(folder, name + _ENDING)

    def get_code(self, query):
        """Python that makes this network and trains it so."""
        trainer = self.trainer
        return {"code": code_of(trainer.model, trainer.images, trainer.batch_size, trainer.epochs)}

    def _done(self, *call):
        """Does something between two steps."""
        self.trainer.call(*call)
        return {}
