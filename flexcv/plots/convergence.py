"""What happened while models were fitted and tuned."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ._axes import add_legend, axes_or_new, check_columns, colour, models_of, pick


def plot_traces(
    traces: pd.DataFrame, key: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how a quantity moved over the iterations, a line per fold.

    Parameters
    ----------
    traces
        Learning or EM curves: model, repeat, fold, iteration, key, value.
    key
        Which quantity; the first by default.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> traces = pd.DataFrame(
    ...     {
    ...         "model": "MERF",
    ...         "repeat": 0,
    ...         "fold": [0, 0, 1, 1],
    ...         "iteration": [1, 2, 1, 2],
    ...         "key": "gll",
    ...         "value": [5.0, 3.0, 6.0, 4.0],
    ...     }
    ... )
    >>> ax = plot_traces(traces)
    >>> ax.get_ylabel(), len(ax.lines)
    ('gll', 2)
    """
    columns = ["model", "repeat", "fold", "iteration", "key", "value"]
    check_columns("traces", traces, columns)
    shown = pick("key", traces, "key", key)
    ax = axes_or_new(ax)
    models = models_of(shown)
    for number, model in enumerate(models):
        of_model = shown[shown["model"].eq(model)].sort_values("iteration")
        folds = of_model.groupby(["repeat", "fold"], observed=True)
        for place, (_, fold) in enumerate(folds):
            ax.plot(
                fold["iteration"].to_numpy(),
                fold["value"].to_numpy(),
                color=colour(number),
                alpha=0.6,
                linewidth=1.5,
                marker="o" if len(fold) == 1 else None,
                label=str(model) if place == 0 else None,
            )
    ax.set_xlabel("iteration")
    ax.set_ylabel(str(shown["key"].iloc[0]))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(ax, models)
    return ax


def plot_tuning(
    trials: pd.DataFrame, model: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw each trial's value as a point and the best so far as steps, by fold.

    Parameters
    ----------
    trials
        One row per trial: model, repeat, fold, trial, value, best_value.
    model
        One model; all by default.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "model": "Forest",
    ...         "repeat": 0,
    ...         "fold": 0,
    ...         "trial": [0, 1, 2],
    ...         "value": [3.0, 4.0, 1.0],
    ...         "best_value": [3.0, 3.0, 1.0],
    ...     }
    ... )
    >>> plot_tuning(trials).get_xlabel()
    'trial'
    """
    columns = ["model", "repeat", "fold", "trial", "value", "best_value"]
    check_columns("trials", trials, columns)
    shown = trials if model is None else pick("model", trials, "model", model)
    ax = axes_or_new(ax)
    models = models_of(shown)
    for number, name in enumerate(models):
        of_model = shown[shown["model"].eq(name)].sort_values("trial")
        ax.plot(
            of_model["trial"].to_numpy(),
            of_model["value"].to_numpy(),
            "o",
            color=colour(number),
            alpha=0.35,
            markersize=4,
            label=str(name),
        )
        for _, fold in of_model.groupby(["repeat", "fold"], observed=True):
            ax.step(
                fold["trial"].to_numpy(),
                fold["best_value"].to_numpy(),
                where="post",
                color=colour(number),
                linewidth=1.5,
            )
    ax.set_xlabel("trial")
    ax.set_ylabel("value; the line is the best so far")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(ax, models)
    return ax
