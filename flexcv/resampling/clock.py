"""When each row was: the order in time that a plan has to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import near_miss
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.errors import PlanError

WITHIN = ("table", "groups")  # what shares one clock


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Hold the place in time of each row, from 0; rows of one time share a place.

    Parameters
    ----------
    name
        The column that says when.
    times
        Its values, for messages.
    places
        Of each row among the times of its owner.
    owners
        Number of the group whose clock a row has; one for all when the table has one.
    owner_name
        The grouping column whose groups have a clock each; empty for one clock.
    """

    name: str
    times: pd.Series[Any]
    places: IntArray
    owners: IntArray
    owner_name: str = ""

    def later(self, train: IntArray, test: IntArray) -> tuple[int, int] | None:
        """Return a training row that is later than a test row of its clock, and that.

        Parameters
        ----------
        train, test
            Row positions.

        Returns
        -------
        Positions of a training and a test row; None where the order is kept.
        """
        first = np.full(int(self.owners.max()) + 1, np.iinfo(np.intp).max)
        np.minimum.at(first, self.owners[test], self.places[test])
        is_later = self.places[train] > first[self.owners[train]]
        if not is_later.any():
            return None
        row = int(train[np.argmax(is_later)])
        is_same = self.owners[test] == self.owners[row]
        is_first = is_same & (self.places[test] == first[self.owners[row]])
        return row, int(test[np.argmax(is_first)])

    def said(self, row: int) -> str:
        """Return when a row was, and whose clock says so."""
        return f"row {row} ({self.name} {self.times.iloc[row]})"


def make_clock(dataset: Dataset, name: str, within: str = "table") -> Clock:
    """Read the order in time from a column of the table.

    Parameters
    ----------
    dataset
        Its features, grouping columns and extra columns are looked in.
    name
        The column: dates, numbers or ordered categories without missing values.
    within
        ``"table"`` for one clock, ``"groups"`` where each group has its own.

    Raises
    ------
    PlanError
        When there is no such column, or its values have no order in time.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> table = {"x": [1.0, 2.0, 3.0], "year": [2021, 2019, 2021]}
    >>> data = make_dataset(table, [0, 1, 0], extra="year")
    >>> clock = make_clock(data, "year")
    >>> clock.places.tolist(), clock.later(np.array([0]), np.array([1, 2]))
    ([1, 0, 1], (0, 1))
    """
    table = dataset.whole_table()
    if name not in table.columns:
        hint = near_miss(name, table.columns)
        hint = hint or "; name a feature, or pass the column to set_data(extra=...)."
        raise PlanError(f"`time` names {name!r}, which is no column of the data{hint}")
    if within == "groups" and dataset.groups is None:
        raise PlanError(
            "time_within='groups' gives each group a clock of its own but the data "
            "have no groups; pass `groups` to set_data, or leave `time_within` out."
        )
    times = table[name]
    places = _places(times)
    if within == "table":
        return Clock(name, times, places, np.zeros(len(times), dtype=np.intp))
    owners = dataset.group_codes()
    assert owners is not None, "groups were asked for above"
    own = _places_within(places, owners)
    return Clock(name, times, own, owners, dataset.group_names[0])


def _places(times: pd.Series[Any]) -> IntArray:
    """Return the place of each value among the sorted distinct ones."""
    missing = int(times.isna().sum())
    if missing:
        raise PlanError(
            f"`time` column {times.name!r} has {missing} missing value(s); drop those "
            "rows from all inputs, or say when they were."
        )
    if isinstance(times.dtype, pd.CategoricalDtype):
        if not times.cat.ordered:
            raise PlanError(_without_order(times, "categories without order"))
        return _dense(times.cat.codes.to_numpy())
    if times.dtype.kind in "bc":
        raise PlanError(_without_order(times, f"values of {times.dtype}"))
    kept = [] if times.dtype.kind in "iufmM" else times.unique().tolist()
    if any(isinstance(value, str) for value in kept):
        raise PlanError(_without_order(times, f"texts such as {times.iloc[0]!r}"))
    try:
        codes, _ = pd.factorize(times, sort=True)
    except TypeError as error:
        raise PlanError(_without_order(times, "values of several kinds")) from error
    return np.asarray(codes, dtype=np.intp)


def _dense(values: Any) -> IntArray:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.intp)


def _places_within(places: IntArray, owners: IntArray) -> IntArray:
    """Count the times of each owner from 0."""
    order = np.lexsort((places, owners))
    is_next = np.diff(places[order], prepend=-1) != 0
    is_other = np.diff(owners[order], prepend=-1) != 0
    count = np.cumsum(is_next | is_other)
    starts = np.maximum.accumulate(np.where(is_other, count, 0))
    own = np.empty(len(places), dtype=np.intp)
    own[order] = count - starts
    return own


def _without_order(times: pd.Series[Any], what: str) -> str:
    return (
        f"`time` column {times.name!r} must hold dates or numbers, got {what}; convert "
        "it, for example with pd.to_datetime."
    )
