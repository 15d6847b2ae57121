"""Predictions and what they miss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from flexcv.arrays import FloatArray

from ._axes import (
    INK,
    MANY_POINTS,
    add_legend,
    add_note,
    axes_or_new,
    check_columns,
    colour,
    marker,
    models_of,
    name_rows,
    pick,
    rows_height,
    zero_line,
)

COLUMNS = ["model", "part", "y_true", "y_pred"]
MANY_FOLDS = 12  # more of them have no colours of their own


def plot_predicted_against_actual(
    predictions: pd.DataFrame,
    model: str | None = None,
    part: str = "test",
    ax: Axes | None = None,
) -> Axes:
    """Draw predicted over true values, a point per row, with the line of equality.

    Both axes have one range. Models have a colour each; the rows of one model have the
    colours of their folds, up to a dozen of these.

    Parameters
    ----------
    predictions
        Tidy predictions: model, part, y_true, y_pred.
    model
        One model; all by default.
    part
        ``"test"`` or ``"train"``.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"model": "OLS", "part": "test", "y_true": [1, 2], "y_pred": [1.5, 1.8]}
    ... )
    >>> plot_predicted_against_actual(rows).get_ylabel()
    'predicted'
    """
    shown = _shown(predictions, model, part)
    ax = axes_or_new(ax, height=4.8, width=5.4)
    ax.axline((0.0, 0.0), slope=1.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    _draw_points(ax, shown, shown["y_true"], shown["y_pred"])
    _share_range(ax, shown[["y_true", "y_pred"]].to_numpy(dtype=float))
    ax.set_xlabel("actual")
    ax.set_ylabel("predicted")
    return ax


def plot_base_against_mixed(
    predictions: pd.DataFrame, part: str = "test", ax: Axes | None = None
) -> Axes:
    """Draw the predictions without and with random effects over the true values.

    Parameters
    ----------
    predictions
        One row per predicted row: part, y_true, base, mixed.
    part
        ``"test"`` or ``"train"``.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"part": "test", "y_true": [1, 2], "base": [1.5, 1.5], "mixed": [1.1, 1.9]}
    ... )
    >>> ax = plot_base_against_mixed(rows)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['without random effects', 'with random effects']
    """
    check_columns("predictions", predictions, ["part", "y_true", "base", "mixed"])
    titles = {"base": "without random effects", "mixed": "with random effects"}
    frames = [
        predictions[["part", "y_true"]].assign(model=title, y_pred=predictions[name])
        for name, title in titles.items()
    ]
    return plot_predicted_against_actual(pd.concat(frames), part=part, ax=ax)


def plot_residuals_against_fitted(
    predictions: pd.DataFrame,
    model: str | None = None,
    part: str = "test",
    ax: Axes | None = None,
) -> Axes:
    """Draw residuals over predicted values, a point per row.

    Parameters
    ----------
    predictions, model, part, ax
        As in `plot_predicted_against_actual`.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"model": "OLS", "part": "test", "y_true": [1, 2], "y_pred": [1.5, 1.8]}
    ... )
    >>> plot_residuals_against_fitted(rows).get_xlabel()
    'predicted'
    """
    shown = _shown(predictions, model, part)
    ax = axes_or_new(ax)
    ax.axhline(0.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    _draw_points(ax, shown, shown["y_pred"], shown["y_true"] - shown["y_pred"])
    ax.set_xlabel("predicted")
    ax.set_ylabel("residual")
    return ax


def plot_residuals_by_group(
    predictions: pd.DataFrame,
    model: str | None = None,
    part: str = "test",
    max_groups: int = 30,
    ax: Axes | None = None,
) -> Axes:
    """Draw each group's residuals in a row, its mean as a diamond.

    A model that knows the groups has means near zero.

    Parameters
    ----------
    predictions
        Tidy predictions: model, group, part, y_true, y_pred.
    model
        One model; the first by default.
    part
        ``"test"`` or ``"train"``.
    max_groups
        With more groups, those with the largest mean residuals are shown.
    ax
        Axes to draw on; new ones by default.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {
    ...         "model": "OLS",
    ...         "group": ["a", "a", "b"],
    ...         "part": "test",
    ...         "y_true": [1.0, 2.0, 3.0],
    ...         "y_pred": [2.0, 2.0, 2.0],
    ...     }
    ... )
    >>> ax = plot_residuals_by_group(rows)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['a', 'b']
    """
    check_columns("predictions", predictions, [*COLUMNS, "group"])
    shown = pick("model", _shown(predictions, model, part), "model", model)
    residual = (shown["y_true"] - shown["y_pred"]).groupby(
        shown["group"], observed=True
    )
    by_group = dict(iter(residual))
    means = residual.mean()
    largest = means.abs().nlargest(max_groups).index
    means = means.loc[largest].sort_values()
    ax = axes_or_new(ax, rows_height(len(means)))
    for row, group in enumerate(means.index):
        values = by_group[group].to_numpy()
        rows = np.full(len(values), row)
        ax.plot(values, rows, "o", color=colour(0), alpha=0.45, markersize=4)
    ax.plot(means.to_numpy(), np.arange(len(means)), "D", color=colour(1), markersize=6)
    zero_line(ax)
    name_rows(ax, list(means.index))
    ax.set_xlabel("residual")
    if len(means) < len(residual):
        add_note(ax, f"{len(means)} of {len(residual)} groups: the largest means")
    return ax


def plot_qq(
    predictions: pd.DataFrame,
    model: str | None = None,
    part: str = "test",
    ax: Axes | None = None,
) -> Axes:
    """Draw the quantiles of standardised residuals over those of the normal.

    Parameters
    ----------
    predictions, model, part, ax
        As in `plot_predicted_against_actual`.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"model": "OLS", "part": "test", "y_true": [1, 2, 4], "y_pred": 2.0}
    ... )
    >>> plot_qq(rows).get_xlabel()
    'normal quantile'
    """
    shown = _shown(predictions, model, part)
    ax = axes_or_new(ax, height=4.8, width=5.4)
    models = models_of(shown)
    for number, name in enumerate(models):
        rows = shown[shown["model"].eq(name)]
        ordered = _standardised((rows["y_true"] - rows["y_pred"]).to_numpy(dtype=float))
        places = (np.arange(len(ordered)) + 0.5) / len(ordered)
        _points(ax, stats.norm.ppf(places), ordered, number, str(name))
    ax.axline((0.0, 0.0), slope=1.0, linestyle="--", color=INK, linewidth=1.0, zorder=0)
    ax.set_xlabel("normal quantile")
    ax.set_ylabel("standardised residual")
    add_legend(ax, models)
    return ax


def _standardised(residuals: FloatArray) -> FloatArray:
    """Sort residuals, centred and scaled; constant ones become zeros."""
    centred = np.sort(residuals) - residuals.mean()
    scale = centred.std()
    rounding = np.finfo(float).eps * len(residuals) * np.abs(residuals).max()
    return np.asarray(centred / scale if scale > rounding else 0.0 * centred)


def _shown(predictions: pd.DataFrame, model: str | None, part: str) -> pd.DataFrame:
    check_columns("predictions", predictions, COLUMNS)
    shown = pick("part", predictions, "part", part)
    return shown if model is None else pick("model", shown, "model", model)


def _draw_points(ax: Axes, shown: pd.DataFrame, x: Any, y: Any) -> None:
    """Draw a point per row, a colour and a marker per model, or per fold of one."""
    owners, names = _owners(shown)
    for number, name in enumerate(names):
        rows = owners.eq(name).to_numpy()
        _points(ax, x.to_numpy()[rows], y.to_numpy()[rows], number, str(name))
    add_legend(ax, names)


def _owners(shown: pd.DataFrame) -> tuple[pd.Series[Any], list[Any]]:
    """Return what the colour of each row tells, and the names in the legend."""
    models = models_of(shown)
    if len(models) > 1 or "fold" not in shown:
        return shown["model"], models
    folds = "fold " + shown["fold"].astype(str)
    names = list(dict.fromkeys(folds))
    return (folds, names) if len(names) <= MANY_FOLDS else (shown["model"], models)


def _share_range(ax: Axes, values: FloatArray) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.04 * (high - low) or 1.0
    ax.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    ax.set_box_aspect(1.0)


def _points(ax: Axes, x: Any, y: Any, number: int, name: str) -> None:
    ax.plot(
        x,
        y,
        marker(number),
        color=colour(number),
        alpha=0.5 if len(x) < MANY_POINTS else 0.25,
        markersize=4,
        markeredgewidth=0,
        label=name,
        rasterized=len(x) >= MANY_POINTS,
    )
