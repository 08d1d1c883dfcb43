"""What users may have meant by a name that nobody knows."""

from difflib import get_close_matches

_KINDS = "loss", "optimizer", "metric", "initializer", "regularizer", "constraint", "activation"  # said besides a name
_MANY = 60  # names that a message lists


def flat(name):
    """A name without what people spell differently: case, spaces, dashes, underscores.

    Example:
        >>> flat("Cross_Entropy "), flat("cross-entropy")
        ('crossentropy', 'crossentropy')
    """
    return "".join(letter for letter in name.lower() if letter.isalnum())


def nearest(name, known, meant=(), alike=0.6):
    """What a name may stand for, as words of a message; None: nothing that is known.

    Args:
        name: as the user wrote it.
        known: names that are accepted.
        meant: {flat name from elsewhere: words that say what it is here, or a name that is known}.
        alike: how much of the letters of a misspelt name must be right, from 0 to 1.

    Example:
        >>> nearest("batch", ["x", "batch_size"]), nearest("xavier", ["he_normal"], {"xavier": "'glorot_uniform'"})
        ("'batch_size'", "'glorot_uniform'")
        >>> nearest("cross_entropy", ["binary_crossentropy", "categorical_crossentropy", "mse"])
        "'binary_crossentropy' or 'categorical_crossentropy'"
    """
    meant = {other: repr(words) if words in known else words for other, words in dict(meant).items()}
    spelled = {}
    for other in sorted(known, key=lambda other: (other.islower() != name.islower(), other)):
        spelled.setdefault(flat(other), other)  # of several spellings the one that looks like the user's
    whole = flat(name)
    for wanted in (whole, *(whole.removesuffix(kind) for kind in _KINDS if whole != kind)):
        if wanted in meant:
            return meant[wanted]
        if wanted in spelled:
            return repr(spelled[wanted])
    parts = [other for key, other in spelled.items() if key.startswith(whole) or len(whole) > 5 and whole in key]
    parts = parts if len(whole) > 2 else []
    if not parts:
        near = get_close_matches(whole, [*spelled, *meant], 1, alike)
        return (repr(spelled[near[0]]) if near[0] in spelled else meant[near[0]]) if near else None
    return listed(sorted(parts)[:5])


def of_attribute(*homes):
    """What names from elsewhere stand for that are asked of a package or an object: {flat name: words}.

    Args:
        homes: names of the package, or of the object's class and its bases.

    Example:
        >>> of_attribute("Model")["train"]
        'fit(x, y) (there is no mode to switch)'
    """
    from fastcnn.elsewhere import NAMES

    return {name: words for home in reversed(homes) for name, words in NAMES.get(home, {}).items()}


def of_argument(called, accepted):
    """The same of arguments, of those that a method or class accepts.

    Example:
        >>> of_argument("SGD", ["learning_rate"])
        {'lr': 'learning_rate'}
    """
    common = {name: here for name, here in of_attribute("()").items() if here in accepted}
    return {**common, **of_attribute(called)}


def listed(names):
    """Names as a text: "'a', 'b' or 'c'"."""
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}" if first else last


def asked(near):
    """What a name may stand for, as a question, unless it is a sentence.

    Example:
        >>> asked("'units'"), asked("There is none.")
        ("Did you mean 'units'?", 'There is none.')
    """
    return near if near.endswith(".") else f"Did you mean {near}?"


def did_you_mean(name, known, meant=(), alike=0.6):
    """The sentence that follows an unknown name: what it may stand for, else all that is known; arguments as of `nearest`.

    Example:
        >>> did_you_mean("unit", ["units", "use_bias"])
        "Did you mean 'units'?"
        >>> did_you_mean("colour", ["units", "use_bias"]), did_you_mean("colour", [])
        ('Accepted: units, use_bias.', 'Accepted: none.')
    """
    near = nearest(name, known, meant, alike)
    if near is not None:
        return asked(near)
    plain = {}
    for other in known:  # one spelling of each, in small letters if there is one
        if flat(other) not in plain or other.islower():
            plain[flat(other)] = other
    more = f" … ({len(plain)} in all)" if len(plain) > _MANY else ""
    return f"Accepted: {', '.join([*plain.values()][:_MANY]) or 'none'}{more}."
