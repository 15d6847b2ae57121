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


def held_out_rows(
    folds: Any, groups: IntArray | None, n_rows: int, generator: np.random.RandomState
) -> tuple[IntArray, ...]:
    """Return the rows that each fold leaves out.

    Parameters
    ----------
    folds
        How many folds over shuffled rows; a splitter, which must leave out each row
        once; or None for no folds.
    groups
        Labels for a splitter that asks for them.
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
        parts = np.array_split(generator.permutation(n_rows), n_folds)
        return tuple(np.sort(part) for part in parts)
    splitter = check_cv(folds)
    labels = fold_labels(splitter, groups)
    splits = splitter.split(np.zeros((n_rows, 1)), np.zeros(n_rows), labels)
    tested = [np.asarray(test) for _, test in splits]
    _require_partition(tested, n_rows)
    return tuple(tested)


def _require_partition(tested: Sequence[IntArray], n_rows: int) -> None:
    counts = np.bincount(np.concatenate(tested), minlength=n_rows)
    if (counts != 1).any():
        raise ValueError(
            "`folds` must leave out each row once, got a splitter that leaves row "
            f"{int(np.flatnonzero(counts != 1)[0])} out "
            f"{int(counts[counts != 1][0])} times; pass a number of folds or a "
            "splitter such as KFold."
        )
