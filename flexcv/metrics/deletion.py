"""Scores without each group of rows, and with each group predicted anew, at once.

A bootstrap over groups asks for both. Of a metric that depends on the rows through sums
alone they follow from the sums of each group; of the area under a ROC curve from the
pairs of rows that are ordered rightly. Neither looks at all rows once per group.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn.metrics as skm

from flexcv.arrays import BoolArray, FloatArray, IntArray

from . import classes as of_classes

EPS = np.finfo(float).eps


Rows: TypeAlias = npt.NDArray[Any]
Scores: TypeAlias = tuple[float, FloatArray, FloatArray]  # whole, without, swapped


class Deletion(Protocol):
    """What gives all scores at once."""

    def __call__(
        self,
        y_true: Rows,
        y_pred: Rows,
        others: Sequence[Rows],
        codes: IntArray,
        n_groups: int,
        classes: Sequence[Any] = (),
    ) -> Scores:
        """Return the score of all rows, without each group, with each one swapped.

        Parameters
        ----------
        y_true, y_pred
            True and predicted values.
        others
            Predictions of the same rows by other models.
        codes
            The group of each row, from 0.
        n_groups
            How many there are; NaN stands where one has no row or is all there is.
        classes
            All classes, sorted, for a metric of classes.
        """
        ...


@dataclass(frozen=True, slots=True)
class RowSums:
    """The deletion of a metric that is made of sums over rows.

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

    def __call__(
        self,
        y_true: Rows,
        y_pred: Rows,
        others: Sequence[Rows],
        codes: IntArray,
        n_groups: int,
        classes: Sequence[Any] = (),
        weights: FloatArray | None = None,
    ) -> Scores:
        """Return all scores, as `Deletion` says; weights take the place of rows."""
        known = {"classes": classes} if len(classes) else {}
        one = np.ones(len(codes)) if weights is None else weights / weights.mean()

        def by_group(predicted: Rows) -> FloatArray:
            terms = self.terms(y_true, predicted, **known)
            return _group_sums(terms * one[:, None], codes, n_groups)

        counts = np.bincount(codes, one, n_groups).astype(np.float64)
        own = by_group(y_pred)
        total, n_rows = own.sum(axis=0), np.asarray(counts.sum())
        rest = n_rows - counts
        without = np.full(n_groups, np.nan)
        left = (counts > 0) & (rest > 0)
        without[left] = self.combine((total - own)[left], rest[left])
        swapped = np.empty((n_groups, len(others)))
        for number, other in enumerate(others):
            swapped[:, number] = self.combine(
                total - own + by_group(other), np.full(n_groups, n_rows)
            )
        return float(self.combine(total, n_rows)), without, swapped


def weighs_sums(deletion: Deletion | None) -> bool:
    """Whether a deletion takes weights: one that is made of sums over rows does."""
    while isinstance(deletion, functools.partial):
        deletion = deletion.func
    return isinstance(deletion, RowSums)


def _group_sums(terms: FloatArray, codes: IntArray, n_groups: int) -> FloatArray:
    columns = [np.bincount(codes, column, n_groups) for column in terms.T]
    return np.stack(columns, axis=1)


def area_deletion(
    y_true: Rows,
    y_pred: Rows,
    others: Sequence[Rows],
    codes: IntArray,
    n_groups: int,
    classes: Sequence[Any] = (),
) -> Scores:
    r"""Return all areas under the ROC curve, as `Deletion` says, for two classes.

    The area is the share of pairs (a row of the last class, one of the other) whose
    probabilities are ordered rightly, ties counting half. Without group g the pairs
    fall by those of its rows with all others, plus those inside it, which were taken
    twice.
    """
    scores = [_last_column(p, classes) for p in (y_pred, *others)]
    inside = of_classes.class_codes(y_true, classes) == 1
    pairs = _Pairs(inside, scores[0], codes, n_groups)
    whole = of_classes.roc_auc(y_true, y_pred, classes)
    swapped = [pairs.swapped(score) for score in scores[1:]]
    table = np.stack(swapped, axis=1) if swapped else np.empty((n_groups, 0))
    return whole, pairs.without(), table


