"""A pooled score as it is, without each group, and with each group's other predictions.

All that a bootstrap over groups has to know of one model's predictions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import UndefinedScoreError
from flexcv.metrics.deletion import Rows, Scores, deletion_of

from .tables import WEIGHT

Score = Callable[[Any, Any], float]

MAX_BLOCKS = 200  # more groups than this are merged at random into as many blocks
MAX_SWAPS = 4  # of many folds, an even choice of their models is enough


@dataclass(frozen=True, slots=True, eq=False)
class Deleted:
    """The pooled score of one repeat: as it is, without a group, with one swapped.

    Parameters
    ----------
    whole
        Of all out-of-fold rows.
    without
        Without each group, shape (n_groups,); NaN where a group has no row here.
    swapped
        With each group predicted by another model that saw it in training, shape
        (n_groups, n_swaps).
    sizes
        Rows of each group, shape (n_groups,); where rows have weights, their weights,
        scaled so that they add up to the number of rows.
    n_models
        How many such models there are; no more than 4 of them are swapped in.
    """

    whole: float
    without: FloatArray
    swapped: FloatArray
    sizes: FloatArray
    n_models: int


def deleted_scores(
    predictions: pd.DataFrame, function: Score, seed: int
) -> tuple[Deleted, ...]:
    """Score one model with and without each group, repeat by repeat.

    Parameters
    ----------
    predictions
        Rows of one model: repeat, fold, row, group, y_true, y_pred, part. Without
        group labels each row is a group.
    function
        Takes true and predicted values, gives a number.
    seed
        Decides which groups share a block when there are very many.
    """
    test = predictions[predictions["part"].eq("test")]
    codes, n_groups = _group_codes(test, seed)
    repeats = []
    for repeat in test["repeat"].unique():
        rows = test["repeat"].eq(repeat).to_numpy()
        of_repeat = predictions[predictions["repeat"].eq(repeat)]
        repeats.append(
            _of_repeat(test[rows], of_repeat, codes[rows], n_groups, function)
        )
    return tuple(repeats)


def count_groups(predictions: pd.DataFrame) -> int:
    """Count the groups of the test rows; rows, where there are no groups."""
    test = predictions[predictions["part"].eq("test")]
    return int(_units(test).nunique())


def has_groups(predictions: pd.DataFrame) -> bool:
    """Return whether predictions name the group of each row."""
    return "group" in predictions and bool(predictions["group"].notna().all())


def _of_repeat(
    test: pd.DataFrame,
    of_repeat: pd.DataFrame,
    codes: IntArray,
    n_groups: int,
    function: Score,
) -> Deleted:
    """Score one repeat: with every group, without each, and with each one swapped."""
    y_true, y_pred = test["y_true"].to_numpy(), test["y_pred"].to_numpy()
    others, n_models = _other_predictions(test, of_repeat)
    columns = list(others.T)
    at_once, deleted = deletion_of(function), None
    if at_once is not None:
        with contextlib.suppress(UndefinedScoreError):  # then rows say the reason
            deleted = at_once(y_true, y_pred, columns, codes, n_groups)
    if deleted is None:
        deleted = _row_by_row(function, y_true, y_pred, others, codes, n_groups)
    sizes = np.bincount(codes, _weights(test), n_groups).astype(np.float64)
    return Deleted(*deleted, sizes, n_models)


def _weights(test: pd.DataFrame) -> FloatArray:
    if WEIGHT not in test:
        return np.ones(len(test))
    weights = test[WEIGHT].to_numpy(dtype=np.float64)
    return np.asarray(weights / weights.mean())


def _row_by_row(
    function: Score,
    y_true: Rows,
    y_pred: Rows,
    others: Rows,
    codes: IntArray,
    n_groups: int,
) -> Scores:
    """Score all rows anew without each group, and with each one swapped."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=n_groups)
    stops = np.cumsum(sizes)
    y_true, y_pred, others = y_true[order], y_pred[order], others[order]
    whole = float(function(y_true, y_pred))
    without = np.full(n_groups, np.nan)
    swapped = np.full((n_groups, others.shape[1]), whole)
    for group in np.flatnonzero(sizes):
        rows = slice(stops[group] - sizes[group], stops[group])
        without[group] = function(np.delete(y_true, rows), np.delete(y_pred, rows))
        for number in range(others.shape[1]):
            predicted = y_pred.copy()
            predicted[rows] = others[rows, number]
            swapped[group, number] = function(y_true, predicted)
    return whole, without, swapped


def _other_predictions(
    test: pd.DataFrame, of_repeat: pd.DataFrame
) -> tuple[FloatArray, int]:
    """Predictions of each test row by models that had it in training; their number.

    Shape (n_rows, n_swaps); no columns when some row has fewer than two such models,
    or when groups were known: a model that had the row itself in training says
    nothing about how models differ on rows of a known group.
    """
    if "known_group" in test and bool(test["known_group"].fillna(False).any()):
        return np.empty((len(test), 0)), 0
    train = of_repeat[of_repeat["part"].eq("train")]
    by_row = train.sort_values(["row", "fold"], kind="stable")
    rows = by_row["row"].to_numpy()
    starts = np.searchsorted(rows, test["row"].to_numpy(), side="left")
    counts = np.searchsorted(rows, test["row"].to_numpy(), side="right") - starts
    n_others = int(counts.min())
    if n_others < 2:
        return np.empty((len(test), 0)), 0
    chosen = np.linspace(0, n_others - 1, min(n_others, MAX_SWAPS)).round().astype(int)
    places = starts[:, None] + chosen
    return np.asarray(by_row["y_pred"].to_numpy(dtype=float)[places]), n_others


def _units(test: pd.DataFrame) -> pd.Series[Any]:
    return test["group"] if has_groups(test) else test["row"]


def _group_codes(test: pd.DataFrame, seed: int) -> tuple[IntArray, int]:
    """Return each test row its group as a number; merge very many into blocks."""
    codes, labels = pd.factorize(_units(test), sort=True)
    if len(labels) <= MAX_BLOCKS:
        return codes, len(labels)
    blocks = np.random.default_rng(seed).permutation(len(labels)) % MAX_BLOCKS
    return blocks[codes], MAX_BLOCKS
