"""Folds that train on the past and test on what comes next, whatever the row order.

scikit-learn's `TimeSeriesSplit` takes rows as they stand. Here it cuts the distinct
times instead, so that rows of one time stay together, and rows in any order give the
same folds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from flexcv.arrays import BoolArray, IntArray

from .clock import Clock


def split_in_time(
    splitter: TimeSeriesSplit, clock: Clock
) -> Iterator[tuple[IntArray, IntArray]]:
    """Return (train, test) row positions, fold by fold, each test part after the last.

    Where each group has its own clock, the times of each group are cut; a group with
    too few times for all folds is tested in the last ones, and one with a single time
    is only trained on.

    Parameters
    ----------
    splitter
        Its numbers (`gap`, `test_size`, `max_train_size`) count times, not rows.
    clock
        When each row was.

    Raises
    ------
    ValueError
        When there are too few times.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> from flexcv.resampling.clock import make_clock
    >>> days = {"day": [3, 1, 2, 1, 3, 2]}
    >>> clock = make_clock(make_dataset(days, range(6)), "day")
    >>> for train, test in split_in_time(TimeSeriesSplit(2), clock):
    ...     print(train.tolist(), test.tolist())
    [1, 3] [2, 5]
    [1, 2, 3, 5] [0, 4]
    """
    n_times = np.zeros(int(clock.owners.max()) + 1, dtype=np.intp)
    np.maximum.at(n_times, clock.owners, clock.places + 1)
    _refuse_few(splitter, clock, int(n_times.max()))
    cuts = {int(n): _cut(splitter, int(n)) for n in np.unique(n_times)}
    n_of_row = n_times[clock.owners]
    for fold in range(splitter.n_splits):
        parts = np.zeros((2, len(n_of_row)), dtype=bool)
        for n, folds in cuts.items():
            rows = np.flatnonzero(n_of_row == n)
            parts[:, rows] = folds[fold][:, clock.places[rows]]
        yield np.flatnonzero(parts[0]), np.flatnonzero(parts[1])


def _cut(splitter: TimeSeriesSplit, n_times: int) -> list[BoolArray]:
    """Return for each fold which of so many times are trained on, and tested."""
    n_splits = _possible(splitter, n_times)
    if n_splits == 0:
        return [np.array([[True] * n_times, [False] * n_times])] * splitter.n_splits
    own = copy.copy(splitter)
    own.n_splits = n_splits
    folds = []
    for train, test in own.split(np.empty((n_times, 1))):
        parts = np.zeros((2, n_times), dtype=bool)
        parts[0, train] = True
        parts[1, test] = True
        folds.append(parts)
    untested = np.array([folds[0][0], np.zeros(n_times, dtype=bool)])
    return [untested] * (splitter.n_splits - n_splits) + folds


def _possible(splitter: TimeSeriesSplit, n_times: int) -> int:
    """Count the folds that so many times are enough for."""
    for n_splits in range(splitter.n_splits, 0, -1):
        size = splitter.test_size or n_times // (n_splits + 1)
        if size and n_times - splitter.gap - size * n_splits > 0:
            return n_splits
    return 0


def _refuse_few(splitter: TimeSeriesSplit, clock: Clock, most: int) -> None:
    """Refuse more folds than the times allow: every fold has to test something."""
    if _possible(splitter, most) == splitter.n_splits:
        return
    whose = f"a {clock.owner_name!r} has at most" if clock.owner_name else "there are"
    raise ValueError(
        f"{splitter.n_splits} folds in time need more different times than that in "
        f"{clock.name!r}, and {whose} {most}; lower the number of splits."
    )
