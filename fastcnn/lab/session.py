"""`Lab`: a network, images, and a page to watch the one learn from the other."""

from __future__ import annotations

import os
import secrets
import threading
from functools import partial

from fastcnn import arguments
from fastcnn.lab.actions import Actions
from fastcnn.lab.bench import Bench, checked
from fastcnn.lab.data import Images
from fastcnn.lab.presets import PRESETS
from fastcnn.lab.server import Server
from fastcnn.lab.trainer import Trainer
from fastcnn.typing import Data, Model, Path

_NOTICE = 0.05  # seconds until the server notices that it is to end


class Lab:
    """A page in the browser on which a network learns: watch it, and touch it (docs/lab.md).

    Args:
        model: built; if it is compiled it is trained so. Or the name of a network to begin with, as "lenet5" or "alexnet";
            or the path of a saved model. None: one that fits the images.
        data: "mnist", "fashion" or "cifar10"; a folder or archive of images in class folders, or of IDX files; an .npz or
            CSV file of digits; or ((x, y), (x_test, y_test)), as bytes or as the model takes them.
        folder: where the page saves models; it is made when that happens.

    Raises:
        TypeError, ValueError: another model or other data. What has to be read is refused by `serve`.

    Example:
        >>> import fastcnn.lab
        >>> x, y = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
        >>> with fastcnn.lab.Lab("lenet5", ((x, y), (x, y))) as lab:
        ...     lab.start().startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, model: Model | Path | None = None, data: Path | Data = "mnist", folder: Path = "lab") -> None:
        named = isinstance(model, (str, os.PathLike))
        if named and model not in PRESETS and not os.path.exists(model):
            raise ValueError(f"model must be a model, a file that is there, or one of {', '.join(PRESETS)}. "
                             f"Received: {arguments.shown(model)}")
        self._model, self.folder = model if named or model is None else checked(model), os.path.abspath(folder)
        self._data = Images(*data) if isinstance(data, (tuple, list)) else data
        self.trainer = Trainer(lambda: self.bench.begin(self._model, self._data))
        self.bench = Bench(self.trainer)
        self.server, self.url, self.finished = None, None, threading.Event()

    @property
    def model(self) -> Model | None:
        """The network as it is now, trained so far; None: the images are still being read."""
        return self.trainer.model

    def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Begins to answer pages, and returns.

        Args:
            port: 0: any that is free.
            host: address to listen at. Any but "127.0.0.1" lets other machines in that know the token.

        Returns:
            the page's address, with the token that it needs.

        Raises:
            OSError: the port is taken.
        """
        if self.server is None:
            token = secrets.token_urlsafe(16)
            actions = Actions(self).table()
            self.server = Server((host, arguments.integer("port", port, 0, 65535)), actions, token)
            shown = "127.0.0.1" if host in ("", "0.0.0.0") else f"[{host}]" if ":" in host else host
            self.url = f"http://{shown}:{self.server.server_address[1]}/#token={token}"
            serve = partial(self.server.serve_forever, _NOTICE)
            threading.Thread(target=serve, name="fastcnn lab server", daemon=True).start()
            self.trainer.thread.start()
        return self.url

    def serve(self, port: int = 0, host: str = "127.0.0.1", browser: bool = True) -> Model | None:
        """Shows the page until Ctrl-C, or until it is stopped there.

        Args:
            port, host: as of `start`.
            browser: open the page.

        Returns:
            the network, as it was trained.

        Raises:
            OSError, TypeError, ValueError: data or a model that cannot be read; the port is taken.
        """
        url = self.start(port, host)
        print(f"The lab is open: {url}\nCtrl-C closes it.", flush=True)
        if browser:
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            while not self.finished.wait(0.2) and self.trainer.thread.is_alive():
                pass
        except KeyboardInterrupt:
            print()
        self.close()
        if self.trainer.failure is not None:
            raise self.trainer.failure
        return self.model

    def close(self) -> None:
        """Ends training after the step that runs, and answers pages no more."""
        self.finished.set()
        if self.server is not None:
            self.trainer.close()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _repr_html_(self):
        """In a notebook the lab shows itself."""
        return f'<iframe src="{self.start()}" width="100%" height="900" allow="camera" style="border: 0"></iframe>'
