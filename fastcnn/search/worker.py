"""A trial of a search in a process of its own: what to train comes from standard input, and what happens is told in lines
of JSON."""

import json
import os
import sys
import threading
import warnings


def main():
    """Trains. Standard input is a line of JSON, and ends when the process that searches has ended, however it did."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints, prints on standard error

    def tell(**told):
        try:
            print(json.dumps(told), file=answers, flush=True)
        except OSError:  # a broken pipe: the search has been killed
            _end()

    _train(sys.stdin, tell)


def _train(lines, tell):
    from fastcnn.callbacks import LambdaCallback
    from fastcnn.search.spaces import recipe

    line = lines.readline()
    if not line.endswith("\n"):  # the search has ended before it could say what to train
        return
    job = json.loads(line)
    threading.Thread(target=_end_with, args=(lines,), daemon=True).start()
    warnings.showwarning = lambda message, *_, **__: tell(warning=" ".join(str(message).split()))
    watcher = LambdaCallback(on_epoch_end=lambda epoch, logs: tell(epoch=epoch, value=logs["val_accuracy"]))
    try:
        model = recipe(job["network"])(**job["arguments"], verbose=0, callbacks=[watcher]).model
        if job["save"] is not None:
            model.metadata["search"] = {"trial": job["trial"], "arguments": job["arguments"]}
            model.save(job["save"])
    except Exception as error:  # noqa: BLE001  whatever it is, the search says it
        tell(error=f"{type(error).__name__}: {' '.join(str(error).split())}")
    else:
        tell(done=True)


def _end_with(lines):
    while os.read(lines.fileno(), 1):
        pass
    _end()


def _end():
    """Nobody wants the result any more: ends without a word, whatever the other threads do."""
    os._exit(1)
