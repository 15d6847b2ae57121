"""Scores of held-out groups by how many of their rows were known: a learning curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray
from flexcv.dataset import Task
from flexcv.metrics import Metric
from flexcv.metrics.limits import FREE
from flexcv.records import ADDRESS, FoldResult, Predictions

from .comparison import interval_centres, score_intervals
from .scorable import scorable_by
from .tables import predictions_table

COUNT = "known_rows"  # the column that tells how many rows were known
NOT_ASKED = (
    "scores by known rows need a run that asked for them; pass for example "
    "known_rows=(0, 1, 2, 5) to set_splits, with a split by groups."
)


def known_rows_table(
    folds: Sequence[FoldResult],
    target: pd.Series[Any],
    groups: pd.DataFrame | None,
    task: Task,
) -> pd.DataFrame:
    """Return a row per model, fold, number of known rows and predicted row.

    Parameters
    ----------
    folds
        What each model did on each fold.
    target, groups
        Of the whole table.
    task
        Whether numbers or classes were predicted.
    """
    asked = any(fold.known is not None for fold in folds)
    parts = []
    for count in counts_of(folds) if asked else ():
        own = list(_folds_at(folds, count))
        rows = predictions_table(own, target, groups, task)
        rows = rows[rows["part"].eq("test")]
        rows.insert(len(ADDRESS), COUNT, count)
        parts.append(rows.drop(columns="part"))
    if not parts:
        nothing = predictions_table((), target, groups, task).drop(columns="part")
        nothing.insert(len(ADDRESS), COUNT, pd.Series(dtype=int))
        return nothing
    return pd.concat(parts, ignore_index=True)


def counts_of(folds: Sequence[FoldResult]) -> tuple[int, ...]:
    """Return the numbers of known rows of a run; ValueError where it has none."""
    for fold in folds:
        if fold.known is not None:
            return fold.known.counts
    if all(fold.error for fold in folds):
        raise ValueError(
            "every model failed on every fold, so there are no predictions; "
            "`results.warnings` says why."
        )
    raise ValueError(NOT_ASKED)


def known_rows_curve(
    predictions: pd.DataFrame, metric: Metric, task: Task, **settings: Any
) -> pd.DataFrame:
    """Score every model at every number of known rows, with intervals over groups.

    Parameters
    ----------
    predictions
        Of `known_rows_table`.
    metric
        What to score.
    task
        Whether numbers or classes were predicted.
    settings
        Of the intervals: level, n_bootstrap, seed.

    Returns
    -------
    Columns model, known_rows, score, lower, upper, n_groups, n_rows and method.
    """
    parts = []
    for count, rows in predictions.groupby(COUNT, sort=True):
        own, function = scorable_by(metric, rows.assign(part="test"), task)
        address = own[ADDRESS].drop_duplicates()
        asked = address.assign(part="test", metric="")
        limits = metric.limits or FREE
        table = score_intervals(
            asked, own, metric.name, function=function, limits=limits, **settings
        )
        table = table.assign(score=interval_centres(table), **{COUNT: count})
        by_model = rows.groupby("model", observed=True)
        table["n_groups"] = by_model["group"].nunique().reindex(table.index)
        table["n_rows"] = by_model["row"].nunique().reindex(table.index)
        parts.append(table.reset_index())
    curve = pd.concat(parts, ignore_index=True)
    columns = ["model", COUNT, "score", "lower", "upper", "n_groups", "n_rows"]
    place = {name: k for k, name in enumerate(predictions["model"].unique())}
    order = curve["model"].map(place).astype(int).argsort(kind="stable")
    return curve.loc[order, [*columns, "method"]].reset_index(drop=True)


def _folds_at(folds: Sequence[FoldResult], count: int) -> Iterator[FoldResult]:
    """Return the folds as if the scored rows, so predicted, were their test part."""
    for fold in folds:
        if fold.known is not None and fold.test is not None:
            yield replace(fold, test=_part(fold.test, fold, count))


def _part(test: Predictions, fold: FoldResult, count: int) -> Predictions:
    known = fold.known
    assert known is not None, "asked for before"
    place = known.counts.index(count)
    if known.predicted:
        shares = known.probabilities[place] if known.probabilities else None
        return Predictions(known.rows, known.predicted[place], shares)
    places = _places(test.rows, known.rows)
    shares = None if test.probabilities is None else test.probabilities[places]
    decision = None if test.decision is None else test.decision[places]
    return Predictions(known.rows, test.predicted[places], shares, decision)


def _places(rows: IntArray, asked: IntArray) -> IntArray:
    order = np.argsort(rows)
    return np.asarray(order[np.searchsorted(rows, asked, sorter=order)])
