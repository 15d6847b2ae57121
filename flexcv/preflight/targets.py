"""Features that know the target: copies of it, and its means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata

from flexcv.arrays import BoolArray, FloatArray, IntArray

from .kinds import LABEL
from .setup import Levels, Setup, Told

SAME = 0.9999  # absolute correlation of the target with a rescaled copy
NEARLY = 0.99  # ... with a copy to which noise was added
FEWEST = 10  # rows, below which any feature may follow the target
LOG_ODDS = np.log(1e6)  # against an order that came about by chance
MEANS = ((4, 0.999), (8, 0.99))  # levels, and correlation with the target's means there
CLOSE = 1e-6  # relative difference that is rounding


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
    """Name features that hold the target's mean in each level of another column."""
    target = setup.dataset.numbers
    if np.ptp(target) == 0 or setup.dataset.task.kind == "multiclass":
        return
    for by, levels in _keys(setup):
        means = np.bincount(levels.codes, target) / levels.sizes
        for name, values in setup.numbers.items():
            if _are_means(values, target, levels, means):
                yield (
                    "warn",
                    f"the feature {name!r} holds the target's mean in each level of "
                    f"{by!r}, test rows included, so the target of a test row stands "
                    "in its own features; compute it inside each fold, for example by "
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
    """Whether values never fall, or never rise, with the target, beyond chance."""
    order = np.lexsort((values, target))
    by_target = target[order]
    starts = np.flatnonzero(np.append(True, np.diff(by_target) > 0))
    lowest = np.minimum.reduceat(values[order], starts)
    highest = np.maximum.reduceat(values[order], starts)
    rises = bool((highest[:-1] <= lowest[1:]).all())
    falls = bool((lowest[:-1] >= highest[1:]).all())
    return (rises or falls) and min(map(_log_orders, (values, target))) > LOG_ODDS


def _log_orders(values: FloatArray) -> float:
    """Return the logarithm of the number of ways to arrange values in rows."""
    counts = np.unique(values, return_counts=True)[1]
    return float(gammaln(len(values) + 1.0) - gammaln(counts + 1.0).sum())


def _keys(setup: Setup) -> Iterator[tuple[Any, Levels]]:
    """Return the columns by whose levels means may have been taken."""
    n_rows = len(setup.dataset)
    named = dict(setup.group_levels)
    named |= {name: setup.levels[name] for name in setup.named(LABEL)}
    for name, levels in named.items():
        if 2 <= len(levels) <= n_rows // 2:
            yield name, levels


def _are_means(
    values: FloatArray, target: FloatArray, levels: Levels, means: FloatArray
) -> bool:
    """Whether values are means of the target, each row's own left out or not."""
    codes, sizes = levels.codes, levels.sizes
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    if not _is_constant(values, codes, len(levels)):
        return _are_others_means(values, target, codes, sizes, means)
    first = np.zeros(len(levels))
    first[codes] = values
    if np.allclose(first, means, rtol=CLOSE, atol=CLOSE * np.ptp(target)):
        return True
    alike = _correlation(first, means) if np.ptp(means) > 0 else 0.0
    return any(len(levels) >= fewest and alike > least for fewest, least in MEANS)


def _are_others_means(
    values: FloatArray,
    target: FloatArray,
    codes: IntArray,
    sizes: IntArray,
    means: FloatArray,
) -> bool:
    """Whether each value is the mean of the other rows of its level."""
    several: BoolArray = sizes[codes] > 1
    if not several.any():
        return False
    others = sizes[codes] * means[codes] - target
    mine = values * (sizes[codes] - 1)
    scale = CLOSE * np.abs(target).max() * sizes.max()
    return bool(np.allclose(mine[several], others[several], rtol=CLOSE, atol=scale))


def _is_constant(values: FloatArray, codes: IntArray, n_levels: int) -> bool:
    first = np.zeros(n_levels)
    first[codes] = values
    return bool((first[codes] == values).all())
