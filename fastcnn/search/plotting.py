"""A search, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.search.pruning import optuna
from fastcnn.typing import Figure, FigureBase
from fastcnn.vis.style import BLUE, GREY, RED, drawing, figure_of


def importances(study):
    """{argument: its part in how good a trial is, the largest first}, by Optuna; nothing if there are too few trials.

    Source: Watanabe, Bansal, Hutter 2023, "PED-ANOVA".
    """
    values = {trial.value for trial in study.trials if trial.state.name == "COMPLETE"}
    if len(values) < 4:
        return {}
    return optuna().importance.get_param_importances(study, evaluator=optuna().importance.PedAnovaImportanceEvaluator())


@drawing
def plot(study: Any, figure: FigureBase | None = None) -> Figure:
    """How a search went: what each trial ended with, and the best so far; and which arguments mattered.

    Args:
        study: `optuna.study.Study` that `tune` returned, or any of one objective.
        figure: a matplotlib figure to draw on; None: a new one of pyplot's.

    Returns:
        the figure.

    Raises:
        ImportError: matplotlib or Optuna is missing; ValueError: no trial has ended.

    Example:
        >>> plot(tune("lenet5", trials=20)).savefig("search.png")  # doctest: +SKIP
    """
    ended = [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED") and trial.value is not None]
    if not ended:
        raise ValueError(f"study must have a trial that has ended. Received: {len(study.trials)} trials, none of them ended")
    best = np.maximum if study.direction.name == "MAXIMIZE" else np.minimum
    new = figure is None
    figure = figure_of(figure, 9.2, 3.4)
    if new:
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1, wspace=0.06)
    axes, bars = figure.subplots(1, 2)
    for state, label, colour in ("PRUNED", "pruned", GREY), ("COMPLETE", "to its end", BLUE):
        points = [(trial.number, trial.value) for trial in ended if trial.state.name == state]
        if points:
            axes.scatter(*zip(*points), s=22, color=colour, label=label, zorder=3)
    complete = [(trial.number, trial.value) for trial in ended if trial.state.name == "COMPLETE"]
    if complete:
        numbers, values = zip(*complete)
        axes.step(numbers, best.accumulate(values), where="post", color=RED, linewidth=1.5, label="best so far")
        low = min(np.median(values), np.quantile(values, 0.25))
        margin = 0.15 * (max(values) - low) or 0.01
        axes.set_ylim(low - 4 * margin, max(values) + margin)
    axes.set_title("value of each trial")
    axes.set_xlabel("trial")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    found = importances(study)
    bars.barh([*found][::-1], [*found.values()][::-1], color=BLUE)
    bars.set_title("what mattered" if found else "what mattered: too few trials")
    bars.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    return figure
