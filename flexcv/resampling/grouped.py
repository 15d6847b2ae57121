"""Splitters that keep groups whole: no group is in training and test at once.

Groups are dealt one by one, large ones first and at random among groups of similar
size, each to the fold that it overlaps least. With one stratum that is the fold with
the fewest rows; with several, the fold whose share of the group's strata is lowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_integer
from flexcv.arrays import FloatArray, IntArray

from .stratified import pairs_from, strata_of


def assign_groups(
    counts: FloatArray, n_splits: int, rng: np.random.Generator
) -> IntArray:
    """Return each group a fold, balancing rows and strata.

    Parameters
    ----------
    counts
        Rows of each group in each stratum, shape (n_groups, n_strata).
    n_splits
        Number of folds; every fold gets at least one group.
    rng
        Decides among groups of similar size and among equal folds.
    """
    sizes = counts.sum(axis=1)
    n_groups = len(sizes)
    shares = np.column_stack([counts / counts.sum(axis=0), sizes / sizes.sum()])
    order = np.lexsort((rng.random(n_groups), -np.floor(np.log2(sizes))))
    load = np.zeros((n_splits, shares.shape[1]))
    folds = np.empty(n_groups, dtype=np.intp)
    filled = np.zeros(n_splits, dtype=bool)
    for left, group in zip(range(n_groups, 0, -1), order, strict=True):
        overlap = load @ shares[group] + 1e-12 * rng.random(n_splits)
        if left <= n_splits - filled.sum():  # the rest must fill the empty folds
            overlap[filled] = np.inf
        fold = int(np.argmin(overlap))
        folds[group] = fold
        filled[fold] = True
        load[fold] += shares[group]
    return folds


def check_enough_groups(n_groups: int, n_splits: int) -> None:
    """Refuse more folds of whole groups than there are groups."""
    if n_groups < n_splits:
        raise ValueError(
            f"{n_splits} folds of whole groups need at least as many groups, "
            f"got {n_groups}; lower the number of splits."
        )


class _WholeGroupsKFold:
    """What the grouped splitters share: arguments, checks and the assignment."""

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
        if groups is None:
            raise ValueError(
                f"{type(self).__name__} needs groups; pass one label per row."
            )
        codes, levels = pd.factorize(np.asarray(groups))
        check_enough_groups(len(levels), self.n_splits)
        strata = self._strata(X, y)
        counts = np.zeros((len(levels), int(strata.max()) + 1))
        np.add.at(counts, (codes, strata), 1.0)
        rng = np.random.default_rng(self.random_state)
        folds = assign_groups(counts, self.n_splits, rng)[codes]
        yield from pairs_from(folds, self.n_splits)

    def _strata(self, X: Any, y: Any) -> IntArray:
        raise NotImplementedError

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(n_splits={self.n_splits}, random_state={self.random_state})"


class BalancedGroupKFold(_WholeGroupsKFold):
    """Split whole groups into folds of similar numbers of rows, at random.

    scikit-learn's `GroupKFold` either balances (and gives the same folds each time)
    or shuffles (and lets sizes differ); this one does both, so repeats differ.

    Parameters
    ----------
    n_splits
        Number of folds, at least 2 and at most the number of groups.
    random_state
        Seed of the shuffling.

    Examples
    --------
    >>> groups = np.repeat(["a", "b", "c", "d"], [5, 5, 3, 3])
    >>> splitter = BalancedGroupKFold(2, random_state=0)
    >>> [len(test) for _, test in splitter.split(groups, groups=groups)]
    [8, 8]
    """

    def _strata(self, X: Any, y: Any) -> IntArray:
        return np.zeros(len(X), dtype=np.intp)


class ContinuousStratifiedGroupKFold(_WholeGroupsKFold):
    """Split whole groups into folds that share the target's distribution.

    A target with few values is stratified by value, a continuous one by quantile
    bins (at most ten). Parameters as in `BalancedGroupKFold`.

    Examples
    --------
    >>> groups = np.repeat(["a", "b", "c", "d"], 3)
    >>> y = np.repeat([0.0, 0.0, 1.0, 1.0], 3)
    >>> splitter = ContinuousStratifiedGroupKFold(2, random_state=0)
    >>> [float(y[test].mean()) for _, test in splitter.split(y, y, groups)]
    [0.5, 0.5]
    """

    def _strata(self, X: Any, y: Any) -> IntArray:
        if y is None:
            raise ValueError("stratification needs the target; pass `y`.")
        return strata_of(y, self.n_splits)


class LeaveOneGroup:
    """Leave out the groups one by one, in order of their labels.

    The folds are those of scikit-learn's `LeaveOneGroupOut`, in half the time.

    Examples
    --------
    >>> groups = ["b", "a", "b"]
    >>> [test.tolist() for _, test in LeaveOneGroup().split(groups, groups=groups)]
    [[1], [0, 2]]
    """

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds `split` gives."""
        return len(pd.unique(np.asarray(groups)))

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Return (train, test) row positions, fold by fold."""
        codes, levels = pd.factorize(np.asarray(groups), sort=True)
        check_enough_groups(len(levels), 2)
        yield from pairs_from(codes, len(levels))
