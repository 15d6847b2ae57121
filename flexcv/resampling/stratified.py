"""Splitters that stratify: each fold sees the target's whole range.

Rows are put in order of their stratum, at random within it, and dealt to the folds
like cards. Every fold then holds each stratum's share to within one row, whatever
the sizes of the strata, and fold sizes differ by at most one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_integer
from flexcv.arrays import IntArray
from flexcv.dataset.task import label_array

MAX_BINS = 10  # quantile bins of a continuous target


def quantile_bins(target: Any, n_bins: int) -> IntArray:
    """Return each row its quantile bin, from 0; the target is not changed.

    Ties stay in one bin and empty bins vanish, so fewer bins may come out than were
    asked for; a target with at most `n_bins` values keeps one bin per value.

    Parameters
    ----------
    target
        Numbers, shape (n_rows,).
    n_bins
        The most bins to make.

    Examples
    --------
    >>> quantile_bins([5.0, 1.0, 9.0, 7.0], 2).tolist()
    [0, 0, 1, 1]
    >>> quantile_bins([0, 0, 0, 3], 3).tolist()
    [0, 0, 0, 1]
    """
    values = np.asarray(target, dtype=float)
    distinct = np.unique(values)
    if len(distinct) <= n_bins:
        return np.searchsorted(distinct, values).astype(np.intp)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1]))
    raw = np.searchsorted(edges, values, side="left")
    return np.unique(raw, return_inverse=True)[1].reshape(-1).astype(np.intp)


def strata_of(target: Any, n_splits: int) -> IntArray:
    """Return each row its stratum: its class, or its bin of a continuous target.

    Texts, truth values and categories are classes, however many there are.
    """
    is_category = isinstance(getattr(target, "dtype", None), pd.CategoricalDtype)
    if is_category or np.asarray(target).dtype.kind not in "iuf":
        labels = _in_order(target) if is_category else np.asarray(target)
        codes, _ = pd.factorize(labels, sort=True)
        return np.asarray(codes, dtype=np.intp)
    values = np.asarray(target, dtype=float)
    if len(np.unique(values)) <= MAX_BINS:
        return quantile_bins(values, MAX_BINS)
    return quantile_bins(values, max(2, min(MAX_BINS, len(values) // n_splits)))


def _in_order(target: Any) -> Any:
    """Return a category with sorted levels: which class is positive moves no row."""
    labels = pd.Series(target)
    if labels.cat.ordered:
        return labels
    levels = label_array(labels.cat.categories.tolist())
    return labels.cat.reorder_categories(np.sort(levels))


def deal(strata: IntArray, n_splits: int, rng: np.random.Generator) -> IntArray:
    """Return each row a fold so that folds share every stratum evenly."""
    order = np.lexsort((rng.random(len(strata)), strata))
    folds = np.empty(len(strata), dtype=np.intp)
    folds[order] = rng.permutation(n_splits)[np.arange(len(strata)) % n_splits]
    return folds


def pairs_from(folds: IntArray, n_splits: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Turn a fold number per row into (train, test) positions."""
    for fold in range(n_splits):
        test = folds == fold
        yield np.flatnonzero(~test), np.flatnonzero(test)


class _DealtKFold:
    """What the stratified splitters share: arguments, checks and the dealing."""

    def __init__(self, n_splits: int = 5, *, random_state: int | None = None) -> None:
        self.n_splits = check_integer("n_splits", n_splits, 2)
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds `split` gives."""
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Return (train, test) row positions, fold by fold."""
        strata = self._strata(y, groups)
        if len(strata) < self.n_splits:
            raise ValueError(
                f"{self.n_splits} folds need at least as many rows, "
                f"got {len(X)}; lower `n_splits`."
            )
        rng = np.random.default_rng(self.random_state)
        yield from pairs_from(deal(strata, self.n_splits, rng), self.n_splits)

    def _strata(self, y: Any, groups: Any) -> IntArray:
        raise NotImplementedError

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(n_splits={self.n_splits}, random_state={self.random_state})"


class ContinuousStratifiedKFold(_DealtKFold):
    """Split rows so that each fold has the target's whole distribution.

    Classes (texts, categories, truth values) keep their shares, however many there
    are; numbers are stratified by value when they are few, otherwise by quantile bins
    (at most ten). The target itself is not changed. Rows are shuffled.

    Parameters
    ----------
    n_splits
        Number of folds, at least 2.
    random_state
        Seed of the shuffling.

    Examples
    --------
    >>> y = np.arange(12.0)
    >>> splitter = ContinuousStratifiedKFold(3, random_state=0)
    >>> [float(y[test].mean()) for _, test in splitter.split(y, y)]
    [5.25, 5.25, 6.0]
    """

    def _strata(self, y: Any, groups: Any) -> IntArray:
        if y is None:
            raise ValueError("stratification needs the target; pass `y`.")
        return strata_of(y, self.n_splits)


class ConcatenatedStratifiedKFold(_DealtKFold):
    """Split rows so that each fold has every group's share of every target bin.

    The strata are the target's quantile bins joined with the group label. Rows of a
    group are spread over the folds: this answers how well *known* groups are
    predicted. Parameters as in `ContinuousStratifiedKFold`.

    Examples
    --------
    >>> y, groups = np.arange(8.0), np.repeat(["a", "b"], 4)
    >>> splitter = ConcatenatedStratifiedKFold(2, random_state=0)
    >>> [sorted(groups[test].tolist()) for _, test in splitter.split(y, y, groups)]
    [['a', 'a', 'b', 'b'], ['a', 'a', 'b', 'b']]
    """

    def _strata(self, y: Any, groups: Any) -> IntArray:
        if y is None or groups is None:
            raise ValueError(
                "ConcatenatedStratifiedKFold needs target and groups; pass `groups`."
            )
        bins = strata_of(y, self.n_splits)
        codes = pd.factorize(np.asarray(groups))[0]
        return np.asarray(codes * (bins.max() + 1) + bins, dtype=np.intp)
