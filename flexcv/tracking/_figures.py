"""The pictures a tracker gets: panels of `flexcv.plots` on one figure."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flexcv import plots

PANEL = (4.4, 3.3)  # inches
# the first three that a trace has are drawn; trackers get all of them as series
MAIN_COLUMNS = ("gll", "sigma2", "validation_loss", "trace_d", "loglik", "logdet_d")
MOST_PANELS = 3
MOST_POINTS = 4000  # in a scatter; more take long to draw and cover each other
MOST_METRICS = 3  # panels of scores
DPI = 90
BOTTOM, LEGEND_HEIGHT = 0.55, 0.3  # inches
Draw = Callable[[Axes], Any]


class Picture(Figure):
    """A figure that renders once, however many trackers and pages ask for it."""

    @functools.cached_property
    def png(self) -> bytes:
        """The bytes of a PNG."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def residuals_figure(predictions: pd.DataFrame, title: str) -> Picture:
    """Draw predicted against true values and the residuals, of one model and fold.

    Parameters
    ----------
    predictions
        Tidy predictions of the test part: model, part, y_true, y_pred.
    title
        Which model and fold.
    """
    shown = _thinned(predictions)
    return _panels(
        title,
        [
            lambda axes: plots.plot_predicted_against_actual(shown, ax=axes),
            lambda axes: plots.plot_residuals_against_fitted(shown, ax=axes),
        ],
    )


def class_panels(
    roc: pd.DataFrame, calibration: pd.DataFrame, confusion: pd.DataFrame, title: str
) -> Picture:
    """Draw what there is of ROC, calibration and confusion, of one model and fold.

    Parameters
    ----------
    roc, calibration, confusion
        As `flexcv.plots` takes them; empty ones are left out.
    title
        Which model and fold.
    """
    draws: list[Draw] = []
    if len(roc):
        draws.append(lambda axes: plots.plot_roc(roc, ax=axes))
    if len(calibration):
        draws.append(lambda axes: plots.plot_calibration(calibration, ax=axes))
    draws.append(lambda axes: plots.plot_confusion(confusion, ax=axes))
    return _panels(title, draws, has_names=True)


def tuning_figure(trials: pd.DataFrame, title: str) -> Picture:
    """Draw the history of the tuning on one fold.

    Parameters
    ----------
    trials
        Model, repeat, fold, trial, value and best_value.
    title
        Which model and fold.
    """
    return _panels(title, [lambda axes: plots.plot_tuning(trials, ax=axes)])


def tuning_overlay(
    trials: pd.DataFrame, importances: pd.DataFrame, title: str
) -> Picture:
    """Draw the histories of all folds of one model, and which parameters mattered.

    Parameters
    ----------
    trials
        Model, repeat, fold, trial, value and best_value.
    importances
        Columns feature, fold and importance; may be empty.
    title
        Which model.
    """
    labelled = trials.assign(model=fold_labels(trials))
    draws: list[Draw] = [lambda axes: plots.plot_tuning(labelled, ax=axes)]
    if len(importances):
        draws.append(lambda axes: _draw_importance(importances, axes))
    return _with_one_legend(_panels(title, draws, has_names=True))


def convergence_figure(traces: pd.DataFrame, title: str) -> Picture:
    """Draw the traces of all folds of one model: a panel per column, a line per fold.

    Parameters
    ----------
    traces
        One row per iteration: model, repeat, fold, iteration and the columns.
    title
        Which model.
    """
    labelled = traces.assign(model=fold_labels(traces))
    draws = [_trace_draw(labelled, key) for key in main_columns(traces)]
    return _with_one_legend(_panels(title, draws))


def scores_figure(scores: pd.DataFrame, metrics: Sequence[str]) -> Picture:
    """Draw the test score of each fold: a panel per metric, a row per model."""
    known = scores.dropna(subset=["value"])
    draws = [_score_draw(known, metric) for metric in metrics[:MOST_METRICS]]
    return _panels("test scores, a point per fold", draws, has_names=True)


def finding_figure(
    frame: pd.DataFrame, draw: Callable[..., Any], title: str
) -> Picture:
    """Draw what a post-processor saw, its own way."""
    return _panels(title, [lambda axes: draw(frame, axes)], has_names=True)


def main_columns(traces: pd.DataFrame) -> list[str]:
    """Choose the columns of a trace worth a panel: the known ones, else the first.

    Examples
    --------
    >>> main_columns(pd.DataFrame({"fold": [0], "iteration": [0], "loss": [0.3]}))
    ['loss']
    """
    address = ("model", "repeat", "fold", "iteration")
    numeric = traces.select_dtypes("number").dropna(axis=1, how="all")
    names = [str(name) for name in numeric if name not in address]
    known = [name for name in MAIN_COLUMNS if name in names]
    return (known or names)[:MOST_PANELS]


def fold_labels(frame: pd.DataFrame) -> list[str]:
    """Give each row the name of its fold, with the repeat where there are several."""
    several = len(frame["repeat"].unique()) > 1
    return [
        fold_name(repeat, fold, several)
        for repeat, fold in zip(frame["repeat"], frame["fold"], strict=True)
    ]


def fold_name(repeat: int, fold: int, several_repeats: bool) -> str:
    """Name a fold.

    Examples
    --------
    >>> fold_name(1, 0, several_repeats=True), fold_name(0, 3, several_repeats=False)
    ('repeat 1, fold 0', 'fold 3')
    """
    return f"repeat {repeat}, fold {fold}" if several_repeats else f"fold {fold}"


def _trace_draw(traces: pd.DataFrame, key: str) -> Draw:
    address = ["model", "repeat", "fold", "iteration"]
    tall = traces[[*address, key]].rename(columns={key: "value"}).assign(key=key)
    tall = tall.dropna(subset=["value"])
    return lambda axes: plots.plot_traces(tall, ax=axes)


def _score_draw(scores: pd.DataFrame, metric: str) -> Draw:
    return lambda axes: plots.plot_fold_scores(scores, metric, ax=axes)


def _draw_importance(frame: pd.DataFrame, axes: Axes) -> None:
    plots.plot_importance(frame, ax=axes)
    axes.set_xlabel("importance for the objective (PED-ANOVA)")


def _panels(title: str, draws: Sequence[Draw], *, has_names: bool = False) -> Picture:
    """Draw side by side, three at most in a row.

    Rows that have names need a layout engine, which takes as long as all the rest;
    other panels get by with fixed margins.
    """
    columns = max(1, min(len(draws), 3))
    rows = max(1, -(-len(draws) // columns))
    width, height = PANEL[0] * columns, PANEL[1] * rows
    figure = Picture(figsize=(width, height), dpi=DPI)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, draw in zip(grid, draws, strict=False):
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
    for axes in grid[len(draws) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    if has_names:
        figure.set_layout_engine("constrained")
    else:
        figure.subplots_adjust(
            left=0.8 / width,
            right=1 - 0.15 / width,
            bottom=BOTTOM / height,
            top=1 - 0.4 / height,
            wspace=0.3,
            hspace=0.4,
        )
    return figure


def _with_one_legend(figure: Picture) -> Picture:
    """Name the lines of all panels once, below them."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    for axes in figure.axes:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    if figure.get_layout_engine() is None:
        height = figure.get_size_inches()[1]
        figure.subplots_adjust(bottom=(BOTTOM + LEGEND_HEIGHT) / height)
        figure.legend(handles, labels, loc="lower center", ncols=5, frameon=False)
    else:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=5, frameon=False
        )
    return figure


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep every k-th row of a large part."""
    step = -(-len(rows) // MOST_POINTS) or 1
    return rows.iloc[::step]
