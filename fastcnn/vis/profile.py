"""Where the time of a model's steps goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcnn import arguments
from fastcnn.typing import Axes, Figure, Profile
from fastcnn.vis.style import BLUE, GREY, PALE, RED, axes_of, cut, drawing, short

_HEIGHT = 0.24  # inches of a bar
_COLOURS = {"arithmetic": BLUE, "memory": RED, None: PALE}
_NEEDED = "steps", "model", "training", "batch", "threads", "seconds"


@drawing
def profile(profile: Profile | Mapping[str, Any], limit: int = 40, ax: Axes | None = None) -> Figure:
    """A bar for each step of a model, as long as its time; the deep part of it is what the machine would need at its limit:
    blue where multiply-adds are the limit, red where memory is.

    Args:
        profile: what `Model.profile` returned, or {name: value} as its JSON holds.
        limit: the most bars; of more steps the longest are shown, in their order, and the others in one bar.
        ax: matplotlib axes to draw on; None: a new figure.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib is missing.
        TypeError, ValueError: something else than a profile; a limit below 1.

    Example:
        >>> found = fastcnn.networks.lenet5().profile(np.zeros((1, 28, 28)), seconds=0)
        >>> fastcnn.vis.profile(found).axes[0].get_xlabel()
        'milliseconds of processor time'
    """
    found = profile if isinstance(profile, Mapping) else vars(profile) if hasattr(profile, "steps") else {}
    if any(name not in found for name in _NEEDED):
        raise TypeError("profile must be what Model.profile returned, or the dictionary that its JSON holds. Received: "
                        f"{arguments.shown(profile)}")
    bars = _bars(found["steps"], arguments.integer("limit", limit))
    axes = axes_of(ax, 8.4, 1.1 + _HEIGHT * len(bars))
    for place, (_, seconds, step) in enumerate(bars):
        milliseconds, part = 1e3 * seconds, min(step.get("of_ceiling") or 0.0, 1.0)
        axes.barh(place, milliseconds, color=PALE, height=0.7)
        axes.barh(place, part * milliseconds, color=_COLOURS[step.get("ceiling")], height=0.7)
        axes.annotate(f"{short(milliseconds)} ms{_speed(step)}", (milliseconds, place), (4, 0), textcoords="offset points",
                      va="center", fontsize=7.5, color=GREY)
    axes.set_yticks(range(len(bars)), [label for label, *_ in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.35 * max((1e3 * seconds for _, seconds, _ in bars), default=1) or 1)
    axes.set_xlabel("milliseconds of processor time")
    axes.set_title(f"{cut(found['model'], 24)}, {'training' if found['training'] else 'forward'}, batch {found['batch']}, "
                   f"{found['threads']} thread{'s' * (found['threads'] > 1)}: {short(1e3 * found['seconds'])} ms")
    for name, colour in (("multiply-adds at their limit", BLUE), ("memory at its limit", RED), ("more than that", PALE)):
        axes.barh(0, 0, color=colour, label=name)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return axes.figure


def _bars(steps, limit):
    """(label, seconds, step) of each bar."""
    places = range(len(steps))
    kept = sorted(sorted(places, key=lambda i: -steps[i]["seconds"])[:limit - (len(steps) > limit)])
    bars = [(_label(steps[i]), steps[i]["seconds"], steps[i]) for i in kept]
    others = set(places) - set(kept)
    return bars + [(f"{len(others)} others", sum(steps[i]["seconds"] for i in others), {})] * bool(others)


def _label(step):
    return cut(f"{step['layer'] or step['op']}  {step['pass']}", 34)


def _speed(step):
    """What is written behind the time."""
    if step.get("of_ceiling") is None:
        return ""
    speed = f"{short(step['gflops'])} GFLOP/s" if step["ceiling"] == "arithmetic" else f"{short(step['gbs'])} GB/s"
    return f", {speed}, {step['of_ceiling']:.0%}"
