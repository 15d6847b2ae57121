"""Which rows each training fold of boosting leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from flexcv._checks import check_integer
from flexcv.arrays import IntArray
from flexcv.models.alternating.out_of_sample import fold_labels

FEWEST_LEVELS = 10  # of a factor whose levels are left out whole


def leaves_out_levels(folds: Any, groups: IntArray | None) -> bool:
    """Whether a number of folds leaves out whole levels of the first factor."""
    if groups is None or not isinstance(folds, Integral):
        return False
    return len(np.unique(groups)) >= max(FEWEST_LEVELS, int(folds))


def held_out_rows(
    folds: Any, groups: IntArray | None, n_rows: int, generator: np.random.RandomState
) -> tuple[IntArray, ...]:
    """Return the rows that each fold leaves out.

    Parameters
    ----------
    folds
        How many folds, of whole levels where there are ten at least, else over shuffled
        rows; a splitter, which must leave out each row once; or None for no folds.
    groups
        Levels of the first factor, whole numbers; None without one.
    n_rows
        How many rows there are.
    generator
        Shuffles rows.

    Examples
    --------
    >>> [rows.tolist() for rows in held_out_rows(2, None, 4, np.random.RandomState(0))]
    [[2, 3], [0, 1]]
    """
    if folds is None:
        return ()
    if isinstance(folds, Integral):
        n_folds = min(check_integer("folds", folds, 2), n_rows)
        if groups is not None and leaves_out_levels(folds, groups):
            return _whole_levels(n_folds, groups, generator)
        parts = np.array_split(generator.permutation(n_rows), n_folds)
        return tuple(np.sort(part) for part in parts)
    splitter = check_cv(folds)
    labels = fold_labels(splitter, groups)
    splits = splitter.split(np.zeros((n_rows, 1)), np.zeros(n_rows), labels)
    tested = [np.asarray(test) for _, test in splits]
    _require_partition(tested, n_rows)
    return tuple(tested)


def _whole_levels(
    n_folds: int, groups: IntArray, generator: np.random.RandomState
) -> tuple[IntArray, ...]:
    """Deal levels, large ones first, each to the fold with the fewest rows."""
    codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of, load = np.empty(len(sizes), dtype=np.intp), np.zeros(n_folds)
    for level in order:
        fold_of[level] = np.argmin(load)
        load[fold_of[level]] += sizes[level]
    rows = fold_of[codes]
    return tuple(np.flatnonzero(rows == fold) for fold in range(n_folds))


def _require_partition(tested: Sequence[IntArray], n_rows: int) -> None:
    counts = np.bincount(np.concatenate(tested), minlength=n_rows)
    if (counts != 1).any():
        raise ValueError(
            "`folds` must leave out each row once, got a splitter that leaves row "
            f"{int(np.flatnonzero(counts != 1)[0])} out "
            f"{int(counts[counts != 1][0])} times; pass a number of folds or a "
            "splitter such as KFold."
        )
