"""From a splitter to checked splits: what it sees, and what it may answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit

from flexcv._checks import listed
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.errors import PlanError

from .chronological import split_in_time
from .clock import Clock, make_clock
from .registry import CrossValMethod, FixedPairs, SplitMethod, make_splitter, title_of


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row positions, in the whole table, of one training and one test part."""

    train: IntArray
    test: IntArray


def clock_of(dataset: Dataset, time: str | None, within: str) -> Clock | None:
    """Return the order in time that splits keep, where one is named."""
    return None if time is None else make_clock(dataset, time, within)


def splits_by(
    dataset: Dataset,
    method: SplitMethod,
    n_splits: int,
    seed: int,
    argument: str,
    clock: Clock | None = None,
) -> list[Split]:
    """Split a table, and check that the splits are of its rows.

    Parameters
    ----------
    dataset
        The table.
    method
        What to split by.
    n_splits, seed
        Of a named split.
    argument
        Its name, for messages.
    clock
        When each row was; `TimeSeriesSplit` then cuts times instead of rows.

    Raises
    ------
    PlanError
        When the splitter cannot split these rows, or gives what are no splits of them.
    """
    splitter = make_splitter(method, n_splits, seed)
    try:
        with warnings.catch_warnings():
            # That a splitter ignores groups is for the pre-flight checks to say.
            warnings.filterwarnings("ignore", "The groups parameter is ignored")
            if clock is not None and type(splitter) is TimeSeriesSplit:
                pairs = list(split_in_time(splitter, clock))
            elif isinstance(method, CrossValMethod):
                pairs = list(_named_pairs(splitter, dataset))
            else:
                pairs = list(_own_pairs(splitter, dataset))
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"`{argument}`: {title_of(method)} cannot split these "
            f"{len(dataset)} rows: {error}"
        ) from error
    except KeyError as error:
        raise PlanError(
            f"`{argument}`: {title_of(method)} looks for {error}, which these "
            f"{len(dataset)} rows do not have; as `X` it sees the columns "
            f"{listed(list(dataset.whole_table().columns), most=20)}."
        ) from error
    splits = [Split(_rows(train), _rows(test)) for train, test in pairs]
    _refuse_empty(splits, argument, title_of(method))
    if not isinstance(method, CrossValMethod):
        _check_rows(splits, len(dataset), argument, title_of(method))
    return splits


def refuse_later(
    splits: Iterable[Split], clock: Clock, title: str, *, has_groups: bool
) -> None:
    """Refuse splits that train on what comes after a test row of the same clock.

    Parameters
    ----------
    splits
        The outer splits.
    clock
        When each row was.
    title
        Of the splitter.
    has_groups
        Whether there are groups that could have clocks of their own.
    """
    for number, split in enumerate(splits):
        found = clock.later(split.train, split.test)
        if found is None:
            continue
        train, test = map(clock.said, found)
        same = f" of the same {clock.owner_name!r}" if clock.owner_name else ""
        advice = "use 'TimeSeriesSplit', which cuts by `time`"
        if has_groups and not clock.owner_name:
            advice += ", set time_within='groups' where each group has its own clock"
        raise PlanError(
            f"`split_out`: {title} is no split by time: fold {number} trains on "
            f"{train}, which is later than its test {test}{same}; {advice}, or leave "
            "`time` out."
        )


def columns_read(
    dataset: Dataset, methods: Iterable[SplitMethod], time: str | None
) -> tuple[str, ...]:
    """Name the extra columns that splitters see: a named split sees `time` only."""
    if any(not isinstance(m, CrossValMethod | FixedPairs) for m in methods):
        return dataset.extra_names
    return tuple(name for name in dataset.extra_names if name == time)


def is_in_row_order(method: SplitMethod) -> bool:
    """Whether a split takes rows in the order in which they stand."""
    is_named = method is CrossValMethod.TIME_SERIES_SPLIT
    return is_named or isinstance(method, TimeSeriesSplit)


def _named_pairs(splitter: Any, dataset: Dataset) -> Iterable[Any]:
    """Ask a splitter of ours, which sees classes as a category and bins none."""
    groups = dataset.splitting_groups
    is_of_classes = dataset.task.is_classification
    target = dataset.target if is_of_classes else dataset.target.to_numpy()
    labels = None if groups is None else groups.to_numpy()
    pairs: Iterable[Any] = splitter.split(dataset.features, target, labels)
    return pairs


def _own_pairs(splitter: Any, dataset: Dataset) -> Iterable[Any]:
    """Ask a splitter of the user's own, which sees every column but the target."""
    table = dataset.whole_table().copy(deep=False)
    if pd.api.types.is_integer_dtype(table.index.dtype):
        # Whole numbers are taken for positions, which those of a part are not.
        table.index = pd.RangeIndex(len(table))
    groups, labels = dataset.splitting_groups, None
    if groups is not None:
        values = groups.to_numpy()
        labels = pd.Series(values, table.index, values.dtype, groups.name)
    pairs: Iterable[Any] = splitter.split(table, dataset.target.to_numpy(), labels)
    return pairs


def _rows(positions: Any) -> IntArray:
    return np.asarray(positions, dtype=np.intp)


def _refuse_empty(splits: list[Split], argument: str, title: str) -> None:
    if not splits:
        raise PlanError(f"`{argument}`: {title} gave no folds; pass at least one.")
    for number, split in enumerate(splits):
        if len(split.train) == 0 or len(split.test) == 0:
            raise PlanError(
                f"`{argument}`: fold {number} of {title} has an empty training or test "
                "part."
            )


def _check_rows(splits: list[Split], n_rows: int, argument: str, title: str) -> None:
    """Refuse what a splitter of the user's own, or pairs, may name."""
    for number, split in enumerate(splits):
        where = f"`{argument}`: fold {number} of {title}"
        both = np.concatenate([split.train, split.test])
        outside = both[(both < 0) | (both >= n_rows)]
        if len(outside):
            raise PlanError(
                f"{where} names row {outside[0]} of a table with {n_rows} rows; "
                "use positions from 0."
            )
        seen = np.zeros(n_rows, dtype=bool)
        seen[split.train] = True
        if seen[split.test].any():
            raise PlanError(
                f"{where} has rows in training and test at once; make them disjoint."
            )
        tested = np.zeros(n_rows, dtype=bool)
        tested[split.test] = True
        if np.count_nonzero(tested) < len(split.test):
            raise PlanError(f"{where} names a test row more than once.")
