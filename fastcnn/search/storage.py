"""Where a search is remembered."""

import os
from contextlib import contextmanager

from fastcnn import arguments
from fastcnn.search.pruning import optuna


@contextmanager
def alone(storage):
    """The path of a journal, which no other search uses until the block ends, however it does; None: there is none.

    Raises:
        ValueError: another search uses it.
    """
    if storage is None:
        yield None
        return
    path = os.fspath(arguments.path("storage", storage))
    with open(path, "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such system
            pass
        except BlockingIOError:
            raise ValueError(f"storage must not be in use. Received: {path}, which another search uses") from None
        yield path


def study_in(path, name, **options):
    """The study of that name in a journal, or a new one; path None: in memory.

    Raises:
        ValueError: the file is no journal.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    try:  # a killed search may have left Optuna's own lock, of which nobody else is in need for so many seconds
        storage = path and JournalStorage(JournalFileBackend(path, JournalFileSymlinkLock(path, grace_period=3)))
        return optuna().create_study(storage=storage, study_name=name, load_if_exists=True, **options)
    except (KeyError, ValueError) as error:
        raise ValueError(f"storage must be a file that such a search wrote, or a new one. Received: {path} "
                         f"({error})") from None
