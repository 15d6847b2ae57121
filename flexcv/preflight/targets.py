"""Features that know the target: copies of it, and its means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata

from flexcv.arrays import FloatArray, IntArray

from .centres import level_centres
from .setup import Levels, Setup, Told

SAME = 0.9999  # absolute correlation of the target with a rescaled copy
NEARLY = 0.99  # ... with a copy to which noise was added
FEWEST = 10  # rows, below which any feature may follow the target
LOG_ODDS = np.log(1e6)  # against an order that came about by chance
FEWEST_LEVELS = 3  # whose means are equal to a column by more than chance


def target_inside(setup: Setup) -> Told:
    """Name features that are the target, or the target rescaled, ranked or blurred."""
    target = setup.dataset.numbers
    if len(target) <= 2 or np.ptp(target) == 0:
        return
    rows = setup.sample
    ranks = rankdata(target[rows])
    for name, values in setup.numbers.items():
        if np.array_equal(values, target):
            yield "stop", f"the feature {name!r} equals the target; drop it from `X`."
            continue
        said = _likeness(values[rows], target[rows], ranks)
        if said and setup.dataset.task.kind != "multiclass":
            yield (
                "warn",
                f"the feature {name!r} {said}; a score that it makes says nothing of "
                "new rows unless it is known before the outcome: drop it otherwise.",
            )


def target_means(setup: Setup) -> Told:
    """Name features that hold the target's mean or median in a column's levels."""
    target = setup.dataset.numbers
    if np.ptp(target) == 0 or setup.dataset.task.kind == "multiclass":
        return
    for by, levels in _keys(setup):
        centres = level_centres(target, levels)
        for name, values in setup.numbers.items():
            kind = centres.kind_held(values, target) if name != by else ""
            if kind:
                yield (
                    "warn",
                    f"the feature {name!r} holds the target's {kind} in each level of "
                    f"{by!r}, test rows included, so the target of a test row is part "
                    "of its own features; compute it inside each fold, for example by "
                    "a TargetEncoder in a pipeline.",
                )


def _likeness(values: FloatArray, target: FloatArray, ranks: FloatArray) -> str:
    """Say how a feature follows the target; an empty text where it does not."""
    known = np.isfinite(values)
    if not known.all():
        values, target, ranks = values[known], target[known], ranks[known]
    if len(values) <= 2 or np.ptp(values) == 0 or np.ptp(target) == 0:
        return ""
    straight = _correlation(values, target)
    nearest = max(straight, _correlation(rankdata(values), ranks))
    has_rows = len(values) >= FEWEST
    if straight > SAME:
        return f"is the target but for scale (correlation above {SAME})"
    if has_rows and _is_monotone(values, target):
        return "is in the order of the target in all rows, as its ranks and roundings"
    if has_rows and nearest > NEARLY:
        return f"follows the target almost exactly (correlation {nearest:.3f})"
    return ""


def _correlation(values: FloatArray, target: FloatArray) -> float:
    return float(abs(np.corrcoef(values, target)[0, 1]))


def _is_monotone(values: FloatArray, target: FloatArray) -> bool:
    """Whether values go with the target, each telling the other's, beyond chance."""
    order = np.lexsort((values, target))
    by_target = target[order]
    starts = np.flatnonzero(np.append(True, np.diff(by_target) > 0))
    lowest = np.minimum.reduceat(values[order], starts)
    highest = np.maximum.reduceat(values[order], starts)
    rises = bool((highest[:-1] <= lowest[1:]).all())
    falls = bool((lowest[:-1] >= highest[1:]).all())
    return (rises or falls) and _tell_each_other(values, target)


def _tell_each_other(values: FloatArray, target: FloatArray) -> bool:
    """Whether one is a function of the other, which chance does not make of it."""
    own, of_target = (np.unique(v, return_counts=True)[1] for v in (values, target))
    both = np.unique(np.column_stack([values, target]), axis=0, return_counts=True)[1]
    if len(both) > max(len(own), len(of_target)):
        return False
    # Fisher's count of tables: how many orders of the rows keep these pairs.
    kept = _log_factorials(own) + _log_factorials(of_target) - _log_factorials(both)
    return bool(gammaln(len(values) + 1.0) - kept > LOG_ODDS)


def _log_factorials(counts: IntArray) -> float:
    return float(gammaln(counts + 1.0).sum())


def _keys(setup: Setup) -> Iterator[tuple[Any, Levels]]:
    """Return the columns by whose levels means may have been taken."""
    for name, levels in (setup.group_levels | setup.levels).items():
        if FEWEST_LEVELS <= len(levels) <= len(setup.dataset) // 2:
            yield name, levels
