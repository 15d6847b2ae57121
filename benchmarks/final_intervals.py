"""How often intervals of a final model hold a row of a new group, by simulation.

A linear model of three features, a random intercept, groups of 1 to 30 rows, errors
out of five folds that keep groups whole. What is counted is a row of a group that
nobody has seen, each group alike; beside it the usual quantile, which takes rows for
exchangeable. Designs: intercept and residual of one variance; nine tenths of the
variance in the intercept; groups of more than ten rows with a third of the spread, as
where few rows are left of who is hard to predict.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from flexcv.final.out_of_fold import errors_of

DESIGNS = {"even": (0.5, 1.0), "alike within": (0.9, 1.0), "large are easy": (0.5, 3.0)}
GROUPS = (20, 40, 100, 300)
LEVELS = (0.9, 0.95)
DRAWS = 2_000
NEW_GROUPS = 100
LARGE = 10
SLOPES = np.array([1.0, -0.5, 0.25])
N_FOLDS = 5


def main(n_draws: int = DRAWS) -> pd.DataFrame:
    """Return the share of rows that are held: a row per design, size and level."""
    cases = itertools.product(DESIGNS, GROUPS, LEVELS)
    return pd.DataFrame(
        {"design": d, "groups": n, "level": level, **coverage(d, n, level, n_draws)}
        for d, n, level in cases
    )


def coverage(
    design: str, n_groups: int, level: float, n_draws: int = DRAWS
) -> dict[str, float]:
    """Return mean coverage and its standard error, with groups and with rows alike."""
    held = np.array([_held(design, n_groups, level, s) for s in range(n_draws)])
    error = held.std(axis=0) / np.sqrt(n_draws)
    groups_alike, rows_alike = held.mean(axis=0)
    told = {"groups_alike": groups_alike, "rows_alike": rows_alike}
    return told | {"standard_error": error.max()}


def _held(design: str, n_groups: int, level: float, seed: int) -> tuple[float, float]:
    """Return the shares of rows of new groups that both intervals hold in one draw."""
    rng = np.random.default_rng([seed, n_groups])
    possible = np.linspace(1, 30, n_groups).round().astype(int)
    X, y, groups = _rows(rng, rng.permutation(possible), design)
    missed = np.empty(len(y))
    for fold in range(N_FOLDS):
        test = groups % N_FOLDS == fold
        missed[test] = y[test] - X[test] @ _fit(X[~test], y[~test])
    new_X, new_y, new = _rows(rng, rng.choice(possible, NEW_GROUPS), design)
    one_each = np.unique(new, return_index=True)[1]
    error = np.abs(new_y - new_X @ _fit(X, y))[one_each]
    units = (groups, None)
    places = np.arange(len(y))
    widths = [errors_of(missed, places, one).half_width(level) for one in units]
    return float(np.mean(error <= widths[0])), float(np.mean(error <= widths[1]))


def _rows(rng, sizes, design):
    share, ratio = DESIGNS[design]
    spread = np.where(sizes > LARGE, 1.0, ratio)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.normal(size=(len(groups), len(SLOPES)))
    shift = np.sqrt(share) * rng.normal(size=len(sizes))[groups]
    noise = np.sqrt(1.0 - share) * rng.normal(size=len(groups))
    y = X @ SLOPES + spread[groups] * (shift + noise)
    return np.column_stack([np.ones(len(y)), X]), y, groups


def _fit(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]


if __name__ == "__main__":
    print(main().round(4).to_string(index=False))
