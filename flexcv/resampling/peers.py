"""scikit-learn's own splitters, for any target and with sentences of our own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray

from .grouped import check_enough_groups
from .stratified import strata_of


class _Around:
    """Hold a splitter of scikit-learn and count its folds."""

    def __init__(self, splitter: Any) -> None:
        self.splitter = splitter

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds `split` gives."""
        return int(self.splitter.get_n_splits(X, y, groups))


class OnStrata(_Around):
    """Let a stratified splitter of scikit-learn see strata instead of the target.

    Strata are the target's classes, or the quantile bins of a continuous target;
    for classes the folds are those that scikit-learn itself gives.

    Parameters
    ----------
    splitter
        A `StratifiedKFold` or `StratifiedGroupKFold` of scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import StratifiedKFold
    >>> y = np.arange(12.0)
    >>> splitter = OnStrata(StratifiedKFold(3, shuffle=True, random_state=0))
    >>> [len(test) for _, test in splitter.split(y, y)]
    [4, 4, 4]
    """

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Return (train, test) row positions, fold by fold."""
        strata = strata_of(y, self.get_n_splits())
        with warnings.catch_warnings():
            # That a class has fewer rows than folds is for the checks to say.
            warnings.filterwarnings("ignore", "The least populated class")
            yield from list(self.splitter.split(X, strata, groups))


class OnGroups(_Around):
    """Let a grouped splitter of scikit-learn tell in our words of too few groups.

    Parameters
    ----------
    splitter
        A `GroupKFold` or `StratifiedGroupKFold` of scikit-learn.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> splitter = OnGroups(GroupKFold(2, shuffle=True, random_state=0))
    >>> [len(test) for _, test in splitter.split("aabbb", groups=list("aabbb"))]
    [3, 2]
    """

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Return (train, test) row positions, fold by fold."""
        check_enough_groups(len(pd.unique(np.asarray(groups))), self.get_n_splits())
        yield from self.splitter.split(X, y, _sortable(groups))


def _sortable(groups: Any) -> Any:
    """Return labels, or their numbers where numbers and texts have no common order."""
    try:
        np.unique(np.asarray(groups))
    except TypeError:
        return pd.factorize(np.asarray(groups))[0]
    return groups
