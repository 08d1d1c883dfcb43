"""What was found in a folder or archive of photographs, in one line that accounts for every file."""

import numpy as np

from fastcnn.datasets.listing import told

_NAMED = 20  # classes that are all named


class Account:
    """Files of one listing, and what became of them.

    Args:
        listing: a `fastcnn.datasets.listing.Listing`.
        sources: those that were made of it.

    Example:
        >>> Account(Listing("photos"), [ImageFolder("photos")]).files  # doctest: +SKIP
        208
    """

    def __init__(self, listing, sources):
        self.where = listing.where()
        start = len(f"{listing.folder}/") if listing.folder else 0
        used, left = set(), dict(listing.left_out)
        for source in sources:
            inner, damaged = source._prefix[start:], listing.damaged
            used.update(inner + name for name in source.paths if inner + name not in damaged)
            left.update((inner + name, damaged[inner + name]) for name in source.paths if inner + name in damaged)
            left.update((inner + name, why) for name, why in source.left_out.items())
        parts = " and ".join(dict.fromkeys(source._prefix[start:].strip("/") for source in sources))
        left.update((name, f"beside {parts}" if parts else "in no class") for name in listing.images
                    if name not in used and name not in left)
        self.images, self.left_out = len(used), left

    @property
    def files(self):
        """How many files there are; folders that cannot be entered and labels without a file are none."""
        return self.images + sum(not name.endswith(("/", "*")) for name in self.left_out)


def readable(source):
    """Labels of the images of a source, without those that are known to be broken.

    Example:
        >>> readable(fastcnn.datasets.ImageArray(np.zeros((2, 8, 8, 3), np.uint8), [0, 1])).tolist()
        [0, 1]
    """
    return np.delete(source.labels, list(getattr(source, "broken", {})))


def summary(accounts, purposes, whence, labels, class_names):
    """The line.

    Args:
        accounts: of all listings.
        purposes: of each part's images, as "to train on".
        whence: where parts come from; None: there is nothing to be said of it.
        labels: an array of labels for each part.
        class_names: the names they stand for.

    Example:
        >>> parts = np.array([0, 0, 1]), np.array([1])
        >>> summary([], ["to train on", "to validate on"], "given", parts, ["cat", "dog"])
        '3 images to train on and 1 to validate on (given); 2 classes: cat (2 + 0), dog (1 + 1)'
    """
    counts = np.stack([np.bincount(part, minlength=len(class_names)) for part in labels], axis=1)
    what = " and ".join(f"{len(part):,} {'' if i else 'images '}{purpose}"
                        for i, (part, purpose) in enumerate(zip(labels, purposes)))
    what += f" ({whence})" if whence else ""
    shown = [f"{name} ({' + '.join(f'{n:,}' for n in row)})" for name, row in zip(class_names, counts[:_NAMED].tolist())]
    more = f" and {len(class_names) - _NAMED:,} more" if len(class_names) > _NAMED else ""
    line = f"{what}; {len(class_names):,} classes: {', '.join(shown)}{more}"
    if not accounts:
        return line
    left = {}
    for account in accounts:
        prefix = f"{account.where}/" if len(accounts) > 1 else ""
        left.update((name if name[-1] == "*" else prefix + name, why) for name, why in account.left_out.items()
                    if name[-1] != "*" or all(name in other.left_out for other in accounts))  # one table for all
    line = f"{' and '.join(a.where for a in accounts)}: {sum(a.files for a in accounts):,} files, {line}"
    kinds = {"": lambda name: name[-1] not in "/*", "folders: ": lambda name: name[-1] == "/",
             "labels: ": lambda name: name[-1] == "*"}
    said = [(kind, told({name: why for name, why in left.items() if belongs(name)})) for kind, belongs in kinds.items()]
    return f"{line}; left out: {'; '.join(kind + words for kind, words in said if words) or 'nothing'}"
