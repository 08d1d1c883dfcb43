"""What `mpiexec -n R python tests/ranks_program.py WHAT …` does; rank 0 prints what all have found, as a line of JSON."""

import json
import os
import signal
import sys
import threading

import numpy as np
import ranks

import fastcnn
from fastcnn.distributed import MPI


def say(group, found):
    """Prints what each rank has found."""
    every = group.agree(found)
    if group.rank == 0:
        print(json.dumps(every), flush=True)


def begun(model):
    """(the ranks, the model, compiled)."""
    model.compile("sgd", "sparse_categorical_crossentropy")
    return MPI(), model


def bits(mode, folder=None, beside=""):
    """The weights of each network after training, as digests; with a folder, gradients in files. beside: as if a processor
    were free for a thread that exchanges; else as if none were."""
    group = MPI(mode)
    group._processors = 1000 if beside else 0
    found = {}
    for name in ("lenet5", "alexnet", "resnet"):
        model, history = ranks.trained(name, group)
        found[name] = ranks.digest(model), history
        gradient = None if folder is None else ranks.gradient(name, group)
        if folder is not None and group.rank == 0:
            np.save(os.path.join(folder, f"{name}.npy"), gradient)
    if bool(beside) != any("mpi" in thread.name for thread in threading.enumerate()):
        raise RuntimeError("a thread exchanges, or none does")
    say(group, found)


def dies(folder, epochs="3", resume=""):
    """Trains with a checkpoint after every other step; rank 0 says where it is, so that others can end a process."""
    group = MPI()
    path = os.path.join(folder, "checkpoint.safetensors")
    x, y = ranks.data()
    if resume:
        model = fastcnn.load_model(path)
    else:
        model = ranks.NETWORKS["lenet5"]()
        model.compile(fastcnn.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    step = fastcnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: print(f"step {batch}", flush=True))
    step.writes = True
    save = fastcnn.callbacks.ModelCheckpoint(path, save_freq=2)
    if group.rank == 0:
        print("; ".join(group.names), flush=True)
    model.fit(x, y, 32, int(epochs), verbose=0, callbacks=[save, step], resume=bool(resume), distribute=group)
    if group.rank == 0:
        print(ranks.digest(model), flush=True)


def funneled():
    """Fast mode where MPI bears calls of one thread only: what bits all ranks have, and the threads there are."""
    import mpi4py

    mpi4py.rc.thread_level = "funneled"
    found = ranks.digest(ranks.trained("alexnet", group := MPI("fast"), epochs=1)[0])
    say(group, [found, [thread.name for thread in threading.enumerate() if "mpi" in thread.name]])


def differs():
    """Ranks that begin with different weights."""
    group = MPI()
    model = ranks.lenet5(seed=1 + group.rank)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(*ranks.data(), verbose=0, distribute=group)


def raises():
    """An exception on one rank only, in the midst of training."""
    group, model = begun(ranks.lenet5())

    def stop(batch, logs):
        if batch == 2 and group.rank == 1:
            raise RuntimeError("out of paper")

    model.fit(*ranks.data(), verbose=0, distribute=group,
              callbacks=fastcnn.callbacks.LambdaCallback(on_train_batch_end=stop))


def shows():
    """An exception on one rank only, where the program has a hook of its own."""
    sys.excepthook = lambda kind, error, trace: print("a hook:", error, file=sys.stderr, flush=True)
    groups = MPI(), MPI()
    if groups[0].rank:
        raise RuntimeError("out of ink")
    groups[1].agree(1)


def stops():
    """A callback on one rank stops training on all of them."""
    group, model = begun(ranks.lenet5())

    def stop(batch, logs):
        model.stop_training = batch == 2 and group.rank == group.size - 1

    history = model.fit(*ranks.data(), verbose=0, distribute=group, epochs=3,
                        callbacks=fastcnn.callbacks.LambdaCallback(on_train_batch_end=stop))
    say(group, [model.optimizer.iterations, history.history["loss"]])


def interrupted():
    """Ctrl-C reaches one rank, in the midst of a step."""
    group, model = begun(ranks.alexnet())

    def interrupt(batch, logs):
        if batch == 2 and group.rank == 1:
            signal.raise_signal(signal.SIGINT)

    try:
        model.fit(*ranks.data(), verbose=0, distribute=group,
                  callbacks=fastcnn.callbacks.LambdaCallback(on_train_batch_begin=interrupt))
    except KeyboardInterrupt:
        say(group, [model.optimizer.iterations, ranks.digest(model)])


if __name__ == "__main__":
    works = bits, dies, funneled, differs, raises, shows, stops, interrupted
    {work.__name__: work for work in works}[sys.argv[1]](*sys.argv[2:])
