"""What can be seen to be wrong with a split by time before the first fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv.resampling import Plan
from flexcv.resampling.clock import make_clock

from .kinds import DATE, date_places, kind_of
from .setup import Setup, Told

ROW_ORDER = "TimeSeriesSplit"  # the split that takes rows as they stand


def is_by_time(plan: Plan) -> bool:
    """Whether a plan takes rows in an order, by a column or as they stand."""
    return plan.time is not None or plan.outer.startswith(ROW_ORDER)


def time_unnamed(setup: Setup) -> Told:
    """Tell that rows are taken in their order, which nothing calls that of time."""
    dataset, plan = setup.dataset, setup.plan
    if plan.time is not None or not plan.outer.startswith(ROW_ORDER):
        return
    dates = _date_columns(dataset.whole_table())
    if any(is_sorted for is_sorted in dates.values()):
        return
    taken = f"{ROW_ORDER} takes rows in the order of the table"
    if dates:
        yield (
            "warn",
            f"{taken}, which is not that of {listed(list(dates))}; pass "
            f"time={next(iter(dates))!r} to set_splits, so that no training row is "
            "later than a test row.",
        )
    elif dataset.groups is not None:
        yield (
            "warn",
            f"{taken}, and nothing says that rows of all {dataset.group_names[0]!r} "
            "stand in one order of time; pass the column that says when as time= to "
            "set_splits.",
        )
    else:
        yield (
            "note",
            f"{taken}, and nothing says that it is that of time; pass the column that "
            "says when as time= to set_splits.",
        )


def inner_split_late(setup: Setup) -> Told:
    """Tell that tuning trains on what is later than the rows it validates on."""
    dataset, plan = setup.dataset, setup.plan
    if plan.time is None or not setup.is_tuned:
        return
    clock = make_clock(dataset, plan.time, plan.time_within)
    inner = (split for fold in plan for split in fold.inner)
    if any(clock.later(split.train, split.test) is not None for split in inner):
        yield (
            "warn",
            f"the outer split keeps the order of {plan.time!r} but {plan.inner} inside "
            "does not, so parameters are tuned with a look ahead that the test rows do "
            "not allow; leave split_in=None.",
        )


def _date_columns(table: pd.DataFrame) -> dict[str, bool]:
    """Return the columns of dates, and whether the rows stand in their order."""
    names = [name for name in table.columns if kind_of(table[name]) == DATE]
    places = {str(name): date_places(table[name]) for name in names}
    return {
        name: own is not None and bool((np.diff(own) >= 0).all())
        for name, own in places.items()
    }