class _Pairs:
    """The pairs of rows that are ordered rightly, by group."""

    def __init__(
        self, inside: BoolArray, score: FloatArray, codes: IntArray, n_groups: int
    ) -> None:
        self._inside, self._score = inside, score
        self._codes, self._n = codes, n_groups
        self._n_inside = self._count(inside)
        self._n_outside = self._count(~inside)
        won = self._won_by_rows(score)
        self._all = won.sum() / 2.0  # each pair was counted for both of its rows
        self._of_group = won - self._within(score, score)

    def without(self) -> FloatArray:
        """Return the area without each group; NaN where no pair is left."""
        n_pairs = (self._n_inside.sum() - self._n_inside) * (
            self._n_outside.sum() - self._n_outside
        )
        there = (n_pairs > 0) & (self._n_inside + self._n_outside > 0)
        left = self._all - self._of_group
        return np.where(there, left / np.where(there, n_pairs, 1.0), np.nan)

    def swapped(self, other: FloatArray) -> FloatArray:
        """Return the area with each group's rows scored by another model."""
        n_pairs = self._n_inside.sum() * self._n_outside.sum()
        new = self._won_by_rows(other)  # against all rows as they were
        new -= self._within(other, self._score) + self._within(self._score, other)
        new += self._within(other, other)
        return np.asarray((self._all - self._of_group + new) / n_pairs)

    def _won_by_rows(self, score: FloatArray) -> FloatArray:
        """Count the pairs of each group's rows, so scored, with all rows as they were.

        A pair inside a group is counted for both of its rows.
        """
        low = np.sort(self._score[~self._inside])
        high = np.sort(self._score[self._inside])
        won = np.where(
            self._inside,
            (np.searchsorted(low, score) + np.searchsorted(low, score, "right")) / 2.0,
            len(high)
            - (np.searchsorted(high, score) + np.searchsorted(high, score, "right"))
            / 2.0,
        )
        return np.bincount(self._codes, won, self._n).astype(np.float64)

    def _within(self, of_inside: FloatArray, of_outside: FloatArray) -> FloatArray:
        """Count the pairs inside each group, each class scored in its own way."""
        score = np.where(self._inside, of_inside, of_outside)
        ranks = pd.Series(score).groupby(self._codes).rank().to_numpy()
        sums = np.bincount(self._codes, ranks * self._inside, self._n)
        return sums - self._n_inside * (self._n_inside + 1) / 2.0

    def _count(self, rows: BoolArray) -> FloatArray:
        return np.bincount(self._codes[rows], minlength=self._n).astype(np.float64)


def _last_column(probabilities: Rows, classes: Sequence[Any]) -> FloatArray:
    return of_classes.probability_table(probabilities, classes)[:, 1]


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


DELETIONS: dict[Callable[..., Any], Deletion] = {
    skm.r2_score: RowSums(_spread, _explained),
    skm.mean_squared_error: RowSums(_square, _mean),
    skm.root_mean_squared_error: RowSums(_square, _root_mean),
    skm.mean_absolute_error: RowSums(_absolute, _mean),
    skm.mean_absolute_percentage_error: RowSums(_relative, _mean),
    of_classes.log_loss: RowSums(_log_loss, _mean),
    of_classes.brier: RowSums(_brier, _mean),
    of_classes.accuracy: RowSums(_hits, _mean),
    of_classes.balanced_accuracy: RowSums(_hits_and_sizes, _mean_recall),
    of_classes.roc_auc: area_deletion,
}


def deletion_of(function: Callable[..., Any] | None) -> Deletion | None:
    """Return what gives all scores of a metric's function at once, if anything does.

    Parameters
    ----------
    function
        One with a name in `flexcv.metrics`, or something around it that says its own
        `deletion`.
    """
    if isinstance(function, functools.partial):
        inner = deletion_of(function.func)
        if inner is None or function.args:
            return None
        return functools.partial(inner, **function.keywords)
    own: Deletion | None = getattr(function, "deletion", None)
    try:
        return own or DELETIONS.get(function)  # type: ignore[arg-type]
    except TypeError:  # not hashable, so none of ours
        return None
