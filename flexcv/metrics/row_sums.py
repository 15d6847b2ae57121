"""Metrics that are functions of sums over rows: without a group they cost nothing.

A bootstrap over groups asks for the score without each group, and with each group
predicted by another model. Of a metric that depends on the rows through sums alone,
all of these follow from the sums of each group.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.metrics as skm

from flexcv.arrays import FloatArray

from . import classes as of_classes

EPS = np.finfo(float).eps


@dataclass(frozen=True, slots=True)
class RowSums:
    """How a metric is made of sums.

    Parameters
    ----------
    terms
        Takes true and predicted values (and classes, for a metric of these), gives
        what is summed, shape (n_rows, n_terms).
    combine
        Takes sums, shape (..., n_terms), and numbers of rows, shape (...), gives
        scores, shape (...).
    """

    terms: Callable[..., FloatArray]
    combine: Callable[[FloatArray, FloatArray], FloatArray]


def _mean(sums: FloatArray, counts: FloatArray) -> FloatArray:
    return np.asarray(sums[..., 0] / counts)


def _root_mean(sums: FloatArray, counts: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(_mean(sums, counts), 0.0))


def _square(y_true: Any, y_pred: Any) -> FloatArray:
    return ((_float(y_true) - _float(y_pred)) ** 2)[:, None]


def _absolute(y_true: Any, y_pred: Any) -> FloatArray:
    return np.abs(_float(y_true) - _float(y_pred))[:, None]


def _relative(y_true: Any, y_pred: Any) -> FloatArray:
    truth = np.abs(_float(y_true))
    return _absolute(y_true, y_pred) / np.maximum(truth, EPS)[:, None]


def _spread(y_true: Any, y_pred: Any) -> FloatArray:
    """Squared errors, and the target about its mean with its square."""
    truth = _float(y_true)
    centred = truth - truth.mean()
    return np.column_stack([_square(y_true, y_pred)[:, 0], centred, centred**2])


def _explained(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return r2 from squared errors, sum and sum of squares of the target."""
    total = sums[..., 2] - sums[..., 1] ** 2 / counts
    varies = total > EPS * sums[..., 2]
    share = sums[..., 0] / np.where(varies, total, 1.0)
    constant = np.where(sums[..., 0] > 0.0, 0.0, 1.0)  # as scikit-learn says
    score = np.where(varies, 1.0 - share, constant)
    return np.where(counts > 1, score, np.nan)


def _log_loss(y_true: Any, probabilities: Any, classes: Sequence[Any]) -> FloatArray:
    table = of_classes.probability_table(probabilities, classes)
    given = table[np.arange(len(table)), of_classes.class_codes(y_true, classes)]
    return np.asarray(-np.log(np.clip(given, EPS, 1.0 - EPS))[:, None])


def _brier(y_true: Any, probabilities: Any, classes: Sequence[Any]) -> FloatArray:
    table = of_classes.probability_table(probabilities, classes)
    happened = _indicators(y_true, classes)
    columns = slice(1, None) if len(classes) == 2 else slice(None)
    squares = (table - happened)[:, columns] ** 2
    return np.asarray(squares.sum(axis=1, keepdims=True))


def _hits(y_true: Any, y_pred: Any, classes: Sequence[Any]) -> FloatArray:
    same = of_classes.class_codes(y_true, classes) == of_classes.class_codes(
        y_pred, classes
    )
    return np.asarray(same, dtype=np.float64)[:, None]


def _hits_and_sizes(y_true: Any, y_pred: Any, classes: Sequence[Any]) -> FloatArray:
    happened = _indicators(y_true, classes)
    return np.column_stack([happened * _hits(y_true, y_pred, classes), happened])


def _mean_recall(sums: FloatArray, _counts: FloatArray) -> FloatArray:
    hits, sizes = np.split(sums, 2, axis=-1)
    there = sizes > 0.5
    shares = np.where(there, hits / np.where(there, sizes, 1.0), 0.0)
    return np.asarray(shares.sum(axis=-1) / there.sum(axis=-1))


def _indicators(labels: Any, classes: Sequence[Any]) -> FloatArray:
    codes = of_classes.class_codes(labels, classes)
    return np.asarray(codes[:, None] == np.arange(len(classes)), dtype=np.float64)


def _float(values: Any) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


ROW_SUMS: dict[Callable[..., Any], RowSums] = {
    skm.r2_score: RowSums(_spread, _explained),
    skm.mean_squared_error: RowSums(_square, _mean),
    skm.root_mean_squared_error: RowSums(_square, _root_mean),
    skm.mean_absolute_error: RowSums(_absolute, _mean),
    skm.mean_absolute_percentage_error: RowSums(_relative, _mean),
    of_classes.log_loss: RowSums(_log_loss, _mean),
    of_classes.brier: RowSums(_brier, _mean),
    of_classes.accuracy: RowSums(_hits, _mean),
    of_classes.balanced_accuracy: RowSums(_hits_and_sizes, _mean_recall),
}


def row_sums_of(function: Callable[..., Any] | None) -> RowSums | None:
    """Return how a metric's function is made of sums, or None where it is not.

    Parameters
    ----------
    function
        One with a name in `flexcv.metrics`, or something around it that says its own
        `row_sums`.
    """
    if isinstance(function, functools.partial):
        inner = row_sums_of(function.func)
        if inner is None:
            return None
        return RowSums(
            functools.partial(inner.terms, **function.keywords), inner.combine
        )
    own: RowSums | None = getattr(function, "row_sums", None)
    try:
        return own or ROW_SUMS.get(function)  # type: ignore[arg-type]
    except TypeError:  # not hashable, so none of ours
        return None
