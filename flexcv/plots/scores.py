"""Scores of models and their differences."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ._axes import (
    INK,
    axes_or_new,
    check_columns,
    colour,
    models_of,
    name_rows,
    pick,
    rows_height,
    spread,
    zero_line,
)


def plot_fold_scores(
    scores: pd.DataFrame,
    metric: str | None = None,
    intervals: pd.DataFrame | None = None,
    part: str = "test",
    ax: Axes | None = None,
    *,
    best_first: bool | None = None,
) -> Axes:
    """Draw each fold's score as a point, with mean and interval, a row per model.

    Parameters
    ----------
    scores
        Tidy scores: model, repeat, fold, part, metric, value.
    metric
        Which one; the first by default.
    intervals
        Indexed by model, with `mean`, `lower` and `upper`, and perhaps `pooled`, which
        then is shown in place of the mean. Without it the mean over folds is shown and
        no interval.
    part
        ``"test"`` or ``"train"``.
    ax
        Axes to draw on; new ones by default.
    best_first
        Sort the models by their mean: True has the largest on top, False the smallest;
        None keeps their order. Each model keeps its colour.

    Examples
    --------
    >>> scores = pd.DataFrame(
    ...     {
    ...         "model": ["OLS", "OLS", "LMM", "LMM"],
    ...         "repeat": 0,
    ...         "fold": [0, 1, 0, 1],
    ...         "part": "test",
    ...         "metric": "r2",
    ...         "value": [0.1, 0.2, 0.4, 0.5],
    ...     }
    ... )
    >>> plot_fold_scores(scores).get_xlabel()
    'r2'
    """
    check_columns("scores", scores, ["model", "fold", "part", "metric", "value"])
    shown = pick("metric", pick("part", scores, "part", part), "metric", metric)
    models = models_of(shown)
    ax = axes_or_new(ax, rows_height(len(models)))
    order = models if best_first is None else _sorted(shown, models, best_first)
    for row, model in enumerate(order):
        values = shown.loc[shown["model"].eq(model), "value"].dropna().to_numpy()
        heights, shade = row + spread(len(values), 0.18), colour(models.index(model))
        ax.plot(values, heights, "o", color=shade, alpha=0.45, markersize=5)
        mean = values.mean() if len(values) else None
        _draw_mean(ax, (row, shade), model, mean, intervals)
    name_rows(ax, order)
    ax.set_xlabel(str(shown["metric"].iloc[0]))
    return ax


def _sorted(shown: pd.DataFrame, models: list[str], best_first: bool) -> list[str]:
    """Return the models by their mean, those without one last."""
    means = shown.groupby("model", observed=True)["value"].mean()
    return list(means.reindex(models).sort_values(ascending=not best_first).index)


def _draw_mean(
    ax: Axes,
    place: tuple[int, str],
    model: str,
    mean: float | None,
    intervals: pd.DataFrame | None,
) -> None:
    """Draw the interval as a line and the mean as a diamond on it."""
    row, shade = place
    if intervals is not None and model in intervals.index:
        centres = intervals["mean"]
        if "pooled" in intervals:
            centres = intervals["pooled"].fillna(centres)
        mean = float(centres[model])
        lower, upper = (
            float(intervals["lower"][model]),
            float(intervals["upper"][model]),
        )
        ax.plot([lower, upper], [row, row], color=shade, linewidth=2.5)
    if mean is not None:
        ax.plot([mean], [row], "D", color=shade, markersize=8)


def plot_comparison(comparison: pd.DataFrame, ax: Axes | None = None) -> Axes:
    r"""Draw the difference of each pair of models with its interval.

    Blue where the interval excludes zero, otherwise grey. The band behind each pair is
    its region of practical equivalence.

    Parameters
    ----------
    comparison
        One row per pair: model_a, model_b, difference, lower, upper, rope.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> pairs = pd.DataFrame(
    ...     {
    ...         "model_a": ["OLS"],
    ...         "model_b": ["LMM"],
    ...         "difference": [-0.3],
    ...         "lower": [-0.5],
    ...         "upper": [-0.1],
    ...         "rope": [0.01],
    ...     }
    ... )
    >>> [label.get_text() for label in plot_comparison(pairs).get_yticklabels()]
    ['OLS\nminus LMM']
    """
    columns = ["model_a", "model_b", "difference", "lower", "upper", "rope"]
    check_columns("comparison", comparison, columns)
    ax = axes_or_new(ax, rows_height(2 * len(comparison)))
    for row, pair in enumerate(comparison[columns].itertuples(index=False)):
        _, _, difference, lower, upper, rope = pair
        ax.fill_between(
            [-rope, rope], row - 0.4, row + 0.4, color=INK, alpha=0.25, linewidth=0
        )
        clear = lower > 0 or upper < 0
        shade = colour(0) if clear else INK
        ax.plot([lower, upper], [row, row], color=shade, linewidth=2)
        ax.plot([difference], [row], "o", color=shade, markersize=7)
    zero_line(ax)
    pairs = zip(comparison["model_a"], comparison["model_b"], strict=True)
    name_rows(ax, [f"{a}\nminus {b}" for a, b in pairs])
    ax.set_xlabel("difference of scores")
    return ax
