"""Penalised fits that leave rows out: which alpha predicts them, and what they miss.

To choose alpha, whole groups are left out: the fixed part serves new groups alone.
Residuals for the variances leave out rows of each group. Left out as a whole, a group
would be missed by all that is unknown of effects constant within groups, and that
would count as spread of the groups (a quarter too much in the design of
`benchmarks/penalized.py`).

A fold is fitted with the whitening of its own rows and the omegas of the whole table,
so that alpha means the same everywhere. What it misses of the rows left out is measured
in the metric of their V: for new groups that is the likelihood at fixed variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from flexcv._rounding import first_least
from flexcv.arrays import FloatArray, IntArray
from flexcv.models.alternating.out_of_sample import asks_for_groups
from flexcv.models.design._levels import by_appearance
from flexcv.models.design.columns import RandomDesign

from .coordinate_descent import (
    PenalisedRows,
    WhitenedRows,
    coefficient_path,
    solve,
    whitened_rows,
)
from .whitening import learn_whitening, some_rows

FOLD_SEED = 0  # the folds of every round and fit are the same


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows to fit to, and rows left out."""

    train: IntArray
    test: IntArray


def group_folds(
    folds: Any, design: RandomDesign, target: FloatArray
) -> tuple[Fold, ...]:
    """Leave out whole levels of the largest factor; rows where there is no factor.

    Levels are counted as they appear, so that what they are called decides nothing.

    Parameters
    ----------
    folds
        How many folds, or a splitter, which is passed the levels as groups.
    design
        The random part of the training table.
    target
        The target.
    """
    if not design.factors:
        return row_folds(folds, target)
    codes, n_levels = by_appearance(design.factors[0].codes), design.factors[0].n_levels
    if isinstance(folds, int):
        n_folds = min(folds, n_levels)
        folds = GroupKFold(n_folds, shuffle=True, random_state=FOLD_SEED)
    return _folds(folds, target, codes)


def row_folds(folds: Any, target: FloatArray) -> tuple[Fold, ...]:
    """Leave out rows of every group.

    Parameters
    ----------
    folds
        How many folds, or a splitter; one that asks for groups tells their number.
    target
        The target.
    """
    rows = np.arange(len(target))
    if not isinstance(folds, int):
        return _folds(folds, target, rows)
    chosen = KFold(min(folds, len(rows)), shuffle=True, random_state=FOLD_SEED)
    return _folds(chosen, target, rows)


def _folds(chosen: Any, target: FloatArray, groups: IntArray) -> tuple[Fold, ...]:
    rows, labels = np.zeros((len(target), 1)), None
    if asks_for_groups(chosen):
        labels = groups
    return tuple(Fold(*split) for split in chosen.split(rows, target, labels))


def whitened_fold(
    rows: PenalisedRows,
    fold: Fold,
    relative: Sequence[FloatArray],
    whole: WhitenedRows,
) -> WhitenedRows:
    """Whiten the training rows of a fold.

    Parameters
    ----------
    rows
        All rows.
    fold
        The fold.
    relative
        Per factor the covariance of the effects over the residual variance.
    whole
        All rows, whitened.
    """
    train = rows.take(fold.train)
    whiten = learn_whitening(train.design, relative, train.weights)
    return whitened_rows(train, whiten, standardise=False, scale=whole.scale)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What folds miss along a path.

    Attributes
    ----------
    alphas
        The path, falling.
    losses
        Mean whitened square per fold and alpha, shape (n_folds, n_alphas).
    sizes
        Rows left out per fold.
    """

    alphas: FloatArray
    losses: FloatArray
    sizes: IntArray

    @property
    def mean(self) -> FloatArray:
        """Loss per alpha over all rows."""
        return np.asarray(self.sizes @ self.losses / self.sizes.sum())

    @property
    def best(self) -> int:
        """Position of the alpha with the least loss, the largest of equals."""
        return first_least(self.mean)

    def frame(self) -> pd.DataFrame:
        """Return loss and standard error over folds by alpha."""
        n_folds = len(self.sizes)
        error = self.losses.std(axis=0, ddof=1) / np.sqrt(n_folds)
        alphas = pd.Index(self.alphas, name="alpha")
        return pd.DataFrame({"loss": self.mean, "standard_error": error}, index=alphas)


def held_out_path(
    rows: PenalisedRows,
    folds: Sequence[Fold],
    relative: Sequence[FloatArray],
    whole: WhitenedRows,
    alphas: FloatArray,
    l1_ratio: float,
) -> HeldOut:
    """Fit each fold along the path and measure what it misses of the rows left out.

    Parameters
    ----------
    rows, folds
        All rows, and the folds.
    relative
        Per factor the covariance of the effects over the residual variance.
    whole
        All rows, whitened.
    alphas, l1_ratio
        The penalties.
    """
    losses = []
    for fold in folds:
        train = whitened_fold(rows, fold, relative, whole)
        path = coefficient_path(train, alphas, l1_ratio)
        left = _missed(rows, fold, path, train.free(path))
        design = some_rows(rows.design, fold.test)
        weights = None if rows.weights is None else rows.weights[fold.test]
        whitened = learn_whitening(design, relative, weights)(left)
        losses.append((whitened**2).sum(axis=0) / len(fold.test))
    sizes = np.array([len(fold.test) for fold in folds])
    return HeldOut(alphas, np.array(losses), sizes)


def fold_coefficients(
    rows: PenalisedRows,
    folds: Sequence[Fold],
    relative: Sequence[FloatArray],
    whole: WhitenedRows,
    alpha: float,
    l1_ratio: float,
    starts: Sequence[FloatArray],
) -> tuple[FloatArray, ...]:
    """Return beta of each fold at one alpha.

    Parameters
    ----------
    rows, folds, relative, whole
        As in `held_out_path`.
    alpha, l1_ratio
        The penalty.
    starts
        Per fold a beta to begin from.
    """
    return tuple(
        solve(whitened_fold(rows, fold, relative, whole), alpha, l1_ratio, start)
        for fold, start in zip(folds, starts, strict=True)
    )


def out_of_fold(
    rows: PenalisedRows, folds: Sequence[Fold], coefficients: Sequence[FloatArray]
) -> FloatArray:
    """Return y - X beta row by row, each with the beta of the fold that left it out."""
    left = np.full(len(rows.target), np.nan)
    for fold, own in zip(folds, coefficients, strict=True):
        left[fold.test] = rows.target[fold.test] - rows.penalised[fold.test] @ own
    return left


def _missed(
    rows: PenalisedRows, fold: Fold, path: FloatArray, free: FloatArray
) -> FloatArray:
    """Return the residuals of the rows left out, one column per alpha."""
    fitted = rows.penalised[fold.test] @ path + rows.free[fold.test] @ free
    return np.asarray(rows.target[fold.test][:, None] - fitted)
