"""Rows in the order of time under a split that trains on what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from flexcv.arrays import FloatArray, IntArray
from flexcv.resampling import Plan

from .by_time import is_by_time
from .kinds import DATE, LABEL, NUMBER, WHOLE, date_places, is_time, kind_of
from .setup import Setup, Told

LOOKED_AT = 5_000  # rows in a row on which likeness of neighbours is measured
FEWEST = 40  # rows, below which neighbours are alike by chance
ALIKE = 0.3  # correlation of what neighbouring rows have left
DEVIATIONS = 4.0  # of a correlation's chance, 1 / sqrt(rows)
FEW_LEVELS = 20  # levels whose means are taken out
ROUNDING = 1e-6  # of the target's range
PER_COLUMN = 3  # rows; with fewer only the mean is taken out


def time_order(setup: Setup) -> Told:
    """Tell that training parts hold rows later than test rows which are like them."""
    plan, dataset = setup.plan, setup.dataset
    if plan.keeps_groups or is_by_time(plan) or dataset.groups is not None:
        return  # `groups-ignored` and `time-unnamed` say what is asked instead
    table = dataset.whole_table()
    dates = [name for name in table.columns if kind_of(table[name]) == DATE]
    for name in dates:
        yield from _by_dates(setup, name, table[name])
    if not dates:
        yield from _by_rows(setup)


def _by_dates(setup: Setup, name: Any, dates: pd.Series[Any]) -> Told:
    place = date_places(dates)
    if place is None or not _looks_ahead(setup.plan, place):
        return
    alike = _neighbours(setup, np.argsort(place, kind="stable"))
    level = "warn" if alike else "note"
    yield level, _message(setup, f"dates in {name!r}", alike, f" and time={name!r}")


def _by_rows(setup: Setup) -> Told:
    rows = np.arange(len(setup.dataset))
    if not _looks_ahead(setup.plan, rows) or _is_sorted(setup):
        return
    alike = _neighbours(setup, rows)
    if alike:
        yield "warn", _message(setup, "the order of rows", alike)


def _message(setup: Setup, order: str, alike: float, more: str = "") -> str:
    said = f" (correlation {alike:.2f})" if alike else ""
    reason = "neighbours are alike" + said if alike else "rows have a time"
    return (
        f"by {order} {reason}, and {setup.plan.outer} trains on rows before and after "
        "each test row: the score tells how well gaps are filled, not how well what "
        f"comes next is predicted; for that use 'TimeSeriesSplit'{more}, and if "
        "neighbours are of one unit pass `groups`."
    )


def _looks_ahead(plan: Plan, place: IntArray) -> bool:
    """Whether some training row comes after some test row of its fold."""
    return any(place[fold.train].max() > place[fold.test].min() for fold in plan)


def _neighbours(setup: Setup, order: IntArray) -> float:
    """Return the correlation of what neighbours have left; 0 where it may be chance."""
    order = order[:LOOKED_AT]
    if len(order) < FEWEST:
        return 0.0
    left = _left_over(setup, order)
    if np.ptp(left) <= ROUNDING * np.ptp(setup.dataset.numbers[order]):
        return 0.0
    ranks = rankdata(left)  # two odd rows beside each other are no order
    ranks -= ranks.mean()
    alike = float(ranks[1:] @ ranks[:-1] / (ranks @ ranks))
    return alike if alike > max(ALIKE, DEVIATIONS / np.sqrt(len(ranks))) else 0.0


def _left_over(setup: Setup, rows: IntArray) -> FloatArray:
    """Return what a linear model of the features leaves of the target."""
    target = setup.dataset.numbers[rows]
    if setup.dataset.task.kind == "multiclass":
        target = (target == np.bincount(target.astype(int)).argmax()).astype(float)
    columns = [np.ones(len(rows)), *_predictors(setup, rows)]
    if len(columns) * PER_COLUMN > len(rows):
        return np.asarray(target - target.mean())
    design = np.column_stack(columns)
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    for name in setup.named(LABEL):
        codes = setup.levels[name].codes[rows]
        sizes = np.bincount(codes)
        if FEW_LEVELS < len(sizes) <= len(rows) / 2:
            left = left - (np.bincount(codes, left) / np.maximum(sizes, 1))[codes]
    return np.asarray(left)


def _predictors(setup: Setup, rows: IntArray) -> list[FloatArray]:
    """Return features as centred numbers, and indicators of few levels."""
    made = []
    for values in setup.numbers.values():
        picked = values[rows]
        known = np.isfinite(picked)
        if known.any() and np.ptp(picked[known]) > 0:
            centred = np.where(known, picked - picked[known].mean(), 0.0)
            made.append(centred / np.abs(centred).max())
    for name in setup.named(LABEL):
        levels = setup.levels[name]
        if len(levels) <= FEW_LEVELS:
            codes = levels.codes[rows]
            made += [(codes == k).astype(float) for k in range(1, len(levels))]
    return made


def _is_sorted(setup: Setup) -> bool:
    """Whether rows stand in the order of the target or of a feature that is no time."""
    names = [name for name in setup.named(NUMBER, WHOLE) if not is_time(name)]
    columns = [setup.numbers[name] for name in names]
    numbers = setup.dataset.numbers
    return any(_is_monotone(values) for values in (numbers, *columns))


def _is_monotone(values: FloatArray) -> bool:
    steps = np.diff(values)
    varies = bool(np.any(steps != 0))
    return varies and bool((steps >= 0).all() or (steps <= 0).all())
